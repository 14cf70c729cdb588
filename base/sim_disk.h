// SimDisk: a disk of the simulated world. The platter outlives the processes that mount it; it may tear, forget what
// was not synced, rot, fill up and fail, all by its seed.
//
//   SimDisk platter(world, seed);
//   auto disk = platter.mount(node);   // one life of a node
//   disk.reset();                      // the process dies: what was in flight happened or not
//   platter.power_cut();               // the machine dies: what was not synced may be gone (base/sim_platter.h)
//
// Owned by the test or the simulation; outlives every Disk it gave and every executor they use is alive while they are.
// One thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/disk.h"
#include "base/random.h"
#include "base/sim_executor.h"
#include "base/sim_platter.h"

namespace gfs {

class SimMount;

class SimDisk {
 public:
  struct Faults {
    Duration latency_min = 50us;
    Duration latency_max = 500us;
    double read_error = 0;
    double write_error = 0;  // the bytes may be written all the same
    double sync_error = 0;   // and part of the bytes is taken for clean from then on, as real kernels do
    bool fail_all = false;   // the disk is gone: io_error for everything
    bool read_only = false;  // mounted so: read_only for everything that would change it
  };

  SimDisk(SimExecutor& world, std::uint64_t seed);
  SimDisk(const SimDisk&) = delete;
  SimDisk& operator=(const SimDisk&) = delete;
  ~SimDisk();

  // Several at a time are several processes on one machine.
  std::unique_ptr<Disk> mount(Executor& node);

  // Ends every mount (their operations never answer) and loses what may be lost. The next boot has another boot id.
  void power_cut();

  void set_faults(const Faults& faults) { faults_ = faults; }
  const Faults& faults() const { return faults_; }
  // Beyond it: no_space.
  void set_capacity(std::uint64_t bytes) { platter_.set_capacity(bytes); }
  std::uint64_t used() const { return platter_.used(); }

  // Bit rot. False if there is no such byte.
  bool flip_bit(const std::string& path, std::uint64_t byte_offset, unsigned bit);

  // For checkers: as a process would see it at this instant.
  std::optional<std::string> read_now(const std::string& path) const;
  std::vector<std::string> files() const;
  // Keeps what is in files with such paths when they are removed.
  void keep_removed(std::string prefix) { keep_removed_ = std::move(prefix); }
  const std::map<std::string, std::string>& removed() const { return removed_; }

 private:
  friend class SimMount;
  friend class SimDiskLock;

  struct Lock {
    const SimMount* holder = nullptr;
    std::uint64_t number = 0;
  };

  SimExecutor& world_;
  Random random_;
  Faults faults_;
  SimPlatter platter_;
  std::string boot_id_;
  void note_removal(const std::string& path);

  std::vector<SimMount*> mounts_;
  std::optional<std::string> keep_removed_;
  std::map<std::string, std::string> removed_;
  std::map<std::string, Lock> locks_;
  std::uint64_t last_lock_ = 0;
};

}  // namespace gfs
