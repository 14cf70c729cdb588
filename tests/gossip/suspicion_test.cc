#include "gossip/suspicion.h"

#include <gtest/gtest.h>

namespace gfs::gossip {
namespace {

std::int64_t rounded_ms(Duration time) { return to_ms(time + 500us); }

TEST(Suspicion, GrowsWithTheClusterAndShrinksWithEveryAccuser) {
  struct Row {
    std::size_t members, accusers;
    std::int64_t ms;
  };
  // Minimum 4 periods of 500 ms, times log10 of the members; maximum 6 times that; 3 accusers besides the first.
  const Row rows[] = {
      {2, 0, 2000},  // nobody else could agree
      {3, 0, 12000},   {3, 1, 2000},   {10, 0, 12000},   {10, 1, 7000},   {10, 2, 4075}, {10, 3, 2000}, {10, 9, 2000},
      {100, 0, 24000}, {100, 3, 4000}, {1000, 0, 36000}, {1000, 3, 6000}, {0, 0, 2000},  {1, 0, 2000},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(testing::Message() << row.members << " members, " << row.accusers << " accusers");
    EXPECT_EQ(rounded_ms(suspicion_time({}, row.members, row.accusers)), row.ms);
  }
}

TEST(Suspicion, NeverShrinksBelowTheMinimumNorGrowsWithAnAccuser) {
  for (std::size_t members = 0; members < 2000; members += 7) {
    Duration before = Duration::max();
    for (std::size_t accusers = 0; accusers < 10; ++accusers) {
      const Duration time = suspicion_time({}, members, accusers);
      EXPECT_LE(time, before);
      EXPECT_GE(time, shortest_suspicion({}, members));
      before = time;
    }
  }
}

}  // namespace
}  // namespace gfs::gossip
