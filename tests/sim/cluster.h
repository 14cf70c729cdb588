// Cluster: one master, its chunkservers (five, if the plan does not say otherwise) and the machines they live on, in
// virtual time. Processes die and come back on the same disks; the caller (nemesis, main) says when. As the daemons do,
// each has a bus of its own for gossip; what happens to its machine happens to both.
//
// Owned by a Run; every node object is destroyed before the world. One thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/sim_disk.h"
#include "base/sim_executor.h"
#include "base/task_group.h"
#include "bus/sim_bus.h"
#include "chunkserver/chunkserver.h"
#include "master/master.h"
#include "tests/sim/clocks.h"
#include "tests/sim/plan.h"

namespace gfs::sim {

inline const std::string kMasterAddress = "tcp://master:7500";

class Cluster {
 public:
  using Told = std::function<void(int server, std::uint64_t life, ChunkHandle, Version, Serial, RequestId)>;

  Cluster(SimExecutor& world, bus::SimNetwork& network, const Plan& plan);
  ~Cluster();

  void start_master();
  void start_chunkserver(int number);
  // As kill -9.
  void kill_master();
  void kill_chunkserver(int number);
  // The machine loses power; nothing runs on it until it is started.
  void power_cut_master();
  void power_cut_chunkserver(int number);

  // By host ("master", "cs0", ...). The process stands still: nothing of it runs, messages to it wait. What comes first
  // when it goes on, its late timers or its messages, is the caller's choice. False: it does not run, or stands
  // already.
  bool pause(const std::string& host);
  void resume(const std::string& host, bool timers_first);
  // Somebody sets the machine's wall clock.
  void step_wall(const std::string& host, Duration by);
  // The master's directory as it is, and, while it is dead, back to that.
  std::map<std::string, std::string> copy_master() const;
  void restore_master(const std::map<std::string, std::string>& copy);
  // Of the next start of the master: master::Settings::adopt_epoch.
  std::optional<std::uint64_t> adopt_epoch;

  bool master_up() const { return master_.life != nullptr; }
  bool chunkserver_up(int number) const { return servers_[number].life != nullptr; }
  // Everything runs and every chunkserver is registered.
  bool whole() const;
  // Starts that failed, and processes that gave up: no fault explains either.
  const std::vector<std::string>& broken() const { return broken_; }

  SimDisk& disk(int chunkserver) { return *servers_[chunkserver].disk; }
  const SimDisk& master_disk() const { return *master_.disk; }
  // Of the gossip of one that runs.
  bus::BusCounters gossip_counters(int chunkserver) const;
  // How many chunkservers the master has registered.
  int registered() const;

  // What the master takes a server for, as master::Settings says.
  std::function<void(ServerId, std::string_view state, unsigned rounds)> on_server_state;
  Told on_applied;
  Told on_acknowledged;
  // Of replicas that a server has put into quarantine, as chunkserver::Settings says.
  std::function<void(ServerId, ChunkHandle, Version, bool orphan, std::uint64_t index)> on_collected;

 private:
  struct Life;
  struct Machine {
    std::string host;
    std::unique_ptr<SimDisk> disk;
    MachineClock clock;
    std::uint64_t lives = 0;
    std::unique_ptr<Life> life;
  };

  Machine* find(const std::string& host);
  void kill(Machine& machine);
  void started(const std::string& host, std::uint64_t life, const Result<>& result);
  std::uint64_t seed_of(const Machine& machine) const;

  SimExecutor& world_;
  bus::SimNetwork& network_;
  const Plan& plan_;
  bool formatted_ = false;
  std::vector<std::string> broken_;
  Machine master_;
  std::vector<Machine> servers_;
};

}  // namespace gfs::sim
