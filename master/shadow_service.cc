#include "master/shadow_service.h"

#include <algorithm>

#include "bus/messages/chunk_master.h"
#include "bus/messages/client_policy.h"
#include "bus/messages/client_repair.h"
#include "bus/messages/collection.h"
#include "bus/messages/shadow_master.h"
#include "master/epoch.h"
#include "master/name_answers.h"
#include "master/snapshot_answers.h"

namespace gfs::master {

namespace {

constexpr std::uint32_t kPageMax = 256;
constexpr Duration kFarBehind = 10s;

bus::Member member(const MasterState& state, ServerId server) {
  bus::Member member;
  member.server = server;
  if (auto known = state.servers().find(server); known != state.servers().end()) {
    member.control = known->second.control;
    member.data = known->second.data;
    member.rack = known->second.rack;
  }
  return member;
}

}  // namespace

void ShadowService::serve(bus::Endpoint& endpoint) {
  endpoint_ = &endpoint;
  endpoint.serve<&ShadowService::hello>(*this);
  endpoint.serve<&ShadowService::stat>(*this);
  endpoint.serve<&ShadowService::exists>(*this);
  endpoint.serve<&ShadowService::list>(*this);
  endpoint.serve<&ShadowService::list_trash>(*this);
  endpoint.serve<&ShadowService::list_snapshots>(*this);
  endpoint.serve<&ShadowService::compare_trees>(*this);
  endpoint.serve<&ShadowService::locate_for_read>(*this);
  endpoint.serve<&ShadowService::list_chunks>(*this);
  endpoint.serve<&ShadowService::find_chunk>(*this);
  endpoint.serve<&ShadowService::list_servers>(*this);
  endpoint.serve<&ShadowService::status>(*this);
  refuse_all<bus::CreateFile, bus::MakeDirectory, bus::Rename, bus::Remove, bus::SetSize, bus::SetPolicy, bus::Truncate,
             bus::LocateForWrite, bus::LocateForAppend, bus::CloseClient, bus::ListLeases, bus::RevokeLease,
             bus::Checkpoint>(endpoint);
  refuse_all<bus::RestoreTrash, bus::PurgeTrash, bus::SetDirectoryPolicy, bus::GetPolicy, bus::SetReplicas,
             bus::CreateSnapshot, bus::RemoveSnapshot, bus::MakeReadable>(endpoint);
  refuse_all<bus::AllowCollection, bus::RestoreChunk, bus::PurgeQuarantine, bus::ListQuarantine, bus::CollectionStatus>(
      endpoint);
  refuse_all<bus::MarkServer, bus::ForgetServer, bus::AskStop, bus::SetRepair, bus::ListRepairs, bus::ShowBalance,
             bus::Explain>(endpoint);
  refuse_all<bus::RegisterServer, bus::Heartbeat, bus::ReportChunks, bus::ReportDamage, bus::AccuseMember,
             bus::ChunkSealed>(endpoint);
  refuse_all<bus::ShipLog, bus::FetchCheckpoint, bus::ViewLog, bus::ReadLog, bus::FindMembers, bus::ListMembers>(
      endpoint);
}

Result<const MasterState*> ShadowService::state() const {
  if (const MasterState* state = follower_.state()) return state;
  return fail(Code::unavailable, "this shadow of {} has not caught up with it yet: {}", follower_.master(),
              follower_.lack());
}

Task<bus::Hello::Reply> ShadowService::hello(bus::Hello, bus::Caller) {
  if (endpoint_->cluster().nil()) (void)co_await state();
  co_return bus::Hello::Reply{endpoint_->cluster(), "gfs-master " GFS_VERSION, follower_.chunk_size()};
}

Task<bus::FileInfo> ShadowService::stat(bus::Stat ask, bus::Caller) {
  const MasterState* there = co_await state();
  co_return answer(*there, std::move(ask));
}

Task<bus::Exists::Reply> ShadowService::exists(bus::Exists ask, bus::Caller) {
  const MasterState* there = co_await state();
  co_return answer(*there, ask);
}

Task<bus::List::Reply> ShadowService::list(bus::List ask, bus::Caller) {
  const MasterState* there = co_await state();
  co_return answer(*there, std::move(ask));
}

Task<bus::ListTrash::Reply> ShadowService::list_trash(bus::ListTrash ask, bus::Caller) {
  const MasterState* there = co_await state();
  co_return answer(*there, ask, there->last_time());
}

Task<bus::ListSnapshots::Reply> ShadowService::list_snapshots(bus::ListSnapshots ask, bus::Caller) {
  const MasterState* there = co_await state();
  co_return answer(*there, ask);
}

Task<bus::CompareTrees::Reply> ShadowService::compare_trees(bus::CompareTrees ask, bus::Caller) {
  const MasterState* there = co_await state();
  co_return co_await answer(*there, ask);
}

bus::ChunkLayout ShadowService::layout(const MasterState& state, ChunkHandle handle, const Chunk& chunk) const {
  const Configuration& configuration = chunk.configuration;
  bus::ChunkLayout layout;
  layout.index = chunk.index;
  layout.handle = handle;
  layout.version = configuration.version;
  layout.primary = configuration.primary;
  layout.sealed = chunk.sealed;
  layout.length = chunk.sealed_length;
  // Who holds its newest content the master alone can find out.
  if (!is_of_epoch(state.epoch(), handle, configuration.version)) return layout;
  // Who is joining may have the chunk by now, but that is not known here: last.
  for (bool joining : {false, true}) {
    for (ServerId server : configuration.members) {
      if (configuration.joins(server) == joining) layout.members.push_back(member(state, server));
    }
  }
  return layout;
}

Task<bus::LocateForRead::Reply> ShadowService::locate_for_read(bus::LocateForRead ask, bus::Caller) {
  const MasterState* there = co_await state();
  const Inode* inode = there->names().inode(ask.inode);
  if (inode == nullptr) co_await fail(Code::not_found, "file {} does not exist", ask.inode);
  if (inode->type != FileType::file) co_await fail(Code::is_a_directory, "{} is a directory", ask.inode);
  bus::LocateForRead::Reply reply;
  reply.size = inode->size;
  reply.chunks = inode->chunks;
  for (ChunkHandle handle : there->chunks().range(ask.inode, ask.first, std::min(ask.count, kPageMax))) {
    const Chunk chunk = *there->chunks().find(handle);
    if (!chunk.configuration.virgin) reply.layout.push_back(layout(*there, handle, chunk));
  }
  co_return reply;
}

bus::ListChunks::Chunk ShadowService::describe(const MasterState& state, InodeId file, ChunkHandle handle,
                                               const Chunk& chunk) const {
  const Configuration& configuration = chunk.configuration;
  bus::ListChunks::Chunk shown;
  // As of the last fsync.
  const Inode* inode = state.names().inode(file);
  const std::uint64_t size = inode != nullptr ? inode->size : 0;
  const std::uint64_t begin = chunk.index * state.chunk_size();
  shown.length = chunk.sealed ? chunk.sealed_length : std::min(size - std::min(size, begin), state.chunk_size());
  shown.index = chunk.index;
  shown.handle = handle;
  shown.version = configuration.version;
  shown.sealed = chunk.sealed;
  shown.primary = configuration.primary;
  for (ServerId server : configuration.members) {
    const std::string held = configuration.joins(server) ? "stale" : "ok";
    shown.members.push_back({server, member(state, server).control, held, Version{}, true});
  }
  return shown;
}

Task<bus::ListChunks::Reply> ShadowService::list_chunks(bus::ListChunks ask, bus::Caller) {
  const MasterState* there = co_await state();
  const InodeId inode = co_await there->names().find(ask.path);
  if (there->names().inode(inode)->type != FileType::file)
    co_await fail(Code::is_a_directory, "{} is a directory", ask.path);
  bus::ListChunks::Reply reply;
  const std::uint32_t count = std::clamp<std::uint32_t>(ask.count, 1, kPageMax);
  for (ChunkHandle handle : there->chunks().range(inode, ask.first, count))
    reply.chunks.push_back(describe(*there, inode, handle, *there->chunks().find(handle)));
  reply.more = std::uint64_t{ask.first} + count < there->names().inode(inode)->chunks;
  co_return reply;
}

Task<bus::FindChunk::Reply> ShadowService::find_chunk(bus::FindChunk ask, bus::Caller) {
  const MasterState* there = co_await state();
  const std::optional<Chunk> chunk = there->chunks().find(ask.handle);
  if (!chunk) co_await fail(Code::not_found, "chunk {} does not exist", ask.handle);
  bus::FindChunk::Reply reply;
  reply.inode = chunk->inode;
  reply.chunk = describe(*there, chunk->inode, ask.handle, *chunk);
  reply.references = chunk->references;
  reply.goal = chunk->goal;
  reply.active = chunk->configuration.settled == chunk->configuration.version;
  reply.virgin = chunk->configuration.virgin;
  reply.ack = chunk->configuration.ack;
  reply.joining = chunk->configuration.joining;
  co_return reply;
}

Task<bus::ListServers::Reply> ShadowService::list_servers(bus::ListServers ask, bus::Caller) {
  const MasterState* there = co_await state();
  bus::ListServers::Reply reply;
  if (!ask.all) co_return reply;  // nobody is known to be up
  for (const auto& [id, known] : there->servers()) {
    bus::ServerInfo info;
    info.server = id;
    info.address = known.control;
    info.rack = known.rack;
    info.state = "suspect";
    reply.servers.push_back(std::move(info));
  }
  co_return reply;
}

Task<bus::ClusterStatus::Reply> ShadowService::status(bus::ClusterStatus, bus::Caller) {
  const MasterState* there = co_await state();
  bus::ClusterStatus::Reply reply;
  reply.cluster = endpoint_->cluster();
  reply.address = address_;
  reply.epoch = follower_.epoch();
  reply.term = follower_.term();
  reply.index = follower_.index();
  reply.suspect = static_cast<std::uint32_t>(there->servers().size());
  reply.files = there->names().files();
  reply.directories = there->names().directories();
  reply.chunks_total = there->chunks().size();
  reply.trash_items = there->names().trash().size();
  reply.trash_files = there->names().trashed().files;
  reply.trash_bytes = there->names().trashed().bytes;
  reply.codes.emplace_back("GFS_SHADOW");
  if (follower_.behind() > kFarBehind) reply.codes.emplace_back("GFS_SHADOW_BEHIND");
  reply.health = "WARN";
  reply.follows = follower_.master();
  reply.behind_ms = static_cast<std::uint64_t>(to_ms(follower_.behind()));
  co_return reply;
}

}  // namespace gfs::master
