// Shadow -> master: the log as it grows, and the state that it begins behind. Only what is durable and applied is told.
#pragma once

#include "bus/messages/types.h"

namespace gfs::bus {

// The entries of the log behind `after`: as many as fit; none if the sender is on another log, or too far behind. If
// the master has nothing to tell it keeps the question until it has, for `wait_ms` at most.
//   overloaded: too many shadows, or too many that are far behind at once
struct ShipLog {
  static constexpr std::string_view kind = "log.ship";
  static constexpr Roles senders = kShadow;
  struct Reply {
    std::uint64_t epoch = 0;  // of the log
    std::uint64_t term = 0;
    std::uint64_t oldest = 0;          // the first entry that the log still has: before it there are checkpoints only
    std::uint64_t last = 0;            // the last one that was applied when this was said
    std::uint64_t first = 0;           // the first one of those told here
    std::uint32_t waited_ms = 0;       // how long the question was kept
    bool other = false;                // the entry `after` is not the sender's: it has followed another log
    std::vector<std::uint32_t> sizes;  // of the entries told; 0: a mark, which changes nothing
    Bytes payload;                     // the entries, one behind the other
    GFS_FIELDS(epoch, term, oldest, last, first, waited_ms, other, sizes);
  };
  std::uint64_t epoch = 0;   // 0: not known yet
  std::uint64_t after = 0;   // the last entry that the sender has
  std::uint32_t digest = 0;  // CRC32C of it; 0: not known
  std::uint32_t bytes = 0;   // of entries, at most (but one, if it is larger); the master has its own bound too
  std::uint32_t wait_ms = 0;
  GFS_FIELDS(epoch, after, digest, bytes, wait_ms);
};

// A piece of a checkpoint's file as it is on disk, checksums and all.
//   not_found: it went meanwhile · overloaded: too many fetch one at once
struct FetchCheckpoint {
  static constexpr std::string_view kind = "checkpoint.fetch";
  static constexpr Roles senders = kShadow;
  struct Reply {
    std::uint64_t epoch = 0;
    std::uint64_t index = 0;  // of the state in it; 0: there is no checkpoint
    std::uint64_t size = 0;   // of the whole file
    Bytes payload;
    GFS_FIELDS(epoch, index, size);
  };
  std::uint64_t index = 0;  // 0: the newest
  std::uint64_t offset = 0;
  GFS_FIELDS(index, offset);
};

}  // namespace gfs::bus
