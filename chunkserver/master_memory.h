// MasterMemory: the furthest position of the master's log that this server has seen, kept over restarts.
//
// A master that is behind it works in a directory that was restored from a copy, or with a log that was cut: what it
// takes for garbage may be all there is of somebody's file. It is refused: nothing that it says is done.
//
// DATA/master_seen: magic, format, cluster id, position, CRC; replaced atomically, at once when the epoch rises, else
// some seconds after the position has moved. So after a crash a little less may be remembered than was seen, which is
// only less strict.
//
// Owned by ChunkServer; lives on its executor's thread.
#pragma once

#include <optional>
#include <string>

#include "base/disk.h"
#include "base/executor.h"
#include "base/id.h"
#include "base/task_group.h"
#include "bus/messages/log_position.h"

namespace gfs::chunkserver {

class MasterMemory {
 public:
  static constexpr Duration kWriteAfter = 10s;

  MasterMemory(Executor& executor, Disk& disk) : executor_(executor), disk_(disk) {}

  // A damaged file is told in the log of the program, and nothing is remembered then. wrong_version.
  Task<> load(ClusterId cluster);
  const bus::LogPosition& seen() const { return seen_; }
  // Since when its log epoch is followed (the master's time).
  std::int64_t epoch_since_ms() const { return epoch_since_ms_; }
  // refused, naming both positions and what to do.
  Result<> check(ServerId self, const bus::LogPosition& said) const;
  // Of what check() took. Returns when a new epoch is on the disk; what is less than that is written meanwhile, so that
  // heartbeats never wait for a slow disk. A disk that does not take it is told in the log of the program.
  // `now_ms`: the master's time.
  Task<> note(ClusterId cluster, bus::LogPosition said, std::int64_t now_ms = 0);
  // Until nothing is being written.
  Task<> idle() { return group_.idle(); }

 private:
  Task<> keep(ClusterId cluster, bus::LogPosition position);
  Task<> write(ClusterId cluster, bus::LogPosition position);

  Executor& executor_;
  Disk& disk_;

  // State.
  bus::LogPosition seen_;
  bus::LogPosition written_;
  std::int64_t epoch_since_ms_ = 0;
  std::optional<Instant> tried_;  // to write, last
  TaskGroup group_;               // one at a time
};

struct MasterSeen {
  bus::LogPosition position;
  std::int64_t epoch_since_ms = 0;
};
std::string encode_master_seen(ClusterId cluster, const MasterSeen& seen);
// corrupt, wrong_version; wrong_cluster: of another one.
Result<MasterSeen> decode_master_seen(const Bytes& bytes, ClusterId cluster);

}  // namespace gfs::chunkserver
