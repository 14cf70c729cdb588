// A log that is cut behind an index, by somebody who gives up what follows: the last resort where rot in the middle
// keeps a master from starting, and no copy is left.
//
// Nothing is deleted: what does not stay is moved to DATA/lost/epoch-N. A new log epoch begins, so that the lost part
// is never met again under the same names, and chunkservers follow the shortened log.
//
// The new epoch is written first, then checkpoints and segments are moved, the last first, then the segment with the
// index is shortened. A crash leaves a directory that a master refuses, or one that it goes on with in the new epoch;
// doing it again finishes it. The caller holds the directory's lock.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/disk.h"
#include "base/random.h"
#include "master/identity.h"

namespace gfs::master {

struct LogCut {
  std::uint64_t at = 0;                                  // the last index that stays
  Identity identity;                                     // as it will be
  std::uint64_t files = 0, directories = 0, chunks = 0;  // in the state that is left
  std::vector<std::string> checkpoints;                  // behind the index: they go, newest first
  std::vector<std::string> segments;  // with nothing but what is behind the index: they go, last first
  std::string shortened;              // the segment that ends with the index then; empty: none has to
  std::uint64_t shortened_to = 0;     // bytes
  bool begins = false;                // no segment stays: one is made
  std::string aside;                  // where what goes is moved to
};

// Changes nothing. not_formatted, wrong_version; corrupt: what is in front of the index cannot be read either, with the
// index; invalid_argument: nothing is behind it; refused: no log epoch is left.
Task<LogCut> plan_log_cut(Disk& disk, std::uint64_t at);
Task<> cut_log(Disk& disk, Random& random, LogCut cut);

}  // namespace gfs::master
