// Everything that changes a chunk beside plain writes: promises, appends with what is remembered of them, seals,
// imports and cuts, in this life, after a crash, and after a power cut.
#include <gtest/gtest.h>

#include "tests/chunkserver/store_fixture.h"

namespace gfs::chunkserver {
namespace {

const ServerId kOne{{1}};
const ServerId kTwo{{2}};

TEST_F(StoreTest, APromiseFencesWhatIsOlderAndSurvivesAPowerCut) {
  open();
  ASSERT_TRUE(adopt(kChunk, 4));
  ASSERT_TRUE(write(1, 0, "text", 4));
  const std::uint32_t digest = state().digest;
  ASSERT_TRUE(promise(6, kOne));
  for (int life = 0; life < 3; ++life) {
    EXPECT_EQ(info().version, Version{4});
    EXPECT_EQ(info().serial, Serial{1});
    EXPECT_EQ(info().fence, Version{6});
    EXPECT_EQ(info().fenced_primary, kOne);
    EXPECT_EQ(state().digest, digest);
    EXPECT_EQ(write(2, 4, "evil", 4).error().code, Code::stale_version);
    EXPECT_EQ(promise(5, kOne).error().code, Code::stale_version);
    EXPECT_EQ(promise(6, kTwo).error().code, Code::stale_version);
    EXPECT_TRUE(promise(6, kOne));
    EXPECT_EQ(world.run(store().adopt(kChunk, Version{5}, kOne, false)).error().code, Code::stale_version);
    EXPECT_EQ(world.run(store().adopt(kChunk, Version{6}, kTwo, false)).error().code, Code::stale_version);
    if (life == 0) checkpoint_and_reopen();
    if (life == 1) platter->power_cut();
    open();
  }
  ASSERT_TRUE(world.run(store().adopt(kChunk, Version{6}, kOne, false)));
  EXPECT_EQ(info().version, Version{6});
  EXPECT_EQ(info().serial, Serial{0});
  EXPECT_EQ(state().digest, digest);
  EXPECT_TRUE(write(1, 4, "!", 6));
}

TEST_F(StoreTest, APromiseIsKeptWhereNothingWasHeld) {
  open();
  ASSERT_TRUE(promise(3, kOne));
  for (int life = 0; life < 3; ++life) {
    ASSERT_TRUE(store().find(kChunk)) << life;
    EXPECT_EQ(info().version, Version{0});
    EXPECT_EQ(info().fence, Version{3});
    EXPECT_EQ(state().length, 0u);
    EXPECT_TRUE(store().page({}, 10).empty());
    EXPECT_EQ(world.run(store().adopt(kChunk, Version{3}, kOne, false)).error().code, Code::not_found);
    EXPECT_EQ(write(1, 0, "x", 0).error().code, Code::not_found);
    EXPECT_FALSE(info().suspect);
    if (life == 0) platter->power_cut();
    if (life == 0) open();
    if (life == 1) checkpoint_and_reopen();
  }
  EXPECT_EQ(world.run(store().adopt(kChunk, Version{2}, kOne, true)).error().code, Code::stale_version);
  ASSERT_TRUE(world.run(store().adopt(kChunk, Version{3}, kOne, true)));
  ASSERT_TRUE(write(1, 0, "first", 3));
  open();
  EXPECT_EQ(info().version, Version{3});
  EXPECT_EQ(*read(0, 10), "first");
}

TEST_F(StoreTest, APromiseWaitsForWhatIsUnderWayAndLetsNothingPass) {
  open();
  ASSERT_TRUE(adopt(kChunk, 1));
  TaskGroup group;
  int done = 0, refused = 0;
  bool promised = false;
  auto count = [&](Result<std::uint64_t> written) {
    EXPECT_FALSE(promised);
    ++(written ? done : refused);
  };
  for (std::uint64_t i = 1; i <= 3; ++i) group.spawn(store().write(mutation(kChunk, 1, i, (i - 1) * 4, "text")), count);
  group.spawn(store().promise(kChunk, Version{2}, kOne), [&](Result<> kept) { promised = kept.has_value(); });
  group.spawn(store().write(mutation(kChunk, 1, 4, 12, "late")), count);
  world.run_for(1s);
  EXPECT_TRUE(promised);
  EXPECT_EQ(done + refused, 4);
  EXPECT_EQ(info().length, 4u * static_cast<unsigned>(done));
  EXPECT_GE(refused, 1);
}

// The first of two that come together has no chance against the newer one.
TEST_F(StoreTest, OfTwoPromisesTheNewerOneHolds) {
  open();
  ASSERT_TRUE(adopt(kChunk, 1));
  TaskGroup group;
  group.spawn(store().promise(kChunk, Version{3}, kOne));
  group.spawn(store().promise(kChunk, Version{4}, kTwo));
  world.run_for(1s);
  EXPECT_EQ(info().fence, Version{4});
  EXPECT_EQ(info().fenced_primary, kTwo);
  EXPECT_EQ(promise(3, kOne).error().code, Code::stale_version);
}

TEST_F(StoreTest, AppendsAreRememberedInEveryLife) {
  open();
  ASSERT_TRUE(adopt(kChunk, 1));
  const std::string large(300000, 'L');
  ASSERT_TRUE(put(append_of(1, 1, 0, "one", 1)));
  ASSERT_TRUE(put(append_of(1, 2, 3, large, 2, 5)));
  ASSERT_TRUE(put(append_of(1, 3, 300003, "three", 7)));
  const bus::ReplicaState before = state();
  auto judge = [&](std::uint64_t first, std::uint32_t count, const std::string& text, std::uint64_t offset) {
    const std::uint32_t digest = digest_of(wire_checksums(offset, Bytes::of(text)));
    AppendRecords::Ask ask{.id = {client, first},
                           .count = count,
                           .size = static_cast<std::uint32_t>(text.size()),
                           .digest = digest,
                           .previous = 0,
                           .asked_ms = 1000};
    return world.run(store().judge_append(kChunk, ask, 0));
  };
  for (int life = 0; life < 4; ++life) {
    EXPECT_EQ(state().digest, before.digest) << life;
    Result<std::optional<AppendRecord>> second = judge(2, 5, large, 3);
    ASSERT_TRUE(second && *second) << life;
    EXPECT_EQ((*second)->offset, 3u);
    EXPECT_EQ((*second)->size, large.size());
    EXPECT_EQ(judge(2, 4, large, 3).error().code, Code::invalid_argument);
    EXPECT_EQ(judge(3, 1, "x", 0).error().code, Code::record_expired);
    EXPECT_FALSE(*judge(8, 1, "x", 0));
    EXPECT_EQ(world.run(store().records(kChunk))->size(), 3u);
    if (life == 0) open();
    if (life == 1) {
      ASSERT_TRUE(sync());
      platter->power_cut();
      open();
    }
    if (life == 2) {
      settings.loaded_chunks = 0;
      checkpoint_and_reopen();
    }
  }
}

TEST_F(StoreTest, AnAppendIsAtTheEndFitsAndMakesSense) {
  open();
  ASSERT_TRUE(adopt(kChunk, 1));
  ASSERT_TRUE(put(append_of(1, 1, 0, "one", 1)));
  EXPECT_EQ(put(append_of(1, 2, 2, "two", 2)).error().code, Code::conflict);
  EXPECT_EQ(put(append_of(1, 2, 4, "two", 2)).error().code, Code::conflict);
  EXPECT_EQ(put(append_of(1, 2, 3, "", 2)).error().code, Code::invalid_argument);
  EXPECT_EQ(put(append_of(1, 2, 3, "two", 0)).error().code, Code::invalid_argument);
  EXPECT_EQ(put(append_of(1, 2, 3, "two", 2, 0)).error().code, Code::invalid_argument);
  EXPECT_EQ(put(append_of(1, 2, 3, "two", UINT64_MAX, 2)).error().code, Code::invalid_argument);
  const std::string largest(kAppendMax, 'x');
  EXPECT_EQ(put(append_of(1, 2, 3, largest + "x", 2)).error().code, Code::invalid_argument);
  ASSERT_TRUE(put(append_of(1, 2, 3, largest, 2)));
  ASSERT_TRUE(put(append_of(1, 3, 3 + kAppendMax, largest, 3)));
  ASSERT_TRUE(put(append_of(1, 4, 3 + 2 * kAppendMax, largest, 4)));
  EXPECT_EQ(put(append_of(1, 5, 3 + 3 * kAppendMax, largest, 5)).error().code, Code::invalid_argument);
  open();
  EXPECT_EQ(info().length, 3 + 3 * kAppendMax);
  EXPECT_TRUE(world.run(store().verify(kChunk))->bad.empty());
}

TEST_F(StoreTest, ASealedChunkTakesNoMoreAndIsWrittenBelowItsEndOnly) {
  open();
  ASSERT_TRUE(adopt(kChunk, 1));
  ASSERT_TRUE(put(append_of(1, 1, 0, "text", 1)));
  {
    TaskGroup group;
    std::optional<Result<std::uint64_t>> behind;
    group.spawn(store().write(mutation_of(MutationKind::seal, 1, 2)));
    group.spawn(store().write(append_of(1, 3, 4, "late", 2)),
                [&](Result<std::uint64_t> done) { behind = std::move(done); });
    world.run_for(1s);
    ASSERT_TRUE(behind);
    EXPECT_EQ(behind->error().code, Code::sealed);
  }
  for (int life = 0; life < 3; ++life) {
    EXPECT_TRUE(info().sealed);
    EXPECT_TRUE(state().sealed);
    const std::uint64_t serial = info().serial.value;
    EXPECT_EQ(put(append_of(1, serial + 1, 4, "late", 2)).error().code, Code::sealed);
    EXPECT_EQ(write(serial + 1, 4, "late").error().code, Code::sealed);
    EXPECT_EQ(write(serial + 1, 2, "long").error().code, Code::sealed);
    ASSERT_TRUE(write(serial + 1, 0, "TE"));
    ASSERT_TRUE(put(mutation_of(MutationKind::seal, 1, serial + 2)));
    EXPECT_EQ(*read(0, 10), "TExt");
    if (life == 0) open();
    if (life == 1) checkpoint_and_reopen();
  }
  ASSERT_TRUE(put(mutation_of(MutationKind::truncate, 1, info().serial.value + 1, 1)));
  EXPECT_EQ(*read(0, 10), "T");
  EXPECT_TRUE(info().sealed);
}

TEST_F(StoreTest, ASealChangesTheDigestAndAVersionDoesNot) {
  open();
  ASSERT_TRUE(adopt(kChunk, 1));
  ASSERT_TRUE(write(1, 0, "text"));
  const std::uint32_t open_digest = state().digest;
  ASSERT_TRUE(put(mutation_of(MutationKind::seal, 1, 2)));
  const std::uint32_t sealed_digest = state().digest;
  EXPECT_NE(open_digest, sealed_digest);
  ASSERT_TRUE(adopt(kChunk, 2));
  EXPECT_EQ(state().digest, sealed_digest);
}

TEST_F(StoreTest, AnImportIsPartOfTheChunkFromThenOn) {
  open();
  ASSERT_TRUE(adopt(kChunk, 1));
  AppendRecords earlier;
  earlier.add(client, {.first = 1, .count = 9, .index = 0, .offset = 70, .size = 5, .digest = 6, .time_ms = 900});
  Mutation import = mutation_of(MutationKind::import_records, 1, 1);
  import.bytes = Bytes::of(earlier.encode());
  import.time_ms = 1000;
  ASSERT_TRUE(put(import));
  ASSERT_TRUE(put(append_of(1, 2, 0, "text", 10)));
  AppendRecords expected = earlier;
  expected.add(
      client,
      world.run(store().records(kChunk))
          ->judge({.id = {client, 10}, .count = 1, .size = 4, .digest = append_of(1, 2, 0, "text", 10).digest}, 0)
          ->value());
  for (int life = 0; life < 3; ++life) {
    EXPECT_EQ(*world.run(store().records(kChunk)), expected) << life;
    if (life == 0) open();
    if (life == 1) checkpoint_and_reopen();
  }
  Mutation bad = mutation_of(MutationKind::import_records, 1, 3);
  bad.bytes = Bytes::of("not records");
  EXPECT_EQ(put(bad).error().code, Code::malformed);
  Mutation none = mutation_of(MutationKind::import_records, 1, 3);
  EXPECT_TRUE(put(none));  // a chunk that remembers nothing
  none.serial.value = 4;
  none.time_ms = 2000 + AppendRecords::kKeptMs;
  EXPECT_TRUE(put(none));
  EXPECT_EQ(world.run(store().records(kChunk))->size(), 0u);
  EXPECT_EQ(world.run(store().records(kChunk))->expired_ms(), 2000);
}

TEST_F(StoreTest, ACutTakesTheEndAwayAndAppendsGoOnThere) {
  Random random(1);
  const std::string text = text_of(random, 400000);
  const std::string more = text_of(random, 200000);
  for (std::uint64_t length : {0ul, 1ul, 65536ul, 65537ul, 131071ul, 399999ul, 400000ul, 500000ul}) {
    fresh(length + 1);
    ASSERT_TRUE(adopt(kChunk, 1));
    ASSERT_TRUE(write(1, 0, text));
    Result<std::uint64_t> cut = put(mutation_of(MutationKind::truncate, 1, 2, length));
    ASSERT_TRUE(cut) << cut.error().text();
    std::string model = text.substr(0, length);
    EXPECT_EQ(*cut, model.size());
    ASSERT_TRUE(*read_all() == model);
    ASSERT_TRUE(put(append_of(1, 3, model.size(), more, 1)));
    model += more;
    ASSERT_TRUE(write(4, model.size() + 70000, "behind a gap"));
    put_into(model, model.size() + 70000, "behind a gap");
    ASSERT_TRUE(*read_all() == model) << length;
    open();
    ASSERT_TRUE(*read_all() == model) << length;
    ASSERT_TRUE(world.run(store().sync(kChunk)));
    platter->power_cut();
    open();
    Result<std::string> all = read_all();
    ASSERT_TRUE(all) << length << ": " << all.error().text();
    ASSERT_TRUE(*all == model) << length;
  }
}

TEST_F(StoreTest, ACutBlockIsVerifiedBeforeItIsSignedAnew) {
  open();
  ASSERT_TRUE(adopt(kChunk, 1));
  ASSERT_TRUE(write(1, 0, std::string(1000, 'a')));
  ASSERT_TRUE(platter->flip_bit("chunks/ab/00000000000000ab.data", 900, 0));
  EXPECT_EQ(put(mutation_of(MutationKind::truncate, 1, 2, 500)).error().code, Code::corrupt);
  EXPECT_EQ(info().serial, Serial{1});
  EXPECT_EQ(info().length, 1000u);
}

TEST_F(StoreTest, ReadersOfAChunkThatIsBeingCutSeeOldOrNew) {
  open();
  ASSERT_TRUE(adopt(kChunk, 1));
  const std::string text(300000, 'x');
  ASSERT_TRUE(write(1, 0, text));
  TaskGroup group;
  int right = 0;
  group.spawn(store().write(mutation_of(MutationKind::truncate, 1, 2, 100)));
  for (int i = 0; i < 40; ++i) {
    group.spawn(store().read(kChunk, 200000, 1000), [&](Result<ReadBytes> got) {
      ASSERT_TRUE(got) << got.error().text();
      const std::uint64_t size = got->bytes.size();
      ASSERT_TRUE((got->length == 300000 && size == 1000) || (got->length == 100 && size == 0)) << got->length;
      ++right;
    });
    world.run_for(100us);
  }
  world.run_for(1s);
  EXPECT_EQ(right, 40);
}

// A write that failed on this disk must not come back with a restart once others were told the state without it.
TEST_F(StoreTest, WhatFailedBeforeAnAdoptionIsNotDoneByRecovery) {
  for (bool adopts : {true, false}) {
    fresh(adopts ? 1 : 2);
    ASSERT_TRUE(adopt(kChunk, 1));
    ASSERT_TRUE(write(1, 0, std::string(1000, 'a')));
    ASSERT_TRUE(sync());
    // The journal takes it, the data file has no room.
    platter->set_capacity(platter->used() + 8192);
    Result<std::uint64_t> failed = write(2, 9000, std::string(4096, 'b'));
    ASSERT_FALSE(failed);
    platter->set_capacity(1ull << 40);
    ASSERT_TRUE(adopts ? adopt(kChunk, 2) : promise(2, kOne));
    const bus::ReplicaState told = state();
    open();
    EXPECT_EQ(state(), told);
  }
}

}  // namespace
}  // namespace gfs::chunkserver
