// LayoutService: a file that is about to write to a chunk which it shares gets a copy of its own.
//
//   handle    reserved in the log: no other chunk ever gets it, whatever becomes of the copy
//   copy      every member of the frozen chunk makes one of what it holds, on its own disk
//   fence     readers of the file who know the shared chunk must not go on reading it once the copy is written to: it
//             gets its next version, so they ask the master again; who asks where to read waits meanwhile
//   replace   in the log: the file has the copy, the others the shared chunk
//
// The handle is kept for the next try, so whoever has made his copy need not again. A copy that comes to nothing is of
// no file: it is collected like everything else that is.
#include <algorithm>
#include <set>

#include "base/log.h"
#include "base/probe.h"
#include "master/layout_service.h"

namespace gfs::master {

namespace {

constexpr int kRoundsMax = 8;
constexpr Duration kCopyTime = 30s;
constexpr Duration kLook = 250ms;
constexpr Duration kReservedKept = 60s;
constexpr Duration kStragglers = 2s;  // so much longer than enough others

}  // namespace

class LayoutService::Moving {
 public:
  Moving(LayoutService& layouts, Place place) : layouts_(layouts), place_(place) { layouts_.moving_[place]; }
  ~Moving() {
    std::vector<Promise<void>> waiters = std::move(layouts_.moving_[place_]);
    layouts_.moving_.erase(place_);
    for (Promise<void>& waiter : waiters) waiter.set({});
  }
  Moving(const Moving&) = delete;
  Moving& operator=(const Moving&) = delete;

 private:
  LayoutService& layouts_;
  Place place_;
};

Task<> LayoutService::not_moving(InodeId inode, std::uint32_t first, std::uint32_t count) {
  while (true) {
    auto found = moving_.lower_bound({inode, first});
    if (found == moving_.end() || found->first.first != inode || found->first.second >= std::uint64_t{first} + count)
      co_return;
    PROBE("a reader waits until a shared chunk has been copied");
    Promise<void> promise;
    Future<void> over = promise.future();
    found->second.push_back(std::move(promise));
    co_await std::move(over);
  }
}

// A copy that is under way is waited for even if nobody else has the chunk by now: it may be shared again before the
// copy comes to its end.
Task<ChunkHandle> LayoutService::own(InodeId inode, std::uint32_t index) {
  for (int round = 0; round < kRoundsMax; ++round) {
    const ChunkHandle handle = state_.chunks().at(inode, index);
    if (handle.value == 0) co_return handle;
    const Chunk chunk = *state_.chunks().find(handle);
    if (!chunk.shared() && !copies_.contains({inode, index})) {
      if (chunk.inode != inode) {
        ClaimChunkOp op{inode, index};
        (void)co_await journal_.commit(std::move(op));
      }
      co_return handle;
    }
    co_await copy_on_write({inode, index}, handle);
  }
  co_await fail(Code::unavailable, "chunk {} of file {}: snapshots are made of it all the time", index, inode);
  co_return ChunkHandle{};
}

// Joins the copy that is under way, or begins one.
Task<> LayoutService::copy_on_write(Place place, ChunkHandle shared) {
  Promise<void> promise;
  Future<void> copied = promise.future();
  auto [at, first] = copies_.try_emplace(place);
  at->second.push_back(std::move(promise));
  if (first) {
    auto done = [this, place](Result<> result) {
      std::vector<Promise<void>> waiters = std::move(copies_[place]);
      copies_.erase(place);
      if (auto kept = reserved_.find(place); kept != reserved_.end()) kept->second.used = now();
      for (Promise<void>& waiter : waiters) waiter.set(result);
    };
    group_.spawn(copy_and_replace(place, shared), std::move(done));
  }
  co_await std::move(copied);
}

Task<ChunkHandle> LayoutService::reserve_handle(Place place, ChunkHandle shared, Version frozen) {
  if (auto kept = reserved_.find(place); kept != reserved_.end()) {
    Reserved& one = kept->second;
    if (one.shared == shared && one.frozen == frozen && now() - one.used < kReservedKept) {
      one.used = now();
      co_return one.handle;
    }
    give_back(place);
  }
  while (true) {
    ReserveHandleOp op{next_handle()};
    const ChunkHandle handle = op.handle;
    Result<Decision> reserved = co_await journal_.commit(std::move(op)).outcome();
    if (!reserved && reserved.error().code == Code::conflict) continue;
    co_await std::move(reserved);
    reserved_[place] = {shared, frozen, handle, now()};
    copying_[handle] = place;
    co_return handle;
  }
}

// Nobody has tried again for a while: then what there is of it is garbage.
bool LayoutService::copying(ChunkHandle handle) const {
  auto found = copying_.find(handle);
  if (found == copying_.end()) return false;
  return copies_.contains(found->second) || now() - reserved_.at(found->second).used < kReservedKept;
}

void LayoutService::give_back(Place place) {
  auto kept = reserved_.find(place);
  if (kept == reserved_.end()) return;
  copying_.erase(kept->second.handle);
  reserved_.erase(kept);
}

Task<> LayoutService::copy_and_replace(Place place, ChunkHandle shared) {
  const auto [inode, index] = place;
  const Semaphore::Held slot = co_await copies_at_once_.take(1);
  std::vector<ServerId> members;
  ChunkHandle handle;
  Version frozen;
  for (int round = 0; members.empty(); ++round) {
    co_await make_ready(shared, {}, Use::frozen);
    std::optional<Chunk> chunk = state_.chunks().find(shared);
    if (!chunk || !chunk->shared()) co_return;
    frozen = chunk->frozen;
    handle = co_await reserve_handle(place, shared, frozen);
    chunk = state_.chunks().find(shared);
    const Inode* file = state_.names().inode(inode);
    if (!chunk || chunk->frozen != frozen || file == nullptr) co_return;
    const std::size_t least = std::max<std::size_t>(minimum(inode, file->replicas), 1);
    Result<std::vector<ServerId>> copied = co_await copy_on_members(shared, *chunk, handle, least).outcome();
    const bool again = !copied && (copied.error().code == Code::stale_version || copied.error().code == Code::conflict);
    if (again && round < kRoundsMax) {
      // Its version changed meanwhile; or a handle is of no use any more, or copies differ, and the next version makes
      // members equal.
      if (copied.error().code == Code::conflict) {
        give_back(place);
        co_await fence(shared);
      }
      continue;
    }
    if (again) co_await fail(Code::unavailable, "{}", copied.error().message);
    members = co_await std::move(copied);
  }
  const Moving moving(*this, place);
  co_await fence(shared);
  const std::optional<Chunk> chunk = state_.chunks().find(shared);
  if (!chunk || chunk->frozen != frozen) co_return;
  const bool leads = std::ranges::find(members, chunk->configuration.primary) != members.end();
  const ServerId primary = leads ? chunk->configuration.primary : members.front();
  ReplaceChunkOp op{inode, index, shared, frozen, handle, std::move(members), primary};
  Result<Decision> replaced = co_await journal_.commit(std::move(op)).outcome();
  // A conflict: it has not been shared all the time, or the file has no such chunk. The caller looks again.
  if (!replaced && replaced.error().code != Code::conflict) co_await fail(std::move(replaced));
  give_back(place);
  if (replaced) log::debug("shared_chunk_copied", {{"chunk", handle}, {"shared", shared}, {"file", inode}});
}

// Whoever knows the chunk's version is told of a newer one when he reads, and asks the master again.
Task<> LayoutService::fence(ChunkHandle shared) {
  const std::optional<Chunk> chunk = state_.chunks().find(shared);
  if (!chunk || !chunk->shared()) co_return;
  Situation renewed = situation(shared, *chunk);
  renewed.renew = true;
  (void)co_await change(shared, *chunk, std::move(renewed));
  co_await make_ready(shared, {}, Use::frozen);
}

struct LayoutService::Copying {
  bus::CopyChunk ask;
  std::vector<ServerId> members;
  std::vector<std::optional<Result<bus::CopyChunk::Reply>>> answers;
  std::size_t least = 1;
  Promise<void> enough;

  std::size_t copied() const {
    return static_cast<std::size_t>(std::ranges::count_if(answers, [](const auto& one) { return one && *one; }));
  }
  bool all() const {
    return std::ranges::all_of(answers, [](const auto& one) { return one.has_value(); });
  }
};

// Those that have the copy, all the same. Those that are not heard are not waited for, nor, once there are enough,
// those that take much longer than the others.
Task<std::vector<ServerId>> LayoutService::copy_on_members(ChunkHandle shared, Chunk chunk, ChunkHandle handle,
                                                           std::size_t least) {
  auto copying = std::make_shared<Copying>();
  copying->ask = {shared, chunk.configuration.version, handle};
  copying->members = chunk.configuration.members;
  copying->answers.resize(copying->members.size());
  copying->least = std::min(least, copying->members.size());
  Future<void> enough = copying->enough.future();
  TaskGroup group;
  for (std::size_t i = 0; i < copying->members.size(); ++i) group.spawn(copy_there(copying, i));
  group.spawn(watch(copying));
  co_await std::move(enough);
  Error error{Code::unavailable, fmt::format("chunk {} cannot be copied by those who hold it", shared), {}};
  std::vector<ServerId> members;
  const bus::CopyChunk::Reply* first = nullptr;
  std::set<Code> codes;
  for (std::size_t i = 0; i < copying->members.size(); ++i) {
    const ServerId server = copying->members[i];
    const auto& answer = copying->answers[i];
    if (!answer || !*answer) {
      codes.insert(answer ? answer->error().code : Code::deadline);
      error.why.push_back(
          {fmt::format("server {}", server), answer ? answer->error().text() : "it has not answered yet"});
      continue;
    }
    if (first == nullptr) first = &**answer;
    if ((*answer)->length != first->length || (*answer)->digest != first->digest) {
      log::error("copies_differ", {{"chunk", shared}, {"server", server}, {"from", members.front()}});
      co_await fail(Code::conflict, "chunk {}: the copies of servers {} and {} differ", shared, members.front(),
                    server);
    }
    members.push_back(server);
    servers_.note(server, handle, Version{1}, (*answer)->length, false);
  }
  if (members.size() >= copying->least) {
    if (!error.why.empty()) PROBE("a shared chunk was copied by some of its members");
    co_return members;
  }
  // Who is not heard hides nothing of what the others say.
  for (Code silent : {Code::unavailable, Code::deadline, Code::lost_link, Code::unreachable}) codes.erase(silent);
  if (codes.contains(Code::stale_version)) error.code = Code::stale_version;
  if (codes.contains(Code::conflict)) error.code = Code::conflict;  // the handle is of no use there any more
  if (codes == std::set{Code::no_space} || codes == std::set{Code::read_only}) error.code = *codes.begin();
  if (!error.why.empty()) error.message += ": " + error.why.front().server + ": " + error.why.front().reason;
  co_await fail(std::move(error));
  co_return members;
}

Task<> LayoutService::copy_there(std::shared_ptr<Copying> copying, std::size_t member) {
  const Server* known = servers_.find(copying->members[member]);
  Result<bus::CopyChunk::Reply> answer = fail(Code::unavailable, "it is not heard at the moment");
  if (known != nullptr && known->registered() && !servers_.overdue(copying->members[member], now())) {
    bus::CopyChunk ask = copying->ask;
    bus::CallOptions options;
    options.deadline = kCopyTime;
    bus::Peer peer = bus::Peer::on(known->route);
    answer = co_await endpoint_->call(std::move(peer), std::move(ask), options).outcome();
  }
  copying->answers[member] = std::move(answer);
  if (copying->all()) copying->enough.set({});
}

Task<> LayoutService::watch(std::shared_ptr<Copying> copying) {
  Instant enough_since = Instant::max();
  while (true) {
    co_await endpoint_->executor().sleep(kLook);
    if (copying->copied() >= copying->least) enough_since = std::min(enough_since, now());
    bool heard = false;
    for (std::size_t i = 0; i < copying->members.size(); ++i)
      heard = heard || (!copying->answers[i] && !servers_.overdue(copying->members[i], now()));
    const bool late = enough_since != Instant::max() && now() - enough_since > kStragglers;
    if (!heard || late) copying->enough.set({});
  }
}

}  // namespace gfs::master
