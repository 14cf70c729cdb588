// HealingLoop: brings chunks back to as many sound members as they should have, a few at a time, at a bounded speed.
//
// Copies are made ahead of time, aside, by the server that is to join, while the chunk is being written; only then does
// a configuration with it follow, so that little is left to do while mutations wait. At most two copies go into a
// server, and at most two out of it, each at half of what a server may take a second: so many bytes go in and out.
// Nothing is removed here but members that are lost, and members that are too many. Also tells the servers of chunks
// that lost their file.
//
// Owned by Master; lives on its loop.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>

#include "bus/endpoint.h"
#include "bus/messages/client_repair.h"
#include "master/decision_log.h"
#include "master/healing_planner.h"
#include "master/layout_service.h"

namespace gfs::master {

class HealingLoop {
 public:
  static constexpr Duration kTick = 250ms;
  static constexpr std::size_t kReleasesPerTick = 64;
  static constexpr std::size_t kCopiesPerServer = HealingPlanner::kAtOnceEach;  // into it, and out of it

  struct Settings {
    HealingPlanner::Settings planner;
    std::uint64_t per_server = 0, per_cluster = 0;  // bytes a second, where no operator said otherwise; 0: no limit
  };
  HealingLoop(MasterState& state, ServerTable& servers, LayoutService& layouts, DecisionLog& decisions,
              bus::Endpoint& endpoint, Settings settings);

  Task<> run();

  // At most `limit` repairs are told one by one.
  bus::ListRepairs::Reply status(std::size_t limit) const;
  // Very many servers are lost: copies wait.
  bool held_back() const { return planner_.clock().mass().has_value(); }
  // What the chunk needs, and what that waits for; in words.
  std::vector<std::string> describe(ChunkHandle handle) const;

 private:
  struct Flow {
    ServerId source, target;
  };
  struct Limits {
    std::uint64_t per_server = 0, per_cluster = 0;
  };
  class Counted;

  Instant now() const { return endpoint_.executor().now(); }
  Task<> cure(HealingPlanner::Order order);
  void cured(ChunkHandle handle, Result<> result);
  // Has somebody copy the chunk, then join it.
  Task<> copy(ChunkHandle handle);
  Task<bus::CloneChunk::Reply> clone(ChunkHandle handle, ServerId target);
  // Not now: whoever could do it has enough to do.
  Error postpone(ChunkHandle handle, std::string why);
  Limits limits() const;
  // Why nothing is done about it at the moment; empty: it is its turn, or it is being done.
  std::string why_not(ChunkHandle handle, const HealingPlanner::Patient& patient) const;
  // Of one copy, bytes a second; 0: no limit.
  std::uint64_t rate() const;
  std::vector<ServerId> busy() const;
  void release_dropped();
  std::vector<ServerId> failed_targets(ChunkHandle handle);

  // Set once.
  MasterState& state_;
  ServerTable& servers_;
  LayoutService& layouts_;
  DecisionLog& decisions_;
  bus::Endpoint& endpoint_;
  const Settings settings_;

  // State.
  HealingPlanner planner_;
  std::map<ChunkHandle, Flow> flows_;                           // copies under way
  std::map<ServerId, std::size_t> into_, out_of_;               // how many of them
  std::set<ChunkHandle> postponed_;                             // by the order that is about to end
  std::vector<DroppedChunk> dropped_;                           // nobody was told yet
  std::map<std::pair<ChunkHandle, ServerId>, Instant> failed_;  // who could not copy, and when
  std::map<ChunkHandle, std::string> complaints_;               // why the last try came to nothing
  std::uint64_t copied_chunks_ = 0, copied_bytes_ = 0, failures_ = 0;
  TaskGroup group_;
};

}  // namespace gfs::master
