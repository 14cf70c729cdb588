// SimExecutor: virtual time. Runs timers and posted callbacks in the order of (time, sequence), nothing else, so a seed
// replays the same story. A whole simulated cluster shares one; idle time costs nothing.
//
// NodeExecutor: one node's view of it, with the node's own clock (its rate may drift) and its mortality:
// callbacks of a killed node never run.
#pragma once

#include <cstdint>
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
  explicit NodeExecutor(SimExecutor& world) : world_(world), alive_(std::make_shared<bool>(true)) {}
  ~NodeExecutor() override { *alive_ = false; }

  Instant now() const override;
  WallMs wall_now() const override;
  void post(Callback callback) override;
  TimerId at(Instant when, Callback callback) override;
  void cancel(TimerId timer) override { world_.cancel(timer); }
  void post_from_any_thread(Callback callback) override { post(std::move(callback)); }

  // The node's clock runs `rate` times as fast as the world's from now on (1.0 at first).
  void set_rate(double rate);

 private:
  void set_timer(TimerId id, Instant when, Callback callback);

  SimExecutor& world_;
  std::shared_ptr<bool> alive_;
  double rate_ = 1.0;
  Instant rate_since_world_{};
  Instant rate_since_node_{};
};

}  // namespace gfs
