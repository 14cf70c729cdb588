// MutationJournal: the one journal of a chunkserver. Appends of one turn become one write, syncs of one moment one
// fdatasync.
//
// * append() gives the record its lsn at once; its Future says when it is in the file (a crash of the process cannot
//   take it any more). sync() says when everything appended before is on the disk.
// * Records reach the file in the order of their lsns. What a failed batch leaves in the file is cut off before
// anything
//   else is written.
// * A new segment takes records only when the one before is on the disk: only the last one can have a torn end.
// * A failed sync is final: broken() from then on, everything after it fails.
//
// Owned by ChunkStore; lives on its executor's thread.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/disk.h"
#include "base/executor.h"
#include "base/task_group.h"
#include "chunkserver/journal_record.h"

namespace gfs::chunkserver {

class MutationJournal {
 public:
  MutationJournal(Executor& executor, Disk& disk, std::uint64_t segment_max);

  // Begins a new segment; `old` are the segments there are, by first lsn.
  Task<> open(Lsn next, std::vector<Lsn> old);

  struct Appended {
    Lsn lsn = 0;
    Future<void> written;
  };
  // `bytes`: carried by an intent.
  Appended append(const JournalRecord& record, Bytes bytes = {});

  // On the disk: everything appended before the call.
  Task<> sync();

  // The records from here on go to a new segment; gives the last lsn before it, once those are on the disk.
  Task<Lsn> roll();
  // Removes the segments that hold nothing after `through`.
  Task<> remove_through(Lsn through);

  Lsn last() const { return next_ - 1; }
  std::uint64_t bytes_in_segments() const;
  const std::optional<Error>& broken() const { return broken_; }
  // A batch that failed could not be cut off: its records may be there all the same, until the next one is written.
  bool end_in_doubt() const { return tail_dirty_; }

 private:
  struct Waiting {
    Lsn lsn = 0;
    std::string body;
    Bytes bytes;
    Promise<void> written;
  };
  struct SyncWaiter {
    Lsn through = 0;
    Promise<void> done;
  };

  void wake();
  Task<> work();
  Task<> write_batch();
  Task<> switch_segment();
  Task<> begin_segment(Lsn first);
  Task<> abandon_segment(std::string path);
  Task<> cut_tail();
  Task<> sync_file();

  // Set once.
  Executor& executor_;
  Disk& disk_;
  std::uint64_t segment_max_;

  // State.
  Lsn next_ = 1;
  Lsn written_ = 0;  // every record up to it is in the file, or has failed
  Lsn durable_ = 0;
  Lsn segment_ = 0;
  std::uint64_t position_ = 0;          // in the segment: written up to here ...
  std::uint64_t durable_position_ = 0;  // ... and on the disk up to here
  bool tail_dirty_ = false;             // a failed batch may have left bytes after position_
  bool roll_asked_ = false;
  bool working_ = false;
  std::shared_ptr<File> file_;
  std::map<Lsn, std::uint64_t> segments_;  // first lsn -> bytes
  std::deque<Waiting> waiting_;
  std::vector<SyncWaiter> sync_waiters_;
  std::vector<Promise<Lsn>> roll_waiters_;
  std::optional<Error> broken_;
  TaskGroup tasks_;
};

}  // namespace gfs::chunkserver
