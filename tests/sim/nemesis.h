// Nemesis: breaks the cluster, and heals it again, by the plan: kills processes, cuts power, blocks directions.
// Loss, delay and repetition are the network's own (SimNetwork::Faults).
//
// Owned by a Run; its timers are the world's. One thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/random.h"
#include "tests/sim/cluster.h"
#include "tests/sim/workload.h"

namespace gfs::sim {

class Nemesis {
 public:
  Nemesis(SimExecutor& world, bus::SimNetwork& network, Cluster& cluster, Workload& workload, const Plan& plan);

  void start();
  // No more faults: everything is healed and restarted.
  void calm();

 private:
  void next();
  void strike();
  void later(std::function<void()> action);
  std::string any_host();

  SimExecutor& world_;
  bus::SimNetwork& network_;
  Cluster& cluster_;
  Workload& workload_;
  const Plan& plan_;
  Random random_;
  std::vector<std::string> kinds_;
  bool calm_ = false;
};

}  // namespace gfs::sim
