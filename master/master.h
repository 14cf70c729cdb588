// Master: the composition root of the namespace, the chunk map and the sessions of chunkservers.
//
// Owns and wires nouns, planners, services and loops (one file each); decides nothing itself. Everything runs on the
// executor's thread. The same object serves real clusters, embedded ones and the simulator: only its four surroundings
// differ.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/disk.h"
#include "base/executor.h"
#include "base/id.h"
#include "base/random.h"
#include "bus/bus.h"

namespace gfs::master {

struct Settings {
  bus::ListenAt listen;    // control (and events); data is not used
  bus::Address advertise;  // empty: as bound
  bus::Address gossip, gossip_advertise;
  bool format = false;  // format an empty or missing directory first; refused if it is not empty
  // Go on in a new log epoch: 0 the next one, else this one. For a directory that was restored from a copy.
  std::optional<std::uint64_t> adopt_epoch;
  std::uint32_t replicas = 3;             // goal of new files
  std::uint32_t minimum_for_writing = 2;  // members, where the goal is 3 and three servers are known; else 1
  Duration heartbeat = 1s;
  Duration suspect_after = 3s;  // heartbeat overdue: no new primaryships, reads elsewhere
  Duration lost_after = 10s;
  Duration lease = 60s;
  Duration heal_after = 1s;                    // a chunk short of sound members for so long gets another one, but ...
  Duration repair_after = 30s;                 // ... a server that was lost is waited for so long,
  Duration repair_after_leaving = 10min;       // one that was stopped cleanly so long,
  Duration mass_loss_pause = 5min;             // and so long if very many were lost together
  std::uint64_t repair_per_server = 32 << 20;  // bytes a second into a server, and as much out of it; 0: no limit
  std::uint64_t repair_per_cluster = 0;        // altogether
  std::uint32_t balance_threshold = 10;        // percent a server may be fuller or emptier than the mean; 0: no balance
  Duration salvage_after =
      10min;  // all that is left may have lost bytes in a power cut: so long for the others to come
  Duration collect_after = 10min;  // garbage has to have been seen as such for so long before a server puts it away
  std::uint64_t log_segment = 64ull << 20;
  std::uint64_t log_reserve = 64ull << 20;        // kept free, so that removing works on a full disk; 0: nothing
  std::uint64_t checkpoint_after = 256ull << 20;  // bytes of log since the last checkpoint
  std::uint32_t shadows_max = 8;                  // that may follow this master
  Duration trash = 72h;                           // what is removed is kept so long
  std::uint64_t trash_items = 1'000'000;          // more than that go before their time
  std::uint64_t chunk_size = 64ull << 20;         // tests only: the same for all of a cluster, for ever
  std::uint32_t cut_max = 4096;                   // chunks that one entry of the log takes away from a file that is cut
  // Told, once, when the log can no longer be trusted (a failed write or sync): from then on nothing is answered.
  // Empty: the process ends.
  std::function<void(const Error&)> fatal;
  // Test-only: told of each change of what this master takes a server for ("up", "suspect", "lost", "left"), and in
  // which round of searching for it; only of a master that gossips.
  std::function<void(ServerId, std::string_view state, unsigned rounds)> on_server_state;
  // Test-only: the simulator's mutants. Names of bugs to commit, none in production ("skip_log_sync", ...).
  std::string mutant;
};

class Master {
 public:
  // `gossip`: a bus for the members' gossip alone; null: this master takes no part in it.
  Master(Executor& executor, Random& random, bus::Bus& bus, Disk& disk, Settings settings, bus::Bus* gossip = nullptr);
  ~Master();  // as kill -9: nothing is flushed

  // Locks and opens the directory, replays the log, listens. not_formatted, refused (formatting a directory that is not
  // empty; an epoch that cannot be adopted), in_use, corrupt (file, offset, index), wrong_version, read_only.
  Task<> start();
  // Finishes what is in the log's queue and stops serving. io_error: the log failed, what was queued may be lost.
  Task<> stop();

  bus::ListenAt listening() const;  // after start()

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace gfs::master
