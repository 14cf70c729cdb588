// One seed, told from beginning to end: a healthy start, faults, calm, checks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/sim/plan.h"

namespace gfs::sim {

struct Verdict {
  std::vector<std::string> faults_found;  // "checker: what"; empty: clean
  std::uint64_t trace = 0;
  double virtual_seconds = 0;
  std::string counts;
};

Verdict run(const Plan& plan);

}  // namespace gfs::sim
