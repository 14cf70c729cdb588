#include "master/layout_service.h"

#include <algorithm>

#include "base/log.h"

namespace gfs::master {

namespace {

constexpr std::uint32_t kChunksMax = 1 << 24;  // of a file: 1 PiB
constexpr std::uint32_t kPageMax = 256;
constexpr int kAccusationsKept = 10;  // times suspect_after: a server gets its chance again

}  // namespace

void LayoutService::serve(bus::Endpoint& endpoint) {
  endpoint_ = &endpoint;
  endpoint.serve<&LayoutService::locate_for_read>(*this);
  endpoint.serve<&LayoutService::locate_for_write>(*this);
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
  std::vector<bus::Member> doubtful;
  for (ServerId server : configuration.members) {
    ServerTable::Replica replica = servers_.replica(server, handle, configuration.virgin);
    bool sound = replica == ServerTable::Replica::ok || replica == ServerTable::Replica::unknown;
    (sound || !for_reading ? layout.members : doubtful).push_back(member(server));
  }
  if (layout.members.empty()) layout.members = std::move(doubtful);
  return layout;
}

Task<bus::LocateForRead::Reply> LayoutService::locate_for_read(bus::LocateForRead ask, bus::Caller) {
  const Inode* inode = state_.names().inode(ask.inode);
  if (inode == nullptr) co_await fail(Code::not_found, "file {} does not exist any more", ask.inode);
  if (inode->type != FileType::file) co_await fail(Code::is_a_directory, "{} is a directory", ask.inode);
  bus::LocateForRead::Reply reply;
  reply.size = inode->size;
  reply.chunks = inode->chunks;
  for (ChunkHandle handle : state_.chunks().range(ask.inode, ask.first, std::min(ask.count, kPageMax))) {
    reply.layout.push_back(layout(*state_.chunks().find(handle), handle, true));
  }
  co_return reply;
}

Task<bus::ChunkLayout> LayoutService::locate_for_write(bus::LocateForWrite ask, bus::Caller) {
  if (ask.index >= kChunksMax)
    co_await fail(Code::too_large, "chunk {} of a file: at most {} are possible", ask.index, kChunksMax);
  ChunkHandle handle = state_.chunks().at(ask.inode, ask.index);
  if (handle.value == 0) handle = co_await allocate(ask.inode, ask.index);
  const Chunk* chunk = state_.chunks().find(handle);
  bool failed = chunk != nullptr && ask.failed.value != 0 && ask.failed == chunk->configuration.version;
  if (chunk != nullptr && (failed || !is_active(handle, *chunk))) {
    co_await activate(handle, failed ? ask.failed : Version{});
    chunk = state_.chunks().find(handle);
  }
  if (chunk == nullptr) co_await fail(Code::not_found, "file {} does not exist any more", ask.inode);
  co_return layout(*chunk, handle, false);
}

std::size_t LayoutService::minimum(std::uint32_t goal) const {
  return goal >= 3 && state_.servers().size() >= 3 ? settings_.minimum_for_writing : 1;
}

std::vector<ServerId> LayoutService::choose(const std::vector<ServerId>& present, std::size_t copies,
                                            const std::vector<ServerId>& avoid) {
  std::vector<Candidate> candidates;
  PlacementWish wish;
  wish.copies = copies;
  for (const auto& [id, server] : servers_.all()) {
    auto known = state_.servers().find(id);
    if (known == state_.servers().end()) continue;
    Candidate candidate{id, known->second.rack, server.capacity, server.free, server.recent};
    if (std::find(present.begin(), present.end(), id) != present.end()) {
      wish.present.push_back(candidate);
    } else if (servers_.up(id, now()) && std::find(avoid.begin(), avoid.end(), id) == avoid.end()) {
      candidates.push_back(std::move(candidate));
    }
  }
  return place(std::move(candidates), wish, endpoint_->random());
}

Task<ChunkHandle> LayoutService::allocate(InodeId inode, std::uint32_t index) {
  const Inode* file = state_.names().inode(inode);
  if (file == nullptr) co_await fail(Code::not_found, "file {} does not exist any more", inode);
  if (file->type != FileType::file) co_await fail(Code::is_a_directory, "{} is a directory", inode);
  std::vector<ServerId> members = choose({}, file->replicas, {});
  std::size_t needed = minimum(file->replicas);
  if (members.size() < needed) {
    co_await fail(Code::not_enough_servers,
                  "a new chunk needs {} servers with room for it: {} of {} known servers are up, {} have room", needed,
                  servers_.count_up(now()), state_.servers().size(), members.size());
  }
  last_given_ = std::max({last_given_, state_.last_handle(), ChunkHandle{settings_.epoch << 48}}).next();
  AllocateChunkOp op{inode, index, last_given_, members, members.front()};
  for (ServerId member : members) servers_.placed(member);
  Decision allocated = co_await journal_.commit(std::move(op));
  co_return allocated.handle;
}

bool LayoutService::is_active(ChunkHandle handle, const Chunk& chunk) const {
  auto found = active_.find(handle.value);
  if (found == active_.end() || found->second.version != chunk.configuration.version) return false;
  const Server* primary = servers_.find(chunk.configuration.primary);
  if (primary == nullptr || primary->session != found->second.session) return false;
  for (ServerId server : chunk.configuration.members) {
    if (unfit(server, handle, chunk.configuration.virgin)) return false;
  }
  return true;
}

std::optional<std::string> LayoutService::unfit(ServerId server, ChunkHandle handle, bool virgin) const {
  if (servers_.overdue(server, now())) return fmt::format("{}: no heartbeat in time", servers_.state(server, now()));
  switch (servers_.replica(server, handle, virgin)) {
    case ServerTable::Replica::damaged:
      return "its replica is damaged";
    case ServerTable::Replica::missing:
      return "its replica is missing";
    case ServerTable::Replica::ok:
    case ServerTable::Replica::unknown:
      break;
  }
  auto accused = accusations_.find({handle, server});
  if (accused != accusations_.end() && now() - accused->second.last <= kAccusationsKept * settings_.suspect_after &&
      accused->second.last - accused->second.first >= settings_.suspect_after) {
    return "it keeps failing";
  }
  return std::nullopt;
}

void LayoutService::accuse(ServerId server, ChunkHandle handle, bool at_once) {
  auto [at, fresh] = accusations_.try_emplace({handle, server});
  Accusation& accusation = at->second;
  if (fresh || now() - accusation.last > kAccusationsKept * settings_.suspect_after) accusation.first = now();
  if (at_once) accusation.first = std::min(accusation.first, now() - settings_.suspect_after);
  accusation.last = now();
}

void LayoutService::forget_accusations(ChunkHandle handle) {
  auto at = accusations_.lower_bound({handle, ServerId{}});
  while (at != accusations_.end() && at->first.first == handle) at = accusations_.erase(at);
}

void LayoutService::forget_dropped_chunks() {
  auto kept = [this] { return active_.size() + failures_.size() + accusations_.size() + servers_.holdings(); };
  if (kept() <= sweep_above_) return;
  auto gone = [this](ChunkHandle handle) { return state_.chunks().find(handle) == nullptr; };
  std::erase_if(active_, [&](const auto& one) { return gone(ChunkHandle{one.first}); });
  std::erase_if(failures_, [&](const auto& one) { return gone(one.first); });
  std::erase_if(accusations_, [&](const auto& one) { return gone(one.first.first); });
  servers_.forget(gone);
  sweep_above_ = 2 * kept() + 1024;
}

}  // namespace gfs::master
