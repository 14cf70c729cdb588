// Plan: what one seed does: which faults, how hard, which operations, which settings. Everything is drawn here, so that
// a seed's story can be printed before it is told.
//
// Swarm testing: each fault class is on or off by itself, one seed in ten has none at all.
// Values; made once by make_plan().
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "base/result.h"
#include "base/time.h"

namespace gfs::sim {

// The fault classes, as --faults names them.
inline const std::set<std::string> kFaultClasses = {
    "loss", "delay", "repeat", "partition", "crash_chunkserver", "crash_master", "crash_client", "power"};

struct Plan {
  std::uint64_t seed = 0;
  Duration faulty{};  // virtual time with faults; a calm phase follows
  std::set<std::string> faults;

  double loss = 0;
  double repeat = 0;
  double slow = 0.001;
  Duration delay_max = 400us;
  Duration between_faults = 10s;  // mean, of partitions and crashes
  Duration down_max = 10s;        // how long a process stays dead, a direction blocked

  Duration think = 300ms;                                           // mean pause of a client between operations
  std::uint32_t names = 40, writes = 25, appends = 15, reads = 20;  // weights of the operations
  std::uint32_t groups = 4;                                         // directories of colliding names
  std::uint32_t data_files = 5;
  std::uint64_t bytes_max = 192 << 10;  // of one write

  Duration deadline = 30s;  // of a client's operations; short ones end unknown more often

  std::uint64_t log_segment = 64 << 20;
  std::uint64_t journal_segment = 64 << 20;
  std::uint64_t window = 8 << 20;
  std::uint64_t fragment = 1 << 20;
  std::string mutant;

  bool has(const std::string& fault) const { return faults.contains(fault); }
  std::string text() const;
};

// `faults`: those to choose from; all of them are on if `exactly`.
Plan make_plan(std::uint64_t seed, double minutes, std::set<std::string> faults, bool exactly, std::string mutant);
// "all", "none" or a list with commas.
Result<std::set<std::string>> parse_faults(const std::string& text);

}  // namespace gfs::sim
