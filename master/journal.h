// Journal: commit(op) = into the log, durable, then applied, then answered, in this order and in the order of the log.
//
// All ops of one turn of the loop share one write and one fdatasync; while a sync is in flight the next batch collects.
// Only applied state is ever read, so nothing is visible before it is durable.
//
// A full disk fails the ops of a batch with no_space and applies nothing; with a reserve, what frees space is done from
// it, and nothing else until it is kept again. Any other error of the log ends the process
// (`fatal`), without an answer to anybody who waits: a sync that failed is never tried again.
//
// Owned by Master; lives on its loop.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/task_group.h"
#include "master/log_reserve.h"
#include "master/log_store.h"
#include "master/recent_log.h"
#include "master/state.h"

namespace gfs::master {

class Journal {
 public:
  static constexpr std::size_t kWaitingMax = 65536;
  static constexpr std::size_t kBatchBytesMax = 4 << 20;

  Journal(Executor& executor, LogStore& log, MasterState& state, std::function<void(Error)> fatal);

  // What apply() decided; its error if it said no. A refusal of a request with an id is logged too: a copy of it that
  // comes later must not do what the first was refused. overloaded, too_large, no_space. A waiter that goes away does
  // not take its op back. `digest` is of what was asked, where the op holds a decision of ours besides. `index` is told
  // the entry that decided, a refusal too; of a repeat, the first one's.
  Task<Decision> commit(OpBody body, RequestId request = {}, std::uint32_t digest = 0,
                        std::shared_ptr<std::uint64_t> index = {});

  // What to live on when the disk is full. Before the first commit; outlives this.
  void live_on(LogReserve& reserve) { reserve_ = &reserve; }
  // Changes are taken only while this says that they may be.
  void guard(std::function<Result<>()> guard) { guard_ = std::move(guard); }

  // The master's time: the wall clock's, but never less than that of any change before.
  WallMs now() { return given_ = std::max({executor_.wall_now(), state_.last_time(), given_}); }

  // What is applied from now on is kept there too.
  void keep_in(RecentLog& recent) { recent_ = &recent; }

  // Once a second: when no batch came since the last one, a mark behind the last batch says that it was durable, so
  // that rot in it is found after a kill too.
  void tick();

  // Until nothing waits. After it no op is taken. io_error: the log was lost, now or before.
  Task<> close();

  std::uint64_t batches() const { return batches_; }

 private:
  struct Waiting {
    Op op;
    std::string text;
    std::shared_ptr<std::uint64_t> index;
    Promise<Decision> promise;
  };

  Task<> write_batches();
  Task<> write_batch(std::vector<Waiting>& batch);
  Task<> restore_reserve();
  Task<> write_mark();
  void lose(Error error);
  std::vector<Waiting> take_batch();

  // Set once.
  Executor& executor_;
  LogStore& log_;
  MasterState& state_;
  std::function<void(Error)> fatal_;
  std::function<Result<>()> guard_;
  LogReserve* reserve_ = nullptr;
  RecentLog* recent_ = nullptr;

  // State.
  std::vector<Waiting> waiting_;
  std::vector<Waiting> lost_;  // of a batch whose fate is unknown: never answered
  bool writing_ = false;
  bool restoring_ = false;
  bool closed_ = false;
  bool failed_ = false;
  WallMs given_ = 0;  // the latest time that was told
  std::uint64_t batches_ = 0;
  std::uint64_t seen_ = 0;    // at the last tick
  std::uint64_t marked_ = 0;  // as of the last mark
  TaskGroup group_;
};

}  // namespace gfs::master
