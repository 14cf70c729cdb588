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

// The fault classes that a seed chooses from, as --faults names them.
inline const std::set<std::string> kFaultClasses = {"loss",
                                                    "delay",
                                                    "repeat",
                                                    "late",
                                                    "partition",
                                                    "split",
                                                    "severed",
                                                    "swizzle",
                                                    "crash_chunkserver",
                                                    "crash_master",
                                                    "crash_client",
                                                    "power",
                                                    "power_chunkserver",
                                                    "power_all",
                                                    "pause",
                                                    "clock",
                                                    "lost_grants"};
// On only if named: the cluster does not repair a damaged copy yet, so it never becomes whole again.
inline const std::set<std::string> kNamedFaults = {"disk"};

inline constexpr int kChunkservers = 5;

struct Plan {
  std::uint64_t seed = 0;
  int chunkservers = kChunkservers;
  std::uint64_t disk_capacity = 0;  // of each; 0: plenty
  Duration faulty{};                // virtual time with faults; a calm phase follows
  std::set<std::string> faults;

  double loss = 0;
  double repeat = 0;
  double late = 0, late_writes = 0;  // of all messages; of what clients write and append
  double slow = 0.001;
  Duration delay_max = 400us;
  Duration between_faults = 10s;  // mean, of partitions and crashes
  Duration down_max = 10s;        // how long a process stays dead, a direction blocked
  double long_pause = 0.3;        // share of pauses that outlast every lease
  double clock_drift = 0;         // rates are 1 +- this
  double grant_loss = 0, grant_repeat = 0;
  int victim = 0;             // the chunkserver whose machine loses power, or whose disk rots
  bool many_victims = false;  // any chunkserver's: then what was not synced counts as possibly lost

  Duration think = 300ms;  // mean pause of a client between operations
  Duration linger{};       // that a file stays open at most between one write to it and the next
  // Weights of the operations.
  std::uint32_t names = 40, writes = 25, appends = 15, reads = 20, kept = 5, records = 25, scans = 8, cuts = 6,
                snapshots = 8;
  std::uint64_t chunk_size = 64 << 20;
  std::uint32_t groups = 4;         // directories of colliding names, each used by one client at a time
  std::uint32_t shared_groups = 2;  // and by all at once
  std::uint32_t data_files = 5;
  std::uint32_t lone = 0;               // so many, the last ones, are acknowledged by their chunks' primaries alone
  std::uint64_t bytes_max = 192 << 10;  // of one write
  std::uint32_t append_files = 3;
  std::uint64_t append_room = 64 << 10;  // what is left in the first chunk of each
  std::uint64_t record_max = 64 << 10;
  double record_large = 0;  // share of records of 1 to 3 MiB
  std::uint64_t append_batch = 1 << 20;
  std::uint64_t append_in_flight = 16;

  Duration deadline = 30s;  // of a client's operations; short ones end unknown more often

  std::uint64_t log_segment = 64 << 20;
  std::uint64_t checkpoint_after = 256 << 20;
  std::uint64_t log_reserve = 0;
  Duration trash{};  // what is removed is kept so long
  std::uint64_t journal_segment = 64 << 20;
  std::uint64_t window = 8 << 20;
  std::uint64_t fragment = 1 << 20;
  std::uint64_t staging_max = 256 << 20;
  Duration data_wait = 1s;
  Duration lease = 60s;
  Duration heartbeat = 1s;
  Duration layout_age = 30s;
  std::uint32_t cut_max = 4096;  // chunks that one step of a cut takes away
  Duration collect_after = 20s;  // of garbage
  Duration quarantine_time = 72h;
  std::string mutant;

  bool has(const std::string& fault) const { return faults.contains(fault); }
  std::string text() const;
};

// How far behind a file that is kept open may be read: its reader goes by a layout for so long, and whoever it names
// was a member then.
inline Duration staleness(const Plan& plan) { return plan.layout_age + 5s; }

// `faults`: those to choose from; all of them are on if `exactly`.
Plan make_plan(std::uint64_t seed, double minutes, std::set<std::string> faults, bool exactly, std::string mutant);
// "all", "none" or a list with commas.
Result<std::set<std::string>> parse_faults(const std::string& text);

}  // namespace gfs::sim
