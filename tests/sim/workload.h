// Workload: three clients that use the cluster as applications do, and write down what they asked and were told.
//
// Data files are shared; appending to one at an offset takes it for the client itself, because the offset is the
// handle's own. Append files take records of all at once. A group of names is used by one client at a time (after an
// operation of unknown outcome it rests until nothing of it is under way), a shared group by all.
// Owned by a Run. One thread.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/sim_executor.h"
#include "base/task_group.h"
#include "bus/sim_bus.h"
#include "client_cli/client/filesystem.h"
#include "tests/sim/append_history.h"
#include "tests/sim/checkers/certificate.h"
#include "tests/sim/checkers/names.h"
#include "tests/sim/clocks.h"
#include "tests/sim/history.h"
#include "tests/sim/plan.h"

namespace gfs::sim {

inline constexpr int kClients = 3;

// What a client remembers of one append file over its crashes.
struct Writer {
  ClientId client;
  std::uint64_t next = 1;             // number of its next record
  std::set<std::uint64_t> undecided;  // to be repeated
  std::int64_t asked_ms = 0;          // the master's time before the first of those was sent
};

// A snapshot of a file that is written to all the time: it is the file of one moment between the two.
struct Picture {
  std::uint64_t number = 0;
  std::string path, name;  // no name: a tree like any other
  std::size_t file = 0;
  bool appended = false;  // of an append file, else of a data file
  Instant asked{}, made{};
  Instant moment{};                           // not before: what was seen in it was not begun earlier
  std::map<std::uint64_t, std::string> seen;  // by offset
};

// What the clients share.
struct Shared {
  explicit Shared(const Plan& of);
  // No machine kept what was not synced.
  void power_lost(Instant now) {
    history.power_lost(now);
    appends.power_lost(now);
  }

  const Plan& plan;
  History history;
  AppendHistory appends;
  NameChecker names;
  std::vector<NameEvent> name_events;
  std::vector<Instant> group_free;           // Instant::max(): in use
  std::vector<Instant> file_free;            // for appending at an offset
  std::vector<std::vector<Writer>> writers;  // by client and append file
  std::uint64_t last_stream = 100;           // those below are of writers that keep their numbers
  std::uint64_t last_cut_file = 0, last_picture = 0;
  std::vector<Picture> pictures;
  std::uint64_t lives = 0;  // of clients
  bool stopping = false;
};

class Client;

class Workload {
 public:
  Workload(SimExecutor& world, bus::SimNetwork& network, Shared& shared);
  ~Workload();

  void start_client(int number);
  void kill_client(int number);
  // As Cluster's.
  bool pause(const std::string& host);
  void resume(const std::string& host);
  void step_wall(const std::string& host, Duration by);
  // No new operations; done() once those begun have ended.
  void stop() { shared_.stopping = true; }
  bool done() const;
  std::string under_way() const;

 private:
  struct Seat {
    std::string host;
    MachineClock clock;
    std::uint64_t lives = 0;
    std::unique_ptr<Client> client;
  };

  Seat* find(const std::string& host);

  SimExecutor& world_;
  bus::SimNetwork& network_;
  Shared& shared_;
  std::vector<Seat> seats_;
};

}  // namespace gfs::sim
