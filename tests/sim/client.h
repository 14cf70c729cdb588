// Client: one life of one client process of the workload: a Filesystem on its own node, and the loop that uses it.
// Destroying it is kill -9: what it had begun becomes unknown in the history.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "tests/sim/append_work.h"
#include "tests/sim/cut_work.h"
#include "tests/sim/snapshot_work.h"
#include "tests/sim/workload.h"

namespace gfs::sim {

class Client {
 public:
  Client(SimExecutor& world, bus::SimNetwork& network, Shared& shared, int number, const MachineClock& clock,
         std::uint64_t seed);
  ~Client();

  // The process stands still (its messages are the network's business). False: it stands already.
  bool pause();
  void resume();
  void step_wall(Duration by) { node_.step_wall(by); }

  bool finished() const { return finished_; }
  const std::string& doing() const { return doing_; }

 private:
  Task<> run();
  Task<> prepare();
  Task<> one();
  void judge(const std::string& what, Instant began, const Result<>& result);
  Task<> names();
  // False: nothing can be said of the group for a while.
  Task<bool> one_name(std::size_t group);
  Task<NameSeen> ask(std::string root, NameOp op);
  void end_naming(Code code, Fate fate, NameSeen seen);
  Task<> writes();
  // Its id goes into `mine`.
  Task<> one_write(std::shared_ptr<client::File> file, std::size_t number, std::vector<std::uint64_t>& mine);
  Task<> appends();
  Task<> reads();
  Task<> read_back(std::size_t file, std::uint64_t offset, std::uint64_t size);
  Task<> read_kept();
  NameOp any_name_op();
  std::string any_name();
  std::uint64_t any_size(std::uint64_t most);
  std::uint64_t any_offset(std::size_t file);
  void end_write(std::uint64_t id, const Result<>& result);
  std::uint64_t end_of(const std::vector<std::uint64_t>& ids) const;
  void note_size(std::size_t file, std::uint64_t size, Instant began);

  SimExecutor& world_;
  Shared& shared_;
  const std::uint64_t life_;  // of all clients' lives
  NodeExecutor node_;
  Random choices_;
  Random random_;
  bus::SimBus bus_;
  client::Filesystem filesystem_;
  bool finished_ = false;
  std::string doing_;

  std::set<std::uint64_t> pending_;  // writes begun
  // An operation on names that is under way.
  struct Naming {
    std::size_t event = 0;  // in Shared::name_events
    RequestId before;       // the last request when it began
  };
  // A file that stays open.
  struct Kept {
    std::size_t file = 0;
    Instant opened{};
    std::shared_ptr<client::File> open;
  };

  std::optional<Naming> naming_;
  std::optional<std::size_t> appending_;
  std::optional<Kept> kept_;
  Instant paused_at_{};
  Duration stood_still_{};
  AppendWork append_work_;
  CutWork cut_work_;
  SnapshotWork snapshot_work_;
  TaskGroup tasks_;
};

client::Settings client_settings(const Plan& plan);

}  // namespace gfs::sim
