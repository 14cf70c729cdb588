#include "master/recent_log.h"

#include <utility>

#include "base/check.h"

namespace gfs::master {

namespace {

constexpr std::size_t kEntryCost = 64;  // besides its bytes

}  // namespace

RecentLog::Place::~Place() {
  log.executor_.cancel(timer);
  log.waiting_.erase(number);
}

void RecentLog::add(std::uint64_t index, std::string op) {
  CHECK(index == last_ + 1, "the log has no gaps");
  last_ = index;
  bytes_ += op.size() + kEntryCost;
  entries_.push_back(std::move(op));
  while (bytes_ > settings_.bytes_max && entries_.size() > 1) {
    bytes_ -= entries_.front().size() + kEntryCost;
    entries_.pop_front();
  }
  // Whoever is told may go on at once, and wait again.
  for (auto& [number, promise] : std::exchange(waiting_, {})) promise.set({});
}

const std::string& RecentLog::at(std::uint64_t index) const {
  CHECK(has(index), "only what is here is asked for");
  return entries_[entries_.size() - 1 - (last_ - index)];
}

Task<> RecentLog::wait(std::uint64_t after, Duration at_most) {
  if (last_ > after) co_return;
  const std::uint64_t number = ++last_place_;
  Future<void> told = waiting_[number].future();
  Place place{*this, number, 0};
  place.timer = executor_.after(at_most, [this, number] {
    if (auto own = waiting_.extract(number)) own.mapped().set({});
  });
  co_await std::move(told);
}

}  // namespace gfs::master
