// The clocks of a machine: which belong to it, not to the processes on it.
#pragma once

#include <string>

#include "base/sim_executor.h"
#include "tests/sim/plan.h"

namespace gfs::sim {

struct MachineClock {
  Duration up{};    // how long it has been running at world time 0
  double rate = 1;  // as fast as true time
  Duration wall{};  // how far the wall clock is off
};

// By the plan and the host's name. Every machine has another uptime; the rest only with the fault `clock`.
MachineClock clock_of(const Plan& plan, const std::string& host);
// At the begin of a process's life.
void start_clock(NodeExecutor& node, const MachineClock& clock);

}  // namespace gfs::sim
