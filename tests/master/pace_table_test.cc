// PaceTable: one that most find slow is slow; where all are, nobody is.
#include "master/pace_table.h"

#include <gtest/gtest.h>

namespace gfs::master {
namespace {

class PaceTest : public testing::Test {
 protected:
  static ServerId server(int number) {
    ServerId id;
    id.bytes[0] = static_cast<std::uint8_t>(number);
    return id;
  }
  // What `witness` finds: pairs of a server and milliseconds.
  void tell(int witness, const std::vector<std::pair<int, int>>& paces) {
    std::vector<bus::Heartbeat::Pace> told;
    for (const auto& [number, ms] : paces) told.push_back({server(number), static_cast<std::uint64_t>(ms) * 1000});
    table.told(server(witness), told, now);
  }
  // The same is told once a second, for a while.
  template <class Tell>
  void go_on(Duration time, Tell tell) {
    for (const Instant end = now + time; now < end; now += 1s) {
      tell();
      table.judge(servers, now);
    }
  }
  bool slow(int number) const { return table.slow(server(number), now); }

  Instant now{100s};
  std::size_t servers = 5;
  PaceTable table;
};

// P11: its heartbeats are perfect, and what it is ordered takes a hundred times as long.
TEST_F(PaceTest, P11_WhoIsMuchSlowerThanItsPeersIsSlowWithinThirtySeconds) {
  auto gray = [&] {
    tell(1, {{1, 2}, {2, 3}, {4, 250}});
    tell(2, {{2, 2}, {3, 3}, {4, 310}});
    tell(3, {{3, 2}, {1, 2}, {4, 280}});
  };
  go_on(9s, gray);
  EXPECT_FALSE(slow(4)) << "a moment is not enough";
  go_on(10s, gray);
  EXPECT_TRUE(slow(4));
  for (int other : {1, 2, 3}) EXPECT_FALSE(slow(other));
  EXPECT_NE(table.why(server(4), now).find("280 ms"), std::string::npos) << table.why(server(4), now);
  EXPECT_EQ(table.count_slow(now), 1u);
}

TEST_F(PaceTest, OneBadLinkIsNotASlowServer) {
  go_on(60s, [&] {
    tell(1, {{1, 2}, {2, 3}, {4, 250}});
    tell(2, {{2, 2}, {3, 3}, {4, 3}});
  });
  EXPECT_FALSE(slow(4));
}

TEST_F(PaceTest, TheOnlyWitnessIsBelievedIfItKnowsOthers) {
  go_on(20s, [&] { tell(1, {{4, 250}}); });
  EXPECT_FALSE(slow(4)) << "slower than what?";
  go_on(20s, [&] { tell(1, {{1, 2}, {4, 250}}); });
  EXPECT_TRUE(slow(4));
}

TEST_F(PaceTest, WhereAllAreSlowNobodyIs) {
  go_on(60s, [&] {
    tell(1, {{1, 900}, {2, 1000}, {3, 950}});
    tell(2, {{2, 800}, {3, 1000}, {1, 950}});
  });
  for (int number : {1, 2, 3}) EXPECT_FALSE(slow(number));
}

// The one that tells is slow itself: all others seem so to it.
TEST_F(PaceTest, ASlowWitnessAccusesNobody) {
  go_on(60s, [&] {
    tell(1, {{1, 2}, {2, 300}, {3, 300}, {4, 300}});
    tell(2, {{2, 2}, {1, 300}, {3, 3}, {4, 3}});
    tell(3, {{3, 2}, {1, 300}, {2, 3}, {4, 3}});
  });
  EXPECT_TRUE(slow(1));
  for (int number : {2, 3, 4}) EXPECT_FALSE(slow(number));
}

TEST_F(PaceTest, NeverMoreThanAQuarterAtOnceAndTheWorstOfThem) {
  servers = 8;
  go_on(60s, [&] {
    tell(1, {{1, 2}, {2, 2}, {3, 2}, {4, 2}, {6, 100}, {7, 200}, {8, 300}});
    tell(2, {{1, 2}, {2, 2}, {3, 2}, {4, 2}, {6, 100}, {7, 200}, {8, 300}});
  });
  EXPECT_EQ(table.count_slow(now), 2u);
  EXPECT_TRUE(slow(7) && slow(8));
}

TEST_F(PaceTest, NobodyCaresForMicroseconds) {
  go_on(60s, [&] { tell(1, {{1, 1}, {2, 1}, {4, 15}}); });
  EXPECT_FALSE(slow(4));
}

TEST_F(PaceTest, ItIsTriedAgainAndLeftAloneLongerEachTime) {
  auto gray = [&] {
    tell(1, {{1, 2}, {2, 3}, {4, 250}});
    tell(2, {{2, 2}, {3, 3}, {4, 310}});
  };
  go_on(15s, gray);
  ASSERT_TRUE(slow(4));
  // Nothing new goes there, so nothing is heard of it.
  go_on(70s, [&] { tell(1, {{1, 2}, {2, 3}}); });
  EXPECT_FALSE(slow(4));
  go_on(15s, gray);
  ASSERT_TRUE(slow(4));
  go_on(70s, [&] { tell(1, {{1, 2}, {2, 3}}); });
  EXPECT_TRUE(slow(4)) << "it was so before";
  go_on(60s, [&] { tell(1, {{1, 2}, {2, 3}}); });
  EXPECT_FALSE(slow(4));
}

}  // namespace
}  // namespace gfs::master
