// VerdictLoop: tells the members' gossip what this master has decided of chunkservers: lost, back.
//
// Owned by Master; lives on its loop.
#pragma once

#include "base/executor.h"
#include "gossip/gossip_service.h"
#include "master/server_table.h"

namespace gfs::master {

class VerdictLoop {
 public:
  VerdictLoop(Executor& executor, ServerTable& servers, gossip::GossipService& gossip)
      : executor_(executor), servers_(servers), gossip_(gossip) {}

  // Ends only by being cancelled.
  Task<> run();

 private:
  void look();

  Executor& executor_;
  ServerTable& servers_;
  gossip::GossipService& gossip_;
};

}  // namespace gfs::master
