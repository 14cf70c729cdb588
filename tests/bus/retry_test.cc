// The pauses of each kind of retry policy, attempt by attempt.
#include "bus/retry.h"

#include <gtest/gtest.h>

#include <vector>

namespace gfs::bus {
namespace {

TEST(Retry, PausesByKind) {
  struct Row {
    Retry retry;
    std::vector<Duration> pauses;
  };
  const std::vector<Row> rows = {
      {{Retry::Kind::fixed, 50ms, 1s, 0}, {50ms, 50ms, 50ms, 50ms}},
      {{Retry::Kind::exponential, 50ms, 300ms, 0}, {50ms, 100ms, 200ms, 300ms, 300ms}},
      {{Retry::Kind::exponential, 2s, 1s, 0}, {1s, 1s}},
  };
  Random random(1);
  for (const Row& row : rows) {
    for (std::size_t attempt = 0; attempt < row.pauses.size(); ++attempt)
      EXPECT_EQ(row.retry.delay(static_cast<int>(attempt), random), row.pauses[attempt]) << attempt;
  }
}

TEST(Retry, JitterIsBetweenHalfAndAllOfThePauseAndSpreads) {
  Random random(1);
  Retry retry{Retry::Kind::jittered, 100ms, 400ms, 0};
  Duration least = 1h;
  Duration most{};
  for (int i = 0; i < 1000; ++i) {
    Duration pause = retry.delay(1, random);
    EXPECT_GE(pause, 100ms);
    EXPECT_LT(pause, 200ms);
    least = std::min(least, pause);
    most = std::max(most, pause);
  }
  EXPECT_GT(most - least, 80ms);
  EXPECT_LT(retry.delay(1'000'000, random), 400ms) << "no overflow, however often";
}

TEST(Retry, TriesAreCounted) {
  Retry three{Retry::Kind::fixed, 1ms, 1ms, 3};
  EXPECT_TRUE(three.again(2));
  EXPECT_FALSE(three.again(3));
  EXPECT_TRUE(Retry{}.again(1'000'000));
}

}  // namespace
}  // namespace gfs::bus
