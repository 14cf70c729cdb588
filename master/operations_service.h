// OperationsService: what an operator says of servers and of repair, and asks about them: drain, maintenance, forget,
// may it stop; pause and speed of repair; why.
//
// Owned by Master; lives on its loop.
#pragma once

#include <string>
#include <vector>

#include "bus/endpoint.h"
#include "bus/messages/client_repair.h"
#include "master/balance_loop.h"
#include "master/decision_log.h"
#include "master/healing_loop.h"
#include "master/journal.h"
#include "master/layout_service.h"

namespace gfs::master {

class OperationsService {
 public:
  static constexpr std::size_t kServersMax = 256;  // in one question
  static constexpr std::size_t kPiece = 20'000;    // chunks looked at in one turn of the loop
  static constexpr std::uint32_t kRepairsMax = 1000, kDecisionsMax = 1000, kFillsMax = 1000;
  static constexpr WallMs kMaintMax = 30ll * 24 * 3600 * 1000;

  OperationsService(const MasterState& state, Journal& journal, ServerTable& servers, const LayoutService& layouts,
                    const HealingLoop& healing, const BalanceLoop& balance, DecisionLog& decisions)
      : state_(state),
        journal_(journal),
        servers_(servers),
        layouts_(layouts),
        healing_(healing),
        balance_(balance),
        decisions_(decisions) {}

  void serve(bus::Endpoint& endpoint);

  Task<bus::Done> mark_server(bus::MarkServer ask, bus::Caller caller);
  Task<bus::Done> forget_server(bus::ForgetServer ask, bus::Caller caller);
  Task<bus::AskStop::Reply> ask_stop(bus::AskStop ask, bus::Caller caller);
  Task<bus::Done> set_repair(bus::SetRepair ask, bus::Caller caller);
  Task<bus::ListRepairs::Reply> list_repairs(bus::ListRepairs ask, bus::Caller caller);
  Task<bus::ShowBalance::Reply> show_balance(bus::ShowBalance ask, bus::Caller caller);
  Task<bus::Explain::Reply> explain(bus::Explain ask, bus::Caller caller);

 private:
  Instant now() const { return endpoint_->executor().now(); }
  WallMs wall() const { return endpoint_->executor().wall_now(); }
  // All chunks, with pauses for others: what changes meanwhile is seen before or after.
  template <class Visit>
  Task<> walk(Visit visit);
  // Not one of `without`, is heard, and holds it soundly.
  std::size_t sound_besides(const std::vector<ServerId>& without, ChunkHandle handle, const Chunk& chunk) const;
  void describe_server(ServerId server, std::vector<std::string>& lines) const;

  // Set once.
  const MasterState& state_;
  Journal& journal_;
  ServerTable& servers_;
  const LayoutService& layouts_;
  const HealingLoop& healing_;
  const BalanceLoop& balance_;
  DecisionLog& decisions_;
  bus::Endpoint* endpoint_ = nullptr;
};

}  // namespace gfs::master
