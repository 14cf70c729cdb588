// ShadowService: what a shadow answers. Questions, from its copy of the master's state; never a change.
//
// Of chunkservers it knows what the log says, who and where they are, and nothing of whether they live: they are told
// as "suspect", and a chunk's members as the log has them. That harms nobody: whoever reads names the version, a server
// that is not of it refuses, and another one is asked.
//
// Before the copy has once been complete everything but hello is answered unavailable, with the reason. What would
// change something, and what only the master knows (leases), is refused (read_only) with the master's address.
//
// Owned by Shadow; lives on its loop.
#pragma once

#include <string>

#include "bus/endpoint.h"
#include "bus/messages/client_log.h"
#include "bus/messages/client_master.h"
#include "bus/messages/client_snapshot.h"
#include "bus/messages/client_trash.h"
#include "bus/messages/gossip.h"
#include "master/follower.h"

namespace gfs::master {

class ShadowService {
 public:
  explicit ShadowService(const Follower& follower) : follower_(follower) {}

  void serve(bus::Endpoint& endpoint);
  void set_address(std::string address) { address_ = std::move(address); }

  Task<bus::Hello::Reply> hello(bus::Hello ask, bus::Caller caller);
  Task<bus::FileInfo> stat(bus::Stat ask, bus::Caller caller);
  Task<bus::Exists::Reply> exists(bus::Exists ask, bus::Caller caller);
  Task<bus::List::Reply> list(bus::List ask, bus::Caller caller);
  Task<bus::ListTrash::Reply> list_trash(bus::ListTrash ask, bus::Caller caller);
  Task<bus::ListSnapshots::Reply> list_snapshots(bus::ListSnapshots ask, bus::Caller caller);
  Task<bus::CompareTrees::Reply> compare_trees(bus::CompareTrees ask, bus::Caller caller);
  Task<bus::LocateForRead::Reply> locate_for_read(bus::LocateForRead ask, bus::Caller caller);
  Task<bus::ListChunks::Reply> list_chunks(bus::ListChunks ask, bus::Caller caller);
  Task<bus::FindChunk::Reply> find_chunk(bus::FindChunk ask, bus::Caller caller);
  Task<bus::ListServers::Reply> list_servers(bus::ListServers ask, bus::Caller caller);
  Task<bus::ClusterStatus::Reply> status(bus::ClusterStatus ask, bus::Caller caller);

 private:
  template <class M>
  Task<typename M::Reply> refuse(M, bus::Caller) {
    co_return fail(Code::read_only, "this is a shadow, which only reads; {} goes to its master, {}", M::kind,
                   follower_.master());
  }
  template <class... M>
  void refuse_all(bus::Endpoint& endpoint) {
    (endpoint.serve<&ShadowService::refuse<M>>(*this), ...);
  }
  // unavailable: there is none to show. Not to be kept: it is replaced at times.
  Result<const MasterState*> state() const;
  bus::ChunkLayout layout(const MasterState& state, ChunkHandle handle, const Chunk& chunk) const;
  bus::ListChunks::Chunk describe(const MasterState& state, InodeId file, ChunkHandle handle, const Chunk& chunk) const;

  const Follower& follower_;
  std::string address_;
  bus::Endpoint* endpoint_ = nullptr;
};

}  // namespace gfs::master
