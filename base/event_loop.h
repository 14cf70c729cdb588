// EventLoop: the real Executor. epoll for file descriptors, a heap of timers, and one queue plus an eventfd through
// which other threads (disk workers) bring their results home.
//
// run() makes the calling thread the loop's thread until stop(). Sources that are not plain level-triggered descriptors
// (ZeroMQ's edge-triggered ZMQ_FD) add a hook that is asked before every sleep.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "base/executor.h"
#include "base/task_group.h"

namespace gfs {

class EventLoop final : public Executor {
 public:
  EventLoop();
  ~EventLoop() override;

  Instant now() const override;  // CLOCK_BOOTTIME
  WallMs wall_now() const override;
  void post(Callback callback) override;
  TimerId at(Instant when, Callback callback) override;
  void cancel(TimerId timer) override;
  void post_from_any_thread(Callback callback) override;

  // Runs until stop(); may be run again.
  void run();
  // From any thread, signal handlers included.
  void stop();

  // Calls back whenever the descriptor is readable (level-triggered, or edge-triggered if said so).
  using WatchId = std::uint64_t;
  WatchId watch(int descriptor, bool edge_triggered, std::function<void()> readable);
  void unwatch(WatchId watch);

  // Asked before every sleep, and again until it says false: "did you do something, or must you run again soon?"
  using HookId = std::uint64_t;
  HookId before_sleep(std::function<bool()> work);
  void remove_hook(HookId hook);

  // Longest time between two looks at the clock since the last call: how late everything else was.
  Duration take_longest_stall();

  // Spawns the task, runs the loop until it has a result; cancelled if somebody else stops the loop first. For tests
  // and main().
  template <class T>
  Result<T> run(Task<T> task);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

template <class T>
Result<T> EventLoop::run(Task<T> task) {
  std::optional<Result<T>> result;
  bool running = false;
  TaskGroup group;
  group.spawn(std::move(task), [this, &result, &running](Result<T> given) {
    result.emplace(std::move(given));
    if (running) stop();
  });
  running = true;
  if (!result) run();
  if (!result) return fail(Code::cancelled, "the loop was stopped before the task had a result");
  return std::move(*result);
}

}  // namespace gfs
