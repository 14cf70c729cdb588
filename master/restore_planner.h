// What to make of chunks of an older log epoch. Decides, does nothing.
//
// After a new epoch began (master/epoch.h) servers may hold chunks at newer versions than the table says: the copy that
// was restored did not know of the changes after it, and the log that was cut lost them. Nothing was forgotten by those
// who hold the newest version: all that was ever acknowledged is there. They become the members, at a version of this
// epoch, which is above all that was ever given.
//
//   keep     nobody holds a newer version than the table has: the table is right (or nobody holds anything: it is lost)
//   restore  somebody does: the holders of the newest become the members. So, too, where the table does not know if its
//            version was ever active: it may have been, and may have been written in
//   wait     who holds what is not known yet
//
// * Every change from a version that was active begins at one of its members, who holds the new one before anybody
//   writes in it. So where all members of such a one hold the chunk, and none of them a newer version, there is none.
// * Else everybody is asked: all servers that the state knows have reported, and others had `join_time` to come (the
//   copy may not know of them). Some may be missing only when 95 % have reported and 60 s are over, or after
//   `wait_max`: a single server may be all that is left of a version that the table does not know.
//
// Nothing of it is remembered: what is of this epoch shows in the versions.
// Owned by LayoutService; pure: `now` is an argument.
#pragma once

#include <optional>
#include <string>

#include "master/op.h"
#include "master/server_table.h"
#include "master/state.h"

namespace gfs::master {

class RestorePlanner {
 public:
  struct Settings {
    Duration join_time = 10s;
    Duration most_time = 60s;
    Duration wait_max = 10min;
  };
  struct Finding {
    enum class What : std::uint8_t { keep, restore, wait };
    What what = What::keep;
    Version newest;                 // held by anybody
    std::vector<ServerId> holders;  // of it
  };

  RestorePlanner(const MasterState& state, const ServerTable& servers, Settings settings)
      : state_(state), servers_(servers), settings_(settings) {}

  // Once, when the master begins to serve.
  void start(Instant now) { started_ = now; }
  // Servers may hold what the table does not know of: nothing may be changed before it was settled by an op of this
  // epoch, nor read before it was found that the table is right.
  bool is_old(ChunkHandle handle, const Chunk& chunk) const;
  // It was settled, and has not been active since.
  bool is_coming(ChunkHandle handle, const Chunk& chunk) const;
  Finding find(ChunkHandle handle, const Chunk& chunk, Instant now) const;
  // Of one that is old, and not to wait for.
  RestoreChunkOp settle(ChunkHandle handle, const Chunk& chunk, const Finding& finding, Instant now) const;

 private:
  // Of those who may hold a newer version of a chunk.
  bool enough_are_in(Instant now) const;

  // Set once.
  const MasterState& state_;
  const ServerTable& servers_;
  const Settings settings_;
  Instant started_{};
};

}  // namespace gfs::master
