// BalanceLoop: moves replicas to where they are better off, while nothing is in need of repair.
//
// A move is a repair ahead of time: the target copies the chunk aside and joins it; only when it is a member like the
// others, and that is in the log, the one that is to go leaves. What fails half-way leaves one member too many, which
// repair takes off again.
//
// Owned by Master; lives on its loop.
#pragma once

#include <string>

#include "bus/messages/client_repair.h"
#include "master/balance_planner.h"
#include "master/copy_orders.h"
#include "master/healing_planner.h"

namespace gfs::master {

class BalanceLoop {
 public:
  static constexpr Duration kTick = 500ms;

  BalanceLoop(const MasterState& state, const ServerTable& servers, LayoutService& layouts, CopyOrders& copies,
              const HealingPlanner& healing, DecisionLog& decisions, bus::Endpoint& endpoint,
              BalancePlanner::Settings settings);

  Task<> run();

  // At most `limit` servers are told of.
  bus::ShowBalance::Reply status(std::size_t limit) const;

 private:
  Instant now() const { return endpoint_.executor().now(); }
  // Why nothing is begun; empty: something may be.
  std::string why_not() const;
  static BalancePlanner::Ended ended(const Result<std::uint64_t>& result);
  // The target is there, and the chunk as it was; nothing holds balance back meanwhile. cancelled.
  Result<> still_wanted(const BalancePlanner::Move& move) const;
  // The bytes that were copied.
  Task<std::uint64_t> move(BalancePlanner::Move move);

  // Set once.
  const MasterState& state_;
  const ServerTable& servers_;
  LayoutService& layouts_;
  CopyOrders& copies_;
  const HealingPlanner& healing_;
  DecisionLog& decisions_;
  bus::Endpoint& endpoint_;
  const BalancePlanner::Settings settings_;

  // State.
  BalancePlanner planner_;
  std::uint64_t moved_ = 0, failed_ = 0;  // since the master started
  TaskGroup group_;
};

}  // namespace gfs::master
