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
  // refused: the server has seen a log that goes further than this one, or another one.
  Result<> check_log(ServerId server, const bus::LogPosition& seen);
  // What of the log is durable: a power cut cannot take back what servers remember of it.
  template <class Reply>
  void say_position(Reply& reply) const {
    const bus::LogPosition here = log_.position();
    reply.epoch = here.epoch;
    reply.term = here.term;
    reply.index = here.index;
    reply.check = here.check;
    reply.now_ms = journal_.now();
  }
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
