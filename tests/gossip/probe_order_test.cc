#include "gossip/probe_order.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace gfs::gossip {
namespace {

NodeId node(std::uint8_t number) { return NodeId{{number}}; }

TEST(ProbeOrder, EverybodyOnceInARoundAndRoundsDiffer) {
  Random random(1);
  ProbeOrder order(random);
  EXPECT_FALSE(order.next());
  for (std::uint8_t i = 1; i <= 50; ++i) order.add(node(i));
  std::set<std::vector<NodeId>> rounds;
  for (int round = 0; round < 20; ++round) {
    std::vector<NodeId> seen;
    for (int i = 0; i < 50; ++i) seen.push_back(*order.next());
    rounds.insert(seen);
    EXPECT_EQ(std::set(seen.begin(), seen.end()).size(), 50u);
  }
  EXPECT_EQ(rounds.size(), 20u);
}

TEST(ProbeOrder, NobodyWaitsForMoreThanTwoRoundsWhileOthersComeAndGo) {
  Random random(2);
  ProbeOrder order(random);
  std::set<std::uint8_t> there;
  std::map<std::uint8_t, int> waited;
  for (std::uint8_t i = 1; i <= 20; ++i) {
    order.add(node(i));
    there.insert(i);
  }
  for (int step = 0; step < 20000; ++step) {
    if (random.chance(0.02)) {
      const auto number = static_cast<std::uint8_t>(random.between(100, 120));
      if (there.insert(number).second) {
        order.add(node(number));
      } else {
        order.remove(node(number));
        there.erase(number);
        waited.erase(number);
      }
    }
    const std::uint8_t probed = order.next()->bytes[0];
    EXPECT_TRUE(there.contains(probed));
    for (std::uint8_t number : there) ++waited[number];
    EXPECT_LE(waited[probed], 2 * 41);
    waited[probed] = 0;
  }
}

}  // namespace
}  // namespace gfs::gossip
