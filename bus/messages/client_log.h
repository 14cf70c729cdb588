// Client -> master: what its log holds, for people. Only what is durable and applied is told, and nothing is verified
// but what is read for it.
#pragma once

#include "bus/messages/types.h"

namespace gfs::bus {

// The files of the log and the checkpoints before it.
struct ViewLog {
  static constexpr std::string_view kind = "log.view";
  static constexpr Roles senders = kAnyClient;
  struct Segment {
    std::string file;  // in the master's directory
    std::uint64_t epoch = 0;
    std::uint64_t first = 0, last = 0;  // entries; last < first: none
    std::uint64_t bytes = 0;
    GFS_FIELDS(file, epoch, first, last, bytes);
  };
  struct CheckpointFile {
    std::string file;
    std::uint64_t epoch = 0;
    std::uint64_t index = 0;  // it holds everything up to this entry
    std::uint64_t bytes = 0;
    GFS_FIELDS(file, epoch, index, bytes);
  };
  struct Reply {
    ClusterId cluster;
    std::uint64_t epoch = 0;  // of what is written now
    std::uint64_t term = 0;
    std::uint64_t last = 0;                   // entry
    std::vector<Segment> segments;            // in order
    std::vector<CheckpointFile> checkpoints;  // newest first; in the first page only
    bool more = false;                        // ask again, behind the last segment's first entry
    GFS_FIELDS(cluster, epoch, term, last, segments, checkpoints, more);
  };
  std::uint64_t after = 0;     // segments that begin behind this entry
  std::uint32_t limit = 1000;  // of segments; at most 1000
  GFS_FIELDS(after, limit);
};

// The entries behind `after`: as many as fit, but one at least; none if there are none. The oldest there are, if
// `after` lies before them.
//   overloaded: too many read older parts of the log · corrupt
struct ReadLog {
  static constexpr std::string_view kind = "log.read";
  static constexpr Roles senders = kAnyClient;
  struct Reply {
    std::uint64_t epoch = 0;  // of the entries told
    std::uint64_t term = 0;
    std::uint64_t oldest = 0;          // the first entry that the log still has
    std::uint64_t last = 0;            // the last one
    std::uint64_t first = 0;           // the first one of those told here
    std::vector<std::uint32_t> sizes;  // of the entries told; 0: a mark, which changes nothing
    Bytes payload;                     // the entries, one behind the other
    GFS_FIELDS(epoch, term, oldest, last, first, sizes);
  };
  std::uint64_t after = 0;
  std::uint32_t bytes = 0;  // at most (but one entry, if it is larger); the master has its own bound too
  GFS_FIELDS(after, bytes);
};

}  // namespace gfs::bus
