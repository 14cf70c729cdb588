// AdminService: who this cluster is and how it does: hello, servers, status, chunks, leases.
//
// Owned by Master; lives on its loop. Only reads.
#pragma once

#include <string>

#include "bus/endpoint.h"
#include "bus/messages/client_master.h"
#include "master/checkpointer.h"
#include "master/chunk_census.h"
#include "master/collector.h"
#include "master/healing_loop.h"
#include "master/layout_service.h"
#include "master/log_reserve.h"
#include "master/log_store.h"

namespace gfs::master {

class AdminService {
 public:
  struct Settings {
    std::uint32_t replicas = 3;  // what files get by default
    Duration lease = 60s;
    std::uint64_t trash_items = 1'000'000;  // that is a full trash
  };

  AdminService(const MasterState& state, const ServerTable& servers, const LogStore& log, ChunkCensus& census,
               const LayoutService& layouts, Checkpointer& checkpointer, const Collector& collector,
               const LogReserve& reserve, const HealingLoop& healing, Settings settings)
      : state_(state),
        servers_(servers),
        log_(log),
        census_(census),
        layouts_(layouts),
        checkpointer_(checkpointer),
        collector_(collector),
        reserve_(reserve),
        healing_(healing),
        settings_(settings) {}

  void serve(bus::Endpoint& endpoint);
  void set_address(std::string address) { address_ = std::move(address); }

  Task<bus::Hello::Reply> hello(bus::Hello ask, bus::Caller caller);
  Task<bus::ListServers::Reply> list_servers(bus::ListServers ask, bus::Caller caller);
  Task<bus::ClusterStatus::Reply> status(bus::ClusterStatus ask, bus::Caller caller);
  Task<bus::ListChunks::Reply> list_chunks(bus::ListChunks ask, bus::Caller caller);
  Task<bus::FindChunk::Reply> find_chunk(bus::FindChunk ask, bus::Caller caller);
  Task<bus::ListLeases::Reply> list_leases(bus::ListLeases ask, bus::Caller caller);
  Task<bus::Checkpoint::Reply> checkpoint(bus::Checkpoint ask, bus::Caller caller);

 private:
  Instant now() const { return endpoint_->executor().now(); }
  bus::ListChunks::Chunk describe(InodeId file, ChunkHandle handle, const Chunk& chunk) const;
  // As people see it: an operator's word comes first.
  std::string shown_state(ServerId server) const;
  std::string holder_state(ServerId server, ChunkHandle handle, const Chunk& chunk) const;

  const MasterState& state_;
  const ServerTable& servers_;
  const LogStore& log_;
  ChunkCensus& census_;
  const LayoutService& layouts_;
  Checkpointer& checkpointer_;
  const Collector& collector_;
  const LogReserve& reserve_;
  const HealingLoop& healing_;
  const Settings settings_;
  std::string address_;
  bus::Endpoint* endpoint_ = nullptr;
};

}  // namespace gfs::master
