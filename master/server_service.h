// ServerService: chunkservers join, live and report.
//
// A server that joins at a new address is dialled there first, by another member if there is one: an address that only
// its owner can reach would make every write fail later, far from the cause.
//
// Owned by Master; lives on its loop.
#pragma once

#include "bus/endpoint.h"
#include "bus/messages/chunk_master.h"
#include "master/journal.h"
#include "master/server_table.h"

namespace gfs::master {

class ServerService {
 public:
  struct Settings {
    Duration heartbeat = 1s;
    Duration lease = 60s;  // as servers are told
  };

  ServerService(const MasterState& state, Journal& journal, ServerTable& servers, const LogStore& log,
                Settings settings)
      : state_(state), journal_(journal), servers_(servers), log_(log), settings_(settings) {}

  void serve(bus::Endpoint& endpoint);

  Task<bus::RegisterServer::Reply> register_server(bus::RegisterServer ask, bus::Caller caller);
  Task<bus::Heartbeat::Reply> heartbeat(bus::Heartbeat ask, bus::Caller caller);
  Task<bus::ReportChunks::Reply> report_chunks(bus::ReportChunks ask, bus::Caller caller);
  Task<bus::Done> report_damage(bus::ReportDamage ask, bus::Caller caller);

 private:
  Result<> check(const bus::RegisterServer& ask) const;
  // unreachable, with address and reason.
  Task<> probe(ServerId server, std::string address);
  Task<> probe_from(ServerId prober, std::string address);
  Task<> probe_from_here(std::string address);

  const MasterState& state_;
  Journal& journal_;
  ServerTable& servers_;
  const LogStore& log_;
  const Settings settings_;
  bus::Endpoint* endpoint_ = nullptr;
};

}  // namespace gfs::master
