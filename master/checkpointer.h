// Checkpointer: when a checkpoint is written, what goes once it is there, and how the state comes back from it.
//
// recover(): the newest checkpoint that can be read, and the log behind it. One that is damaged is passed over, with an
// error in the log of the program; the one before it and a longer piece of log give the same state. Nothing is guessed:
// if neither reaches back far enough the master does not start.
//
// Written when the log has grown by so much since the last one, and when somebody asks. Two are kept: the new one and
// the one before it, which was verified when it was written or has just been loaded. Of the log everything stays that
// the older of the two needs: if the newer one rots, the older one and the log give the same state.
//
// A checkpoint that fails changes nothing: the log stays, and it is tried again a minute later.
//
// Owned by Master; lives on its loop.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/executor.h"
#include "base/task_group.h"
#include "master/checkpoint_store.h"
#include "master/log_store.h"
#include "master/state.h"

namespace gfs::master {

class Checkpointer {
 public:
  struct Settings {
    std::uint64_t after_bytes = 256ull << 20;  // of the log
  };
  struct Written {
    std::uint64_t index = 0;
    std::uint64_t bytes = 0;
    Duration took{};
  };

  Checkpointer(Executor& executor, CheckpointStore& store, LogStore& log, MasterState& state, Settings settings)
      : executor_(executor), store_(store), log_(log), state_(state), settings_(settings) {}

  // Opens checkpoints and log. Once, before anything else. What LogStore::open and CheckpointStore::load say.
  Task<> recover(ClusterId cluster, std::uint64_t epoch, std::string mutant = {});

  // Once a second.
  void tick();
  // One that holds everything applied by now; those who ask while one is written share the next. no_space, io_error,
  // overloaded.
  Task<Written> now();
  // Gives up what is being written, and waits until the disk has done what it was told.
  Task<> stop();
  // Until none is being written.
  Task<> idle() { return group_.idle(); }

  const Written& last() const { return last_; }  // index 0: none that is known
  std::uint64_t failures() const { return failures_; }
  bool running() const { return running_; }

 private:
  void begin();
  Task<> run();
  Task<Written> write();
  // The index of the one that is in the state then; 0: none.
  Task<std::uint64_t> load_newest(std::vector<std::uint64_t> indices, std::string mutant, std::string* broken);
  Task<> clear_away(std::uint64_t index);

  // Set once.
  Executor& executor_;
  CheckpointStore& store_;
  LogStore& log_;
  MasterState& state_;  // changed by recover() only
  const Settings settings_;
  ClusterId cluster_;
  std::uint64_t epoch_ = 0;

  // State.
  Written last_;
  std::vector<std::uint64_t> others_;  // files that go when the next one is there
  std::uint64_t bytes_at_last_ = 0;    // of the log
  Instant not_before_{};
  std::uint64_t failures_ = 0;
  bool running_ = false;
  std::vector<Promise<Written>> asked_;  // of the next one
  TaskGroup group_;
};

}  // namespace gfs::master
