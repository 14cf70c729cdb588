// Task<T>: a Result<T> that arrives later. Future<T>/Promise<T>: the single seam between coroutines and callbacks.
//
//   Task<Written> write(WriteChunk ask) {
//     Bytes data = co_await staging_.take(ask.data);     // the value, or this task ends with the same error
//     co_await check(ask);                               // a plain Result works too
//     if (data.empty()) co_await fail(Code::malformed, "write of nothing");
//     Result<Applied> done = co_await apply(ask).outcome();   // where the failure itself is interesting
//     co_return Written{...};
//   }
//
// Rules
// * A task is lazy: it runs when awaited, or when a TaskGroup (base/task_group.h) spawns it.
// * Errors end the awaiting task without exceptions: its frame stays suspended where it was and is destroyed by its
//   owner, so locals are destroyed then, in the usual order.
// * Destroying a task cancels it: whatever it waits for is forgotten. A task must never destroy the task that runs it.
// * The stack is bounded by how deep awaits nest in the source, never by how long a loop runs, at -O0 and under
//   sanitizers too: a child that finishes at once lets its parent go on without suspending (await_suspend returns
//   bool), and everything resumed later goes through one queue per thread instead of being resumed in place.
// * One thread: a task, its futures and its promises belong to the thread of their executor.
// * Parameters of coroutines are values (the caller's temporaries may be gone); name lambdas and messages on their own
//   line before awaiting.
#pragma once

#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/check.h"
#include "base/result.h"

namespace gfs {

template <class T = void>
class [[nodiscard]] Task;

namespace detail {

// What the machinery knows of one coroutine.
class Frame {
 public:
  Frame() = default;
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;

  virtual void fail_with(Error error) = 0;
  virtual bool failed() const = 0;
  virtual Error take_error() = 0;

  std::coroutine_handle<> handle;
  Frame* waiter = nullptr;    // the frame that awaits this one, once it is suspended for it (armed)
  bool armed = false;         // the waiter is suspended and wants to be told
  bool propagates = false;    // an error of this frame ends the waiter too
  bool finished = false;
  bool queued = false;        // stands in the thread's ready queue
  std::move_only_function<void()> on_finished;  // of a root (TaskGroup); runs from the ready queue

 protected:
  ~Frame() = default;
};

// Lets the frame run (or its on_finished, if it has finished) once nothing else of this thread's coroutines runs.
void schedule(Frame* frame);
// Takes a frame that is about to be destroyed out of the ready queue.
void forget(Frame* frame);
// The frame has its result: tells whoever waits.
void finish(Frame* frame);

struct FinalAwaiter {
  bool await_ready() const noexcept { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> handle) const noexcept {
    finish(&handle.promise());
  }
  void await_resume() const noexcept {}
};

template <class T>
class TaskPromise;

template <class T>
struct ResultAwaiter {
  Result<T> result;
  bool await_ready() const noexcept { return result.has_value(); }
  template <class P>
  void await_suspend(std::coroutine_handle<P> handle) {
    Frame* frame = &handle.promise();
    frame->fail_with(std::move(result).error());
    finish(frame);
  }
  T await_resume() {
    if constexpr (!std::is_void_v<T>) return std::move(*result);
  }
};

template <class T>
concept Passable = !std::is_lvalue_reference_v<T>;

template <class T>
class PromiseBase : public Frame {
 public:
  void fail_with(Error error) override { result = std::unexpected<Error>(std::move(error)); }
  bool failed() const override { return result.has_value() && !result->has_value(); }
  Error take_error() override { return std::move(*result).error(); }

  std::suspend_always initial_suspend() noexcept { return {}; }
  FinalAwaiter final_suspend() noexcept { return {}; }
  void unhandled_exception() noexcept { std::terminate(); }

  template <class U>
  ResultAwaiter<U> await_transform(Result<U> awaited) {
    return {std::move(awaited)};
  }
  ResultAwaiter<void> await_transform(std::unexpected<Error> error) { return {Result<void>(std::move(error))}; }
  template <Passable A>
    requires requires(A& a) { a.await_ready(); }
  A&& await_transform(A&& awaiter) {
    return std::move(awaiter);
  }
  template <Passable A>
    requires requires(A& a) { std::move(a).wait(); }
  auto await_transform(A&& awaited) {
    return std::move(awaited).wait();
  }

  std::optional<Result<T>> result;

 protected:
  ~PromiseBase() = default;
};

template <class T>
class TaskPromise final : public PromiseBase<T> {
 public:
  Task<T> get_return_object();
  template <class U>
    requires std::is_convertible_v<U&&, Result<T>>
  void return_value(U&& value) {
    this->result.emplace(std::forward<U>(value));
  }
};

template <>
class TaskPromise<void> final : public PromiseBase<void> {
 public:
  Task<void> get_return_object();
  void return_void() { result.emplace(); }
};

// Starts the child inside the parent's co_await; suspends the parent only if the child does not finish at once.
template <class T, bool kPropagates>
struct TaskAwaiter {
  Task<T> task;

  bool await_ready() const noexcept { return false; }
  template <class P>
  bool await_suspend(std::coroutine_handle<P> handle) {
    Frame* parent = &handle.promise();
    Frame* child = task.frame();
    child->waiter = parent;
    child->propagates = kPropagates;
    child->handle.resume();
    if (!child->finished) {
      child->armed = true;
      return true;
    }
    if (kPropagates && child->failed()) {
      parent->fail_with(child->take_error());
      finish(parent);
      return true;
    }
    return false;
  }
  auto await_resume() {
    Result<T> result = std::move(*task.promise()->result);
    if constexpr (!kPropagates) {
      return result;
    } else if constexpr (!std::is_void_v<T>) {
      return T(std::move(*result));
    }
  }
};

}  // namespace detail

template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::TaskPromise<T>;

  Task() = default;
  explicit Task(promise_type* promise) : promise_(promise) {}
  Task(Task&& other) noexcept : promise_(std::exchange(other.promise_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      reset();
      promise_ = std::exchange(other.promise_, nullptr);
    }
    return *this;
  }
  ~Task() { reset(); }

  bool valid() const { return promise_ != nullptr; }
  bool finished() const { return promise_ != nullptr && promise_->finished; }

  // co_await task().outcome() gives the Result<T> itself.
  detail::TaskAwaiter<T, false> outcome() && { return {std::move(*this)}; }

  // For the machinery (TaskGroup, awaiters).
  detail::TaskAwaiter<T, true> wait() && { return {std::move(*this)}; }
  detail::Frame* frame() const { return promise_; }
  promise_type* promise() const { return promise_; }
  // Cancels: destroys the coroutine where it is suspended.
  void reset() {
    if (promise_ == nullptr) return;
    promise_type* promise = std::exchange(promise_, nullptr);
    if (promise->queued) detail::forget(promise);
    std::coroutine_handle<promise_type>::from_promise(*promise).destroy();
  }

 private:
  promise_type* promise_ = nullptr;
};

namespace detail {

template <class T>
Task<T> TaskPromise<T>::get_return_object() {
  this->handle = std::coroutine_handle<TaskPromise<T>>::from_promise(*this);
  return Task<T>(this);
}

inline Task<void> TaskPromise<void>::get_return_object() {
  this->handle = std::coroutine_handle<TaskPromise<void>>::from_promise(*this);
  return Task<void>(this);
}

template <class T>
struct FutureState {
  std::optional<Result<T>> result;
  Frame* waiter = nullptr;
  bool propagates = false;
};

}  // namespace detail

// The receiving end: awaited at most once. Destroying it (or the task that awaits it) forgets the result.
template <class T>
class [[nodiscard]] Future {
 public:
  explicit Future(std::shared_ptr<detail::FutureState<T>> state) : state_(std::move(state)) {}

  bool ready() const { return state_->result.has_value(); }

  template <bool kPropagates>
  struct Awaiter {
    std::shared_ptr<detail::FutureState<T>> state;
    explicit Awaiter(std::shared_ptr<detail::FutureState<T>> s) : state(std::move(s)) {}
    Awaiter(Awaiter&&) noexcept = default;
    ~Awaiter() {
      if (state) state->waiter = nullptr;
    }
    bool await_ready() const noexcept { return state->result.has_value() && (!kPropagates || state->result->has_value()); }
    template <class P>
    void await_suspend(std::coroutine_handle<P> handle) {
      detail::Frame* frame = &handle.promise();
      if (state->result.has_value()) {  // only a failure that ends the waiter comes here
        frame->fail_with(std::move(*state->result).error());
        detail::finish(frame);
        return;
      }
      CHECK(state->waiter == nullptr, "a future is awaited once");
      state->waiter = frame;
      state->propagates = kPropagates;
    }
    auto await_resume() {
      if constexpr (!kPropagates) {
        return Result<T>(std::move(*state->result));
      } else if constexpr (!std::is_void_v<T>) {
        return T(std::move(**state->result));
      }
    }
  };

  Awaiter<false> outcome() && { return Awaiter<false>(std::move(state_)); }
  Awaiter<true> wait() && { return Awaiter<true>(std::move(state_)); }

 private:
  std::shared_ptr<detail::FutureState<T>> state_;
};

// The giving end. The first set() counts, later ones are ignored; a promise dropped unset gives Code::cancelled.
template <class T>
class Promise {
 public:
  Promise() : state_(std::make_shared<detail::FutureState<T>>()) {}
  Promise(Promise&&) noexcept = default;
  Promise& operator=(Promise&& other) noexcept {
    if (this != &other) {
      drop();
      state_ = std::move(other.state_);
    }
    return *this;
  }
  ~Promise() { drop(); }

  // Once.
  Future<T> future() { return Future<T>(state_); }

  void set(Result<T> result) {
    if (!state_ || state_->result.has_value()) return;
    state_->result.emplace(std::move(result));
    detail::Frame* waiter = std::exchange(state_->waiter, nullptr);
    if (waiter == nullptr) return;
    if (state_->propagates && !state_->result->has_value()) {
      waiter->fail_with(std::move(*state_->result).error());
      detail::finish(waiter);
    } else {
      detail::schedule(waiter);
    }
  }

  bool is_set() const { return !state_ || state_->result.has_value(); }

 private:
  void drop() {
    if (state_ && !state_->result.has_value()) set(fail(Code::cancelled, "given up by whoever would have answered"));
  }

  std::shared_ptr<detail::FutureState<T>> state_;
};

}  // namespace gfs
