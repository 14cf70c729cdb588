// Client: one life of one client process of the workload: a Filesystem on its own node, and the loop that uses it.
// Destroying it is kill -9: what it had begun becomes unknown in the history.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "tests/sim/workload.h"

namespace gfs::sim {

class Client {
 public:
  Client(SimExecutor& world, bus::SimNetwork& network, Shared& shared, const std::string& host, std::uint64_t seed);
  ~Client();

  bool finished() const { return finished_; }
  const std::string& doing() const { return doing_; }

 private:
  Task<> run();
  Task<> prepare();
  Task<> one();
  void judge(const std::string& what, Instant began, const Result<>& result);
  Task<> names();
  Task<NameSeen> ask(std::string root, NameOp op);
  Task<> writes();
  Task<> one_write(std::shared_ptr<client::File> file, std::size_t number);
  Task<> appends();
  Task<> reads();
  Task<> read_back(std::size_t file, std::uint64_t offset, std::uint64_t size);
  NameOp any_name_op();
  std::string any_name();
  std::uint64_t any_size(std::uint64_t most);
  std::uint64_t any_offset(std::size_t file);
  void end_write(std::uint64_t id, const Result<>& result);
  void note_size(std::size_t file, std::uint64_t size);

  SimExecutor& world_;
  Shared& shared_;
  NodeExecutor node_;
  Random choices_;
  Random random_;
  bus::SimBus bus_;
  client::Filesystem filesystem_;
  bool finished_ = false;
  std::string doing_;

  std::set<std::uint64_t> pending_;  // writes begun
  std::optional<std::pair<std::size_t, NameOp>> naming_;
  std::optional<std::size_t> appending_;
  TaskGroup tasks_;
};

client::Settings client_settings(const Plan& plan);

}  // namespace gfs::sim
