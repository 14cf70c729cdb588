// Executor: the one thread a node lives on, and its clock.
//
// Everything a node decides happens in callbacks and coroutines that its executor runs, one at a time: no mutexes
// around decisions. Real: EventLoop (base/event_loop.h). Simulated: SimExecutor (base/sim_executor.h), where a whole
// cluster shares one thread and virtual time.
//
// All methods are for the executor's own thread, except post_from_any_thread.
#pragma once

#include <cstdint>
#include <functional>

#include "base/task.h"
#include "base/time.h"

namespace gfs {

using Callback = std::move_only_function<void()>;

// Names a timer; 0 is never one.
using TimerId = std::uint64_t;

class Executor {
 public:
  virtual ~Executor() = default;

  virtual Instant now() const = 0;
  virtual WallMs wall_now() const = 0;

  // Runs the callback soon, after the ones posted before it, never inside this call.
  virtual void post(Callback callback) = 0;
  // Runs the callback once `when` has come. Timers due at one instant run in the order they were set.
  virtual TimerId at(Instant when, Callback callback) = 0;
  // A timer that ran or was cancelled before is ignored.
  virtual void cancel(TimerId timer) = 0;
  // As post, from any thread (workers bring their results home with it). Callable until the executor is destroyed.
  virtual void post_from_any_thread(Callback callback) = 0;

  TimerId after(Duration delay, Callback callback) { return at(now() + delay, std::move(callback)); }

  // co_await executor.sleep(1s). Destroying the waiting task cancels the timer's effect.
  Future<void> sleep(Duration delay) { return sleep_until(now() + delay); }
  Future<void> sleep_until(Instant when) {
    Promise<void> promise;
    Future<void> future = promise.future();
    at(when, [promise = std::move(promise)]() mutable { promise.set({}); });
    return future;
  }
};

}  // namespace gfs
