// PosixDisk: the real Disk, a directory of a local file system.
//
// Names and directories go through Boost.Filesystem, bytes through pread, pwrite and fdatasync, all of it on a few
// worker threads (base/disk_workers.h), because a disk may take seconds and the loop may not wait for it.
//
// Links are not followed: a link in the data directory is somebody's mistake, or an attack.
//
// Owned by a node's composition root; used on the executor's thread. The destructor waits for what was begun.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "base/disk.h"
#include "base/executor.h"

namespace gfs {

class PosixDisk final : public Disk {
 public:
  struct Options {
    unsigned workers = 4;             // operations at the disk at a time; one sync must not stop all reads
    bool create = true;               // makes the root directory if it is missing
    std::size_t queue_max = 1 << 16;  // operations waiting for a worker; more are overloaded
  };

  // not_found, not_a_directory, read_only (may not be written), io_error; all name the directory.
  static Result<std::unique_ptr<PosixDisk>> open(std::string root, Executor& executor, Options options);
  static Result<std::unique_ptr<PosixDisk>> open(std::string root, Executor& executor);
  ~PosixDisk() override;

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
  std::string boot_id() const override { return boot_id_; }

  const std::string& root() const { return root_; }

 private:
  struct Parts;
  PosixDisk(std::string root, std::string boot_id, std::unique_ptr<Parts> parts);
  std::string full(const std::string& path) const;

  const std::string root_;
  const std::string boot_id_;
  std::unique_ptr<Parts> parts_;
};

}  // namespace gfs
