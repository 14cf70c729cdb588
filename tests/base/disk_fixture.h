// Two worlds with the same promises: a Disk over a real directory, and one over a simulated platter.
#pragma once

#include <memory>
#include <string>

#include "base/disk.h"
#include "base/executor.h"
#include "base/result.h"
#include "base/task.h"

namespace gfs {

class DiskWorld {
 public:
  virtual ~DiskWorld() = default;
  virtual Executor& executor() = 0;
  virtual Disk& disk() = 0;
  // Another process on the same files.
  virtual std::unique_ptr<Disk> second() = 0;
  // Runs until the task has its result.
  virtual Result<> run(Task<> task) = 0;
  // Ends the first disk with whatever is in flight, and gives a new one.
  virtual void reopen() = 0;
};

std::unique_ptr<DiskWorld> make_posix_world();
std::unique_ptr<DiskWorld> make_sim_world();

}  // namespace gfs
