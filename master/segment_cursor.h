// SegmentCursor: reads the entries of one log segment from its file, forwards, while the master goes on writing to it.
//
// Each piece is one read of some 1 MiB; nothing is kept in memory between two. Every record is verified, and that it
// follows the one before it. Whoever reads names the last entry that is durable: what lies behind it may be half
// written.
//
// Owned by LogEntries, one for each reader; lives on its loop.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/disk.h"
#include "base/executor.h"
#include "master/log_store.h"

namespace gfs::master {

class SegmentCursor {
 public:
  struct Bounds {
    std::uint64_t through = 0;  // the last entry that may be read
    std::size_t bytes = 0;      // of entries, but one in any case
    std::size_t count = 0;
  };

  // At the segment's first entry. not_found: it was removed; corrupt.
  static Task<SegmentCursor> open(Disk& disk, LogStore::Segment segment, ClusterId cluster);

  std::uint64_t first() const { return first_; }  // of the segment
  std::uint64_t next() const { return next_; }
  std::uint64_t epoch() const { return epoch_; }  // of the segment
  // The entries from next() on, at least one. corrupt, with file, offset and index.
  Task<std::vector<Bytes>> read(Bounds bounds);
  // Goes on until `index` is the next one; others have their turns in between.
  Task<> skip_to(std::uint64_t index, Executor& executor);

 private:
  std::string path_;
  std::shared_ptr<File> file_;
  std::uint64_t first_ = 0;
  std::uint64_t epoch_ = 0;
  std::uint64_t salt_ = 0;
  std::uint64_t next_ = 0;
  std::uint64_t offset_ = 0;
  std::uint32_t before_ = 0;  // crc of the record before
};

}  // namespace gfs::master
