// Workload: three clients that use the cluster as applications do, and write down what they asked and were told.
//
// Data files are shared; appending takes a file for itself, because the offset is the handle's own. A group of names is
// used by one client at a time; after an operation of unknown outcome it rests until nothing of it is under way.
// Owned by a Run. One thread.
#pragma once

#include <memory>
#include <vector>

#include "base/sim_executor.h"
#include "base/task_group.h"
#include "bus/sim_bus.h"
#include "client_cli/client/filesystem.h"
#include "tests/sim/checkers/names.h"
#include "tests/sim/history.h"
#include "tests/sim/plan.h"

namespace gfs::sim {

inline constexpr int kClients = 3;

// What the clients share.
struct Shared {
  Shared(const Plan& of, std::size_t groups_of)
      : plan(of), names(history, groups_of), group_free(groups_of), file_free(of.data_files) {
    history.by_file.resize(of.data_files);
    history.synced_size.resize(of.data_files);
  }
  const Plan& plan;
  History history;
  NameChecker names;
  std::vector<Instant> group_free;  // Instant::max(): in use
  std::vector<Instant> file_free;   // for appending
  bool stopping = false;
};

class Client;

class Workload {
 public:
  Workload(SimExecutor& world, bus::SimNetwork& network, Shared& shared);
  ~Workload();

  void start_client(int number);
  void kill_client(int number);
  // No new operations; done() once those begun have ended.
  void stop() { shared_.stopping = true; }
  bool done() const;
  std::string under_way() const;

 private:
  SimExecutor& world_;
  bus::SimNetwork& network_;
  Shared& shared_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::uint64_t> lives_;
};

}  // namespace gfs::sim
