// Many deadlines share one timer and pass in their order; removed ones never do.
#include "bus/deadlines.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/sim_executor.h"

namespace gfs::bus {
namespace {

TEST(Deadlines, PassInOrderOnceEach) {
  SimExecutor world;
  std::vector<std::uint64_t> passed;
  Deadlines deadlines(world, [&](std::uint64_t id) { passed.push_back(id); });
  deadlines.set(world.now() + 30ms, 3);
  deadlines.set(world.now() + 10ms, 1);
  Deadlines::Mark removed = deadlines.set(world.now() + 5ms, 9);
  Deadlines::Mark renamed = deadlines.set(world.now() + 20ms, 0);
  deadlines.set(world.now() + 20ms, 21);
  deadlines.remove(removed);
  deadlines.rename(removed, 8);
  deadlines.rename(renamed, 20);
  world.run_for(15ms);
  EXPECT_EQ(passed, (std::vector<std::uint64_t>{1}));
  world.run_for(1s);
  EXPECT_EQ(passed, (std::vector<std::uint64_t>{1, 20, 21, 3}));
}

TEST(Deadlines, OneMayBeSetOrAllForgottenWhileAnotherPasses) {
  SimExecutor world;
  std::vector<std::uint64_t> passed;
  Deadlines* self = nullptr;
  Deadlines deadlines(world, [&](std::uint64_t id) {
    passed.push_back(id);
    if (id == 1) self->set(world.now() + 1ms, 2);
    if (id == 3) self->clear();
  });
  self = &deadlines;
  deadlines.set(world.now() + 1ms, 1);
  deadlines.set(world.now() + 5ms, 3);
  deadlines.set(world.now() + 5ms, 4);
  world.run_for(1s);
  EXPECT_EQ(passed, (std::vector<std::uint64_t>{1, 2, 3}));
}

TEST(Deadlines, ManyThatAreRemovedInTimeCostNoTimers) {
  SimExecutor world;
  Deadlines deadlines(world, [](std::uint64_t) { FAIL(); });
  for (int i = 0; i < 10000; ++i) {
    Deadlines::Mark mark = deadlines.set(world.now() + 1s, 1);
    world.run_for(1ms);
    deadlines.remove(mark);
  }
  EXPECT_LT(world.steps(), 20u) << "10 s of calls look at the clock once a second";
}

TEST(Deadlines, AreForgottenWithTheirOwner) {
  SimExecutor world;
  {
    Deadlines deadlines(world, [](std::uint64_t) { FAIL(); });
    deadlines.set(world.now() + 1ms, 1);
  }
  world.run_for(1s);
  EXPECT_EQ(world.steps(), 0u);
}

}  // namespace
}  // namespace gfs::bus
