// HedgeClock: how long the first replica has the read to itself, and how often a second one is asked.
#include "client_cli/client/hedge_clock.h"

#include <gtest/gtest.h>

namespace gfs::client {
namespace {

TEST(HedgeClockTest, WaitsAsLongAsNearlyAllReadsTake) {
  HedgeClock clock;
  EXPECT_EQ(clock.after(), HedgeClock::kAtFirst);
  for (int i = 0; i < 100; ++i) clock.note(i % 20 == 0 ? 500ms : 10ms);
  EXPECT_GE(clock.after(), 10ms);
  for (int i = 0; i < 200; ++i) clock.note(i % 50 == 0 ? 500ms : 10ms);
  EXPECT_EQ(clock.after(), 10ms) << "one in fifty is slow";
  for (int i = 0; i < 200; ++i) clock.note(10us);
  EXPECT_EQ(clock.after(), HedgeClock::kLeast);
  for (int i = 0; i < 200; ++i) clock.note(30s);
  EXPECT_EQ(clock.after(), HedgeClock::kMost);
}

TEST(HedgeClockTest, OneReadInTenAtMostIsAskedTwice) {
  HedgeClock clock;
  int taken = 0;
  while (clock.take()) ++taken;
  EXPECT_EQ(taken, 10) << "saved from the beginning";
  for (int i = 0; i < 1000; ++i) {
    clock.note(1ms);
    taken += clock.take();
  }
  EXPECT_NEAR(taken, 110, 1);
  for (int i = 0; i < 100000; ++i) clock.note(1ms);
  taken = 0;
  while (clock.take()) ++taken;
  EXPECT_LE(taken, 10) << "quiet times save no more";
}

}  // namespace
}  // namespace gfs::client
