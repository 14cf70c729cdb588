// TaskGroup: where tasks live that nobody awaits. all_of, with_deadline: several tasks, or a task and a clock.
//
// A group belongs to the object whose members its tasks use, and is declared last in it, so that it goes first:
// destroying the group cancels every task in it. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/task.h"

namespace gfs {

class TaskGroup {
 public:
  TaskGroup() = default;
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;
  ~TaskGroup() { cancel(); }

  // Starts the task (at once, or as soon as the running coroutine suspends). `done`, if given, is told its result;
  // without it an error is dropped: a task that must not fail silently says so itself. Gives a number for cancel().
  template <class T>
  std::uint64_t spawn(Task<T> task, std::type_identity_t<std::move_only_function<void(Result<T>)>> done = {}) {
    std::uint64_t id = ++last_id_;
    detail::Frame* frame = task.frame();
    typename Task<T>::promise_type* promise = task.promise();
    frame->on_finished = [this, id, promise, done = std::move(done)]() mutable {
      Result<T> result = std::move(*promise->result);
      tasks_.erase(id);  // destroys the frame, not this closure: the ready queue holds it
      if (tasks_.empty()) tell_idle();
      if (done) done(std::move(result));  // last: it may destroy the group
    };
    tasks_.emplace(id, std::make_unique<Owned<T>>(std::move(task)));
    detail::schedule(frame);
    return id;
  }

  // Destroys the task; its `done` is not called. Ids of finished tasks are ignored.
  void cancel(std::uint64_t id) {
    auto found = tasks_.find(id);
    if (found == tasks_.end()) return;
    std::unique_ptr<Any> task = std::move(found->second);
    tasks_.erase(found);
    if (tasks_.empty()) tell_idle();
  }
  void cancel() {
    std::map<std::uint64_t, std::unique_ptr<Any>> tasks = std::move(tasks_);
    tasks_.clear();
    tasks.clear();
    tell_idle();
  }

  std::size_t size() const { return tasks_.size(); }
  bool empty() const { return tasks_.empty(); }

  // Until no task is left. Any number of waiters.
  Task<> idle();

 private:
  struct Any {
    virtual ~Any() = default;
  };
  template <class T>
  struct Owned final : Any {
    explicit Owned(Task<T> t) : task(std::move(t)) {}
    Task<T> task;
  };

  void tell_idle();

  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, std::unique_ptr<Any>> tasks_;
  std::vector<Promise<void>> idle_waiters_;
};

// Runs all side by side; gives their results in the order given. Never fails itself.
template <class T>
Task<std::vector<Result<T>>> all_of(std::vector<Task<T>> tasks) {
  struct State {
    std::vector<Result<T>> results;
    std::size_t missing = 0;
    Promise<void> done;
  };
  if (tasks.empty()) co_return std::vector<Result<T>>{};
  State state;
  state.missing = tasks.size();
  for (std::size_t i = 0; i < tasks.size(); ++i) state.results.emplace_back(fail(Code::cancelled, "not finished"));
  Future<void> done = state.done.future();
  TaskGroup group;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    group.spawn(std::move(tasks[i]), [&state, i](Result<T> result) {
      state.results[i] = std::move(result);
      if (--state.missing == 0) state.done.set({});
    });
  }
  co_await std::move(done);
  co_return std::move(state.results);
}

// Code::deadline with `what` in its message if the task has no result by then; the task is cancelled.
template <class T>
Task<T> with_deadline(Executor& executor, Instant deadline, std::string what, Task<T> task) {
  Promise<T> promise;
  Future<T> future = promise.future();
  TaskGroup group;
  struct Timer {
    Executor& executor;
    TimerId id = 0;
    ~Timer() { executor.cancel(id); }
  };
  Timer timer{executor};
  timer.id = executor.at(deadline, [&promise, &what] { promise.set(fail(Code::deadline, "{}: no answer in time", what)); });
  group.spawn(std::move(task), [&promise](Result<T> result) { promise.set(std::move(result)); });
  Result<T> result = co_await std::move(future).outcome();
  if constexpr (std::is_void_v<T>) {
    co_await std::move(result);
  } else {
    co_return co_await std::move(result);
  }
}

// A counted resource (bytes of a window, slots of a pool) with a queue of waiters, first come, first served. One thread.
class Semaphore {
  struct State {
    std::uint64_t available = 0;
    std::uint64_t last_ticket = 0;
    std::map<std::uint64_t, std::pair<std::uint64_t, Promise<void>>> waiting;  // by ticket: amount, who
    void hand_out();
  };

 public:
  // What was taken; given back when destroyed, also after the semaphore itself is gone.
  class Held {
   public:
    Held() = default;
    Held(std::shared_ptr<State> state, std::uint64_t amount) : state_(std::move(state)), amount_(amount) {}
    Held(Held&& other) noexcept : state_(std::move(other.state_)), amount_(std::exchange(other.amount_, 0)) {}
    Held& operator=(Held&& other) noexcept {
      if (this != &other) {
        release();
        state_ = std::move(other.state_);
        amount_ = std::exchange(other.amount_, 0);
      }
      return *this;
    }
    ~Held() { release(); }
    void release();

   private:
    std::shared_ptr<State> state_;
    std::uint64_t amount_ = 0;
  };

  explicit Semaphore(std::uint64_t available) : state_(std::make_shared<State>()) { state_->available = available; }

  // Waits until `amount` is there. A waiter that is cancelled loses its place.
  Task<Held> take(std::uint64_t amount);
  std::uint64_t available() const { return state_->available; }
  std::size_t waiting() const { return state_->waiting.size(); }

 private:
  std::shared_ptr<State> state_;
};

}  // namespace gfs
