// SimExecutor: virtual time. Runs timers and posted callbacks in the order of (time, sequence), nothing else, so a seed
// replays the same story. A whole simulated cluster shares one; idle time costs nothing.
//
// NodeExecutor: one node's view of it, with the node's own clocks and its mortality. Callbacks of a killed node never
// run; those of a node that stands still (SIGSTOP, a paused virtual machine) run when it goes on, late.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "base/executor.h"
#include "base/task_group.h"

namespace gfs {

class SimExecutor final : public Executor {
 public:
  SimExecutor() = default;

  Instant now() const override { return now_; }
  WallMs wall_now() const override;  // starts at 2026-01-01T00:00:00Z
  void post(Callback callback) override;
  TimerId at(Instant when, Callback callback) override;
  void cancel(TimerId timer) override;
  void post_from_any_thread(Callback callback) override { post(std::move(callback)); }

  // Runs the next callback; false if there is none.
  bool step();
  // Runs everything due up to then, and moves the clock there.
  void run_until(Instant when);
  void run_for(Duration duration) { run_until(now_ + duration); }
  // Runs until `done` says so; false if nothing is left to run or `limit` of virtual time passes first.
  bool run_until(const std::function<bool()>& done, Duration limit);

  // Spawns the task and runs until it has a result. For tests.
  template <class T>
  Result<T> run(Task<T> task, Duration limit = std::chrono::hours(1));

  std::uint64_t steps() const { return steps_; }

 private:
  friend class NodeExecutor;

  void put(TimerId id, Instant when, Callback callback);

  Instant now_{};
  std::uint64_t last_sequence_ = 0;
  std::uint64_t steps_ = 0;
  std::map<std::pair<Instant, std::uint64_t>, Callback> queue_;
  std::map<TimerId, Instant> timers_;
};

template <class T>
Result<T> SimExecutor::run(Task<T> task, Duration limit) {
  std::optional<Result<T>> result;
  TaskGroup group;
  group.spawn(std::move(task), [&result](Result<T> got) { result.emplace(std::move(got)); });
  if (!run_until([&result] { return result.has_value(); }, limit)) {
    return fail(Code::deadline, "the task has no result after {} s of virtual time", to_seconds(limit));
  }
  return std::move(*result);
}

class NodeExecutor final : public Executor {
 public:
  // `up`: what its clock shows at world time 0 (each machine was started at another time, so instants of one mean
  // nothing to another).
  explicit NodeExecutor(SimExecutor& world, Duration up = Duration::zero())
      : world_(world), up_(up), rate_since_node_(Instant{} + up), alive_(std::make_shared<bool>(true)) {}
  ~NodeExecutor() override;

  Instant now() const override;
  WallMs wall_now() const override;
  void post(Callback callback) override;
  TimerId at(Instant when, Callback callback) override;
  void cancel(TimerId timer) override;
  void post_from_any_thread(Callback callback) override { post(std::move(callback)); }

  // The node's clock runs `rate` times as fast as the world's from now on (1.0 at first).
  void set_rate(double rate);
  // Somebody sets the wall clock forward or back. Instants do not notice.
  void step_wall(Duration by) { wall_step_ += by; }

  // Nothing of the node runs until resume(); its clocks go on. What came due meanwhile runs then, in its order.
  void pause() { paused_ = true; }
  void resume();
  bool paused() const { return paused_; }

 private:
  struct Held {
    TimerId id = 0;  // 0: posted
    Callback callback;
  };

  void set_timer(TimerId id, Instant when, Callback callback);
  // Now, or when the node goes on.
  void run(TimerId id, Callback callback);

  SimExecutor& world_;
  const Duration up_;
  double rate_ = 1.0;
  Instant rate_since_world_{};
  Instant rate_since_node_{};
  Duration wall_step_{};
  bool paused_ = false;
  std::deque<Held> held_;
  std::shared_ptr<bool> alive_;
};

}  // namespace gfs
