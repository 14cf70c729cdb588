// Runs many seeds, in this process or in several side by side, and tells of them in their order.
//
// With `jobs` > 1 each batch of seeds is a forked process that sends its results home through a pipe; the first failed
// seed ends all, as if they had run one after the other. A process that dies (a failed CHECK) is a failure of the seed
// it ran.
//
// One thread; nothing else of this process may run meanwhile.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "bus/fields.h"

namespace gfs::sim {

struct SeedResult {
  std::uint64_t seed = 0;
  std::vector<std::string> faults_found;
  std::uint64_t trace = 0;
  double virtual_seconds = 0;
  std::string counts;
  std::map<std::string, std::uint64_t> probes;               // hits of this seed; 0 for those that were not reached
  std::map<std::string, std::vector<std::int64_t>> samples;  // what was measured, in ms if its name says nothing else
  GFS_FIELDS(seed, faults_found, trace, virtual_seconds, counts, probes, samples);
};

struct Seeds {
  std::uint64_t first = 1;
  std::uint64_t count = 1;
  unsigned jobs = 1;
};

// How many seeds a test takes: fewer under a sanitizer, where each takes twenty times as long.
constexpr std::uint64_t seeds_of_a_test(std::uint64_t many) {
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  return (many + 5) / 6;
#else
  return many;
#endif
}

// `run` is one seed; `told` hears of each in order, and says whether to go on.
void run_seeds(const Seeds& seeds, const std::function<SeedResult(std::uint64_t seed)>& run,
               const std::function<bool(const SeedResult&)>& told);

}  // namespace gfs::sim
