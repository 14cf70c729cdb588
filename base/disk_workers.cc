#include "base/disk_workers.h"

#include <pthread.h>
#include <signal.h>

#include <system_error>

namespace gfs {

// Carries finished jobs home. If the executor goes away without running it, they are dropped with it.
struct DiskWorkers::Delivery {
  std::shared_ptr<DiskWorkers> workers;
  explicit Delivery(std::shared_ptr<DiskWorkers> w) : workers(std::move(w)) {}
  Delivery(const Delivery&) = delete;
  Delivery& operator=(const Delivery&) = delete;
  ~Delivery() {
    if (workers) workers->take_finished();
  }
  void run() {
    // What finishes from here on has a delivery of its own.
    Batch batch = std::exchange(workers, nullptr)->take_finished();
    for (std::unique_ptr<Job>& job : batch) job->finish();
  }
};

Result<std::shared_ptr<DiskWorkers>> DiskWorkers::start(Executor& executor, std::string name, unsigned threads,
                                                        std::size_t queue_max) {
  std::shared_ptr<DiskWorkers> workers(new DiskWorkers(executor, std::move(name), queue_max));
  // Signals are for the main thread.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::string why;
  try {
    for (unsigned i = 0; i < threads; ++i) {
      workers->threads_.emplace_back([workers] {
        pthread_setname_np(pthread_self(), "gfs-disk");
        workers->live(workers);
      });
    }
  } catch (const std::system_error& error) {
    why = error.what();
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (!why.empty()) {
    workers->stop();
    return fail(Code::overloaded, "{}: cannot start {} threads: {}", workers->name_, threads, why);
  }
  return workers;
}

void DiskWorkers::stop() {
  {
    std::lock_guard guard(mutex_);
    stopping_ = true;
  }
  work_to_do_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void DiskWorkers::live(const std::shared_ptr<DiskWorkers>& self) {
  std::unique_lock guard(mutex_);
  while (true) {
    while (queue_.empty() && !stopping_) {
      ++idle_;
      work_to_do_.wait(guard);
      --idle_;
    }
    if (queue_.empty()) return;
    std::unique_ptr<Job> job = std::move(queue_.front());
    queue_.pop_front();
    guard.unlock();
    job->work();
    guard.lock();
    finished_.push_back(std::move(job));
    if (delivery_posted_) continue;
    delivery_posted_ = true;
    guard.unlock();
    executor_.post_from_any_thread([delivery = std::make_unique<Delivery>(self)] { delivery->run(); });
    guard.lock();
  }
}

DiskWorkers::Batch DiskWorkers::take_finished() {
  std::lock_guard guard(mutex_);
  delivery_posted_ = false;
  return std::exchange(finished_, {});
}

}  // namespace gfs
