// Collector: asks the chunkservers what they hold, a page at a time, and has them put away what is of no use any more.
//
// One page of each server in a tick, whatever they hold; a walk over all of it begins again some time after the last
// one ended. Every order is given on a page that was just read, and by a table that is on the disk. What an answer does
// not say is asked again: orders are idempotent, and a replica that is gone is gone.
//
// Hands on what an operator says about it, and tells how it stands.
//
// Owned by Master; lives on its loop.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "bus/endpoint.h"
#include "master/collection_planner.h"
#include "master/journal.h"

namespace gfs::master {

class Collector {
 public:
  static constexpr Duration kTick = 1s;
  static constexpr std::uint32_t kPage = 1024;

  Collector(const MasterState& state, Journal& journal, ServerTable& servers, bus::Endpoint& endpoint, Duration after,
            std::string_view mutant)
      : state_(state),
        journal_(journal),
        servers_(servers),
        endpoint_(endpoint),
        after_(after),
        planner_(state, servers, after, endpoint.executor().now(), mutant) {}

  void serve();
  Task<> run();
  // Of what somebody is making right now nothing is garbage.
  void spare(std::function<bool(ChunkHandle)> in_the_making) { planner_.spare(std::move(in_the_making)); }

  Task<bus::CollectionStatus::Reply> status(bus::CollectionStatus ask, bus::Caller caller);
  Task<bus::AllowCollection::Reply> allow(bus::AllowCollection ask, bus::Caller caller);
  Task<bus::RestoreChunk::Reply> restore(bus::RestoreChunk ask, bus::Caller caller);
  Task<bus::PurgeQuarantine::Reply> purge(bus::PurgeQuarantine ask, bus::Caller caller);

  // Why nothing is collected at the moment; empty: it is.
  std::string held_back() const;
  // Of all servers; refused by those that are heard.
  CollectionPlanner::Counts counts() const;

 private:
  struct Walk {
    ChunkHandle at;  // up to here
    Instant next{};
    Instant refused_until{};  // it said no: so long nothing is ordered
    bool under_way = false;
  };

  Task<> step(ServerId server);
  // `index`: of the log, when it was decided.
  Task<> order(ServerId server, std::vector<CollectionPlanner::Item> items, std::uint64_t index);
  // Those named by an operator: one, or all that live.
  Result<std::vector<ServerId>> named(ServerId server) const;
  template <class M>
  Task<typename M::Reply> hand_on(ServerId server, M ask);

  // Set once.
  const MasterState& state_;
  Journal& journal_;
  ServerTable& servers_;
  bus::Endpoint& endpoint_;
  const Duration after_;

  // State.
  CollectionPlanner planner_;
  std::map<ServerId, Walk> walks_;
  TaskGroup group_;
};

}  // namespace gfs::master
