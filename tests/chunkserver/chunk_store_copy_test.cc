// Making a chunk equal to another server's: what is gathered counts as a whole or not at all, whatever dies when.
#include <gtest/gtest.h>

#include "tests/chunkserver/store_fixture.h"

namespace gfs::chunkserver {
namespace {

const ServerId kOne{{1}};
const ServerId kTwo{{2}};
const std::string kSide = "chunks/ab/00000000000000ab.copy";

class CopyTest : public StoreTest {
 protected:
  // The chunk at version 2 with `old`, version 5 promised.
  void hold(const std::string& old, std::uint64_t seed = 1) {
    fresh(seed);
    ASSERT_TRUE(adopt(kChunk, 2));
    for (std::uint64_t at = 0, serial = 1; at < old.size(); at += kFragmentMax, ++serial) {
      ASSERT_TRUE(write(serial, at, old.substr(at, kFragmentMax), 2));
    }
    ASSERT_TRUE(promise(5, kOne));
  }
  bool side_file() { return platter->read_now(kSide).has_value(); }
};

TEST_F(CopyTest, ANewReplicaIsMadeFromNothing) {
  Random random(1);
  const std::string text = text_of(random, 3 * kFragmentMax + 1234);
  open();
  ASSERT_TRUE(promise(5, kOne));
  CopyTarget target = target_of(text, 4, 17);
  target.records.add(client, {.first = 3, .count = 2, .index = 0, .offset = 5, .size = 6, .digest = 7, .time_ms = 8});
  target.state.sealed = true;
  target.state.digest = state_digest(text.size(), true, target.checksums, target.records.digest());
  Result<> equal = make_equal(text, 5, target);
  ASSERT_TRUE(equal) << equal.error().text();
  EXPECT_FALSE(side_file());
  for (int life = 0; life < 4; ++life) {
    EXPECT_EQ(info().version, Version{4}) << life;
    EXPECT_EQ(info().serial, Serial{17});
    EXPECT_TRUE(info().primary.nil());
    EXPECT_EQ(info().fence, Version{5});
    EXPECT_TRUE(info().sealed);
    EXPECT_EQ(state().digest, target.state.digest);
    EXPECT_EQ(*world.run(store().records(kChunk)), target.records);
    EXPECT_EQ(*world.run(store().checksums(kChunk)), target.checksums);
    EXPECT_TRUE(world.run(store().verify(kChunk))->bad.empty());
    ASSERT_TRUE(*read_all() == text);
    if (life == 0) open();
    if (life == 1) platter->power_cut();
    if (life == 1) open();
    if (life == 2) checkpoint_and_reopen();
  }
}

TEST_F(CopyTest, OnlyWhatDiffersIsFetched) {
  Random random(2);
  std::string old = text_of(random, 10 * kBlockSize + 100);
  hold(old);
  std::string text = old.substr(0, 8 * kBlockSize);
  text[3 * kBlockSize + 7] = static_cast<char>(text[3 * kBlockSize + 7] ^ 1);
  text += "tail";
  const CopyTarget target = target_of(text, 5, 0);
  std::vector<BlockAtHand> here = *world.run(store().begin_copy(kChunk));
  ASSERT_EQ(here.size(), 11u);
  std::vector<std::uint32_t> wanted;
  for (std::uint32_t block = 0; block < target.checksums.size(); ++block) {
    if (here[block].hash != target.hashes[block]) wanted.push_back(block);
  }
  EXPECT_EQ(wanted, (std::vector<std::uint32_t>{3, 8}));
  ASSERT_TRUE(copy_from(text, 3, 1));
  EXPECT_EQ(world.run(store().install_copy(kChunk, Version{5}, target)).error().code, Code::conflict);
  ASSERT_TRUE(*read_all() == old);
  EXPECT_EQ(info().version, Version{2});
  ASSERT_TRUE(copy_from(text, 8, 1));
  ASSERT_TRUE(world.run(store().install_copy(kChunk, Version{5}, target)));
  ASSERT_TRUE(*read_all() == text);
  EXPECT_EQ(info().primary, kOne);  // of the version promised: it holds it now
  // What it has adopted stays: a late order whose source had not yet adopted it does not take it back.
  (void)world.run(store().begin_copy(kChunk));
  EXPECT_EQ(world.run(store().install_copy(kChunk, Version{5}, target_of(text, 4, 2))).error().code,
            Code::stale_version);
  EXPECT_EQ(info().version, Version{5});
  ASSERT_TRUE(write(1, text.size(), "!", 5));
  // It is active: neither what this one has confirmed nor what another one has more is touched by a late order.
  (void)world.run(store().begin_copy(kChunk));
  EXPECT_EQ(world.run(store().install_copy(kChunk, Version{5}, target)).error().code, Code::stale_version);
  open();
  ASSERT_TRUE(*read_all() == text + "!");
}

// Who counts a copy may let go of the others: it is on the disk before it counts.
TEST_F(CopyTest, I17ACopyThatCountsSurvivesAPowerCut) {
  Random random(5);
  const std::string text = text_of(random, 5 * kBlockSize + 17);
  hold(text_of(random, 3 * kBlockSize));
  ASSERT_TRUE(make_equal(text, 5, target_of(text, 4, 9)));
  platter->power_cut();
  open();
  ASSERT_TRUE(*read_all() == text);
  EXPECT_EQ(info().version, Version{4});
  EXPECT_EQ(info().serial, Serial{9});
  EXPECT_EQ(info().fence, Version{5});
}

TEST_F(CopyTest, WhatWasDamagedIsFetchedAndDamageIsOver) {
  Random random(3);
  const std::string text = text_of(random, 4 * kBlockSize);
  hold(text);
  ASSERT_TRUE(platter->flip_bit("chunks/ab/00000000000000ab.data", 2 * kBlockSize + 5, 1));
  ASSERT_EQ(world.run(store().verify(kChunk))->bad, std::vector<std::uint32_t>{2});
  ASSERT_TRUE(info().damaged);
  EXPECT_EQ((*world.run(store().begin_copy(kChunk)))[2].size, 0u);
  ASSERT_TRUE(make_equal(text, 5, target_of(text, 2, 1)));
  for (int life = 0; life < 3; ++life) {
    EXPECT_FALSE(info().damaged);
    EXPECT_FALSE(state().damaged);
    ASSERT_TRUE(*read_all() == text);
    if (life == 0) open();
    if (life == 1) checkpoint_and_reopen();
  }
}

// The operator's way out when every replica is suspect: equal to itself, as far as it verifies.
TEST_F(CopyTest, ASuspectChunkCanBeTakenAtItsWord) {
  Random random(4);
  const std::string text = text_of(random, 3 * kBlockSize);
  fresh(1);
  ASSERT_TRUE(adopt(kChunk, 2));
  ASSERT_TRUE(write(1, 0, text, 2));
  ASSERT_TRUE(sync());
  platter->power_cut();
  open();
  ASSERT_TRUE(info().suspect);
  ASSERT_TRUE(promise(3, kOne));
  CopyTarget target{state(), *world.run(store().checksums(kChunk)), world.run(store().verify(kChunk))->hashes,
                    *world.run(store().records(kChunk))};
  ASSERT_TRUE(world.run(store().begin_copy(kChunk)));
  ASSERT_TRUE(world.run(store().install_copy(kChunk, Version{3}, target)));
  EXPECT_FALSE(info().suspect);
  ASSERT_TRUE(world.run(store().adopt(kChunk, Version{3}, kOne, false)));
  ASSERT_TRUE(*read_all() == text);
}

TEST_F(CopyTest, WhatDoesNotFitChangesNothing) {
  Random random(5);
  const std::string old = text_of(random, 2 * kBlockSize);
  const std::string text = text_of(random, 2 * kBlockSize);
  hold(old);
  const bus::ReplicaState before = state();
  EXPECT_EQ(copy_from(text, 0, 1).error().code, Code::not_found);
  ASSERT_TRUE(world.run(store().begin_copy(kChunk)));
  Bytes bytes = Bytes::of(text);
  std::vector<std::uint32_t> wrong = wire_checksums(0, Bytes::of(old));
  EXPECT_EQ(world.run(store().copy_blocks(kChunk, 0, bytes, wrong)).error().code, Code::corrupt);
  EXPECT_EQ(world.run(store().copy_blocks(kChunk, 1024, bytes, wrong)).error().code, Code::invalid_argument);
  ASSERT_TRUE(copy_from(text, 0, 2));
  auto install = [&](std::uint64_t promised, CopyTarget target) {
    return world.run(store().install_copy(kChunk, Version{promised}, std::move(target))).error().code;
  };
  EXPECT_EQ(install(4, target_of(text, 4, 1)), Code::stale_version);
  EXPECT_EQ(install(6, target_of(text, 4, 1)), Code::stale_version);
  EXPECT_EQ(install(5, target_of(text, 6, 1)), Code::stale_version);
  EXPECT_EQ(install(5, target_of(text + "x", 4, 1)), Code::conflict);
  CopyTarget odd = target_of(text, 4, 1);
  ++odd.state.digest;
  EXPECT_EQ(install(5, odd), Code::conflict);
  odd = target_of(text, 4, 1);
  odd.checksums.pop_back();
  EXPECT_EQ(install(5, odd), Code::invalid_argument);
  ASSERT_TRUE(promise(6, kTwo));
  EXPECT_EQ(install(5, target_of(text, 4, 1)), Code::stale_version);
  EXPECT_EQ(state(), before);
  ASSERT_TRUE(*read_all() == old);
  ASSERT_TRUE(world.run(store().install_copy(kChunk, Version{6}, target_of(text, 4, 1))));
  ASSERT_TRUE(*read_all() == text);
}

TEST_F(CopyTest, X03_AnOwnBlockThatChangedSinceItWasLookedAtIsNotAtHand) {
  fresh(1);
  ASSERT_TRUE(adopt(kChunk, 2));
  ASSERT_TRUE(write(1, 0, "old", 2));
  const CopyTarget target = target_of("old", 2, 1);
  ASSERT_TRUE(world.run(store().begin_copy(kChunk)));  // a learner's, ahead of time
  ASSERT_TRUE(write(2, 0, "new", 2));
  ASSERT_TRUE(promise(5, kOne));
  EXPECT_EQ(world.run(store().install_copy(kChunk, Version{5}, target)).error().code, Code::conflict);
  EXPECT_EQ(*read(0, 10), "new");
}

TEST_F(CopyTest, X01_AnotherCopyGoesOnWithWhatWasGatheredAndADroppedOneDoesNot) {
  Random random(6);
  const std::string text = text_of(random, 4 * kBlockSize + 9);
  open();
  ASSERT_TRUE(world.run(store().begin_copy(kChunk)));
  ASSERT_TRUE(store().find(kChunk));
  EXPECT_EQ(info().version, Version{0});
  ASSERT_TRUE(copy_from(text, 1, 2));
  std::vector<BlockAtHand> here = *world.run(store().begin_copy(kChunk));
  ASSERT_EQ(here.size(), 3u);
  EXPECT_EQ(here[0].size, 0u);
  EXPECT_EQ(here[2].size, kBlockSize);
  store().drop_copy(kChunk);
  here = *world.run(store().begin_copy(kChunk));  // at once, with the old one's file still there
  EXPECT_TRUE(here.empty());
  ASSERT_TRUE(copy_from(text, 0, 1));
  world.run_for(1s);
  EXPECT_EQ(world.run(store().begin_copy(kChunk))->size(), 1u);
  EXPECT_TRUE(side_file());
  store().drop_copy(kChunk);
  EXPECT_FALSE(store().find(kChunk));
  world.run_for(1s);
  EXPECT_FALSE(side_file());
  ASSERT_TRUE(promise(5, kOne));
  ASSERT_TRUE(make_equal(text, 5, target_of(text, 5, 0)));
  ASSERT_TRUE(*read_all() == text);
}

TEST_F(CopyTest, X01_ACopyThatDidNotTakeEffectIsGoneAfterARestart) {
  Random random(7);
  const std::string old = text_of(random, 2 * kBlockSize);
  hold(old);
  ASSERT_TRUE(world.run(store().begin_copy(kChunk)));
  ASSERT_TRUE(copy_from(text_of(random, 2 * kBlockSize), 0, 2));
  ASSERT_TRUE(side_file());
  open();
  EXPECT_FALSE(side_file());
  ASSERT_TRUE(*read_all() == old);
}

// I10. Killed, or cut off from power, at every step of taking effect: old or new, and all of it verifies.
TEST_F(CopyTest, I10ACopyTakesEffectAsAWholeOrNotAtAll) {
  Random random(8);
  const auto cases = {
      std::pair{2u, true}, {2u, false}, {0u, true}, {0u, false}};  // of 0: its file takes the other's place
  for (const auto& [kept, shrinks] : cases) {
    const std::string shared = text_of(random, kept * kBlockSize);
    const std::string old = shared + text_of(random, shrinks ? 5 * kBlockSize + 77 : 1000);
    std::string text = shared + text_of(random, shrinks ? kBlockSize + 5 : 6 * kBlockSize + 5);
    for (bool power : {false, true}) {
      int olds = 0, news = 0;
      bool finished = false;
      for (std::uint64_t steps = 0; !finished; ++steps) {
        hold(old, 100 + steps);
        // A part of it may be safe before the copy begins.
        if (steps % 2 == 0) ASSERT_TRUE(sync());
        const bus::ReplicaState before = state();
        const CopyTarget target = target_of(text, 4, 9);
        ASSERT_TRUE(world.run(store().begin_copy(kChunk)));
        ASSERT_TRUE(copy_from(text, kept, blocks_of(text.size()) - kept));
        TaskGroup group;
        group.spawn(store().install_copy(kChunk, Version{5}, target),
                    [&](Result<> done) { finished = done.has_value(); });
        for (std::uint64_t i = 0; i < steps && !finished; ++i) world.step();
        group.cancel();
        if (power) platter->power_cut();
        open(100 + steps);
        if (HasFatalFailure()) return;
        EXPECT_FALSE(side_file());
        EXPECT_EQ(info().fence, Version{5});
        const bool is_new = info().version == Version{4};
        ++(is_new ? news : olds);
        if (finished) ASSERT_TRUE(is_new);
        EXPECT_EQ(info().suspect, power);
        EXPECT_EQ(info().damaged, false);
        if (!is_new && power && steps % 2 != 0) continue;  // nobody had synced what was there
        bus::ReplicaState expected = is_new ? target.state : before;
        expected.suspect = power;
        ASSERT_EQ(state(), expected) << steps << (power ? " power" : "") << (is_new ? " new" : " old");
        Result<std::string> all = read_all();
        ASSERT_TRUE(all) << steps << ": " << all.error().text();
        ASSERT_TRUE(*all == (is_new ? text : old)) << steps;
        // Once more, through another restart and a checkpoint.
        checkpoint_and_reopen();
        all = read_all();
        ASSERT_TRUE(all && *all == (is_new ? text : old)) << steps;
      }
      EXPECT_GT(olds, 5);
      EXPECT_GT(news, 5);
    }
  }
}

// Its file is needed until the data file is known to be whole; killed again and again while it is brought over.
TEST_F(CopyTest, I10RecoveryMayDieOnTheWayToo) {
  Random random(9);
  const std::string old = text_of(random, 3 * kBlockSize);
  const std::string longer = text_of(random, 7 * kBlockSize + 5);
  int again = 0;
  for (std::uint64_t seed = 1; seed <= 80; ++seed) {
    const std::uint32_t kept = seed % 2;
    const std::string text = old.substr(0, kept * kBlockSize) + longer;
    hold(old, seed);
    const CopyTarget target = target_of(text, 4, 9);
    ASSERT_TRUE(world.run(store().begin_copy(kChunk)));
    ASSERT_TRUE(copy_from(text, kept, blocks_of(text.size()) - kept));
    {
      TaskGroup group;
      group.spawn(store().install_copy(kChunk, Version{5}, target));
      const std::uint64_t steps = 12 + random.below(14);
      for (std::uint64_t i = 0; i < steps; ++i) world.step();
    }
    for (int death = 0; death < 3; ++death) {
      if (random.chance(0.5)) platter->power_cut();
      life.reset();
      life = std::make_unique<Life>(world, *platter, settings);
      TaskGroup group;
      group.spawn(store().open());
      const std::uint64_t steps = random.below(60);
      for (std::uint64_t i = 0; i < steps; ++i) world.step();
    }
    open();
    if (HasFatalFailure()) return;
    if (info().version != Version{4}) continue;
    ++again;
    Result<std::string> all = read_all();
    ASSERT_TRUE(all) << seed << ": " << all.error().text();
    ASSERT_TRUE(*all == text) << seed;
  }
  EXPECT_GT(again, 10);
}

// The file that took the other's place has its name before anything is written to it.
TEST_F(CopyTest, WhatIsWrittenBehindACopySurvivesAPowerCut) {
  Random random(14);
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    hold(text_of(random, 2 * kBlockSize), seed);
    std::string text = text_of(random, 3 * kBlockSize + 5);
    ASSERT_TRUE(make_equal(text, 5, target_of(text, 4, 9)));
    ASSERT_TRUE(world.run(store().adopt(kChunk, Version{5}, kOne, false)));
    const std::string more = text_of(random, random.between(1, 3 * kBlockSize));
    ASSERT_TRUE(write(1, text.size(), more, 5));
    text += more;
    if (seed % 2 == 0) ASSERT_TRUE(write(2, 7, "over it", 5));
    if (seed % 2 == 0) text.replace(7, 7, "over it");
    ASSERT_TRUE(sync());
    platter->power_cut();
    open(seed);
    Result<std::string> all = read_all();
    ASSERT_TRUE(all) << seed << ": " << all.error().text();
    ASSERT_TRUE(*all == text) << seed;
  }
}

// As before, but the process dies on the way, its next life dies as well or does not, and the power goes last of all.
TEST_F(CopyTest, WhatIsWrittenBehindACopyThatTookTwoLivesSurvivesAPowerCut) {
  Random random(15);
  int news = 0;
  bool finished = false;
  for (std::uint64_t steps = 0; !finished; ++steps) {
    hold(text_of(random, 2 * kBlockSize), 100 + steps);
    checkpoint_and_reopen();  // so that the name of the data file is known to be durable
    std::string text = text_of(random, 3 * kBlockSize + 5);
    ASSERT_TRUE(world.run(store().begin_copy(kChunk)));
    ASSERT_TRUE(copy_from(text, 0, 4));
    {
      TaskGroup group;
      group.spawn(store().install_copy(kChunk, Version{5}, target_of(text, 4, 9)),
                  [&](Result<> done) { finished = done.has_value(); });
      for (std::uint64_t i = 0; i < steps && !finished; ++i) world.step();
    }
    if (steps % 2 == 1) {
      life.reset();
      life = std::make_unique<Life>(world, *platter, settings);
      TaskGroup group;
      group.spawn(store().open());
      for (std::uint64_t i = 0, some = random.below(60); i < some; ++i) world.step();
    }
    open(100 + steps);
    if (HasFatalFailure()) return;
    if (info().version != Version{4}) continue;
    ++news;
    ASSERT_TRUE(world.run(store().adopt(kChunk, Version{5}, kOne, false)));
    ASSERT_TRUE(write(1, text.size(), "and more", 5));
    ASSERT_TRUE(write(2, 7, "over it", 5));
    text += "and more";
    text.replace(7, 7, "over it");
    ASSERT_TRUE(sync());
    platter->power_cut();
    open(100 + steps);
    Result<std::string> all = read_all();
    ASSERT_TRUE(all) << steps << ": " << all.error().text();
    ASSERT_TRUE(*all == text) << steps;
  }
  EXPECT_GT(news, 5);
}

// A copy's file that is not what its record says does not take the place of what does.
TEST_F(CopyTest, AForeignFileOfACopyIsNotPutInTheChunksPlace) {
  Random random(16);
  const std::string text = text_of(random, 3 * kBlockSize + 5);
  hold(text_of(random, 2 * kBlockSize));
  ASSERT_TRUE(make_equal(text, 5, target_of(text, 4, 9)));
  life.reset();
  {
    NodeExecutor node(world);
    const std::unique_ptr<Disk> disk = platter->mount(node);
    ASSERT_TRUE(world.run([](Disk* on) -> Task<> {
      std::shared_ptr<File> file = co_await on->open(kSide, Disk::Mode::write);
      Bytes bytes = Bytes::of("what another copy had gathered");
      co_await file->write(0, std::move(bytes));
    }(disk.get())));
  }
  open();
  EXPECT_FALSE(side_file());
  EXPECT_EQ(info().version, Version{4});
  Result<std::string> all = read_all();
  ASSERT_TRUE(all) << all.error().text();
  ASSERT_TRUE(*all == text);
}

// A checkpoint lets go of the journal: not of the record of a copy that is still being brought over.
TEST_F(CopyTest, ACheckpointMeanwhileLosesNothing) {
  Random random(13);
  const std::string old = text_of(random, 2 * kBlockSize);
  const std::string text = text_of(random, 5 * kBlockSize + 5);
  bool finished = false;
  for (std::uint64_t steps = 0; !finished; ++steps) {
    hold(old, 100 + steps);
    checkpoint_and_reopen();
    ASSERT_TRUE(world.run(store().begin_copy(kChunk)));
    ASSERT_TRUE(copy_from(text, 0, 6));
    TaskGroup group;
    bool installed = false, closed = false;
    group.spawn(store().install_copy(kChunk, Version{5}, target_of(text, 4, 9)),
                [&](Result<> done) { installed = done.has_value(); });
    for (std::uint64_t i = 0; i < steps && !installed; ++i) world.step();
    finished = installed;
    group.spawn(store().close(), [&](Result<> done) { closed = done.has_value(); });
    while (!installed || !closed) world.step();
    open();
    if (HasFatalFailure()) return;
    EXPECT_EQ(info().version, Version{4}) << steps;
    Result<std::string> all = read_all();
    ASSERT_TRUE(all) << steps << ": " << all.error().text();
    ASSERT_TRUE(*all == text) << steps;
  }
}

TEST_F(CopyTest, ReadersMeanwhileSeeOldOrNew) {
  Random random(10);
  const std::string old = text_of(random, 8 * kBlockSize);
  const std::string text = text_of(random, 5 * kBlockSize + 10);
  hold(old);
  ASSERT_TRUE(world.run(store().begin_copy(kChunk)));
  ASSERT_TRUE(copy_from(text, 0, 6));
  TaskGroup group;
  bool installed = false;
  group.spawn(store().install_copy(kChunk, Version{5}, target_of(text, 4, 1)),
              [&](Result<> done) { installed = done.has_value(); });
  int olds = 0, news = 0;
  while (!installed) {
    group.spawn(store().read(kChunk, 100, 6 * kBlockSize), [&](Result<ReadBytes> got) {
      ASSERT_TRUE(got) << got.error().text();
      const bool is_old = got->bytes.view() == std::string_view(old).substr(100, 6 * kBlockSize);
      const bool is_new = got->bytes.view() == std::string_view(text).substr(100);
      ASSERT_TRUE(is_old || is_new);
      ++(is_old ? olds : news);
    });
    for (int i = 0; i < 3; ++i) world.step();
  }
  world.run_for(1s);
  EXPECT_GT(olds, 0);
  EXPECT_GT(news, 0);
}

TEST_F(CopyTest, RotInTheCopysFileIsNotTakenForTheChunk) {
  Random random(12);
  const std::string old = text_of(random, 2 * kBlockSize);
  const std::string text = old.substr(0, kBlockSize) + text_of(random, 2 * kBlockSize);
  hold(old);
  ASSERT_TRUE(world.run(store().begin_copy(kChunk)));
  ASSERT_TRUE(copy_from(text, 1, 2));
  ASSERT_TRUE(platter->flip_bit(kSide, kBlockSize + 9, 2));
  Result<> installed = world.run(store().install_copy(kChunk, Version{5}, target_of(text, 4, 1)));
  ASSERT_FALSE(installed);
  EXPECT_EQ(installed.error().code, Code::io_error);
  for (int life = 0; life < 2; ++life) {
    EXPECT_TRUE(info().suspect);
    EXPECT_EQ(read(kBlockSize, 10).error().code, Code::corrupt);
    open();
  }
  ASSERT_TRUE(make_equal(text, 5, target_of(text, 4, 1)));
  EXPECT_FALSE(info().suspect || info().damaged);
  ASSERT_TRUE(*read_all() == text);
}

// Its bytes are not read once more when its file becomes the chunk's: whoever reads them finds the rot.
TEST_F(CopyTest, RotInAFileThatTakesTheChunksPlaceIsFoundByTheReader) {
  Random random(12);
  const std::string text = text_of(random, 3 * kBlockSize);
  hold(text_of(random, 2 * kBlockSize));
  ASSERT_TRUE(world.run(store().begin_copy(kChunk)));
  ASSERT_TRUE(copy_from(text, 0, 3));
  ASSERT_TRUE(platter->flip_bit(kSide, kBlockSize + 9, 2));
  ASSERT_TRUE(world.run(store().install_copy(kChunk, Version{5}, target_of(text, 4, 1))));
  for (int life = 0; life < 2; ++life) {
    EXPECT_EQ(read(kBlockSize, 10).error().code, Code::corrupt);
    EXPECT_TRUE(info().damaged);
    open();
  }
}

TEST_F(CopyTest, ADiskThatIsFullLeavesTheChunkAsItWas) {
  Random random(11);
  const std::string old = text_of(random, 2 * kBlockSize);
  const std::string text = old.substr(0, kBlockSize) + text_of(random, 8 * kBlockSize);
  hold(old);
  const bus::ReplicaState before = state();
  platter->set_capacity(platter->used() + 12 * kBlockSize);
  Result<> equal = make_equal(text, 5, target_of(text, 4, 1));  // twice its bytes do not fit
  ASSERT_FALSE(equal);
  if (info().version == Version{2}) {
    EXPECT_EQ(state(), before);
    ASSERT_TRUE(*read_all() == old);
  } else {
    EXPECT_TRUE(info().suspect);  // on record, but not all of it is in its place
    EXPECT_EQ(equal.error().code, Code::io_error);
  }
  platter->set_capacity(1ull << 40);
  ASSERT_TRUE(world.run(store().measure_space()));
  equal = make_equal(text, 5, target_of(text, 4, 1));
  ASSERT_TRUE(equal) << equal.error().text();
  EXPECT_FALSE(info().suspect);
  ASSERT_TRUE(*read_all() == text);
  open();
  EXPECT_FALSE(info().suspect);
  ASSERT_TRUE(*read_all() == text);
}

}  // namespace
}  // namespace gfs::chunkserver
