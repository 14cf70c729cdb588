// Client -> chunkserver: how far it has read through all that it keeps, and how fast it shall.
#pragma once

#include "bus/messages/types.h"

namespace gfs::bus {

struct ScrubStatus {
  static constexpr std::string_view kind = "server.scrub_status";
  static constexpr Roles senders = kMaster | kAnyClient;
  struct Reply {
    bool off = false;                                // by this server's settings
    bool paused = false;                             // by an operator
    bool hurried = false;                            // a pass was asked for: as fast as it may
    ChunkHandle at;                                  // up to here in this pass
    std::int64_t begun_ms = 0;                       // this pass; wall clock of the server. 0: none yet
    std::uint64_t chunks = 0, bytes = 0;             // of it, so far ...
    std::uint64_t bad = 0, differing = 0;            // ... with bad blocks; sound, but other than the other replicas
    std::uint64_t chunks_held = 0, bytes_held = 0;   // by the server; bytes: a minute ago or less
    std::int64_t ended_ms = 0;                       // the last pass; 0: none yet ...
    std::uint64_t last_bad = 0, last_differing = 0;  // ... and what it found
    std::uint64_t rate = 0;                          // bytes a second, at the moment
    GFS_FIELDS(off, paused, hurried, at, begun_ms, chunks, bytes, bad, differing, chunks_held, bytes_held, ended_ms,
               last_bad, last_differing, rate);
  };
  std::uint32_t reserved = 0;
  GFS_FIELDS(reserved);
};

enum class ScrubOrder : std::uint8_t {
  start = 1,   // a pass from the beginning, as fast as it may; also if it was paused
  pause = 2,   // until resumed, also over restarts
  resume = 3,  // where it was
};

// Answered once it is on the server's disk. io_error, no_space: that it may be forgotten at the next restart.
struct ControlScrub {
  static constexpr std::string_view kind = "server.control_scrub";
  static constexpr Roles senders = kMaster | kWriters;
  using Reply = Done;
  ScrubOrder order = ScrubOrder::start;
  GFS_FIELDS(order);
};

}  // namespace gfs::bus

MSGPACK_ADD_ENUM(gfs::bus::ScrubOrder)
