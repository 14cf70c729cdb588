#include "chunkserver/disk_set.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "base/check.h"
#include "base/probe.h"

namespace gfs::chunkserver {

namespace {

constexpr Duration kStalled = 5s;  // an operation on a small file that takes longer

// The newer one of two replicas of a chunk on one server.
bool newer(const ChunkInfo& one, const ChunkInfo& other) {
  return std::tie(one.version, one.fence, one.serial) > std::tie(other.version, other.fence, other.serial);
}

}  // namespace

std::optional<Quarantined> Quarantines::newest(ChunkHandle handle) const {
  std::optional<Quarantined> newest;
  for (const Quarantine* part : parts_) {
    std::optional<Quarantined> one = part->newest(handle);
    if (one && (!newest || std::tie(one->version, one->since) > std::tie(newest->version, newest->since))) newest = one;
  }
  return newest;
}

std::vector<Quarantined> Quarantines::page(ChunkHandle after, Lsn after_lsn, std::size_t limit) const {
  std::vector<Quarantined> all;
  for (const Quarantine* part : parts_) {
    std::vector<Quarantined> one = part->page(after, after_lsn, limit);
    all.insert(all.end(), one.begin(), one.end());
  }
  std::ranges::sort(all, {}, [](const Quarantined& one) { return std::pair(one.handle, one.lsn); });
  if (all.size() > limit) all.resize(limit);
  return all;
}

bool Quarantines::any_older_than(WallMs before) const {
  return std::ranges::any_of(parts_, [&](const Quarantine* part) { return !part->older_than(before, 1).empty(); });
}

std::uint64_t Quarantines::count_since(WallMs from) const {
  std::uint64_t sum = 0;
  for (const Quarantine* part : parts_) sum += part->count_since(from);
  return sum;
}

std::size_t Quarantines::size() const {
  std::size_t sum = 0;
  for (const Quarantine* part : parts_) sum += part->size();
  return sum;
}

std::uint64_t Quarantines::bytes() const {
  std::uint64_t sum = 0;
  for (const Quarantine* part : parts_) sum += part->bytes();
  return sum;
}

WallMs Quarantines::oldest() const {
  WallMs oldest = 0;
  for (const Quarantine* part : parts_) {
    const WallMs one = part->oldest();
    if (one != 0 && (oldest == 0 || one < oldest)) oldest = one;
  }
  return oldest;
}

// While one operation brings a new chunk here, others about it go to the same disk.
class DiskSet::Coming {
 public:
  Coming(DiskSet& set, ChunkHandle handle, Stack* stack) : set_(set), handle_(handle) {
    Arrival& arrival = set_.coming_[handle];
    arrival.stack = stack;
    ++arrival.users;
  }
  Coming(const Coming&) = delete;
  Coming& operator=(const Coming&) = delete;
  ~Coming() {
    auto found = set_.coming_.find(handle_);
    if (--found->second.users == 0) set_.coming_.erase(found);
  }

 private:
  DiskSet& set_;
  const ChunkHandle handle_;
};

DiskSet::DiskSet(Executor& executor, std::vector<DataDisk> disks, Settings settings)
    : executor_(executor), settings_(std::move(settings)) {
  CHECK(!disks.empty() && disks.front().disk != nullptr, "a chunkserver has at least its first disk");
  slots_.reserve(std::max(disks.size(), kDisksMax));  // they are pointed at
  for (DataDisk& disk : disks) {
    Slot slot;
    slot.missing = disk.missing;
    slot.given = std::move(disk);
    slots_.push_back(std::move(slot));
  }
}

DiskSet::~DiskSet() = default;

DiskSet::Stack* DiskSet::holder(ChunkHandle handle) const {
  Stack* best = nullptr;
  std::optional<ChunkInfo> held;
  for (const Slot& slot : slots_) {
    if (!alive(slot)) continue;
    if (slots_.size() == 1) return slot.stack.get();
    std::optional<ChunkInfo> one = slot.stack->store.known(handle);
    if (!one || (held && !newer(*one, *held))) continue;
    best = slot.stack.get();
    held = one;
  }
  if (best != nullptr) return best;
  auto arriving = coming_.find(handle);
  return arriving == coming_.end() ? nullptr : arriving->second.stack;
}

// Whoever holds nothing of it says so.
ChunkStore& DiskSet::store_of(ChunkHandle handle) const {
  Stack* stack = holder(handle);
  return stack != nullptr ? stack->store : first().store;
}

bus::DiskState DiskSet::state_of(const Slot& slot) const {
  if (!slot.stack) return bus::DiskState::failed;
  const bus::DiskState state = slot.stack->health.state(executor_.now());
  const bool stalled = slot.busy_since && executor_.now() - *slot.busy_since > kStalled;
  return stalled ? std::max(state, bus::DiskState::slow) : state;
}

bool DiskSet::takes_chunks(const Slot& slot) const {
  return alive(slot) && state_of(slot) < bus::DiskState::read_only && !slot.stack->health.full() &&
         !slot.stack->store.broken() && slot.stack->store.room_for(0);
}

Result<> DiskSet::takes_mutations(ChunkHandle handle) const {
  Stack* stack = holder(handle);
  if (stack == nullptr || stack->health.writable(executor_.now())) return {};
  return fail(Code::read_only, "chunk {}: its disk takes no mutations: {}", handle,
              stack->health.reason(executor_.now()));
}

Result<> DiskSet::keeps_promises(ChunkHandle handle, Version version) const {
  for (const Slot& slot : slots_) {
    if (!slot.stack || alive(slot)) continue;
    std::optional<ChunkInfo> held = slot.stack->store.known(handle);
    if (!held || version >= held->fence) continue;
    PROBE("a promise that a lost disk had made was kept");
    return fail(Code::stale_version, "chunk {} version {}: version {} was promised on a disk that is gone", handle,
                version, held->fence);
  }
  return {};
}

Result<DiskSet::Stack*> DiskSet::place(ChunkHandle handle) const {
  if (Stack* there = holder(handle)) return there;
  const Slot* best = nullptr;
  const auto better = [this](const Slot& one, const Slot& other) {
    const bool slow = state_of(one) == bus::DiskState::slow, other_slow = state_of(other) == bus::DiskState::slow;
    if (slow != other_slow) return other_slow;
    return one.stack->store.space().available > other.stack->store.space().available;
  };
  for (const Slot& slot : slots_) {
    if (takes_chunks(slot) && (best == nullptr || better(slot, *best))) best = &slot;
  }
  if (best != nullptr) return best->stack.get();
  // Full ones say no_space by themselves.
  for (const Slot& slot : slots_) {
    if (alive(slot) && state_of(slot) < bus::DiskState::read_only) return slot.stack.get();
  }
  return fail(Code::read_only, "chunk {}: no disk here takes anything: {}", handle,
              first().health.reason(executor_.now()));
}

std::optional<ChunkInfo> DiskSet::find(ChunkHandle handle) const {
  Stack* stack = holder(handle);
  return stack == nullptr ? std::nullopt : stack->store.find(handle);
}

std::vector<ChunkInfo> DiskSet::page(ChunkHandle after, std::size_t limit) const {
  if (slots_.size() == 1) return first().store.page(after, limit);
  std::vector<ChunkInfo> all;
  for (const Slot& slot : slots_) {
    if (!alive(slot)) continue;
    std::vector<ChunkInfo> one = slot.stack->store.page(after, limit);
    all.insert(all.end(), one.begin(), one.end());
  }
  std::ranges::sort(all, [](const ChunkInfo& one, const ChunkInfo& other) {
    return one.handle != other.handle ? one.handle < other.handle : newer(one, other);
  });
  const auto repeats = std::ranges::unique(all, {}, &ChunkInfo::handle);
  all.erase(repeats.begin(), repeats.end());
  if (all.size() > limit) all.resize(limit);
  return all;
}

std::size_t DiskSet::count() const {
  std::size_t sum = 0;
  for (const Slot& slot : slots_) sum += alive(slot) ? slot.stack->store.count() : 0;
  return sum;
}

Task<> DiskSet::promise(ChunkHandle handle, Version version, ServerId primary) {
  co_await keeps_promises(handle, version);
  Stack* stack = co_await place(handle);
  Coming coming(*this, handle, stack);
  co_await stack->store.promise(handle, version, primary);
}

Task<> DiskSet::adopt(ChunkHandle handle, Version version, ServerId primary, bool create) {
  co_await keeps_promises(handle, version);
  Stack* stack = holder(handle);
  if (stack == nullptr) {
    if (!create) co_await fail(Code::not_found, "chunk {}: not held here", handle);
    stack = co_await place(handle);
  }
  Coming coming(*this, handle, stack);
  co_await stack->store.adopt(handle, version, primary, create);
}

Task<std::uint64_t> DiskSet::write(Mutation mutation) {
  co_await takes_mutations(mutation.handle);
  ChunkStore& store = store_of(mutation.handle);
  co_return co_await store.write(std::move(mutation));
}

Task<> DiskSet::mend_block(ChunkHandle handle, std::uint32_t block, Bytes bytes) {
  co_await takes_mutations(handle);
  co_await store_of(handle).mend_block(handle, block, std::move(bytes));
}

Task<std::vector<ChunkStore::AtHand>> DiskSet::begin_copy(ChunkHandle handle) {
  co_await takes_mutations(handle);
  Stack* stack = co_await place(handle);
  Coming coming(*this, handle, stack);
  co_return co_await stack->store.begin_copy(handle);
}

Task<> DiskSet::copy_blocks(ChunkHandle handle, std::uint32_t first, Bytes bytes,
                            std::vector<std::uint32_t> checksums) {
  co_await takes_mutations(handle);
  co_await store_of(handle).copy_blocks(handle, first, std::move(bytes), std::move(checksums));
}

Task<> DiskSet::install_copy(ChunkHandle handle, Version promised, CopyTarget target) {
  co_await takes_mutations(handle);
  co_await store_of(handle).install_copy(handle, promised, std::move(target));
}

Task<bus::ReplicaState> DiskSet::fork(ChunkHandle source, Version version, ChunkHandle handle) {
  co_await takes_mutations(source);
  Stack* from = holder(source);
  Stack* there = holder(handle);
  if (from == nullptr) co_await fail(Code::not_found, "chunk {}: not held here", source);
  if (there != nullptr && there != from)
    co_await fail(Code::conflict, "chunk {}: something else is held under {}, on another disk", source, handle);
  Coming coming(*this, handle, from);
  co_return co_await from->store.fork(source, version, handle);
}

Task<ChunkInfo> DiskSet::restore(ChunkHandle handle, Version at_least) {
  const std::optional<Quarantined> newest = quarantined().newest(handle);
  Stack* there = holder(handle);
  Stack* from = nullptr;
  for (const Slot& slot : slots_) {
    if (!newest || !alive(slot)) continue;
    const std::optional<Quarantined> one = slot.stack->store.quarantined().newest(handle);
    if (one && one->path() == newest->path()) from = slot.stack.get();
  }
  if (from == nullptr) from = there != nullptr ? there : &first();
  if (there != nullptr && there != from)
    co_await fail(Code::already_exists, "chunk {}: it is held, on another disk", handle);
  co_return co_await from->store.restore(handle, at_least);
}

Task<ChunkStore::Purged> DiskSet::purge(WallMs before, std::size_t limit, std::uint64_t short_of) {
  ChunkStore::Purged all;
  for (std::size_t i = 0; i < slots_.size() && all.chunks < limit; ++i) {
    if (!alive(slots_[i]) || (short_of > 0 && !is_short(slots_[i], short_of))) continue;
    Result<ChunkStore::Purged> one = co_await slots_[i].stack->store.purge(before, limit - all.chunks).outcome();
    if (!one && slots_.size() == 1) co_await fail(std::move(one).error());
    if (!one) continue;  // it cannot be written now; the others can
    all.chunks += one->chunks;
    all.bytes += one->bytes;
  }
  co_return all;
}

Quarantines DiskSet::quarantined() const {
  std::vector<const Quarantine*> parts;
  for (const Slot& slot : slots_) {
    if (alive(slot)) parts.push_back(&slot.stack->store.quarantined());
  }
  return Quarantines(std::move(parts));
}

bool DiskSet::short_of(std::uint64_t bytes) const {
  return std::ranges::any_of(slots_, [&](const Slot& slot) { return is_short(slot, bytes); });
}

// It could take more if it had the room.
bool DiskSet::is_short(const Slot& slot, std::uint64_t bytes) const {
  return alive(slot) && slot.stack->health.writable(executor_.now()) && !slot.stack->store.room_for(bytes);
}

Task<> DiskSet::tidy(WallMs now) {
  if (now == 0 || !std::exchange(tidy_due_, false)) co_return;
  constexpr std::size_t kPage = 1024;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    for (ChunkHandle at;;) {
      if (!alive(slots_[i])) break;
      Stack* stack = slots_[i].stack.get();
      const std::vector<ChunkInfo> page = stack->store.page(at, kPage);
      if (page.empty()) break;
      at = page.back().handle;
      for (const ChunkInfo& one : page) {
        if (slots_[i].stack.get() != stack || !alive(slots_[i])) break;
        if (holder(one.handle) == stack) continue;
        PROBE("an older replica on another disk was put away");
        const Result<> away =
            co_await stack->store.quarantine(one.handle, one.version, one.fence, Garbage::stale, now).outcome();
        tidy_due_ = tidy_due_ || !away;
      }
    }
  }
}

std::vector<bus::DiskInfo> DiskSet::disks() const {
  std::vector<bus::DiskInfo> out;
  for (const Slot& slot : slots_) {
    bus::DiskInfo info;
    info.name = slot.given.name;
    info.disk = slot.id;
    info.state = state_of(slot);
    if (slot.stack) {
      info.reason = slot.stack->health.reason(executor_.now());
      info.errors = slot.stack->health.errors();
    } else {
      info.reason = slot.missing;
    }
    if (alive(slot)) {
      const Disk::Space& space = slot.stack->store.space();
      const Result<> room = slot.stack->store.room_for(0);
      info.full = slot.stack->health.full() || !room;
      if (info.reason.empty() && !room) info.reason = room.error().message;
      if (info.reason.empty() && info.state == bus::DiskState::slow) info.reason = "it does not answer";
      info.capacity = space.capacity;
      info.used = space.capacity - std::min(space.capacity, space.available);
      info.free = takes_chunks(slot) ? space.available : 0;
      info.chunks = slot.stack->store.count();
    }
    out.push_back(std::move(info));
  }
  return out;
}

DiskSet::Totals DiskSet::totals() const {
  Totals sum;
  for (const bus::DiskInfo& one : disks()) {
    sum.capacity += one.capacity;
    sum.used += one.used;
    sum.free += one.free;
  }
  return sum;
}

}  // namespace gfs::chunkserver
