// ProbeOrder: whom to probe next. Everybody once in a round, in an order that is drawn anew for each: nobody waits for
// more than two rounds (SWIM, section 4.3). A newcomer gets a place at random in the round that is under way.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "base/random.h"
#include "bus/messages/gossip.h"

namespace gfs::gossip {

using bus::NodeId;

class ProbeOrder {
 public:
  explicit ProbeOrder(Random& random) : random_(random) {}

  void add(NodeId node) {
    const std::size_t at = at_ + random_.below(order_.size() - at_ + 1);
    order_.insert(order_.begin() + static_cast<std::ptrdiff_t>(at), node);
  }
  void remove(NodeId node) {
    const auto found = std::ranges::find(order_, node);
    if (found == order_.end()) return;
    if (static_cast<std::size_t>(found - order_.begin()) < at_) --at_;
    order_.erase(found);
  }
  std::optional<NodeId> next() {
    if (order_.empty()) return std::nullopt;
    if (at_ == order_.size()) {
      for (std::size_t i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[random_.below(i)]);
      at_ = 0;
    }
    return order_[at_++];
  }
  const std::vector<NodeId>& all() const { return order_; }

 private:
  Random& random_;
  std::vector<NodeId> order_;
  std::size_t at_ = 0;
};

}  // namespace gfs::gossip
