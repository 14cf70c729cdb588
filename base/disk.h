// Disk and File: what a store may ask of a disk, and what a sync promises.
//
// Promises (both implementations pass tests/base/disk_contract_test.cc)
// * An operation begins when it is called, whether or not its Future is awaited. Two operations are ordered only if the
//   second is called after the first one's Future has its result.
// * write() has all its bytes in the file, seen by later reads, when it succeeds; they survive a crash of the process.
//   They survive a power cut only after a later successful File::sync() of the same file.
// * File::sync() makes the file's bytes and its length durable, not its name. A file's creation, rename or removal is
//   durable after Disk::sync_directory() of the folder(s) the name is (and was) in.
// * rename() replaces an existing target atomically. clone() does not: when it fails, part of the bytes may be there.
// * A write that fails may have left part of its bytes in the file, with no_space too.
// * After a failed sync nothing is known of the bytes written since the last good one; never retry it, stop trusting
//   the file (a later sync may succeed without them).
// * An unsynced write may be torn, lost or reordered by a power cut, in sectors of 512 bytes.
//
// Errors: no_space, read_only, not_found, already_exists, io_error, in_use (lock). Messages name the path.
// Paths are relative to the disk's root, separated by '/', and never leave it (no "..", no absolute ones: CHECKed).
// Thread: the executor's. Destroying a Future, or the Disk after its files, is safe while operations are in flight.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/task.h"

namespace gfs {

class File {
 public:
  virtual ~File() = default;

  // Up to `size` bytes from `offset`; shorter only where the file ends.
  virtual Future<Bytes> read(std::uint64_t offset, std::size_t size) = 0;
  // Extends the file as needed (the gap reads as zeros).
  virtual Future<void> write(std::uint64_t offset, Bytes bytes) = 0;
  // fdatasync.
  virtual Future<void> sync() = 0;
  virtual Future<void> truncate(std::uint64_t size) = 0;
  virtual Future<std::uint64_t> size() = 0;
};

// Held until destroyed; released by the death of the process too.
class DiskLock {
 public:
  virtual ~DiskLock() = default;
};

class Disk {
 public:
  enum class Mode : std::uint8_t {
    read,        // must exist
    write,       // created if missing
    create_new,  // already_exists if it is there
  };
  struct Entry {
    std::string name;
    bool is_directory = false;
    std::uint64_t size = 0;
  };
  struct Space {
    std::uint64_t capacity = 0;
    std::uint64_t available = 0;
    bool read_only = false;  // the file system takes no writes now
  };

  virtual ~Disk() = default;

  virtual Future<std::shared_ptr<File>> open(std::string path, Mode mode) = 0;
  // Sorted by name. Only plain files and directories: links and special files are left out.
  virtual Future<std::vector<Entry>> list(std::string directory) = 0;
  virtual Future<bool> exists(std::string path) = 0;
  // mkdir -p.
  virtual Future<void> make_directories(std::string path) = 0;
  virtual Future<void> rename(std::string source, std::string target) = 0;
  // The target, created or replaced, has the source's bytes as they are now; on the disk after a File::sync() of it, as
  // if they had been written. Where the file system can, both share the blocks until one of them changes.
  virtual Future<void> clone(std::string source, std::string target) = 0;
  // A file or an empty directory.
  virtual Future<void> remove(std::string path) = 0;
  virtual Future<void> sync_directory(std::string path) = 0;
  virtual Future<Space> space() = 0;
  // in_use if another process (or another Disk on the same directory) holds it.
  virtual Future<std::unique_ptr<DiskLock>> lock(std::string path) = 0;

  // Changes when the machine has been down: what was not synced before may be gone.
  virtual std::string boot_id() const = 0;
};

}  // namespace gfs
