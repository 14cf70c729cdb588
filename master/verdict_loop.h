// VerdictLoop: tells the members' gossip what this master has decided of chunkservers: lost, back.
//
// Owned by Master; lives on its loop.
#pragma once

#include <map>

#include "base/executor.h"
#include "gossip/gossip_service.h"
#include "master/server_table.h"

namespace gfs::master {

class VerdictLoop {
 public:
  VerdictLoop(Executor& executor, const ServerTable& servers, gossip::GossipService& gossip)
      : executor_(executor), servers_(servers), gossip_(gossip) {}

  // Ends only by being cancelled.
  Task<> run();

 private:
  void look();

  Executor& executor_;
  const ServerTable& servers_;
  gossip::GossipService& gossip_;
  std::map<ServerId, gossip::Verdict> told_;
};

}  // namespace gfs::master
