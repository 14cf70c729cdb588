// Nemesis: breaks the cluster, and heals it again, by the plan: kills processes, stops them, cuts power, blocks
// directions, sets clocks, damages disks. Loss, delay and repetition are the network's own (SimNetwork::Faults).
//
// Owned by a Run; its timers are the world's. One thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/random.h"
#include "tests/sim/cluster.h"
#include "tests/sim/message_odds.h"
#include "tests/sim/workload.h"

namespace gfs::sim {

class Nemesis {
 public:
  Nemesis(SimExecutor& world, bus::SimNetwork& network, Cluster& cluster, Workload& workload, Shared& shared);

  void start();
  // No more faults: everything is healed and restarted.
  void calm();

 private:
  void next();
  void strike();
  void strike_power(const std::string& kind);
  void pause();
  void step_clock();
  void split();
  void sever();
  // Both directions of each, for a while.
  void cut(const std::vector<std::pair<std::string, std::string>>& links);
  void swizzle();
  void damage_disk();
  void later(std::function<void()> action) { in(down_time(), std::move(action)); }
  // Not any more once it is calm.
  void in(Duration wait, std::function<void()> action);
  Duration down_time();
  static std::vector<std::string> hosts();

  SimExecutor& world_;
  bus::SimNetwork& network_;
  Cluster& cluster_;
  Workload& workload_;
  Shared& shared_;
  const Plan& plan_;
  Random random_;
  MessageOdds odds_;
  std::vector<std::string> kinds_;
  int last_victim_ = -1;
  bool calm_ = false;
};

}  // namespace gfs::sim
