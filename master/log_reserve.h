// LogReserve: a file that keeps space free for the log. On a full disk it goes: then what frees space (removing,
// emptying the trash) can still be logged, and nothing else is. When there is room for it twice it comes back.
//
//   DATA/reserve   zeros
//
// Owned by Master; one call at a time; lives on its loop.
#pragma once

#include <cstdint>

#include "base/disk.h"
#include "base/task.h"

namespace gfs::master {

class LogReserve {
 public:
  // 0: none is kept, and nothing is ever spent.
  LogReserve(Disk& disk, std::uint64_t size) : disk_(disk), size_(size) {}

  // Makes it if it is not there and there is room for it; else it counts as spent. io_error and the like, not no_space.
  Task<> open();
  // Its space is free for the log. False: it was so before, or there is none.
  Task<bool> spend();
  // Makes it again if there is room for it twice.
  Task<> restore();
  bool spent() const { return spent_; }

 private:
  Task<> make();

  Disk& disk_;
  const std::uint64_t size_;
  bool spent_ = false;
};

}  // namespace gfs::master
