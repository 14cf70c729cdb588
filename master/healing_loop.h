// HealingLoop: brings chunks back to as many sound members as they should have, a few at a time, at a bounded speed.
//
// Copies are made ahead of time, aside, by the server that is to join, while the chunk is being written; only then does
// a configuration with it follow, so that little is left to do while mutations wait. Nothing is removed here but
// members that are lost, and members that are too many. Also tells the servers of chunks that lost their file.
//
// Owned by Master; lives on its loop.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>

#include "bus/endpoint.h"
#include "bus/messages/client_repair.h"
#include "master/copy_orders.h"
#include "master/decision_log.h"
#include "master/healing_planner.h"
#include "master/layout_service.h"

namespace gfs::master {

class HealingLoop {
 public:
  static constexpr Duration kTick = 125ms, kTickShort = 25ms;
  static constexpr std::size_t kReleasesPerTick = 64;

  HealingLoop(MasterState& state, ServerTable& servers, LayoutService& layouts, CopyOrders& copies,
              DecisionLog& decisions, bus::Endpoint& endpoint, HealingPlanner::Settings settings);

  Task<> run();

  // At most `limit` repairs are told one by one.
  bus::ListRepairs::Reply status(std::size_t limit) const;
  // Very many servers are lost: copies wait.
  const HealingPlanner& planner() const { return planner_; }
  bool held_back() const { return planner_.clock().mass().has_value(); }
  // What the chunk needs, and what that waits for; in words.
  std::vector<std::string> describe(ChunkHandle handle) const;

 private:
  // The walk's next piece is due, or an order has ended and others can be begun.
  bool due() const;
  Instant now() const { return endpoint_.executor().now(); }
  Task<> cure(HealingPlanner::Order order);
  void cured(ChunkHandle handle, Result<> result);
  // Has somebody copy the chunk, then join it.
  Task<> copy(ChunkHandle handle);
  // Not now: whoever could do it has enough to do.
  Error postpone(ChunkHandle handle, std::string why);
  // Why nothing is done about it at the moment; empty: it is its turn, or it is being done.
  std::string why_not(ChunkHandle handle, const HealingPlanner::Patient& patient) const;
  void release_dropped();
  std::vector<ServerId> failed_targets(ChunkHandle handle);

  // Set once.
  MasterState& state_;
  ServerTable& servers_;
  LayoutService& layouts_;
  CopyOrders& copies_;
  DecisionLog& decisions_;
  bus::Endpoint& endpoint_;

  // State.
  HealingPlanner planner_;
  Instant planned_{};                                           // last
  bool ended_ = false;                                          // an order has, since then
  std::set<ChunkHandle> postponed_;                             // by the order that is about to end
  std::vector<DroppedChunk> dropped_;                           // nobody was told yet
  std::map<std::pair<ChunkHandle, ServerId>, Instant> failed_;  // who could not copy, and when
  std::map<ChunkHandle, std::string> complaints_;               // why the last try came to nothing
  std::uint64_t copied_chunks_ = 0, failures_ = 0;
  TaskGroup group_;
};

}  // namespace gfs::master
