// RepairClock: from when on somebody else makes up for a server that is away. Pure.
//
//   lost               repair_after after the verdict: most come back by themselves
//   silent             as long, as if the verdict had to come: a writer may have gone on without it already
//   stopped cleanly    repair_after_leaving: a restart, an update
//   marked maint       until the mark is over
//   very many at once  mass_pause after the last of them: a switch, a rack's power; copying would not help, and hurts
//
// Membership is another clock (loss_detector.h): what is lost leaves the configurations at once, so that writers go on.
// A chunk that is down to its last sound member that is heard of waits for nobody.
//
// Owned by HealingPlanner. look() is called once a tick, so that asking is cheap.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "master/server_table.h"
#include "master/state.h"

namespace gfs::master {

class RepairClock {
 public:
  struct Rules {
    Duration repair_after = 30s;
    Duration repair_after_leaving = 10min;
    Duration mass_pause = 5min;
    std::size_t mass_least = 3;     // servers ...
    std::size_t mass_percent = 20;  // ... and more than so much of all
  };
  struct Wait {
    Instant until{};
    std::string why;
  };

  explicit RepairClock(Rules rules) : rules_(rules) {}

  void look(const MasterState& state, const ServerTable& servers, Instant now, WallMs wall);
  // Whether one more copy of the chunk has to wait. Of what look() saw.
  std::optional<Wait> wait(const ServerTable& servers, ChunkHandle handle, std::size_t heard) const;
  // Very many are lost.
  const std::optional<Wait>& mass() const { return mass_; }

 private:
  struct Awaited {
    ServerId server;
    Instant until{};
    const char* why;
    bool gone = false;  // the verdict has come
  };

  const Rules rules_;
  std::vector<Awaited> awaited_;
  std::optional<Wait> mass_;
};

}  // namespace gfs::master
