// How many replicas may go without an operator's word, and with it.
#include "chunkserver/collection_limit.h"

#include <gtest/gtest.h>

namespace gfs::chunkserver {
namespace {

class LimitTest : public testing::Test {
 protected:
  // How many of `wanted` go, one after the other, of a server that holds them.
  std::uint64_t take(std::uint64_t wanted) {
    std::uint64_t went = 0;
    while (went < wanted && limit.left(held, quarantined, now) > 0) {
      limit.took(1, now);
      --held;
      ++quarantined;
      ++went;
    }
    return went;
  }

  Instant now{100s};
  std::uint64_t held = 1000, quarantined = 0;
  CollectionLimit limit{{.chunks = 100, .percent = 5, .window = 1h}};
};

TEST_F(LimitTest, SmallServersAreNotInTheWay) {
  held = 50;
  EXPECT_EQ(take(50), 50u);
}

// C21
TEST_F(LimitTest, AHundredOrFivePercentWithinAnHour) {
  EXPECT_EQ(take(1000), 100u);
  held = 100000;
  quarantined = 0;
  now += 2h;
  EXPECT_EQ(take(10000), 5000u) << "of what was held when it began";
  now += 30min;
  EXPECT_EQ(take(10000), 0u);
  now += 31min;
  EXPECT_EQ(take(10000), 4750u);
}

TEST_F(LimitTest, NeverMoreThanHalfIsAway) {
  held = 10000;
  std::uint64_t went = 0;
  for (int hour = 0; hour < 100; ++hour) {
    went += take(10000);
    now += 61min;
  }
  EXPECT_EQ(went, 5000u);
}

TEST_F(LimitTest, AnOperatorsWordIsBoundedInNumberAndTime) {
  EXPECT_EQ(take(1000), 100u);
  limit.allow(50, now + 10min);
  EXPECT_EQ(take(1000), 50u);
  EXPECT_EQ(take(1000), 0u);
  limit.allow(50, now + 10min);
  limit.allow(20, now + 10min);
  EXPECT_EQ(take(1000), 20u) << "replaced, not added";
  limit.allow(50, now + 10min);
  now += 10min;
  EXPECT_EQ(take(1000), 0u) << "it is over";
  limit.allow(50, now + 10min);
  limit.allow(0, now + 10min);
  EXPECT_EQ(take(1000), 0u) << "taken back";
}

TEST_F(LimitTest, TheWordIsUsedOnlyBeyondTheLimit) {
  limit.allow(50, now + 3h);
  EXPECT_EQ(take(100), 100u);
  now += 2h;
  EXPECT_EQ(take(1000), 150u);
}

TEST_F(LimitTest, WhatWentInAnEarlierLifeCounts) {
  limit.took(90, now);
  EXPECT_EQ(take(1000), 10u);
}

}  // namespace
}  // namespace gfs::chunkserver
