// HedgeClock: when a read that has no answer yet is asked of a second replica as well: after the time within which 95
// of 100 of the last ones were answered (Dean, Barroso: The Tail at Scale, 2013). Not more often than for one read in
// ten: where everything is slow, twice the work would not help.
//
// Pure. One thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "base/time.h"

namespace gfs::client {

class HedgeClock {
 public:
  static constexpr std::size_t kRemembered = 128, kEnough = 16;
  static constexpr Duration kAtFirst = 100ms, kLeast = 2ms, kMost = 1s;
  static constexpr double kShare = 0.1, kSavedMost = 10;

  // A read was answered.
  void note(Duration took) {
    times_[next_++ % kRemembered] = took;
    saved_ = std::min(kSavedMost, saved_ + kShare);
    if (next_ % kEnough != 0) return;
    std::vector<Duration> sorted(times_.begin(),
                                 times_.begin() + static_cast<std::ptrdiff_t>(std::min(next_, kRemembered)));
    const auto at = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() * 95 / 100);
    std::nth_element(sorted.begin(), at, sorted.end());
    after_ = std::clamp(*at, kLeast, kMost);
  }
  Duration after() const { return after_; }
  // Takes one out of what was saved; false: there is none.
  bool take() {
    if (saved_ < 1) return false;
    saved_ -= 1;
    return true;
  }

 private:
  std::array<Duration, kRemembered> times_{};
  std::size_t next_ = 0;
  Duration after_ = kAtFirst;
  double saved_ = kSavedMost;
};

}  // namespace gfs::client
