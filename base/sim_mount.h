// SimMount: one life of a process on a SimDisk: its operations in flight, and what becomes of them when it dies.
//
// An operation takes its effect when it completes (a sync: when it is called or when it completes), after a latency of
// the disk's. If the process dies before, each operation happens or not; a write may have happened in part.
//
// Shared by the Disk and its Files, which may outlive it. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/sim_disk.h"

namespace gfs {

class SimMount : public std::enable_shared_from_this<SimMount> {
 public:
  enum class Kind { look, read, write, change, sync };
  // What an operation does to the platter; `part`: the process died in the middle of it.
  template <class T>
  using Work = std::move_only_function<Result<T>(bool part)>;

  SimMount(SimDisk& disk, Executor& node) : disk_(disk), node_(node) { disk_.mounts_.push_back(this); }
  ~SimMount() { end(); }
  SimMount(const SimMount&) = delete;
  SimMount& operator=(const SimMount&) = delete;

  template <class T>
  Future<T> begin(Kind kind, std::string path, Work<T> work);
  Future<void> sync_file(std::string path, SimPlatter::NodePointer node);
  Result<> sync_directory(const std::string& path);
  // The process is dead, or its machine is.
  void end();

  Result<std::unique_ptr<DiskLock>> lock(const std::string& path);
  void unlock(const std::string& path, std::uint64_t number);

  SimPlatter& platter() { return disk_.platter_; }
  Result<> remove_now(const std::string& path) {
    disk_.note_removal(path);
    return platter().remove(path);
  }
  Random& random() { return disk_.random_; }
  bool read_only() const { return disk_.faults_.read_only; }

 private:
  struct Operation {
    virtual ~Operation() = default;
    virtual void finish(SimMount& mount) = 0;
    virtual void crash(bool part) = 0;
    Kind kind = Kind::look;
    std::string path;
  };
  template <class T>
  struct OperationOf final : Operation {
    void finish(SimMount& mount) override {
      Result<> allowed = mount.fault(*this);
      if (allowed) {
        promise.set(work(false));
      } else {
        promise.set(fail(std::move(allowed)));
      }
    }
    void crash(bool part) override { (void)work(part); }
    Work<T> work;
    Promise<T> promise;
  };

  void start(std::unique_ptr<Operation> operation);
  void finish(std::uint64_t number);
  // The error the disk's faults want for it, if any.
  Result<> fault(Operation& operation);

  SimDisk& disk_;
  Executor& node_;
  bool alive_ = true;
  std::uint64_t last_number_ = 0;
  std::map<std::uint64_t, std::unique_ptr<Operation>> in_flight_;
};

template <class T>
Future<T> SimMount::begin(Kind kind, std::string path, Work<T> work) {
  auto operation = std::make_unique<OperationOf<T>>();
  operation->kind = kind;
  operation->path = std::move(path);
  operation->work = std::move(work);
  Future<T> future = operation->promise.future();
  if (alive_) {
    start(std::move(operation));
  } else {
    operation->promise.set(fail(Code::shutting_down, "the simulated process that used {} is dead", operation->path));
  }
  return future;
}

std::unique_ptr<Disk> mount_sim_disk(SimDisk& disk, Executor& node, std::string boot_id);

}  // namespace gfs
