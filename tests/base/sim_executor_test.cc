// Virtual time: order of callbacks, cancelling, limits; and a node's own clock, which may run fast or slow and dies
// with its node.
#include "base/sim_executor.h"

#include <gtest/gtest.h>

namespace gfs {
namespace {

TEST(SimExecutor, RunsByTimeThenByOrderOfAsking) {
  SimExecutor world;
  std::string order;
  world.after(2s, [&] { order += 'c'; });
  world.after(1s, [&] { order += 'a'; });
  world.after(1s, [&] { order += 'b'; });
  world.post([&] { order += 'p'; });
  world.run_for(1s);
  EXPECT_EQ(order, "pab");
  EXPECT_EQ(world.now().time_since_epoch(), 1s);
  world.run_for(10s);
  EXPECT_EQ(order, "pabc");
  EXPECT_EQ(world.now().time_since_epoch(), 11s);
  EXPECT_FALSE(world.step());
  EXPECT_EQ(world.steps(), 4u);
}

TEST(SimExecutor, ATimerInThePastRunsNow) {
  SimExecutor world;
  world.run_for(5s);
  bool ran = false;
  world.at(Instant{} + 1s, [&] { ran = true; });
  EXPECT_FALSE(ran);
  EXPECT_TRUE(world.step());
  EXPECT_TRUE(ran);
  EXPECT_EQ(world.now().time_since_epoch(), 5s);
}

TEST(SimExecutor, CancelledTimersNeverRun) {
  SimExecutor world;
  int ran = 0;
  TimerId first = world.after(1s, [&] { ++ran; });
  TimerId second = world.after(1s, [&] { ++ran; });
  world.cancel(first);
  world.run_for(2s);
  EXPECT_EQ(ran, 1);
  world.cancel(second);  // ran already
  world.cancel(0);
  world.run_for(2s);
  EXPECT_EQ(ran, 1);
}

TEST(SimExecutor, WallTimeStartsIn2026) {
  SimExecutor world;
  EXPECT_EQ(world.wall_now(), 1'767'225'600'000);
  world.run_for(1500ms);
  EXPECT_EQ(world.wall_now(), 1'767'225'601'500);
}

Task<> forever(Executor& executor) {
  while (true) co_await executor.sleep(1s);
}

TEST(SimExecutor, RunGivesUpAtItsLimit) {
  SimExecutor world;
  Result<> result = world.run(forever(world), 10s);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::deadline);
  EXPECT_LE(world.now().time_since_epoch(), 10s);
}

TEST(NodeExecutor, CallbacksOfADeadNodeNeverRun) {
  SimExecutor world;
  int ran = 0;
  {
    NodeExecutor node(world);
    node.post([&] { ++ran; });
    node.after(1s, [&] { ++ran; });
    node.after(3s, [&] { ++ran; });
    world.run_for(2s);
  }
  world.run_for(10s);
  EXPECT_EQ(ran, 2);
}

TEST(NodeExecutor, AClockMayRunAtItsOwnRate) {
  SimExecutor world;
  NodeExecutor node(world);
  node.set_rate(2.0);
  world.run_for(10s);
  EXPECT_EQ(node.now().time_since_epoch(), 20s);
  Instant rang{};
  node.after(10s, [&] { rang = world.now(); });
  world.run_for(10s);
  EXPECT_NEAR(to_seconds(rang.time_since_epoch()), 15.0, 0.001);
}

TEST(NodeExecutor, ATimerNeverRingsEarlyOnAClockThatWasSlowed) {
  SimExecutor world;
  NodeExecutor node(world);
  Instant due = node.now() + 10s;
  Instant rang{};
  TimerId cancelled = node.at(due, [] { FAIL() << "a cancelled timer rang"; });
  node.at(due, [&] { rang = node.now(); });
  world.run_for(1s);
  node.set_rate(0.5);
  world.run_for(12s);
  EXPECT_EQ(rang, Instant{});
  node.cancel(cancelled);
  world.run_for(20s);
  EXPECT_GE(rang, due);
  EXPECT_LT(rang - due, 1ms);
}

TEST(NodeExecutor, ANodeThatStandsStillGoesOnLateAndInOrder) {
  SimExecutor world;
  NodeExecutor node(world);
  std::string order;
  TimerId cancelled = 0;
  node.after(2s, [&] {
    order += 'a';
    node.cancel(cancelled);
    EXPECT_GE(node.now().time_since_epoch(), 80s);
  });
  node.after(3s, [&] { order += 'b'; });
  cancelled = node.after(4s, [&] { order += 'x'; });
  node.after(90s, [&] { order += 'c'; });
  world.run_for(1s);
  node.pause();
  node.post([&] { order += 'p'; });
  world.run_for(79s);
  EXPECT_EQ(order, "");
  EXPECT_EQ(node.now().time_since_epoch(), 80s);
  node.resume();
  world.run_for(1s);
  EXPECT_EQ(order, "pab");
  world.run_for(20s);
  EXPECT_EQ(order, "pabc");
}

TEST(NodeExecutor, ATimerThatIsHeldCanBeCancelledAndANodeKilledWhileItStands) {
  SimExecutor world;
  int ran = 0;
  {
    NodeExecutor node(world);
    TimerId held = node.after(1s, [&] { ++ran; });
    node.after(1s, [&] { ++ran; });
    node.pause();
    world.run_for(2s);
    node.cancel(held);
    node.pause();
    node.resume();
    world.run_for(1s);
    EXPECT_EQ(ran, 1);
    node.after(1s, [&] { ++ran; });
    node.pause();
    world.run_for(2s);
  }
  world.run_for(10s);
  EXPECT_EQ(ran, 1);
}

TEST(NodeExecutor, InstantsAreTheNodesOwnAndTheWallClockMayBeSet) {
  SimExecutor world;
  NodeExecutor node(world, 5h);
  EXPECT_EQ(node.now().time_since_epoch(), 5h);
  EXPECT_EQ(node.wall_now(), world.wall_now());
  Instant rang{};
  node.step_wall(-10min);
  EXPECT_EQ(node.wall_now(), world.wall_now() - 600'000);
  node.set_rate(1.01);
  node.after(10s, [&] { rang = world.now(); });
  world.run_for(100s);
  EXPECT_NEAR(to_seconds(rang.time_since_epoch()), 9.9, 0.01);
  EXPECT_EQ(node.now().time_since_epoch(), 5h + 101s);
  EXPECT_EQ(node.wall_now(), world.wall_now() - 600'000 + 1000);
}

}  // namespace
}  // namespace gfs
