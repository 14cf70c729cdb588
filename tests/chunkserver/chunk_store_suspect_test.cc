// A chunk that may have lost something in a power cut is known to be suspect, durably, until it has been made equal;
// one that cannot have lost anything is not.
#include <gtest/gtest.h>

#include "tests/chunkserver/store_fixture.h"

namespace gfs::chunkserver {
namespace {

const ServerId kOne{{1}};

// I05: what was in the page cache only may be gone although nothing looks wrong.
TEST_F(StoreTest, I05AChunkIsSuspectAfterAPowerCutUntilItHasBeenMadeEqual) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    fresh(seed);
    ASSERT_TRUE(adopt(kChunk, 1));
    ASSERT_TRUE(write(1, 0, "text"));
    if (seed % 2 == 0) checkpoint_and_reopen();
    if (seed % 2 == 0) ASSERT_TRUE(write(2, 4, "more"));
    const std::uint64_t serial = info().serial.value;
    platter->power_cut();
    for (int life = 0; life < 3; ++life) {
      open();
      ASSERT_TRUE(info().suspect) << seed;
      ASSERT_TRUE(state().suspect);
      EXPECT_EQ(write(serial + 1, 8, "late").error().code, Code::suspect);
      EXPECT_EQ(adopt(kChunk, 2).error().code, Code::suspect);
      if (life == 1) checkpoint_and_reopen();
    }
    ASSERT_TRUE(promise(3, kOne));
    EXPECT_TRUE(info().suspect);
    const std::string whole = "textmore";
    Result<> equal = make_equal(whole, 3, target_of(whole, 1, 2));
    ASSERT_TRUE(equal) << equal.error().text();
    EXPECT_FALSE(info().suspect);
    open();
    EXPECT_FALSE(info().suspect);
    ASSERT_TRUE(world.run(store().adopt(kChunk, Version{3}, kOne, false)));
    ASSERT_TRUE(write(1, 8, "!", 3));
    EXPECT_EQ(*read(0, 20), "textmore!");
  }
}

TEST_F(StoreTest, AChunkThatRestsIsNotSuspectAfterAPowerCut) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    fresh(seed);
    ASSERT_TRUE(adopt(kChunk, 1));
    ASSERT_TRUE(write(1, 0, std::string(100000, 'x')));
    ASSERT_TRUE(world.run(store().close()));
    platter->power_cut();
    open();
    ASSERT_TRUE(promise(2, kOne));
    platter->power_cut();
    open();
    EXPECT_FALSE(info().suspect) << seed;
    ASSERT_TRUE(world.run(store().adopt(kChunk, Version{2}, kOne, false)));
    EXPECT_TRUE(*read(0, 100000) == std::string(100000, 'x'));
    ASSERT_TRUE(write(1, 0, "y", 2));
    platter->power_cut();
    open();
    EXPECT_TRUE(info().suspect) << seed;
  }
}

// I06: a checkpoint leaves nothing in the journal; the first mutation after it puts a mark there that a power cut
// cannot take, before it counts.
TEST_F(StoreTest, I06TheFirstMutationAfterACheckpointIsOnRecordBeforeItCounts) {
  int cuts = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    fresh(seed);
    ASSERT_TRUE(adopt(kChunk, 1));
    ASSERT_TRUE(write(1, 0, "old"));
    checkpoint_and_reopen();
    ASSERT_FALSE(info().suspect);
    const bool bulk = seed % 2 == 0;
    bool answered = false;
    TaskGroup group;
    group.spawn(store().write(mutation(kChunk, 1, 2, 3, std::string(bulk ? 100000 : 3, 'n'))),
                [&](Result<std::uint64_t> done) { answered = done.has_value(); });
    // Up to the moment its bytes are in the file, or it is answered.
    for (std::uint64_t i = 0; i < seed * 2 && !answered; ++i) world.step();
    const bool touched = platter->read_now("chunks/ab/00000000000000ab.data")->size() > 3;
    group.cancel();
    platter->power_cut();
    open();
    if (!answered && !touched) continue;
    ++cuts;
    EXPECT_TRUE(info().suspect) << seed;
  }
  EXPECT_GT(cuts, 5);
}

// The window in which a checkpoint writes the metadata file: what comes meanwhile is news to that file.
TEST_F(StoreTest, I06AMutationDuringACheckpointIsOnRecordToo) {
  int suspects = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    fresh(seed);
    ASSERT_TRUE(adopt(kChunk, 1));
    ASSERT_TRUE(write(1, 0, "old"));
    bool answered = false, closed = false;
    TaskGroup group;
    group.spawn(store().close(), [&](Result<> done) { closed = done.has_value(); });
    for (std::uint64_t i = 0; i < seed / 2; ++i) world.step();
    group.spawn(store().write(mutation(kChunk, 1, 2, 3, "new")),
                [&](Result<std::uint64_t> done) { answered = done.has_value(); });
    while (!answered || (seed % 2 == 0 && !closed)) ASSERT_TRUE(world.step());
    group.cancel();
    platter->power_cut();
    open();
    // Either the metadata file has it, or it is known that something may be missing.
    if (info().suspect) {
      ++suspects;
    } else {
      ASSERT_EQ(read(0, 10).value_or(""), "oldnew") << seed;
    }
  }
  EXPECT_GT(suspects, 20);
}

TEST_F(StoreTest, OnlyTheFirstSmallAppendAfterACheckpointWaitsForTheDisk) {
  open();
  ASSERT_TRUE(adopt(kChunk, 1));
  ASSERT_TRUE(put(append_of(1, 1, 0, "x", 1)));
  checkpoint_and_reopen();
  SimDisk::Faults slow = platter->faults();
  auto time_of = [&](Mutation one) {
    const Instant begin = world.now();
    EXPECT_TRUE(put(std::move(one)));
    return world.now() - begin;
  };
  (void)time_of(append_of(1, 2, 1, "y", 2));
  // From here on no sync: one that is asked for would fail.
  slow.sync_error = 1;
  platter->set_faults(slow);
  for (std::uint64_t i = 0; i < 20; ++i) (void)time_of(append_of(1, 3 + i, 2 + i, "z", 3 + i));
  EXPECT_FALSE(store().broken());
}

}  // namespace
}  // namespace gfs::chunkserver
