// Blocking: the client library for programs without an executor. Owns a thread with an EventLoop, a ZmqBus and a
// Filesystem; run() takes a coroutine there and waits for its result here.
//
//   client::Blocking gfs({.master = "tcp://127.0.0.1:7500"});
//   Result<FileInfo> info = gfs.run<FileInfo>([](client::Filesystem& fs) { return fs.stat("/readme"); });
//
// run() may be called from any thread but the loop's own, several at once. What still runs when the Blocking is
// destroyed ends with cancelled. Files are let go of before, or inside run().
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "base/executor.h"
#include "base/task.h"
#include "base/task_group.h"
#include "client_cli/client/filesystem.h"

namespace gfs::client {

class Blocking {
 public:
  explicit Blocking(Settings settings);
  ~Blocking();  // cancels what runs

  template <class T>
  Result<T> run(std::function<Task<T>(Filesystem&)> work) {
    struct Slot {
      std::mutex mutex;
      std::condition_variable changed;
      std::optional<Result<T>> result;
    };
    // Answers in any case: work that is dropped, because the Blocking goes, was cancelled.
    struct Answer {
      std::shared_ptr<Slot> slot;
      explicit Answer(std::shared_ptr<Slot> s) : slot(std::move(s)) {}
      Answer(Answer&&) noexcept = default;
      ~Answer() {
        if (slot) give(fail(Code::cancelled, "the client was closed"));
      }
      void give(Result<T> result) {
        std::shared_ptr<Slot> to = std::move(slot);
        std::lock_guard lock(to->mutex);
        to->result.emplace(std::move(result));
        to->changed.notify_one();
      }
    };
    auto slot = std::make_shared<Slot>();
    post([this, answer = Answer(slot), work = std::move(work)]() mutable {
      spawn<T>(std::move(work),
               [answer = std::move(answer)](Result<T> result) mutable { answer.give(std::move(result)); });
    });
    std::unique_lock lock(slot->mutex);
    slot->changed.wait(lock, [&] { return slot->result.has_value(); });
    return std::move(*slot->result);
  }

  Filesystem& filesystem();
  Executor& executor();

 private:
  struct Parts;

  // From any thread.
  void post(Callback callback);
  TaskGroup& group();
  // The closure must outlive its coroutine: `holder` keeps it in the task's own frame.
  template <class T>
  static Task<T> holder(std::function<Task<T>(Filesystem&)> work, Filesystem& filesystem) {
    Result<T> result = co_await work(filesystem).outcome();
    if constexpr (std::is_void_v<T>) {
      co_await std::move(result);
    } else {
      co_return co_await std::move(result);
    }
  }
  template <class T>
  void spawn(std::function<Task<T>(Filesystem&)> work, std::move_only_function<void(Result<T>)> done) {
    group().template spawn<T>(holder<T>(std::move(work), filesystem()), std::move(done));
  }

  std::unique_ptr<Parts> parts_;
};

}  // namespace gfs::client
