#include "master/layout_service.h"

#include <algorithm>

#include "base/log.h"
#include "base/probe.h"
#include "master/epoch.h"

namespace gfs::master {

namespace {

constexpr std::uint32_t kPageMax = 256;
constexpr int kRoundsMax = 4;

}  // namespace

void LayoutService::serve(bus::Endpoint& endpoint) {
  endpoint_ = &endpoint;
  restores_.start(now());
  probe_.attach(endpoint);
  endpoint.serve<&LayoutService::locate_for_read>(*this);
  endpoint.serve<&LayoutService::locate_for_write>(*this);
  endpoint.serve<&LayoutService::locate_for_append>(*this);
  endpoint.serve<&LayoutService::chunk_sealed>(*this);
  endpoint.serve<&LayoutService::accuse_member>(*this);
  endpoint.serve<&LayoutService::revoke_lease>(*this);
  endpoint.serve<&LayoutService::truncate>(*this);
  endpoint.serve<&LayoutService::make_readable>(*this);
}

bus::Member LayoutService::member(ServerId server) const {
  bus::Member member;
  member.server = server;
  auto known = state_.servers().find(server);
  if (known != state_.servers().end()) {
    member.control = known->second.control;
    member.data = known->second.data;
    member.rack = known->second.rack;
  }
  member.up = !servers_.overdue(server, now());
  return member;
}

bus::ChunkLayout LayoutService::layout(const Chunk& chunk, ChunkHandle handle, bool for_reading) const {
  const Configuration& configuration = chunk.configuration;
  bus::ChunkLayout layout;
  layout.index = chunk.index;
  layout.handle = handle;
  layout.version = configuration.version;
  layout.primary = configuration.primary;
  layout.sealed = chunk.sealed;
  layout.length = chunk.sealed_length;
  std::vector<bus::Member> doubtful;
  for (ServerId server : configuration.members) {
    ServerTable::Replica replica = servers_.replica(server, handle, configuration.virgin);
    bool sound = replica == ServerTable::Replica::ok || replica == ServerTable::Replica::unknown;
    sound = sound && counts(server, handle, configuration);
    (sound || !for_reading ? layout.members : doubtful).push_back(member(server));
  }
  if (layout.members.empty()) layout.members = std::move(doubtful);
  return layout;
}

Result<const Inode*> LayoutService::file(InodeId id) const {
  const Inode* inode = state_.names().inode(id);
  if (inode == nullptr) return fail(Code::not_found, "file {} does not exist any more", id);
  if (inode->type != FileType::file) return fail(Code::is_a_directory, "{} is a directory", id);
  return inode;
}

Task<bus::LocateForRead::Reply> LayoutService::locate_for_read(bus::LocateForRead ask, bus::Caller) {
  const std::uint32_t count = std::min(ask.count, kPageMax);
  co_await not_moving(ask.inode, ask.first, count);
  const Inode* inode = co_await file(ask.inode);
  bus::LocateForRead::Reply reply;
  reply.size = inode->size;
  reply.chunks = inode->chunks;
  Result<> settled;
  bool some = false;
  for (ChunkHandle handle : state_.chunks().range(ask.inode, ask.first, count)) {
    const Chunk chunk = *state_.chunks().find(handle);
    Result<> readable = check_readable(handle, chunk);
    // Placed, but nobody has written to it, or ever may have: perhaps no server has even made it.
    if (readable && chunk.configuration.virgin) continue;
    bus::ChunkLayout& one = reply.layout.emplace_back(layout(chunk, handle, true));
    some = some || readable;
    if (readable) continue;
    one.members.clear();  // nobody may be read from before it is settled
    settled = std::move(readable);
  }
  if (!some) co_await std::move(settled);
  co_return reply;
}

Task<bus::ChunkLayout> LayoutService::locate_for_write(bus::LocateForWrite ask, bus::Caller) {
  if (ask.index >= kChunksMax)
    co_await fail(Code::too_large, "chunk {} of a file: at most {} are possible", ask.index, kChunksMax);
  co_await state_.names().check_changeable(ask.inode);
  const ChunkHandle before = state_.chunks().at(ask.inode, ask.index);
  for (int round = 0; round < kRoundsMax; ++round) {
    co_await unfrozen(ask.inode);
    ChunkHandle handle = co_await own(ask.inode, ask.index);
    if (handle.value == 0) handle = co_await allocate(ask.inode, ask.index);
    co_await look_at(ask.unreachable, handle, ask.failed);
    co_await make_ready(handle, handle == before ? ask.failed : Version{});
    const std::optional<Chunk> chunk = state_.chunks().find(handle);
    if (!chunk) co_await fail(Code::not_found, "file {} does not exist any more", ask.inode);
    // The file may have lost it to a snapshot that has it alone now.
    const bool still_its = state_.chunks().at(ask.inode, ask.index) == handle;
    if (still_its && !has_to_be_frozen(handle, *chunk)) co_return layout(*chunk, handle, false);
    (void)co_await file(ask.inode);
    PROBE("a snapshot was made of a chunk that was about to be written to");
  }
  co_await fail(Code::unavailable, "file {}: snapshots are made of it all the time", ask.inode);
  co_return bus::ChunkLayout{};
}

Task<bus::Done> LayoutService::make_readable(bus::MakeReadable ask, bus::Caller) {
  for (int round = 0; round < kRoundsMax; ++round) {
    const ChunkHandle handle = state_.chunks().at(ask.inode, ask.index);
    if (handle.value == 0) co_await fail(Code::not_found, "file {} has no chunk {}", ask.inode, ask.index);
    const Chunk chunk = *state_.chunks().find(handle);
    if (is_active(handle, chunk)) co_return bus::Done{};
    co_await activate(handle, {});
  }
  co_await fail(Code::unavailable, "chunk {} of file {}: its configuration changes all the time", ask.index, ask.inode);
  co_return bus::Done{};
}

Task<> LayoutService::check_on(ServerId server) {
  if (servers_.overdue(server, now())) co_return;
  (void)co_await probe_.look(server);
}

Task<bool> LayoutService::dial_anew(ServerId server) {
  const ServerProbe::Answer answer = co_await probe_.look_anew(server);
  co_return answer == ServerProbe::Answer::alive;
}

bool LayoutService::is_ready(ChunkHandle handle, const Chunk& chunk, Use use) const {
  return use == Use::frozen ? is_frozen(handle, chunk) : is_active(handle, chunk) && !is_frozen(handle, chunk);
}

Task<> LayoutService::make_ready(ChunkHandle handle, Version failed, Use use) {
  for (int round = 0; round < kRoundsMax; ++round) {
    std::optional<Chunk> chunk = state_.chunks().find(handle);
    if (!chunk) co_await fail(Code::not_found, "chunk {} does not exist any more", handle);
    if (has_to_be_frozen(handle, *chunk) != (use == Use::frozen)) co_return;  // by now: the caller looks again
    const bool failing = failed.value != 0 && failed == chunk->configuration.version;
    if (!failing && is_ready(handle, *chunk, use)) co_return;
    co_await activate(handle, failing ? failed : Version{});
    // Nobody may write before it is in the log that the version was active; another one may have been made by now.
    chunk = state_.chunks().find(handle);
    if (!chunk || chunk->configuration.settled != chunk->configuration.version) continue;
    if (is_frozen(handle, *chunk) == (use == Use::frozen)) co_return;
  }
  co_await fail(Code::unavailable, "chunk {}: its configuration changes all the time", handle);
}

std::size_t LayoutService::minimum(InodeId file, std::uint32_t goal) const {
  const Inode* inode = state_.names().inode(file);
  const bus::Policy rules = inode == nullptr ? bus::Policy() : state_.names().effective(inode->parent);
  if (rules.minimum_for_writing > 0) return std::min<std::size_t>(rules.minimum_for_writing, goal);
  return goal >= 3 && state_.servers().size() >= 3 ? settings_.minimum_for_writing : 1;
}

std::vector<ServerId> LayoutService::choose(const std::vector<ServerId>& present, std::size_t copies,
                                            const std::vector<ServerId>& avoid) {
  std::vector<Candidate> candidates, avoided;
  PlacementWish wish;
  wish.copies = copies;
  wish.room = settings_.room;
  const WallMs wall = endpoint_->executor().wall_now();
  for (const auto& [id, server] : servers_.all()) {
    auto known = state_.servers().find(id);
    if (known == state_.servers().end()) continue;
    Candidate candidate{id, known->second.rack, server.capacity, server.free, server.recent};
    if (std::find(present.begin(), present.end(), id) != present.end()) {
      wish.present.push_back(candidate);
    } else if (servers_.up(id, now()) && std::find(avoid.begin(), avoid.end(), id) == avoid.end() &&
               !state_.directives().spared(id, wall)) {
      (servers_.avoided(id, now()) ? avoided : candidates).push_back(std::move(candidate));
    }
  }
  std::vector<ServerId> chosen = place(candidates, wish, endpoint_->random());
  if (chosen.size() == copies || avoided.empty()) return chosen;
  // Rather one that comes and goes, or is slow, than none.
  for (Candidate& one : candidates) {
    if (std::find(chosen.begin(), chosen.end(), one.server) != chosen.end()) wish.present.push_back(std::move(one));
  }
  wish.copies -= chosen.size();
  std::vector<ServerId> more = place(std::move(avoided), wish, endpoint_->random());
  chosen.insert(chosen.end(), more.begin(), more.end());
  return chosen;
}

Task<ChunkHandle> LayoutService::allocate(InodeId inode, std::uint32_t index) {
  for (int round = 0; round < kRoundsMax; ++round) {
    const Inode* found = co_await file(inode);
    const ChunkHandle there = state_.chunks().at(inode, index);
    if (there.value != 0) co_return there;
    const std::uint32_t end = state_.chunks().end(inode);
    if (found->appends && end > 0 && index >= end) {
      const std::optional<Chunk> last = state_.chunks().find(state_.chunks().at(inode, end - 1));
      if (last && !last->sealed) co_await seal(co_await own(inode, end - 1));
    }
    co_await place_chunk(inode, index);
  }
  co_await fail(Code::unavailable, "chunk {} of file {}: others change the file's end all the time", index, inode);
  co_return ChunkHandle{};
}

Task<> LayoutService::place_chunk(InodeId inode, std::uint32_t index) {
  const Inode* found = co_await file(inode);
  std::vector<ServerId> members = choose({}, found->replicas, {});
  std::size_t needed = minimum(inode, found->replicas);
  if (members.size() < needed) {
    co_await fail(Code::not_enough_servers,
                  "a new chunk needs {} servers with room for it: {} of {} known servers are up, {} have room", needed,
                  servers_.count_up(now()), state_.servers().size(), members.size());
  }
  AllocateChunkOp op{inode, index, next_handle(), members, members.front()};
  for (ServerId member : members) servers_.placed(member);
  Result<Decision> allocated = co_await journal_.commit(std::move(op)).outcome();
  // Lost a race: the caller looks again.
  if (!allocated && allocated.error().code != Code::conflict) co_await std::move(allocated);
  if (!allocated) co_return;
  std::string text = fmt::format("chunk {} of file {} on", index, inode);
  for (ServerId member : members) {
    auto known = state_.servers().find(member);
    text += fmt::format(" {} (rack {})", member, known == state_.servers().end() ? "?" : known->second.rack);
  }
  decisions_.note(Decided::placed, state_.chunks().at(inode, index), members.front(), std::move(text));
}

ChunkHandle LayoutService::next_handle() {
  last_given_ = std::max({last_given_, state_.last_handle(), handles_of(settings_.epoch)}).next();
  return last_given_;
}

void LayoutService::forget_dropped_chunks() {
  auto kept = [this] {
    return active_.size() + inactive_.size() + failures_.size() + suspicions_.size() + doubtful_.size() +
           renewals_.size() + ended_.size() + reserved_.size() + servers_.holdings();
  };
  if (kept() <= sweep_above_) return;
  auto gone = [this](ChunkHandle handle) { return !state_.chunks().has(handle) && !copying_.contains(handle); };
  std::erase_if(active_, [&](const auto& one) { return gone(ChunkHandle{one.first}); });
  std::erase_if(inactive_, [&](const auto& one) { return gone(one.first); });
  std::erase_if(failures_, [&](const auto& one) { return gone(one.first); });
  std::erase_if(suspicions_, [&](const auto& one) { return gone(one.first.first); });
  std::erase_if(doubtful_, [&](const auto& one) { return gone(one.first); });
  std::erase_if(renewals_, [&](const auto& one) { return gone(one.first); });
  std::erase_if(ended_, [&](const auto& one) { return gone(one.first); });
  for (auto at = reserved_.begin(); at != reserved_.end();) {
    const auto [place, one] = *at++;
    const std::optional<Chunk> shared = state_.chunks().find(one.shared);
    const bool of_use =
        shared && shared->frozen == one.frozen && state_.chunks().at(place.first, place.second) == one.shared;
    if (!of_use && !copies_.contains(place)) give_back(place);
  }
  servers_.forget(gone);
  sweep_above_ = 2 * kept() + 1024;
}

}  // namespace gfs::master
