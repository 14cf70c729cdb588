// A chunk that begins as the copy of another one on the same disk: the same to everybody from the first moment, on its
// own afterwards, and there as a whole or not at all, whatever dies when.
#include <gtest/gtest.h>

#include "tests/chunkserver/store_fixture.h"

namespace gfs::chunkserver {
namespace {

const ServerId kOne{{1}};
const ChunkHandle kNew{0xcd};
const std::string kData = "chunks/ab/00000000000000ab.data";
const std::string kNewData = "chunks/cd/00000000000000cd.data";
const std::string kNewFork = "chunks/cd/00000000000000cd.fork";

class ForkTest : public StoreTest {
 protected:
  // The source at version 2: three blocks, then a record in a partial one; everything in data and metadata files.
  void hold(std::uint64_t seed = 1, bool sealed = true) {
    fresh(seed);
    Random bytes(77);
    text = text_of(bytes, 3 * kBlockSize) + "a record";
    ASSERT_TRUE(adopt(kChunk, 2));
    ASSERT_TRUE(write(1, 0, text.substr(0, 3 * kBlockSize), 2));
    ASSERT_TRUE(put(append_of(2, 2, 3 * kBlockSize, "a record", 41)));
    if (sealed) ASSERT_TRUE(put(mutation_of(MutationKind::seal, 2, 3)));
    checkpoint_and_reopen();
    source = state();
  }
  Result<bus::ReplicaState> fork(std::uint64_t version = 2, ChunkHandle handle = kNew, ChunkHandle from = kChunk) {
    return world.run(store().fork(from, Version{version}, handle));
  }
  Result<std::string> all_of_chunk(ChunkHandle handle) {
    std::string all;
    const std::uint64_t length = store().find(handle).value_or(ChunkInfo{}).length;
    while (all.size() < length) {
      Result<ReadBytes> part = world.run(store().read(handle, all.size(), kFragmentMax));
      if (!part) return fail(std::move(part).error());
      all += part->bytes.str();
    }
    return all;
  }
  bool there(const std::string& path) { return platter->read_now(path).has_value(); }
  void expect_nothing() {
    EXPECT_FALSE(store().find(kNew));
    EXPECT_EQ(store().page({}, 10).size(), 1u);
    EXPECT_EQ(store().count(), 1u);
    EXPECT_FALSE(there(kNewFork));
    EXPECT_FALSE(there(kNewData));
  }
  void expect_whole() {
    const std::optional<ChunkInfo> info = store().find(kNew);
    ASSERT_TRUE(info);
    EXPECT_EQ(info->version, Version{1});
    EXPECT_EQ(info->serial, Serial{0});
    EXPECT_EQ(info->fence, Version{1});
    EXPECT_TRUE(info->primary.nil());
    EXPECT_EQ(info->length, text.size());
    EXPECT_EQ(info->sealed, source.sealed);
    EXPECT_FALSE(info->suspect);
    EXPECT_FALSE(info->damaged);
    EXPECT_EQ(state(kNew).digest, source.digest);
    Result<std::string> all = all_of_chunk(kNew);
    ASSERT_TRUE(all) << all.error().text();
    EXPECT_TRUE(*all == text);
    EXPECT_EQ(platter->read_now(kNewData)->size(), text.size());
    EXPECT_FALSE(there(kNewFork));
  }
  void expect_source() {
    EXPECT_EQ(state(), source);
    Result<std::string> all = read_all();
    ASSERT_TRUE(all) << all.error().text();
    EXPECT_TRUE(*all == text);
  }

  std::string text;
  bus::ReplicaState source;
};

TEST_F(ForkTest, AForkIsWhatItsSourceWas) {
  hold();
  Result<bus::ReplicaState> made = fork();
  ASSERT_TRUE(made) << made.error().text();
  EXPECT_EQ(made->digest, source.digest);
  EXPECT_EQ(made->length, text.size());
  for (int life = 0; life < 5; ++life) {
    expect_whole();
    expect_source();
    EXPECT_EQ(*world.run(store().checksums(kNew)), *world.run(store().checksums(kChunk)));
    EXPECT_EQ(*world.run(store().records(kNew)), *world.run(store().records(kChunk)));
    AppendRecords::Ask ask{.id = {client, 41},
                           .count = 1,
                           .size = 8,
                           .digest = digest_of(wire_checksums(3 * kBlockSize, Bytes::of(std::string("a record"))))};
    Result<std::optional<AppendRecord>> judged = world.run(store().judge_append(kNew, ask, 0));
    ASSERT_TRUE(judged && *judged) << (judged ? "" : judged.error().text());
    EXPECT_EQ((*judged)->offset, 3 * kBlockSize);
    if (life == 0 || life == 3) open();
    if (life == 1) platter->power_cut();
    if (life == 1) open();
    if (life == 2) checkpoint_and_reopen();
  }
}

TEST_F(ForkTest, WhatComesToOneDoesNotShowInTheOther) {
  hold(1, false);
  ASSERT_TRUE(fork());
  ASSERT_TRUE(adopt(kNew, 2));
  ASSERT_TRUE(put(mutation(kNew, 2, 1, 100, "the new one's")));
  ASSERT_TRUE(put(mutation(kNew, 2, 2, text.size(), "and more")));
  ASSERT_TRUE(write(3, 100, "the old one's", 2));
  ASSERT_TRUE(put(mutation_of(MutationKind::truncate, 2, 4, kBlockSize + 5)));
  std::string old_text = text;
  put_into(old_text, 100, "the old one's");
  old_text.resize(kBlockSize + 5);
  std::string new_text = text + "and more";
  put_into(new_text, 100, "the new one's");
  for (int life = 0; life < 3; ++life) {
    EXPECT_TRUE(*read_all() == old_text);
    EXPECT_TRUE(*all_of_chunk(kNew) == new_text);
    EXPECT_EQ(world.run(store().verify(kNew))->bad.size(), 0u);
    if (life == 0) open();
    if (life == 1) checkpoint_and_reopen();
  }
}

// A mutation after it is news of which a power cut may take the rest.
TEST_F(ForkTest, AForkThatWasWrittenToIsSuspectAfterAPowerCut) {
  for (bool adopted : {true, false}) {
    hold(1, false);
    ASSERT_TRUE(fork());
    if (adopted) ASSERT_TRUE(adopt(kNew, 2));
    ASSERT_TRUE(put(mutation(kNew, adopted ? 2 : 1, 1, 0, "x")));
    platter->power_cut();
    open();
    EXPECT_TRUE(store().find(kNew)->suspect);
    EXPECT_FALSE(info().suspect);
  }
}

TEST_F(ForkTest, AnEmptyChunkIsForkedToo) {
  fresh(1);
  ASSERT_TRUE(adopt(kChunk, 2));
  Result<bus::ReplicaState> made = fork();
  ASSERT_TRUE(made) << made.error().text();
  for (int life = 0; life < 3; ++life) {
    EXPECT_EQ(store().find(kNew)->version, Version{1}) << life;
    EXPECT_EQ(store().find(kNew)->length, 0u);
    EXPECT_EQ(state(kNew).digest, state().digest);
    if (life == 0) checkpoint_and_reopen();
    if (life == 1) platter->power_cut();
    if (life == 1) open();
  }
  ASSERT_TRUE(adopt(kNew, 2));
  ASSERT_TRUE(put(mutation(kNew, 2, 1, 0, "first")));
  EXPECT_EQ(*all_of_chunk(kNew), "first");
}

TEST_F(ForkTest, WhatAFailedMutationLeftBehindTheEndIsNotTakenAlong) {
  int left = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    hold(seed, false);
    ASSERT_TRUE(world.run(store().measure_space()));
    platter->set_capacity(platter->used() + 12 * kBlockSize);
    Random random(seed);
    ASSERT_FALSE(put(mutation(kChunk, 2, 3, text.size(), text_of(random, kFragmentMax))));
    if (platter->read_now(kData)->size() > text.size()) ++left;
    platter->set_capacity(1ull << 40);
    ASSERT_TRUE(fork());
    expect_whole();
    ASSERT_TRUE(adopt(kNew, 2));
    ASSERT_TRUE(put(mutation(kNew, 2, 1, text.size() + kBlockSize, "after a gap")));
    EXPECT_EQ(*all_of_chunk(kNew), text + std::string(kBlockSize, '\0') + "after a gap");
  }
  EXPECT_GT(left, 3);
}

// Killed, or cut off from power, at every step of it: whole or nothing, and the next order brings it about.
TEST_F(ForkTest, C19_AForkIsThereAsAWholeOrNotAtAll) {
  for (bool power : {false, true}) {
    int nothing = 0, whole = 0;
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      bool finished = false;
      for (std::uint64_t steps = 0; !finished; ++steps) {
        hold(1000 * seed + steps);
        if (HasFatalFailure()) return;
        {
          TaskGroup group;
          group.spawn(store().fork(kChunk, Version{2}, kNew),
                      [&](Result<bus::ReplicaState> done) { finished = done.has_value(); });
          for (std::uint64_t i = 0; i < steps && !finished; ++i) world.step();
        }
        if (power) platter->power_cut();
        open();
        if (HasFatalFailure()) return;
        SCOPED_TRACE(fmt::format("seed {} steps {}{}", seed, steps, power ? " power" : ""));
        const bool made = store().find(kNew).has_value();
        ++(made ? whole : nothing);
        if (finished) EXPECT_TRUE(made);
        if (made) expect_whole();
        if (!made) expect_nothing();
        expect_source();
        Result<bus::ReplicaState> again = fork();
        ASSERT_TRUE(again) << again.error().text();
        EXPECT_EQ(again->digest, source.digest);
        expect_whole();
        if (steps % 2 == 0) checkpoint_and_reopen();
        platter->power_cut();
        open();
        expect_whole();
        expect_source();
        if (HasFailure()) return;
      }
    }
    EXPECT_GT(nothing, 20);
    EXPECT_GT(whole, 10);
  }
}

// Killed again and again while recovery gives it its name.
TEST_F(ForkTest, C19_RecoveryMayDieOnTheWayToo) {
  Random random(9);
  int whole = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    hold(seed);
    {
      TaskGroup group;
      group.spawn(store().fork(kChunk, Version{2}, kNew));
      const std::uint64_t steps = 5 + random.below(14);
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
    const bool made = store().find(kNew).has_value();
    if (made) expect_whole();
    if (!made) expect_nothing();
    if (made) ++whole;
    expect_source();
    if (HasFailure()) return;
  }
  EXPECT_GT(whole, 10);
  EXPECT_LT(whole, 60);
}

// A checkpoint lets go of the journal: not of a record that has not taken effect.
TEST_F(ForkTest, C19_ACheckpointMeanwhileLosesNothing) {
  for (bool power : {false, true}) {
    bool finished = false;
    for (std::uint64_t steps = 0; !finished; ++steps) {
      hold(100 + steps);
      {
        TaskGroup group;
        bool forked = false, closed = false;
        group.spawn(store().fork(kChunk, Version{2}, kNew), [&](Result<bus::ReplicaState>) { forked = true; });
        for (std::uint64_t i = 0; i < steps && !forked; ++i) world.step();
        finished = forked;
        group.spawn(store().close(), [&](Result<> done) { closed = done.has_value(); });
        while (!forked || !closed) world.step();
      }
      if (power) platter->power_cut();
      open();
      if (HasFatalFailure()) return;
      expect_whole();
      expect_source();
      if (HasFailure()) return;
    }
  }
}

TEST_F(ForkTest, AFullDiskLeavesNothing) {
  hold();
  platter->set_capacity(platter->used() + 2 * kBlockSize);
  for (bool known : {false, true}) {  // that it is full
    if (known) ASSERT_TRUE(world.run(store().measure_space()));
    Result<bus::ReplicaState> full = fork();
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().code, Code::no_space) << full.error().text();
    expect_nothing();
    expect_source();
  }
  open();
  expect_nothing();
  platter->set_capacity(1ull << 40);
  ASSERT_TRUE(world.run(store().measure_space()));
  ASSERT_TRUE(fork());
  expect_whole();
}

// Whatever fails when: whole or nothing, and a repeat brings it about.
TEST_F(ForkTest, ADiskThatFailsNowAndThenLeavesNothing) {
  int failed = 0, made = 0;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    hold(seed);
    if (HasFatalFailure()) return;
    platter->set_faults({.read_error = 0.1, .write_error = 0.2});
    Result<bus::ReplicaState> done = fork();
    platter->set_faults({});
    ++(done ? made : failed);
    if (done) expect_whole();
    if (!done) EXPECT_EQ(store().count(), 1u);
    if (seed % 2 == 0 || store().broken()) {
      if (seed % 4 == 0) platter->power_cut();
      open();
      if (done) expect_whole();
      if (!store().find(kNew)) expect_nothing();
    }
    done = fork();
    ASSERT_TRUE(done) << seed << ": " << done.error().text();
    expect_whole();
    if (HasFailure()) return;
  }
  EXPECT_GT(failed, 20);
  EXPECT_GT(made, 20);
}

TEST_F(ForkTest, ASourceThatIsNoGoodIsRefused) {
  hold();
  EXPECT_EQ(fork(1).error().code, Code::stale_version);
  EXPECT_EQ(fork(3).error().code, Code::stale_version);
  EXPECT_EQ(fork(0).error().code, Code::invalid_argument);
  EXPECT_EQ(fork(2, kChunk).error().code, Code::invalid_argument);
  EXPECT_EQ(fork(2, ChunkHandle{0}).error().code, Code::invalid_argument);
  EXPECT_EQ(fork(2, kNew, ChunkHandle{0xee}).error().code, Code::not_found);
  ASSERT_TRUE(promise(5, kOne, ChunkHandle{0xee}));
  EXPECT_EQ(fork(5, kNew, ChunkHandle{0xee}).error().code, Code::not_found);
  EXPECT_FALSE(store().find(kNew));
  EXPECT_EQ(store().count(), 2u);

  hold();
  ASSERT_TRUE(platter->flip_bit(kData, kBlockSize + 9, 3));
  // Not looked at here; who reads it finds out.
  ASSERT_TRUE(fork(2, ChunkHandle{0xce}));
  EXPECT_EQ(world.run(store().read(ChunkHandle{0xce}, kBlockSize, 10)).error().code, Code::corrupt);
  ASSERT_EQ(read(kBlockSize, 10).error().code, Code::corrupt);
  EXPECT_EQ(fork().error().code, Code::corrupt);
  EXPECT_FALSE(store().find(kNew));

  hold(1, false);
  ASSERT_TRUE(write(3, 0, "x", 2));
  platter->power_cut();
  open();
  ASSERT_TRUE(info().suspect);
  EXPECT_EQ(fork().error().code, Code::suspect);
  EXPECT_FALSE(store().find(kNew));
}

Task<> remove_file(Disk& disk, std::string path) { co_await disk.remove(path); }

TEST_F(ForkTest, ADataFileThatIsMissingIsDamage) {
  hold();
  ASSERT_TRUE(world.run(remove_file(*life->disk, kData)));
  int damages = 0;
  store().on_damage = [&](ChunkHandle handle, std::uint32_t, const std::string&) { damages += handle == kChunk; };
  EXPECT_EQ(fork().error().code, Code::corrupt);
  EXPECT_EQ(damages, 1);
  EXPECT_TRUE(info().damaged);
  EXPECT_FALSE(store().find(kNew));
}

TEST_F(ForkTest, ARepeatIsAnsweredAsTheFirstTime) {
  hold();
  const bus::ReplicaState first = *fork();
  const Result<bus::ReplicaState> again = fork();
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, first);
  open();
  EXPECT_EQ(*fork(), first);
  ASSERT_TRUE(promise(2, kOne, kNew));  // its first real version is on its way
  EXPECT_EQ(*fork(), first);
  ASSERT_TRUE(adopt(kNew, 3));
  const Result<bus::ReplicaState> late = fork();
  EXPECT_EQ(late.error().code, Code::conflict);
  expect_source();
}

TEST_F(ForkTest, RepeatsAtOnceAreOne) {
  hold();
  std::vector<Result<bus::ReplicaState>> answers;
  TaskGroup group;
  const std::vector<std::string> journal = journals();
  for (int i = 0; i < 3; ++i) {
    group.spawn(store().fork(kChunk, Version{2}, kNew),
                [&](Result<bus::ReplicaState> done) { answers.push_back(std::move(done)); });
    for (int step = 0; step < 2; ++step) world.step();
  }
  world.run_for(1s);
  ASSERT_EQ(answers.size(), 3u);
  for (const Result<bus::ReplicaState>& answer : answers) {
    ASSERT_TRUE(answer) << answer.error().text();
    EXPECT_EQ(answer->digest, source.digest);
  }
  expect_whole();
  // One that fails is one for those who came meanwhile, too, and they leave nothing either.
  hold();
  answers.clear();
  platter->set_capacity(platter->used() + kBlockSize);
  for (int i = 0; i < 3; ++i) {
    group.spawn(store().fork(kChunk, Version{2}, kNew),
                [&](Result<bus::ReplicaState> done) { answers.push_back(std::move(done)); });
  }
  world.run_for(1s);
  ASSERT_EQ(answers.size(), 3u);
  for (const Result<bus::ReplicaState>& answer : answers) EXPECT_EQ(answer.error().code, Code::no_space);
  expect_nothing();
}

TEST_F(ForkTest, WhatIsThereAlreadyIsNotReplaced) {
  hold();
  ASSERT_TRUE(promise(2, kOne, kNew));
  EXPECT_EQ(fork().error().code, Code::conflict);
  EXPECT_EQ(store().find(kNew)->version, Version{0});

  hold();
  ASSERT_TRUE(adopt(kNew, 1));
  EXPECT_EQ(fork().error().code, Code::conflict);  // another chunk, as young
  ASSERT_TRUE(put(mutation(kNew, 1, 1, 0, "something else")));
  EXPECT_EQ(fork().error().code, Code::conflict);
  EXPECT_EQ(*all_of_chunk(kNew), "something else");

  hold();
  ASSERT_TRUE(world.run(store().begin_copy(kNew)));
  EXPECT_EQ(fork().error().code, Code::conflict);

  hold();
  ASSERT_TRUE(fork());
  ASSERT_TRUE(world.run(store().quarantine(kNew, Version{1}, Version{1}, Garbage::orphan, 1000)));
  EXPECT_EQ(fork().error().code, Code::conflict);
  for (int life = 0; life < 2; ++life) {
    EXPECT_FALSE(store().find(kNew));
    EXPECT_EQ(store().count(), 1u);
    open();
  }
  ASSERT_TRUE(world.run(store().restore(kNew)));
  expect_whole();
  ASSERT_TRUE(fork());
}

// A promise fences at once, and does not wait for anybody: it may come at any moment.
TEST_F(ForkTest, APromiseMeanwhileEndsRight) {
  int forked = 0, promised_only = 0;
  bool finished = false;
  for (std::uint64_t steps = 0; !finished; ++steps) {
    hold(100 + steps);
    TaskGroup group;
    std::optional<Result<bus::ReplicaState>> made;
    std::optional<Result<>> promised;
    group.spawn(store().fork(kChunk, Version{2}, kNew),
                [&](Result<bus::ReplicaState> done) { made = std::move(done); });
    for (std::uint64_t i = 0; i < steps && !made; ++i) world.step();
    finished = made.has_value();
    group.spawn(store().promise(kNew, Version{4}, kOne), [&](Result<> done) { promised = std::move(done); });
    while (!made || !promised) world.step();
    ASSERT_TRUE(*promised) << promised->error().text();
    for (int life = 0; life < 2; ++life) {
      const std::optional<ChunkInfo> info = store().find(kNew);
      ASSERT_TRUE(info);
      EXPECT_EQ(info->fence, Version{4});
      EXPECT_EQ(info->fenced_primary, kOne);
      EXPECT_EQ(info->version, Version{*made ? 1u : 0u}) << steps;
      if (*made) EXPECT_TRUE(*all_of_chunk(kNew) == text);
      open();
    }
    if (!*made) EXPECT_EQ(made->error().code, Code::conflict);
    ++(*made ? forked : promised_only);
    EXPECT_FALSE(there(kNewFork));
  }
  EXPECT_GT(forked, 3);
  EXPECT_GT(promised_only, 3);
}

TEST_F(ForkTest, AForkIsMadeEqualAsAnyReplica) {
  hold();
  ASSERT_TRUE(fork());
  ASSERT_TRUE(promise(3, kOne, kNew));
  Random random(5);
  const std::string other = text_of(random, 2 * kBlockSize + 3);
  const CopyTarget target = target_of(other, 2, 7);
  ASSERT_TRUE(world.run(store().begin_copy(kNew)));
  Bytes bytes = Bytes::of(other);
  ASSERT_TRUE(world.run(store().copy_blocks(kNew, 0, bytes, wire_checksums(0, bytes))));
  ASSERT_TRUE(world.run(store().install_copy(kNew, Version{3}, target)));
  for (int life = 0; life < 3; ++life) {
    EXPECT_TRUE(*all_of_chunk(kNew) == other);
    EXPECT_EQ(store().find(kNew)->version, Version{2});
    if (life == 0) platter->power_cut();
    open();
  }
}

}  // namespace
}  // namespace gfs::chunkserver
