// Deadlines: many deadlines, one timer. Most are removed long before they pass, so setting and removing one costs an
// ordered map's step and touches the executor only when a new one is the earliest.
//
// Owned by whoever is told; lives on its executor's thread. Destroying it forgets them all.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>

#include "base/executor.h"

namespace gfs::bus {

class Deadlines {
 public:
  // Names one of them.
  struct Mark {
    Instant when;
    std::uint64_t number = 0;
    auto operator<=>(const Mark&) const = default;
  };

  Deadlines(Executor& executor, std::function<void(std::uint64_t id)> passed)
      : executor_(executor), passed_(std::move(passed)) {}
  Deadlines(const Deadlines&) = delete;
  Deadlines& operator=(const Deadlines&) = delete;
  ~Deadlines() { clear(); }

  Mark set(Instant when, std::uint64_t id) {
    Mark mark{when, ++last_number_};
    marks_.emplace(mark, id);
    arm();
    return mark;
  }
  // What it is about, if that is known later than the mark. Ignored if the mark was removed.
  void rename(const Mark& mark, std::uint64_t id) {
    auto found = marks_.find(mark);
    if (found != marks_.end()) found->second = id;
  }
  void remove(const Mark& mark) { marks_.erase(mark); }
  void clear() {
    marks_.clear();
    executor_.cancel(timer_);
    timer_ = 0;
  }

 private:
  // A timer that is too early only looks and sets itself again.
  void arm() {
    if (marks_.empty()) return;
    Instant first = marks_.begin()->first.when;
    if (timer_ != 0 && timer_at_ <= first) return;
    executor_.cancel(timer_);
    timer_at_ = first;
    timer_ = executor_.at(first, [this] { look(); });
  }
  void look() {
    timer_ = 0;
    Instant now = executor_.now();
    while (!marks_.empty() && marks_.begin()->first.when <= now) {
      std::uint64_t id = marks_.begin()->second;
      marks_.erase(marks_.begin());
      passed_(id);
    }
    arm();
  }

  Executor& executor_;
  std::function<void(std::uint64_t)> passed_;
  std::uint64_t last_number_ = 0;
  std::map<Mark, std::uint64_t> marks_;
  TimerId timer_ = 0;
  Instant timer_at_{};
};

}  // namespace gfs::bus
