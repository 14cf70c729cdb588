// LogEntries: gives the entries of the log to whoever may ask, a piece at a time.
//
// Recent ones come from memory, older ones from the segment files. Nothing is given that is not durable and applied.
//
// A piece costs a bounded part of memory and of the disk's time, and only so many are read from disk at once: over that
// it is overloaded.
//
// Owned by Master; lives on its loop.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/disk.h"
#include "base/executor.h"
#include "master/log_store.h"
#include "master/recent_log.h"
#include "master/segment_cursor.h"

namespace gfs::master {

// One who reads the log.
struct EntryReader {
  Instant heard{};
  bool checked = false;                 // its log is this one: it was compared once on this connection
  std::optional<SegmentCursor> cursor;  // where it will read on in the files
};

// Those who read the log lately, each for ten seconds after its last question.
class EntryReaders {
 public:
  explicit EntryReaders(std::size_t most) : most_(most) {}

  // The one on this route; null: there are too many of them.
  std::shared_ptr<EntryReader> admit(const std::string& route, Instant now);
  // The same, in the place of whoever was silent for longest, if need be: that one has to find its place again.
  std::shared_ptr<EntryReader> replace(const std::string& route, Instant now);
  std::size_t count(Instant now) const;

 private:
  const std::size_t most_;
  std::map<std::string, std::shared_ptr<EntryReader>> readers_;
};

class LogEntries {
 public:
  struct Settings {
    std::uint64_t epoch = 1;    // of what is written now
    std::size_t reads_max = 2;  // from disk, at once
  };
  // Entries of one log epoch and term that follow each other.
  struct Piece {
    std::uint64_t epoch = 0;
    std::uint64_t first = 0;
    std::vector<std::uint32_t> sizes;  // 0: a mark, which changes nothing
    Bytes payload;                     // one behind the other
  };
  // A read from disk, one of so many at once, as long as it lives.
  class Reading {
   public:
    explicit Reading(std::size_t& count) : count_(&count) { ++*count_; }
    Reading(Reading&& other) noexcept : count_(std::exchange(other.count_, nullptr)) {}
    ~Reading() {
      if (count_ != nullptr) --*count_;
    }

   private:
    std::size_t* count_;
  };

  LogEntries(Executor& executor, Disk& disk, const LogStore& log, const RecentLog& recent, Settings settings)
      : executor_(executor), disk_(disk), log_(log), recent_(recent), settings_(settings) {}

  // Whether the log still has all that comes behind the entry `after`.
  bool reaches(std::uint64_t after) const { return after + 1 >= log_.first_index() && after <= recent_.last(); }
  // What comes behind `after`, which is reached and is not the last one: as many as fit into `bytes`, but one at least.
  // overloaded; unavailable (it is being removed); corrupt.
  Task<Piece> behind(std::uint64_t after, std::size_t bytes, std::shared_ptr<EntryReader> reader);
  // One entry, which the log has.
  Task<Bytes> entry(std::uint64_t index, std::shared_ptr<EntryReader> reader);
  // overloaded.
  Result<Reading> begin_reading();

 private:
  Piece recent_behind(std::uint64_t after, std::size_t bytes) const;
  Task<Piece> older_behind(std::uint64_t after, std::size_t bytes, std::shared_ptr<EntryReader> reader);
  // Before entry `index`.
  Task<SegmentCursor> cursor_at(std::uint64_t index, std::shared_ptr<EntryReader> reader);

  Executor& executor_;
  Disk& disk_;
  const LogStore& log_;
  const RecentLog& recent_;
  const Settings settings_;
  std::size_t reads_ = 0;
};

}  // namespace gfs::master
