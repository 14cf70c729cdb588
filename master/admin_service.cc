#include "master/admin_service.h"

#include <algorithm>
#include <map>

namespace gfs::master {

namespace {

constexpr std::size_t kRacksMax = 64;
constexpr std::uint32_t kPageMax = 256;
constexpr std::uint32_t kLeasesMax = 1000;

}  // namespace

void AdminService::serve(bus::Endpoint& endpoint) {
  endpoint_ = &endpoint;
  endpoint.serve<&AdminService::hello>(*this);
  endpoint.serve<&AdminService::list_servers>(*this);
  endpoint.serve<&AdminService::status>(*this);
  endpoint.serve<&AdminService::list_chunks>(*this);
  endpoint.serve<&AdminService::find_chunk>(*this);
  endpoint.serve<&AdminService::list_leases>(*this);
  endpoint.serve<&AdminService::checkpoint>(*this);
}

Task<bus::Checkpoint::Reply> AdminService::checkpoint(bus::Checkpoint, bus::Caller) {
  const Checkpointer::Written written = co_await checkpointer_.now();
  co_return bus::Checkpoint::Reply{written.index, written.bytes, static_cast<std::uint64_t>(to_ms(written.took)),
                                   log_.first_index()};
}

Task<bus::Hello::Reply> AdminService::hello(bus::Hello, bus::Caller) {
  co_return bus::Hello::Reply{endpoint_->cluster(), "gfs-master " GFS_VERSION, state_.chunk_size()};
}

Task<bus::ListServers::Reply> AdminService::list_servers(bus::ListServers ask, bus::Caller) {
  bus::ListServers::Reply reply;
  for (const auto& [id, known] : state_.servers()) {
    bus::ServerInfo info;
    info.server = id;
    info.address = known.control;
    info.rack = known.rack;
    info.state = shown_state(id);
    if (!ask.all && !servers_.up(id, now())) continue;
    if (const Server* server = servers_.find(id)) {
      info.used = server->used;
      info.free = server->free;
      info.chunks = server->chunks;
      info.disks = server->disks;
      if (!server->session.nil()) info.last_seen_ms = to_ms(now() - server->heard);
    }
    reply.servers.push_back(std::move(info));
  }
  co_return reply;
}

Task<bus::ClusterStatus::Reply> AdminService::status(bus::ClusterStatus, bus::Caller) {
  bus::ClusterStatus::Reply reply;
  reply.cluster = endpoint_->cluster();
  reply.address = address_;
  reply.term = log_.term();
  reply.index = log_.last_index();
  reply.epoch = state_.epoch();
  std::map<std::string, std::uint32_t> racks;
  bool bad_disk = false, slow_disk = false;
  for (const auto& [id, server] : servers_.all()) {
    std::string_view state = servers_.state(id, now());
    if (state == "up") ++reply.up;
    for (const bus::DiskInfo& disk : server.disks) {
      bad_disk = bad_disk || (state == "up" && disk.state >= bus::DiskState::read_only);
      slow_disk = slow_disk || (state == "up" && disk.state == bus::DiskState::slow);
    }
    if (state == "suspect") ++reply.suspect;
    const bus::ServerMark mark = state_.directives().find(id, endpoint_->executor().wall_now()).mark;
    reply.maint += mark == bus::ServerMark::maint;
    reply.drain += mark == bus::ServerMark::drain;
    if (state == "lost" && mark != bus::ServerMark::maint) ++reply.lost;
    if (state == "up" || state == "suspect") {
      reply.used += server.used;
      reply.capacity += server.capacity;
      reply.quarantined += server.quarantined;
    }
    auto known = state_.servers().find(id);
    if (state != "up" || known == state_.servers().end()) continue;
    ++racks[known->second.rack];
    const auto percent = static_cast<std::uint32_t>(server.capacity == 0 ? 0 : server.used * 100 / server.capacity);
    if (!reply.fullest.empty() && percent <= reply.fullest_percent) continue;
    reply.fullest = known->second.control;
    reply.fullest_percent = percent;
  }
  for (const auto& [name, up] : racks) {
    if (reply.racks.size() < kRacksMax) reply.racks.push_back({name, up});
  }
  reply.slow = static_cast<std::uint32_t>(servers_.paces().count_slow(now()));
  reply.files = state_.names().files();
  reply.directories = state_.names().directories();
  const ChunkCounts& chunks = census_.counts(now());
  reply.chunks_total = chunks.total;
  reply.chunks_full = chunks.full;
  reply.chunks_under = chunks.under;
  reply.chunks_lost = chunks.lost;
  reply.chunks_corrupt = chunks.corrupt;
  reply.by_sound.assign(chunks.by_sound.begin(), chunks.by_sound.end());
  const Namespace& names = state_.names();
  reply.trash_items = names.trash().size();
  reply.trash_files = names.trashed().files;
  reply.trash_bytes = names.trashed().bytes;
  if (reply.trash_items > settings_.trash_items) reply.codes.emplace_back("GFS_TRASH_FULL");
  if (reserve_.spent()) reply.codes.emplace_back("GFS_MASTER_DISK_FULL");
  if (servers_.anybody_ahead(now())) reply.codes.emplace_back("GFS_MASTER_BEHIND");
  if (chunks.lost > 0) reply.codes.emplace_back("GFS_CHUNKS_LOST");
  if (chunks.corrupt > 0) reply.codes.emplace_back("GFS_CHUNKS_CORRUPT");
  if (chunks.suspect > 0) reply.codes.emplace_back("GFS_CHUNKS_SUSPECT");
  if (chunks.under > 0) reply.codes.emplace_back("GFS_CHUNKS_UNDER_REPLICATED");
  if (reply.lost > 0) reply.codes.emplace_back("GFS_SERVERS_LOST");
  if (reply.maint > 0) reply.codes.emplace_back("GFS_SERVERS_MAINT");
  if (reply.drain > 0) reply.codes.emplace_back("GFS_SERVERS_DRAIN");
  if (reply.slow > 0) reply.codes.emplace_back("GFS_SERVERS_SLOW");
  if (state_.directives().repair().balance == 0) reply.codes.emplace_back("GFS_BALANCE_STOPPED");
  if (bad_disk) reply.codes.emplace_back("GFS_DISKS_BAD");
  if (slow_disk) reply.codes.emplace_back("GFS_DISKS_SLOW");
  if (state_.directives().repair().paused == 1) reply.codes.emplace_back("GFS_REPAIR_PAUSED");
  if (healing_.held_back()) reply.codes.emplace_back("GFS_REPAIR_HELD_BACK");
  const CollectionPlanner::Counts garbage = collector_.counts();
  if (garbage.refused > 0) reply.codes.emplace_back("GFS_COLLECTION_REFUSED");
  if (garbage.unknown > 0) reply.codes.emplace_back("GFS_UNKNOWN_CHUNKS");
  if (reply.up < settings_.replicas) reply.codes.emplace_back("GFS_FEW_SERVERS");
  reply.health = chunks.lost > 0 || servers_.anybody_ahead(now()) ? "ERROR" : reply.codes.empty() ? "OK" : "WARN";
  co_return reply;
}

std::string AdminService::shown_state(ServerId server) const {
  const bus::ServerMark mark = state_.directives().find(server, endpoint_->executor().wall_now()).mark;
  if (mark == bus::ServerMark::maint) return "maint";
  if (mark == bus::ServerMark::drain && servers_.up(server, now())) return "drain";
  return std::string(servers_.state(server, now()));
}

std::string AdminService::holder_state(ServerId server, ChunkHandle handle, const Chunk& chunk) const {
  switch (servers_.replica(server, handle, chunk.configuration.virgin)) {
    case ServerTable::Replica::damaged:
      return "corrupt";
    case ServerTable::Replica::missing:
      return "stale";
    case ServerTable::Replica::suspect:
      return "suspect";
    case ServerTable::Replica::ok:
    case ServerTable::Replica::unknown:
      break;
  }
  // It counts for nothing yet.
  const Held* held = servers_.held(server, handle);
  if (chunk.configuration.joins(server) && (held == nullptr || held->version != chunk.configuration.version))
    return "stale";
  std::string_view state = servers_.state(server, now());
  return state == "up" ? "ok" : state == "suspect" ? "suspect" : "away";
}

bus::ListChunks::Chunk AdminService::describe(InodeId file, ChunkHandle handle, const Chunk& chunk) const {
  bus::ListChunks::Chunk shown;
  // What is known for sure of its length: up to the file's size as of the last fsync, and what members have reported.
  const Inode* inode = state_.names().inode(file);
  const std::uint64_t size = inode != nullptr ? inode->size : 0;
  const std::uint64_t begin = chunk.index * state_.chunk_size();
  shown.length = std::min(size - std::min(size, begin), state_.chunk_size());
  shown.index = chunk.index;
  shown.handle = handle;
  shown.version = chunk.configuration.version;
  shown.primary = chunk.configuration.primary;
  for (const auto& [id, known] : state_.servers()) {
    bool member = chunk.configuration.has(id);
    const Held* held = servers_.held(id, handle);
    if (!member && held == nullptr) continue;
    if (member && held != nullptr) shown.length = std::max(shown.length, held->length);
    shown.members.push_back({id, known.control, member ? holder_state(id, handle, chunk) : "stale",
                             held != nullptr ? held->version : Version{}, member});
  }
  shown.sealed = chunk.sealed;
  if (chunk.sealed) shown.length = chunk.sealed_length;
  return shown;
}

Task<bus::ListChunks::Reply> AdminService::list_chunks(bus::ListChunks ask, bus::Caller) {
  InodeId inode = co_await state_.names().find(ask.path);
  if (state_.names().inode(inode)->type != FileType::file)
    co_await fail(Code::is_a_directory, "{} is a directory", ask.path);
  bus::ListChunks::Reply reply;
  std::uint32_t count = std::clamp<std::uint32_t>(ask.count, 1, kPageMax);
  for (ChunkHandle handle : state_.chunks().range(inode, ask.first, count)) {
    reply.chunks.push_back(describe(inode, handle, *state_.chunks().find(handle)));
  }
  reply.more = std::uint64_t{ask.first} + count < state_.names().inode(inode)->chunks;
  co_return reply;
}

Task<bus::FindChunk::Reply> AdminService::find_chunk(bus::FindChunk ask, bus::Caller) {
  const std::optional<Chunk> chunk = state_.chunks().find(ask.handle);
  if (!chunk) co_await fail(Code::not_found, "chunk {} does not exist", ask.handle);
  bus::FindChunk::Reply reply;
  reply.inode = chunk->inode;
  reply.chunk = describe(chunk->inode, ask.handle, *chunk);
  reply.goal = chunk->goal;
  reply.active = layouts_.is_active(ask.handle, *chunk);
  reply.virgin = chunk->configuration.virgin;
  reply.ack = chunk->configuration.ack;
  reply.joining = chunk->configuration.joining;
  reply.references = chunk->references;
  co_return reply;
}

Task<bus::ListLeases::Reply> AdminService::list_leases(bus::ListLeases ask, bus::Caller) {
  bus::ListLeases::Reply reply;
  const std::uint32_t limit = std::clamp<std::uint32_t>(ask.limit, 1, kLeasesMax);
  auto visit = [&](ChunkHandle handle, const Chunk& chunk) {
    const Configuration& configuration = chunk.configuration;
    const Server* primary = servers_.find(configuration.primary);
    if (primary == nullptr || !primary->registered()) return true;
    const Duration remaining = primary->heard + settings_.lease - now();
    if (remaining <= Duration::zero()) return true;
    if (reply.leases.size() == limit) {
      reply.more = true;
      return false;
    }
    reply.leases.push_back({handle, chunk.inode, chunk.index, configuration.version, configuration.primary,
                            layouts_.member(configuration.primary).control,
                            static_cast<std::uint64_t>(to_ms(remaining))});
    return true;
  };
  state_.chunks().walk(ask.after, visit);
  co_return reply;
}

}  // namespace gfs::master
