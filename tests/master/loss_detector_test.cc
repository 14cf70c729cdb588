#include "master/loss_detector.h"

#include <gtest/gtest.h>

namespace gfs::master {
namespace {

constexpr Instant kStart = Instant{} + 1000s;

TEST(LossDetector, RoundsDouble) {
  const LossClocks clocks;
  EXPECT_EQ(clocks.start_of_round(0), 3s);
  EXPECT_EQ(clocks.end_of_round(0), 4s);
  EXPECT_EQ(clocks.end_of_round(1), 6s);
  EXPECT_EQ(clocks.end_of_round(2), 10s);
  EXPECT_EQ(clocks.last_round(), 4s);
}

TEST(LossDetector, WhoIsSilentAndWhoIsLost) {
  struct Row {
    const char* what;
    Duration answered, told;  // after the last heartbeat; zero: never
    bool dead;
    Duration lost;  // the first moment at which it is lost, less a moment
  };
  const Row rows[] = {
      {"nothing is known", {}, {}, false, 10s},
      {"the members agree that it is dead", {}, {}, true, 8s},
      {"it answered the first probe", 3100ms, {}, false, 10s},
      {"it answered late", 7s, {}, false, 11s},
      {"it answers all the time, without a heartbeat", 19s, {}, false, 20s},
      {"it answered much too late", 30s, {}, false, 20s},
      {"others had news of it", {}, 8s, false, 12s},
      {"it answered, and others had later news", 7s, 9s, false, 13s},
      {"others call it dead, but it answered", 7s, {}, true, 11s},
      {"others call it dead, and had news of it before it was silent for long", {}, 1s, true, 8s},
      {"others call it dead, and have news all the same", {}, 5s, true, 10s},
  };
  const LossClocks clocks;
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    LossSigns signs{kStart, {}, {}, row.dead};
    if (row.answered > Duration::zero()) signs.answered = kStart + row.answered;
    if (row.told > Duration::zero()) signs.told = kStart + row.told;
    const Duration silent = row.dead ? 2s : 3s;
    EXPECT_FALSE(is_silent(clocks, signs, kStart + silent));
    EXPECT_TRUE(is_silent(clocks, signs, kStart + silent + 1ms));
    EXPECT_FALSE(is_lost(clocks, signs, kStart + row.lost));
    EXPECT_TRUE(is_lost(clocks, signs, kStart + row.lost + 1ms));
  }
}

TEST(LossDetector, WhomTheMembersSuspectIsSilentSooner) {
  LossSigns signs{.heard = kStart, .doubted = true};
  EXPECT_FALSE(is_silent({}, signs, kStart + 2s));
  EXPECT_TRUE(is_silent({}, signs, kStart + 2s + 1ms));
  EXPECT_FALSE(is_lost({}, signs, kStart + 10s)) << "but is lost no sooner";
  EXPECT_EQ(round_at({}, signs, kStart + 2s + 1ms), 0u);
}

TEST(LossDetector, WhatWasKnownBeforeTheLastHeartbeatDoesNotCount) {
  LossSigns signs{kStart, kStart - 1s, kStart - 1s, false};
  EXPECT_FALSE(is_lost({}, signs, kStart + 10s));
  EXPECT_TRUE(is_lost({}, signs, kStart + 10s + 1ms));
}

// Whatever is said: never before two and a half rounds are over, never later than 20 s.
TEST(LossDetector, NothingMakesItEarlierThanEightSecondsOrLaterThanTwenty) {
  const LossClocks clocks;
  for (Duration answered = -5s; answered <= 40s; answered += 500ms) {
    for (Duration told = -5s; told <= 40s; told += 500ms) {
      for (bool dead : {false, true}) {
        const LossSigns signs{kStart, kStart + answered, kStart + told, dead};
        EXPECT_FALSE(is_lost(clocks, signs, kStart + 8s));
        EXPECT_TRUE(is_lost(clocks, signs, kStart + 20s + 1ms));
      }
    }
  }
}

TEST(LossDetector, RoundsAreCountedByTheSilence) {
  const LossSigns signs{kStart, {}, {}, false};
  const std::pair<Duration, unsigned> rows[] = {{3s, 0},     {3900ms, 0}, {4s, 1},      {5900ms, 1}, {6s, 2},
                                                {9900ms, 2}, {10s, 3},    {13900ms, 3}, {14s, 4},    {18s, 5}};
  for (auto [silent, round] : rows) EXPECT_EQ(round_at({}, signs, kStart + silent), round) << to_ms(silent);
  const LossClocks equal{.suspect_after = 1s, .lost_after = 1s};
  EXPECT_GE(round_at(equal, signs, kStart + 5s), kLossRounds) << "no rounds, and no division by zero";
  EXPECT_TRUE(is_lost(equal, signs, kStart + 1001ms));
}

}  // namespace
}  // namespace gfs::master
