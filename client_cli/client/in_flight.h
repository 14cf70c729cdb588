// InFlight: what was started and has not ended, and waiting for all that was started before now. One thread.
#pragma once

#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "base/task.h"

namespace gfs::client {

class InFlight {
 public:
  // Ends when it is destroyed, also by cancellation. Must not outlive the InFlight.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(InFlight* owner, std::uint64_t number) : owner_(owner), number_(number) {}
    Ticket(Ticket&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)), number_(other.number_) {}
    Ticket& operator=(Ticket&&) = delete;
    ~Ticket() {
      if (owner_ != nullptr) owner_->end(number_);
    }

   private:
    InFlight* owner_ = nullptr;
    std::uint64_t number_ = 0;
  };

  Ticket begin() {
    started_.insert(++last_);
    return {this, last_};
  }

  // Until everything begun before this call has ended.
  Task<> settled() {
    if (started_.empty()) co_return;
    Future<void> done = waiters_.emplace_back(last_, Promise<void>()).second.future();
    co_await std::move(done);
  }

 private:
  void end(std::uint64_t number) {
    started_.erase(number);
    std::uint64_t oldest = started_.empty() ? UINT64_MAX : *started_.begin();
    std::vector<std::pair<std::uint64_t, Promise<void>>> done;
    for (std::size_t i = 0; i < waiters_.size();) {
      if (waiters_[i].first >= oldest) {
        ++i;
        continue;
      }
      done.push_back(std::move(waiters_[i]));
      waiters_.erase(waiters_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    for (auto& [last, promise] : done) promise.set({});
  }

  std::uint64_t last_ = 0;
  std::set<std::uint64_t> started_;
  std::vector<std::pair<std::uint64_t, Promise<void>>> waiters_;  // the last one each waits for
};

}  // namespace gfs::client
