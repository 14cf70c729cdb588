// OpenFiles: the data files that are open, least recently used ones closed first.
//
// A file stays open while somebody uses it (shared ownership). When the process runs out of descriptors, half of the
// cache is closed and the open is tried once more: a full table of descriptors never costs a replica.
//
// Owned by ChunkStore; lives on its executor's thread.
#pragma once

#include <list>
#include <map>
#include <memory>

#include "base/disk.h"
#include "base/id.h"

namespace gfs::chunkserver {

class OpenFiles {
 public:
  OpenFiles(Disk& disk, std::size_t max) : disk_(disk), max_(max) {}

  // not_found unless it may be created.
  Task<std::shared_ptr<File>> open(ChunkHandle handle, bool create);
  void close(ChunkHandle handle);
  // Another file has its name: whoever is just opening it gets that one.
  void replaced(ChunkHandle handle);
  std::size_t size() const { return files_.size(); }

 private:
  struct Slot {
    std::shared_ptr<File> file;
    std::list<ChunkHandle>::iterator place;
  };
  void shrink_to(std::size_t size);

  Disk& disk_;
  std::size_t max_;
  std::uint64_t replacements_ = 0;
  std::list<ChunkHandle> by_use_;  // least recent first
  std::map<ChunkHandle, Slot> files_;
};

}  // namespace gfs::chunkserver
