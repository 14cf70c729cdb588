// Whom a question goes to: the master; or, while it does not answer and old answers are welcome, one of its shadows.
//
// Whoever did not answer goes to the end of the list for ten seconds, so that a dead master costs one patience and not
// one for each question. What changes something always goes to the master.
//
// Pure: time is an argument. One thread.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "base/time.h"
#include "bus/bus.h"

namespace gfs::client {

class MasterChoice {
 public:
  MasterChoice(bus::Address master, std::vector<bus::Address> shadows) : all_{std::move(master)} {
    all_.insert(all_.end(), shadows.begin(), shadows.end());
  }

  // Everybody who may be asked, the best first.
  std::vector<bus::Address> order(Instant now) const {
    std::vector<bus::Address> ordered, avoided;
    for (const bus::Address& one : all_) {
      auto found = avoided_.find(one);
      (found == avoided_.end() || found->second <= now ? ordered : avoided).push_back(one);
    }
    ordered.insert(ordered.end(), avoided.begin(), avoided.end());
    return ordered;
  }
  void failed(const bus::Address& one, Instant now) { avoided_[one] = now + kAvoided; }
  void answered(const bus::Address& one) { avoided_.erase(one); }

 private:
  static constexpr Duration kAvoided = 10s;

  std::vector<bus::Address> all_;
  std::map<bus::Address, Instant> avoided_;  // until when
};

}  // namespace gfs::client
