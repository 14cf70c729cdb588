#include "tests/sim/clocks.h"

#include "base/crc32c.h"
#include "base/random.h"

namespace gfs::sim {

MachineClock clock_of(const Plan& plan, const std::string& host) {
  Random random(plan.seed * 0x2545f4914f6cdd1d + crc32c(host));
  MachineClock clock;
  clock.up = Duration(static_cast<Duration::rep>(random.unit() * 1e15));  // up to eleven days
  if (!plan.has("clock")) return clock;
  clock.rate = 1 + (random.unit() * 2 - 1) * plan.clock_drift;
  // E.g. a board without a battery, or a client whose owner has set it ten minutes fast.
  clock.wall = Duration(static_cast<Duration::rep>((random.unit() * 2 - 1) * 600e9));
  return clock;
}

void start_clock(NodeExecutor& node, const MachineClock& clock) {
  node.set_rate(clock.rate);
  node.step_wall(clock.wall);
}

}  // namespace gfs::sim
