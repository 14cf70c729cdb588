// A replica that is put away does not exist for anybody, and comes back as it was; whatever dies in between, at every
// step, it is either held, or in quarantine, whole. What was unlinked does not come back by what is remembered of it.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/chunkserver/store_fixture.h"

namespace gfs::chunkserver {
namespace {

const ServerId kOne{{1}};
constexpr WallMs kNow = 1767225600123;

Task<> make_file(Disk* disk, std::string path) { (void)co_await disk->open(std::move(path), Disk::Mode::write); }

class QuarantineTest : public StoreTest {
 protected:
  Result<> put_away(std::uint64_t version, std::uint64_t fence = 0, WallMs now = kNow) {
    return world.run(
        store().quarantine(kChunk, Version{version}, Version{std::max(version, fence)}, Garbage::orphan, now));
  }
  Result<ChunkInfo> restore() { return world.run(store().restore(kChunk)); }
  // Two writes, an append, a seal: something of everything, all of it in the journal only.
  void make_chunk() {
    ASSERT_TRUE(adopt(kChunk, 3));
    ASSERT_TRUE(write(1, 0, std::string(70000, 'a'), 3));
    ASSERT_TRUE(put(append_of(3, 2, 70000, "record", 7)));
    ASSERT_TRUE(put(mutation_of(MutationKind::seal, 3, 3)));
    before = state();
  }
  void expect_as_before() {
    const bus::ReplicaState now = state();
    EXPECT_EQ(now.version, before.version);
    EXPECT_EQ(now.serial, before.serial);
    EXPECT_EQ(now.length, before.length);
    EXPECT_EQ(now.sealed, before.sealed);
    EXPECT_EQ(now.digest, before.digest);
    Result<BlocksSeen> seen = world.run(store().verify(kChunk));
    ASSERT_TRUE(seen);
    EXPECT_TRUE(seen->bad.empty());
  }
  std::vector<std::string> files_in(const std::string& folder) {
    std::vector<std::string> paths;
    for (const std::string& file : platter->files()) {
      if (file.starts_with(folder)) paths.push_back(file);
    }
    return paths;
  }
  // Runs the task for so many steps, then everything ends: true if it was answered before.
  template <class T>
  bool cut_off(Task<T> task, int steps, bool power) {
    bool answered = false;
    {
      TaskGroup group;
      group.spawn(std::move(task), [&answered](Result<T> result) {
        EXPECT_TRUE(result) << result.error().text();
        answered = true;
      });
      while (!answered && steps-- > 0 && world.step()) {
      }
    }
    life.reset();
    if (power) platter->power_cut();
    open();
    return answered;
  }

  bus::ReplicaState before;
};

TEST_F(QuarantineTest, WhatIsPutAwayIsGoneAndComesBackAsItWas) {
  open();
  make_chunk();
  ASSERT_TRUE(put_away(3));
  EXPECT_FALSE(store().find(kChunk));
  EXPECT_TRUE(store().page({}, 10).empty());
  EXPECT_EQ(read(0, 10).error().code, Code::not_found);
  EXPECT_EQ(write(4, 0, "x", 3).error().code, Code::not_found);
  EXPECT_EQ(world.run(store().adopt(kChunk, Version{4}, kOne, false)).error().code, Code::not_found);
  EXPECT_EQ(put_away(3).error().code, Code::not_found);
  EXPECT_EQ(store().quarantined().size(), 1u);
  EXPECT_EQ(store().quarantined().bytes(), 70006u);
  EXPECT_EQ(store().quarantined().oldest(), kNow);
  EXPECT_TRUE(files_in("chunks/").empty());
  EXPECT_EQ(files_in("quarantine/").size(), 2u);

  Result<ChunkInfo> back = restore();
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_TRUE(back->sealed);
  expect_as_before();
  EXPECT_EQ(store().quarantined().size(), 0u);
  EXPECT_EQ(restore().error().code, Code::not_found);
  open();
  expect_as_before();
}

TEST_F(QuarantineTest, WhatIsNewerThanNamedStays) {
  open();
  EXPECT_EQ(put_away(1).error().code, Code::not_found);
  ASSERT_TRUE(adopt(kChunk, 3));
  EXPECT_EQ(put_away(2).error().code, Code::stale_version);
  EXPECT_EQ(put_away(4).error().code, Code::stale_version) << "another one than named, whichever";
  ASSERT_TRUE(promise(5, kOne));
  EXPECT_EQ(put_away(3).error().code, Code::stale_version) << "version 5 was promised since";
  EXPECT_EQ(put_away(3, 4).error().code, Code::stale_version);
  EXPECT_TRUE(store().find(kChunk));
  EXPECT_TRUE(put_away(3, 5)) << "the promise was known";
  EXPECT_TRUE(restore());
  EXPECT_EQ(info().fence, Version{5});
}

TEST_F(QuarantineTest, WhatIsBeingCopiedOrUsedStays) {
  open();
  ASSERT_TRUE(adopt(kChunk, 3));
  ASSERT_TRUE(write(1, 0, "text", 3));
  ASSERT_TRUE(world.run(store().begin_copy(kChunk)));
  EXPECT_EQ(put_away(3).error().code, Code::conflict);
  store().drop_copy(kChunk);
  ASSERT_TRUE(world.run_until([&] { return files_in("chunks/ab/00000000000000ab.copy").empty(); }, 1s));

  // A write and a read that came before it; the answer of neither is touched.
  TaskGroup group;
  Result<std::uint64_t> written = fail(Code::internal, "not answered");
  group.spawn(store().write(mutation(kChunk, 3, 2, 4, "more")),
              [&](Result<std::uint64_t> result) { written = result; });
  Result<> away = put_away(3);
  ASSERT_TRUE(world.run_until([&] { return group.size() == 0; }, 1s));
  if (away) EXPECT_TRUE(restore());
  EXPECT_TRUE(written) << written.error().text();
  EXPECT_EQ(*read(0, 10), "textmore");
}

TEST_F(QuarantineTest, WhoComesWhileItIsMovedIsToldToTryAgain) {
  open();
  make_chunk();
  TaskGroup group;
  Result<> away = fail(Code::internal, "not answered");
  group.spawn(store().quarantine(kChunk, Version{3}, Version{3}, Garbage::stale, kNow),
              [&](Result<> result) { away = result; });
  ASSERT_TRUE(world.run_until([&] { return !store().find(kChunk); }, 1s));
  ASSERT_FALSE(away);
  EXPECT_EQ(adopt(kChunk, 4).error().code, Code::unavailable);
  ASSERT_TRUE(world.run_until([&] { return group.size() == 0; }, 1s));
  EXPECT_TRUE(away) << away.error().text();
}

// What the journal has of the one before must neither come back nor get into the next one.
TEST_F(QuarantineTest, TheJournalBringsNothingBack) {
  for (const bool power : {false, true}) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      fresh(seed);
      make_chunk();
      ASSERT_TRUE(put_away(3));
      if (power) platter->power_cut();
      open();
      ASSERT_FALSE(store().find(kChunk));
      ASSERT_EQ(store().quarantined().bytes(), 70006u);
      ASSERT_TRUE(adopt(kChunk, 5));
      ASSERT_TRUE(write(1, 0, "another", 5));
      EXPECT_EQ(restore().error().code, Code::already_exists);
      ASSERT_TRUE(sync());
      open();
      ASSERT_EQ(*read(0, 100), "another");
      ASSERT_EQ(info().version, Version{5});
      ASSERT_TRUE(put_away(5, 0, kNow + 1));
      open();
      ASSERT_EQ(store().quarantined().size(), 2u);
      ASSERT_TRUE(restore()) << "the later one first";
      ASSERT_EQ(*read(0, 100), "another");
    }
  }
}

// C20, the first half.
TEST_F(QuarantineTest, EveryStepOfItMayBeTheLast) {
  for (const bool power : {false, true}) {
    bool answered = false;
    int away = 0, held = 0;
    for (int steps = 0; !answered; ++steps) {
      SCOPED_TRACE(steps);
      ASSERT_LT(steps, 2000);
      fresh(static_cast<std::uint64_t>(steps) + 1);
      make_chunk();
      ASSERT_TRUE(sync());
      answered = cut_off(store().quarantine(kChunk, Version{3}, Version{3}, Garbage::orphan, kNow), steps, power);
      if (store().find(kChunk)) {
        ASSERT_FALSE(answered);
        ASSERT_EQ(store().quarantined().size(), 0u);
        ASSERT_TRUE(files_in("quarantine/").empty());
        ++held;
      } else {
        ASSERT_EQ(store().quarantined().size(), 1u);
        Result<ChunkInfo> back = restore();
        ASSERT_TRUE(back) << back.error().text();
        ++away;
      }
      expect_as_before();
      checkpoint_and_reopen();
      expect_as_before();
    }
    EXPECT_GT(held, 3);
    EXPECT_GT(away, power ? 0 : 1);
  }
}

TEST_F(QuarantineTest, EveryStepOfTheWayBackMayBeTheLast) {
  for (const bool power : {false, true}) {
    bool answered = false;
    for (int steps = 0; !answered; ++steps) {
      SCOPED_TRACE(steps);
      ASSERT_LT(steps, 2000);
      fresh(static_cast<std::uint64_t>(steps) + 1);
      make_chunk();
      ASSERT_TRUE(put_away(3));
      answered = cut_off(store().restore(kChunk), steps, power);
      if (!store().find(kChunk)) {
        ASSERT_FALSE(answered);
        ASSERT_EQ(store().quarantined().size(), 1u);
        Result<ChunkInfo> back = restore();
        ASSERT_TRUE(back) << back.error().text();
      }
      ASSERT_EQ(store().quarantined().size(), 0u);
      expect_as_before();
      open();
      expect_as_before();
    }
  }
}

TEST_F(QuarantineTest, WhatIsOldIsUnlinkedAndNothingElse) {
  open();
  make_chunk();
  ASSERT_TRUE(put_away(3));
  EXPECT_EQ(world.run(store().purge(kNow, 10))->chunks, 0u) << "not older";
  Result<ChunkStore::Purged> purged = world.run(store().purge(kNow + 1, 10));
  ASSERT_TRUE(purged) << purged.error().text();
  EXPECT_EQ(purged->chunks, 1u);
  EXPECT_EQ(purged->bytes, 70006u);
  EXPECT_TRUE(files_in("quarantine/").empty());
  EXPECT_EQ(restore().error().code, Code::not_found);
  open();
  EXPECT_FALSE(store().find(kChunk)) << "the journal had it";
  EXPECT_EQ(store().quarantined().size(), 0u);
}

TEST_F(QuarantineTest, SomeAtATimeTheOldestFirst) {
  open();
  for (std::uint64_t handle : {1, 2, 3}) {
    ASSERT_TRUE(adopt(ChunkHandle{handle}, 1));
    ASSERT_TRUE(world.run(store().quarantine(ChunkHandle{handle}, Version{1}, Version{1}, Garbage::stale,
                                             kNow - static_cast<WallMs>(handle))));
  }
  EXPECT_EQ(world.run(store().purge(kNow, 2))->chunks, 2u);
  EXPECT_TRUE(world.run(store().restore(ChunkHandle{1})));
  EXPECT_EQ(world.run(store().restore(ChunkHandle{3})).error().code, Code::not_found);
}

// C20, the second half.
TEST_F(QuarantineTest, EveryStepOfTheUnlinkingMayBeTheLast) {
  for (const bool power : {false, true}) {
    bool answered = false;
    for (int steps = 0; !answered; ++steps) {
      SCOPED_TRACE(steps);
      ASSERT_LT(steps, 2000);
      fresh(static_cast<std::uint64_t>(steps) + 1);
      make_chunk();
      ASSERT_TRUE(put_away(3));
      answered = cut_off(store().purge(kNow + 1, 10), steps, power);
      ASSERT_FALSE(store().find(kChunk));
      ASSERT_LE(store().quarantined().size(), answered ? 0u : 1u);
      if (store().quarantined().size() == 1) {
        Result<ChunkInfo> back = restore();
        if (back) expect_as_before();
        if (!back) ASSERT_EQ(back.error().code, Code::corrupt) << "its bytes had gone already";
        if (!back) ASSERT_TRUE(world.run(store().purge(kNow + 1, 10)));
      }
      ASSERT_TRUE(files_in("quarantine/").empty());
      open();
      ASSERT_EQ(store().quarantined().size(), 0u);
    }
  }
}

TEST_F(QuarantineTest, AFailingDiskLeavesItHeldOrPutAway) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    fresh(seed);
    make_chunk();
    SimDisk::Faults faults;
    faults.write_error = 0.2;
    faults.sync_error = 0.1;
    platter->set_faults(faults);
    Result<> away = put_away(3);
    platter->set_faults({});
    EXPECT_EQ(store().find(kChunk).has_value(), !away);
    open();
    // A failed sync leaves it open which of the two it is; then the disk is not trusted any more, either.
    if (!store().find(kChunk)) ASSERT_TRUE(restore());
    expect_as_before();
  }
}

TEST_F(QuarantineTest, AFullDiskSaysWhatCanBeFreed) {
  open();
  make_chunk();
  ASSERT_TRUE(put_away(3));
  platter->set_capacity(platter->used());
  ASSERT_TRUE(world.run(store().measure_space()));
  Result<> room = store().room_for(100);
  ASSERT_EQ(room.error().code, Code::no_space);
  EXPECT_NE(room.error().message.find("70006 bytes are in quarantine: gfs-cli gc purge"), std::string::npos)
      << room.error().message;
}

TEST_F(QuarantineTest, C15_ForeignFilesAreLeftAlone) {
  open();
  make_chunk();
  ASSERT_TRUE(put_away(3));
  ASSERT_TRUE(world.run(make_file(life->disk.get(), "quarantine/notes.txt")));
  ASSERT_TRUE(world.run(make_file(life->disk.get(), "quarantine/" + std::string(16, 'x') + ".data")));
  open();
  EXPECT_EQ(store().quarantined().size(), 1u);
  EXPECT_EQ(files_in("quarantine/").size(), 4u);
}

}  // namespace
}  // namespace gfs::chunkserver
