// LossLoop: looks for chunkservers that are not heard, and gathers what speaks for and against them: dials them anew,
// round after round (loss_detector.h), asks the other members every second, and takes what their gossip knows. All of
// them side by side, each probe with its own deadline. Says what becomes of them.
//
// Owned by Master; lives on its loop.
#pragma once

#include <functional>
#include <map>
#include <string_view>

#include "base/task_group.h"
#include "gossip/gossip_service.h"
#include "master/layout_service.h"
#include "master/server_table.h"

namespace gfs::master {

class LossLoop {
 public:
  LossLoop(Executor& executor, ServerTable& servers, LayoutService& layouts, gossip::GossipService& gossip)
      : executor_(executor), servers_(servers), layouts_(layouts), gossip_(gossip) {}

  // Told of each change of a server's state (ServerTable::state), and how many rounds had begun by then.
  std::function<void(ServerId, std::string_view state, unsigned rounds)> on_state;

  // Ends only by being cancelled.
  Task<> run();

 private:
  struct Search {
    std::uint64_t beats = 0;  // it is about the silence after so many
    unsigned next = 0;        // round
    Instant asked{};          // the members
  };

  void look();
  void look_at(ServerId id, const Server& server, Instant now);
  void tell(ServerId id, const Server& server, Instant now);
  Task<> probe(ServerId server);

  // Set once.
  Executor& executor_;
  ServerTable& servers_;
  LayoutService& layouts_;
  gossip::GossipService& gossip_;

  // State.
  std::map<ServerId, Search> searches_;
  std::map<ServerId, std::string_view> states_;  // as told last
  TaskGroup group_;
};

}  // namespace gfs::master
