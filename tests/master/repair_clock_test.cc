// RepairClock: who is waited for before somebody else makes up for him, and for how long.
#include "master/repair_clock.h"

#include <gtest/gtest.h>

namespace gfs::master {
namespace {

class RepairClockTest : public testing::Test {
 protected:
  RepairClockTest() {
    for (int number = 1; number <= 5; ++number) {
      state.apply({{}, AddServerOp{server(number), "tcp://" + std::to_string(number), "", "r"}});
      bus::RegisterServer ask;
      ask.server = server(number);
      ask.session.bytes[0] = 1;
      servers.open_session(ask, "route", now);
      bus::ReportChunks report{server(number), ask.session, {{kHeld, {1}}}, {}, true};
      EXPECT_TRUE(servers.report(report));
    }
  }
  static ServerId server(int number) {
    ServerId id;
    id.bytes[0] = static_cast<std::uint8_t>(number);
    return id;
  }
  void beat(std::set<int> silent, bool leaving = false) {
    for (int number = 1; number <= 5; ++number) {
      bus::Heartbeat beat{.server = server(number), .session = servers.find(server(number))->session};
      beat.leaving = leaving && silent.contains(number);
      if (beat.leaving || !silent.contains(number)) servers.heartbeat(beat, "route", now);
    }
  }
  // In seconds from now on; 0: nothing is waited for.
  std::int64_t wait(ChunkHandle handle = kHeld, std::size_t sound = 2) {
    clock.look(state, servers, now, wall());
    const std::optional<RepairClock::Wait> wait = clock.wait(servers, handle, sound);
    return wait ? to_ms(wait->until - now) / 1000 : 0;
  }
  WallMs wall() const { return to_ms(now.time_since_epoch()); }
  void pass(Duration time, std::set<int> silent) {
    now += time;
    beat(std::move(silent));
  }

  static constexpr ChunkHandle kHeld{7}, kOther{8};
  Instant now{100s};
  MasterState state;
  ServerTable servers{{.suspect_after = 3s, .lost_after = 10s}};
  RepairClock clock{{}};
};

TEST_F(RepairClockTest, WhoIsLostIsWaitedForHalfAMinute) {
  pass(2s, {1});
  EXPECT_EQ(wait(), 0) << "a heartbeat may be late";
  pass(7s, {1});
  EXPECT_EQ(wait(), 31) << "not lost yet, but a writer may have dropped it";
  EXPECT_EQ(wait(kHeld, 1), 0) << "one is left of which something is heard";
  pass(2s, {1});
  EXPECT_EQ(wait(), 29);
  EXPECT_EQ(wait(kOther), 0) << "it holds nothing of that";
  EXPECT_EQ(wait(kHeld, 1), 0) << "down to one: nobody is waited for";
  pass(29s, {1});
  EXPECT_EQ(wait(), 0);
}

TEST_F(RepairClockTest, WhoWasStoppedCleanlyIsWaitedForTenMinutes) {
  now += 1s;
  beat({1}, true);
  pass(11s, {1});
  EXPECT_EQ(wait(), 589);
  pass(590s, {1});
  EXPECT_EQ(wait(), 0);
}

TEST_F(RepairClockTest, MaintenanceIsWaitedForToItsEnd) {
  ASSERT_TRUE(state.apply({{}, MarkServerOp{server(1), bus::ServerMark::maint, wall() + 1800'000, {}}}).ok());
  pass(11s, {1});
  EXPECT_EQ(wait(), 1789);
  pass(1790s, {1});
  EXPECT_EQ(wait(), 0) << "it is over, and the server was lost long ago";
}

TEST_F(RepairClockTest, WhoHasNotReportedMayHoldAnything) {
  bus::RegisterServer ask;
  ask.server = server(1);
  ask.session.bytes[0] = 2;
  servers.open_session(ask, "route", now);
  pass(11s, {1});
  EXPECT_EQ(wait(kOther), 29);
}

TEST_F(RepairClockTest, P10_WhereVeryManyAreLostTogetherCopiesWait) {
  pass(11s, {1, 2});
  EXPECT_EQ(wait(), 29) << "two of five: they are waited for as one is";
  EXPECT_FALSE(clock.mass());
  pass(1s, {1, 2, 3});
  pass(10s, {1, 2, 3});
  EXPECT_EQ(wait(kOther), 299) << "whatever they hold";
  EXPECT_EQ(wait(kOther, 1), 0) << "but of what is down to one";
  ASSERT_TRUE(clock.mass());
  EXPECT_EQ(clock.mass()->why, "3 of 5 servers were lost within minutes");
  pass(300s, {1, 2, 3});
  EXPECT_EQ(wait(kOther), 0);
}

}  // namespace
}  // namespace gfs::master
