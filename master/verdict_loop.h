// VerdictLoop: tells the members' gossip what this master has decided of chunkservers: lost, back, drained.
//
// Owned by Master; lives on its loop.
#pragma once

#include <functional>
#include <optional>
#include <utility>

#include "base/executor.h"
#include "gossip/gossip_service.h"
#include "master/server_table.h"

namespace gfs::master {

class VerdictLoop {
 public:
  // The server drains, and has no chunks any more; nothing: it drains, and that is not known.
  using Drained = std::function<std::optional<bool>(ServerId)>;

  VerdictLoop(Executor& executor, ServerTable& servers, gossip::GossipService& gossip, Drained drained)
      : executor_(executor), servers_(servers), gossip_(gossip), drained_(std::move(drained)) {}

  // Ends only by being cancelled.
  Task<> run();

 private:
  void look();

  Executor& executor_;
  ServerTable& servers_;
  gossip::GossipService& gossip_;
  const Drained drained_;
};

}  // namespace gfs::master
