// The last entries of the log in memory: bounded, in order; whoever waits for the next one is told, or told in time
// that there is none.
#include "master/recent_log.h"

#include <gtest/gtest.h>

#include "base/sim_executor.h"
#include "base/task_group.h"

namespace gfs::master {
namespace {

struct RecentLogTest : testing::Test {
  SimExecutor world;
  RecentLog recent{world, {.bytes_max = 1000}};
  TaskGroup group;
};

TEST_F(RecentLogTest, KeepsTheLastOnesWithinItsBound) {
  recent.begin_behind(10);
  EXPECT_EQ(recent.last(), 10u);
  EXPECT_FALSE(recent.has(10));
  for (std::uint64_t index = 11; index <= 40; ++index) recent.add(index, std::string(36, static_cast<char>(index)));
  EXPECT_EQ(recent.last(), 40u);
  for (std::uint64_t index = 31; index <= 40; ++index) {
    ASSERT_TRUE(recent.has(index)) << index;
    EXPECT_EQ(recent.at(index)[0], static_cast<char>(index));
  }
  EXPECT_FALSE(recent.has(30)) << "ten of them, at 100 bytes each, are the bound";
  EXPECT_FALSE(recent.has(41));
  EXPECT_FALSE(recent.has(0));
}

TEST_F(RecentLogTest, TheLastOneStaysHoweverLargeItIs) {
  recent.add(1, "small");
  recent.add(2, std::string(5000, 'x'));
  EXPECT_FALSE(recent.has(1));
  EXPECT_EQ(recent.at(2).size(), 5000u);
}

TEST_F(RecentLogTest, WaitingEndsWithTheNextEntryOrInTime) {
  const Instant began = world.now();
  Task<> timely = recent.wait(0, 300ms);
  ASSERT_TRUE(world.run(std::move(timely)));
  EXPECT_EQ(world.now() - began, 300ms);
  EXPECT_EQ(recent.waiting(), 0u);

  bool told = false;
  group.spawn(recent.wait(0, 1h), [&](Result<> result) { told = result.has_value(); });
  world.run_for(1ms);
  EXPECT_EQ(recent.waiting(), 1u);
  recent.add(1, "op");
  world.run_for(1ms);
  EXPECT_TRUE(told);
  EXPECT_EQ(recent.waiting(), 0u);

  const Instant later = world.now();
  ASSERT_TRUE(world.run(recent.wait(0, 1h))) << "it is there already";
  EXPECT_EQ(world.now(), later);
}

TEST_F(RecentLogTest, WhoeverGivesUpWaitingLeavesNothingBehind) {
  group.spawn(recent.wait(0, 10s));
  group.spawn(recent.wait(0, 10s));
  world.run_for(1ms);
  ASSERT_EQ(recent.waiting(), 2u);
  group.cancel();
  EXPECT_EQ(recent.waiting(), 0u);
  world.run_for(20s);  // its timers are gone, too
  recent.add(1, "op");
}

}  // namespace
}  // namespace gfs::master
