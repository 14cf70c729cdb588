// LossLoop: looks for chunkservers that are not heard, and gathers what speaks for and against them: dials them anew,
// round after round (loss_detector.h), and takes what the members' gossip knows. All of them side by side, each probe
// with its own deadline.
//
// Owned by Master; lives on its loop.
#pragma once

#include <map>

#include "base/task_group.h"
#include "gossip/gossip_service.h"
#include "master/layout_service.h"
#include "master/server_table.h"

namespace gfs::master {

class LossLoop {
 public:
  LossLoop(Executor& executor, ServerTable& servers, LayoutService& layouts, const gossip::GossipService& gossip)
      : executor_(executor), servers_(servers), layouts_(layouts), gossip_(gossip) {}

  // Ends only by being cancelled.
  Task<> run();

 private:
  struct Search {
    std::uint64_t beats = 0;  // it is about the silence after so many
    unsigned next = 0;        // round
  };

  void look();
  Task<> probe(ServerId server);

  // Set once.
  Executor& executor_;
  ServerTable& servers_;
  LayoutService& layouts_;
  const gossip::GossipService& gossip_;

  // State.
  std::map<ServerId, Search> searches_;
  TaskGroup group_;
};

}  // namespace gfs::master
