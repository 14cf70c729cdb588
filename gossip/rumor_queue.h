// RumorQueue: whose news is still to be passed on, and how often it was.
//
// A message carries a bounded number of them: those that were told least come first, of these the newest. Each is told
// so many times (some multiple of the logarithm of the cluster's size), then everybody knows it with high probability;
// comparing tables finds the rest. A queue never holds more than one entry for a member.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "bus/messages/gossip.h"

namespace gfs::gossip {

using bus::NodeId;

class RumorQueue {
 public:
  // There is news of this member: it is told as often as if nothing had been told before.
  void add(NodeId node) {
    remove(node);
    insert({0, ~++last_, node});
  }
  void remove(NodeId node) {
    const auto found = places_.find(node);
    if (found == places_.end()) return;
    order_.erase(found->second);
    places_.erase(found);
  }
  // The next ones, `most` at most, without those that the receiver knows; each is told `times` times altogether.
  std::vector<NodeId> take(std::size_t most, std::size_t times, const std::set<NodeId>& known = {}) {
    std::vector<Place> taken;
    for (auto at = order_.begin(); at != order_.end() && taken.size() < most; ++at) {
      if (!known.contains(std::get<NodeId>(*at))) taken.push_back(*at);
    }
    std::vector<NodeId> nodes;
    for (auto [told, age, node] : taken) {
      nodes.push_back(node);
      remove(node);
      if (told + 1 < times) insert({told + 1, age, node});
    }
    return nodes;
  }
  std::size_t size() const { return order_.size(); }

 private:
  using Place = std::tuple<std::size_t, std::uint64_t, NodeId>;  // times told, the newest first

  void insert(Place place) {
    order_.insert(place);
    places_[std::get<NodeId>(place)] = place;
  }

  std::uint64_t last_ = 0;
  std::set<Place> order_;
  std::map<NodeId, Place> places_;
};

}  // namespace gfs::gossip
