// A follower has the master's state, always that of one log: through trimmed logs, lost and repeated messages,
// restarts. When the log turns out to be another one it begins anew, and shows nothing until it is complete again.
#include "master/follower.h"

#include "tests/master/shipping_fixture.h"

namespace gfs::master {
namespace {

using FollowerTest = ShippingTest;
struct FollowerSeeds : ShippingTest, testing::WithParamInterface<std::uint64_t> {};
INSTANTIATE_TEST_SUITE_P(Seeds, FollowerSeeds, testing::Range<std::uint64_t>(1, 13));

TEST_P(FollowerSeeds, HasTheSameStateAfterRandomChangesAndFaults) {
  seas.random = Random(GetParam());
  ops = RandomOps(GetParam());
  start(true);
  bool followed = false;
  for (int round = 0; round < 60; ++round) {
    if (round % 3 == 0) seas.network.set_faults({.loss = 0.05, .repeat = 0.1, .late = 0.1, .late_max = 3s});
    if (round % 3 == 2) seas.network.heal();
    change(static_cast<int>(seas.random.between(1, 40)));
    if (!followed && seas.random.chance(0.3)) {
      follow();
      followed = true;
    }
    if (seas.random.chance(0.25)) checkpoint();
    if (seas.random.chance(0.1)) {
      kill(seas.random.chance(0.5));
      seas.clock.run_for(std::chrono::milliseconds(seas.random.between(1, 3000)));
      start();
    }
    if (seas.random.chance(0.15)) follow();  // a restart of the shadow
    if (copy && seas.random.chance(0.5)) expect_equal();
    if (HasFatalFailure()) return;
  }
  seas.network.heal();
  ASSERT_TRUE(copy);
  expect_equal();
  EXPECT_GT(leader->log.first_index(), 1u) << "the log was trimmed";
  EXPECT_EQ(copy->follower.times_begun_anew(), 0u);
}

TEST_F(FollowerTest, ReadsALongLogFromItsBeginning) {
  start(true);
  change(800);
  ASSERT_GT(leader->log.segments(), 10u);
  ASSERT_FALSE(leader->recent.has(1));
  follow();
  expect_equal();
  EXPECT_EQ(copy->follower.checkpoints_loaded(), 0u);
}

TEST_F(FollowerTest, IsOneRoundTripBehind) {
  start(true);
  follow();
  expect_equal();
  for (int i = 0; i < 20; ++i) {
    create("/f" + std::to_string(i));
    const Instant made = seas.clock.now();
    ASSERT_TRUE(wait([&] { return is_level(*copy); }));
    EXPECT_LT(seas.clock.now() - made, 110ms) << "one slow message at most";
  }
  Duration most{};
  const Instant end = seas.clock.now() + 20s;
  while (seas.clock.now() < end) {
    seas.clock.run_for(5ms);
    most = std::max(most, copy->follower.behind());
  }
  EXPECT_LT(most, 600ms) << "an idle master is asked four times a second";
  EXPECT_GT(most, 100ms) << "but not all the time";
}

TEST_F(FollowerTest, KnowsNothingThatIsNotDurable) {
  start(true);
  follow();
  expect_equal();
  TaskGroup group;
  for (int i = 0; i < 20; ++i) {
    OpBody body = CreateFileOp{"/f" + std::to_string(i), 3};
    group.spawn(leader->journal.commit(std::move(body)));
    while (!group.empty()) {
      ASSERT_LE(copy->follower.index(), leader->log.last_index());
      ASSERT_LE(copy->follower.state()->index(), leader->state.index());
      ASSERT_TRUE(seas.clock.step());
    }
  }
  expect_equal();
}

TEST_F(FollowerTest, BeginsWithACheckpointWhereTheLogIsTrimmed) {
  start(true);
  change(300);
  follow();
  expect_equal();
  seas.network.block("shadow", "master");
  seas.network.block("master", "shadow");
  change(300);
  checkpoint();
  change(300);
  checkpoint();
  change(50);
  const std::uint64_t had = copy->follower.index();
  ASSERT_GT(leader->log.first_index(), had + 1);
  EXPECT_GT(copy->follower.behind(), Duration::zero());
  ASSERT_NE(copy->follower.state(), nullptr) << "old, but whole";
  seas.network.heal();
  while (copy->follower.checkpoints_loaded() == 0) {
    ASSERT_NE(copy->follower.state(), nullptr);
    ASSERT_EQ(copy->follower.index(), had);
    ASSERT_TRUE(seas.clock.step());
  }
  expect_equal();
  EXPECT_EQ(copy->follower.times_begun_anew(), 0u);
  follow();  // and one that has nothing
  expect_equal();
  EXPECT_EQ(copy->follower.checkpoints_loaded(), 1u);
}

TEST_F(FollowerTest, ACheckpointThatGoesWhileItIsFetchedIsFetchedAnew) {
  seas.log_segment = 64 << 20;
  start(true);
  const std::string long_name(200, 'n');
  for (int i = 0; i < 6000; ++i) create("/" + std::to_string(i) + long_name);
  checkpoint();
  const std::uint64_t first = leader->checkpointer.last().index;
  ASSERT_GT(leader->checkpointer.last().bytes, 1u << 20) << "it takes three pieces";
  seas.network.set_faults({.delay_min = 1500ms, .delay_max = 2s});
  follow();
  ASSERT_TRUE(wait([&] { return copy->follower.lack().find("bytes of a checkpoint") != std::string::npos; }));
  create("/one");
  checkpoint();
  create("/two");
  checkpoint();
  EXPECT_EQ(seas.clock.run(leader->store.file(first)).error().code, Code::not_found);
  EXPECT_EQ(copy->follower.checkpoints_loaded(), 0u) << "it is in the middle of it";
  expect_equal();
  EXPECT_EQ(copy->follower.checkpoints_loaded(), 1u);
}

TEST_F(FollowerTest, AFetchGoesOnAfterARestartOfTheMaster) {
  seas.log_segment = 64 << 20;
  start(true);
  const std::string long_name(200, 'n');
  for (int i = 0; i < 6000; ++i) create("/" + std::to_string(i) + long_name);
  checkpoint();
  seas.network.set_faults({.delay_min = 400ms, .delay_max = 500ms});
  follow();
  ASSERT_TRUE(wait([&] { return copy->follower.lack().find("bytes of a checkpoint") != std::string::npos; }));
  kill();
  seas.clock.run_for(3s);
  EXPECT_EQ(copy->follower.state(), nullptr);
  EXPECT_NE(copy->follower.lack().find("unreachable"), std::string::npos) << copy->follower.lack();
  start();
  expect_equal();
  EXPECT_EQ(copy->follower.checkpoints_loaded(), 1u);
}

struct OtherLog {
  const char* name;
  ClusterId cluster;
  std::uint64_t epoch;
  int changes;  // how long it is
};

// The directory of the master is exchanged under a shadow that has 100 entries of the old one.
TEST_F(FollowerTest, BeginsAnewWhenTheLogIsAnotherOne) {
  const ClusterId same{{9}}, other{{10}};
  const std::vector<OtherLog> cases = {
      {"another cluster", other, 1, 300},
      {"another epoch", same, 2, 300},
      {"a shorter log, as of an old copy", same, 1, 20},
      {"a longer log that is not the same", same, 1, 300},
  };
  for (const OtherLog& each : cases) {
    SCOPED_TRACE(each.name);
    seas.cluster = same;
    seas.epoch = 1;
    replace();
    change(100);
    follow();
    expect_equal();
    seas.network.block("shadow", "master");
    seas.cluster = each.cluster;
    seas.epoch = each.epoch;
    replace();
    change(each.changes);
    seas.network.heal();
    ASSERT_TRUE(wait([&] { return copy->follower.times_begun_anew() == 1; }));
    EXPECT_EQ(copy->follower.state(), nullptr) << "nothing of the old one is shown";
    expect_equal();
    EXPECT_EQ(copy->follower.times_begun_anew(), 1u);
    EXPECT_EQ(copy->follower.epoch(), each.epoch);
  }
}

TEST_F(FollowerTest, ARestartedMasterIsKnownAgain) {
  start(true);
  change(200);
  follow();
  expect_equal();
  for (bool power_cut : {false, true}) {
    kill(power_cut);
    seas.clock.run_for(5s);
    EXPECT_GE(copy->follower.behind(), 4s);
    ASSERT_NE(copy->follower.state(), nullptr);
    start();
    expect_equal();
    ASSERT_TRUE(wait([&] { return copy->follower.behind() < 1s; }));
    change(30);
    expect_equal();
  }
  EXPECT_EQ(copy->follower.times_begun_anew(), 0u);
  EXPECT_EQ(copy->follower.checkpoints_loaded(), 0u);
}

TEST_F(FollowerTest, AnEntryThatItCannotReadIsNotPassedOver) {
  start(true);
  change(20);
  follow();
  expect_equal();
  // As of a newer program: a kind of change that is not known here.
  const std::uint64_t had = copy->follower.index();
  leader->recent.add(had + 1, std::string("\xfe\0\0", 3));
  leader->recent.add(had + 2, "");
  seas.clock.run_for(10s);
  EXPECT_EQ(copy->follower.index(), had);
  EXPECT_NE(copy->follower.state(), nullptr);
  EXPECT_GE(copy->follower.behind(), 9s);
}

}  // namespace
}  // namespace gfs::master
