// DiskWorkers: a few threads that do what blocks (disk calls), and bring the results home to the executor.
//
//   loop thread                      workers                       loop thread
//   run(work) -> Future   queue -->  work() -> Result  --> batch -->  promise.set(result)
//
// Results are brought home in batches: one wake-up of the loop delivers everything finished until it runs.
//
// What was begun is finished: the destructor waits for the queue to be worked off, and results are still delivered
// afterwards. run() and the destructor are for the executor's thread; work runs on any worker and must own all it
// touches.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/executor.h"
#include "base/result.h"
#include "base/task.h"

namespace gfs {

class DiskWorkers {
 public:
  // `name` stands in errors. At most `queue_max` operations wait; beyond that run() gives overloaded.
  static Result<std::shared_ptr<DiskWorkers>> start(Executor& executor, std::string name, unsigned threads,
                                                    std::size_t queue_max);

  // Finishes what was begun and ends the threads; run() gives shutting_down from then on.
  void stop();
  bool stopping() {
    std::lock_guard guard(mutex_);
    return stopping_;
  }

  template <class T, class Work>
  Future<T> run(Work work) {
    auto job = std::make_unique<JobOf<T, Work>>(std::move(work));
    Future<T> future = job->promise.future();
    Result<> queued = enqueue(job);
    if (!queued) job->promise.set(fail(std::move(queued)));
    return future;
  }

 private:
  struct Job {
    virtual ~Job() = default;
    virtual void work() = 0;    // on a worker
    virtual void finish() = 0;  // on the executor's thread
  };
  template <class T, class Work>
  struct JobOf final : Job {
    explicit JobOf(Work w) : action(std::move(w)) {}
    void work() override {
      try {
        result.emplace((*action)());
      } catch (const std::bad_alloc&) {
        result.emplace(fail(Code::overloaded, "out of memory"));
      }
      action.reset();  // lets go of buffers and descriptors here rather than on the loop
    }
    void finish() override { promise.set(std::move(*result)); }
    std::optional<Work> action;
    std::optional<Result<T>> result;
    Promise<T> promise;
  };
  using Batch = std::vector<std::unique_ptr<Job>>;
  struct Delivery;

  DiskWorkers(Executor& executor, std::string name, std::size_t queue_max)
      : executor_(executor), name_(std::move(name)), queue_max_(queue_max) {}

  // Takes the job if it gives ok.
  template <class J>
  Result<> enqueue(std::unique_ptr<J>& job) {
    std::unique_lock guard(mutex_);
    if (stopping_) return fail(Code::shutting_down, "{} is being closed", name_);
    if (queue_.size() >= queue_max_) return fail(Code::overloaded, "{}: {} operations wait already", name_, queue_max_);
    queue_.push_back(std::move(job));
    bool wake = idle_ > 0;
    guard.unlock();
    if (wake) work_to_do_.notify_one();
    return {};
  }
  void live(const std::shared_ptr<DiskWorkers>& self);
  Batch take_finished();

  Executor& executor_;
  const std::string name_;
  const std::size_t queue_max_;
  std::vector<std::thread> threads_;

  std::mutex mutex_;  // all below
  std::condition_variable work_to_do_;
  std::deque<std::unique_ptr<Job>> queue_;
  unsigned idle_ = 0;
  bool stopping_ = false;
  Batch finished_;
  bool delivery_posted_ = false;
};

}  // namespace gfs
