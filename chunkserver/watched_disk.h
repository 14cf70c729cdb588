// WatchedDisk: a disk whose DiskHealth is told how each operation ended and how long it took.
//
// Promises what the disk behind it does. Owned by DiskSet; the disk and the health outlive it, its files do not. The
// executor's thread.
#pragma once

#include "base/disk.h"
#include "base/executor.h"
#include "base/task_group.h"
#include "chunkserver/disk_health.h"

namespace gfs::chunkserver {

class WatchedDisk final : public Disk {
 public:
  using Action = DiskHealth::Action;

  WatchedDisk(Executor& executor, Disk& disk, DiskHealth& health) : executor_(executor), disk_(disk), health_(health) {}

  Future<std::shared_ptr<File>> open(std::string path, Mode mode) override;
  Future<std::vector<Entry>> list(std::string directory) override;
  Future<bool> exists(std::string path) override;
  Future<void> make_directories(std::string path) override;
  Future<void> rename(std::string source, std::string target) override;
  Future<void> clone(std::string source, std::string target) override;
  Future<void> remove(std::string path) override;
  Future<void> sync_directory(std::string path) override;
  Future<Space> space() override;
  Future<std::unique_ptr<DiskLock>> lock(std::string path) override;
  std::string boot_id() const override { return boot_.empty() ? disk_.boot_id() : boot_; }
  // Before anything is read: as if the machine had lost power since that was written. 36 characters.
  void set_boot(std::string boot) { boot_ = std::move(boot); }

  // The outcome of an operation that has begun just now.
  template <class T>
  Future<T> watch(Action action, Future<T> begun);

 private:
  Executor& executor_;
  Disk& disk_;
  DiskHealth& health_;
  std::string boot_;
  TaskGroup tasks_;
};

template <class T>
Future<T> WatchedDisk::watch(Action action, Future<T> begun) {
  Promise<T> promise;
  Future<T> watched = promise.future();
  auto wait = [](Future<T> operation) -> Task<T> {
    if constexpr (std::is_void_v<T>) {
      co_await std::move(operation);
    } else {
      co_return co_await std::move(operation);
    }
  };
  tasks_.spawn(wait(std::move(begun)),
               [this, action, since = executor_.now(), promise = std::move(promise)](Result<T> result) mutable {
                 const Instant now = executor_.now();
                 health_.note(action, result ? nullptr : &result.error(), now - since, now);
                 promise.set(std::move(result));
               });
  return watched;
}

}  // namespace gfs::chunkserver
