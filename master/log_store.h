// LogStore: the op log as segment files on a Disk.
//
// What append() has answered with success is on the disk. Opening finds every record behind a checkpoint again, in
// order, or refuses with file, offset and index: it never guesses. The one thing it repairs is the end of the last
// segment, where a write was interrupted that nobody was answered for.
//
// Every segment is of one log epoch; from one to the next it may rise, and never falls.
//
// After an error of append() other than no_space nothing is known of the disk: the owner ends the process.
// Owned by Master; one call at a time; lives on its loop.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/disk.h"
#include "base/id.h"
#include "base/random.h"
#include "base/task.h"
#include "bus/messages/log_position.h"
#include "master/log_format.h"
#include "master/log_reader.h"
#include "master/record_checks.h"

namespace gfs::master {

class LogStore {
 public:
  struct Settings {
    std::uint64_t segment_max = 64ull << 20;
    bool skip_sync = false;  // a mutant for the simulator
  };
  using Replay = std::function<Result<>(std::uint64_t index, const Bytes& op)>;

  LogStore(Disk& disk, Random& random, Settings settings);

  // Makes the first segment, durably.
  Task<> format(ClusterId cluster, std::uint64_t epoch);
  // Something else is known to rest on the log's entries up to this index: an open() that does not find them refuses,
  // and cuts nothing off.
  void must_reach(std::uint64_t index) { must_reach_ = index; }
  // The entry that open() is to go on behind is of this epoch: it refuses if the log has another one there.
  void must_join(std::uint64_t epoch) { behind_epoch_ = epoch; }
  // Gives every op with an index above `behind` to `replay`, in order; segments that end before it are not read.
  // `epoch`: the highest there may be, and what a segment is begun in that a crash left unfinished.
  // corrupt, wrong_version, wrong_cluster, or the error of replay.
  Task<> open(ClusterId cluster, std::uint64_t epoch, std::uint64_t behind, Replay replay);
  // What is appended from now on is of this epoch, in a segment of its own. Once more after a crash is the same.
  Task<> begin_epoch(std::uint64_t epoch);
  // A log whose first entry will have this index, where no segment is left.
  Task<> begin_at(ClusterId cluster, std::uint64_t epoch, std::uint64_t first);
  // The ops get the next indices. no_space (also when files have run out): nothing of them is in the log.
  Task<> append(std::vector<std::string> ops);
  // Leaves a record behind that says that everything before it is durable: for a clean stop.
  Task<> mark();
  // Removes the segments that hold nothing above `through`. If what that leaves cannot be made durable nothing is known
  // of the directory any more: append() fails from then on.
  Task<> trim(std::uint64_t through);

  std::uint64_t last_index() const { return last_index_; }
  // What is durable, as others may be told.
  bus::LogPosition position() const { return {epoch_, term(), last_index_, checks_.at(last_index_)}; }
  // Of the entry at the index; 0: not known any more.
  std::uint32_t check_at(std::uint64_t index) const { return checks_.at(index); }
  // Of the segment that is written, or, while open() replays, read.
  std::uint64_t segment_epoch() const { return header_.epoch; }
  std::uint64_t term() const { return 1; }  // a master alone is a group of one
  // Of records: what open() gave to replay, and what was appended since.
  std::uint64_t bytes_read_and_written() const { return bytes_; }
  // The first index that is still here.
  std::uint64_t first_index() const { return segments_.empty() ? 0 : segments_.front(); }
  std::size_t segments() const { return segments_.size(); }
  // For who reads the files while they are written: where the segment is that holds this entry, which is there.
  struct Segment {
    std::string path;
    std::uint64_t first = 0, last = 0;  // entries
  };
  Segment segment_of(std::uint64_t index) const;
  // The first one that begins behind this entry; its `first` is 0 if there is none.
  Segment segment_behind(std::uint64_t index) const;
  ClusterId cluster() const { return cluster_; }

  // Whether a directory of these files holds no more than format() makes.
  static Task<bool> is_unused(Disk& disk);

 private:
  Segment describe(std::vector<std::uint64_t>::const_iterator segment) const;
  Task<> list_segments();
  Result<> check_reach(const std::string& path) const;
  Result<> check_header(const SegmentHeader& header, const std::string& path) const;
  Result<> check_record(const LogRecord& record, std::uint64_t behind, const std::string& path,
                        const Replay& replay) const;
  Task<> read_segment_file(std::string name, bool last, std::uint64_t behind, const Replay& replay);
  Task<> create_segment(std::uint64_t first);
  Task<> settle(std::string name, std::uint64_t size);
  Task<> write(std::vector<std::string> ops);

  // Set once.
  Disk& disk_;
  Random& random_;
  const Settings settings_;

  // State.
  ClusterId cluster_;
  std::uint64_t epoch_ = 0;
  std::uint64_t last_index_ = 0;
  std::uint64_t synced_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t must_reach_ = 0;
  std::uint64_t behind_epoch_ = 0;       // 0: any
  bool broken_ = false;                  // the directory could not be synced
  std::vector<std::uint64_t> segments_;  // their first indices, in order
  std::shared_ptr<File> file_;           // the last segment
  SegmentHeader header_;
  std::uint32_t before_ = 0;  // crc of its last record, or of its header
  std::uint64_t end_ = 0;
  RecordChecks checks_;
};

}  // namespace gfs::master
