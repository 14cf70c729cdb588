// Everything a chunk can go through, in random order, with the process or the machine dying in the middle, against a
// model that remembers every state the chunk was told to have:
// * after a crash of the process the chunk is in the last state that was answered, or a later one that was asked for;
// * after a power cut the same holds, unless the chunk is suspect; then it is in one of the states since the last sync,
//   or says which blocks are bad, and those were written since the last sync;
// * promises and adoptions that were answered hold in any case.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>

#include "tests/chunkserver/store_fixture.h"

namespace gfs::chunkserver {
namespace {

struct Model {
  std::string text;
  bool sealed = false;
  AppendRecords records;
  std::uint64_t version = 1;
  std::uint64_t serial = 0;
  std::uint64_t fence = 1;

  std::uint32_t digest() const {
    return state_digest(text.size(), sealed, wire_checksums(0, Bytes::of(text)), records.digest());
  }
  bool is(const bus::ReplicaState& state, Version promised) const {
    return state.version.value == version && state.serial.value == serial && state.length == text.size() &&
           state.sealed == sealed && promised.value == fence && state.digest == digest();
  }
};

// What is asked of the store, and what it should be afterwards.
struct Step {
  const char* name = "";
  Model after;
  std::function<Task<>(ChunkStore&)> run;
  std::uint64_t first = 0, end = 0;  // bytes that a power cut may tear: not those of a cut or a copy
};

Task<> write_to(ChunkStore& store, Mutation mutation) { co_await store.write(std::move(mutation)); }

Task<> gather_and_install(ChunkStore& store, std::string text, Version promised, CopyTarget target) {
  std::vector<BlockAtHand> here = co_await store.begin_copy(kChunk);
  for (std::uint32_t block = 0; block < target.checksums.size(); ++block) {
    Bytes bytes = Bytes::of(text.substr(std::size_t{block} * kBlockSize, kBlockSize));
    if (block < here.size() && here[block].size == bytes.size() && here[block].hash == target.hashes[block]) {
      continue;
    }
    std::vector<std::uint32_t> checksums{target.checksums[block]};
    co_await store.copy_blocks(kChunk, block, std::move(bytes), std::move(checksums));
  }
  co_await store.install_copy(kChunk, promised, std::move(target));
}

class RandomTest : public StoreTest {
 protected:
  void begin(std::uint64_t seed) {
    random = Random(seed);
    settings.journal_segment = random.chance(0.5) ? 200 << 10 : 64 << 20;
    settings.loaded_chunks = random.chance(0.3) ? 0 : 2048;
    fresh(seed);
    history.assign(1, Model{});
    synced = 0;
    changed.clear();
    sequence = 0;
    now_ms = 1000;
    ASSERT_TRUE(adopt(kChunk, 1));
  }
  Step mutate(const Model& before) {
    Step step;
    step.after = before;
    Model& after = step.after;
    ++after.serial;
    now_ms += static_cast<std::int64_t>(random.below(random.chance(0.05) ? AppendRecords::kKeptMs : 1000));
    Mutation mutation = mutation_of(MutationKind::write, after.version, after.serial);
    mutation.time_ms = now_ms;
    const std::uint64_t length = before.text.size();
    const std::uint64_t what = random.below(100);
    const std::string text = text_of(random, 1 + random.below(random.chance(0.6) ? 3000 : 160000));
    if (what < 3) {
      step.name = "seal";
      mutation.what = MutationKind::seal;
      after.sealed = true;
    } else if (what < 10) {
      step.name = "import";
      mutation.what = MutationKind::import_records;
      AppendRecords earlier;
      ClientId other{{static_cast<std::uint8_t>(2 + random.below(5))}};
      earlier.add(other, {.first = 1 + random.below(99),
                          .count = 1,
                          .index = 0,
                          .offset = 0,
                          .size = 1,
                          .digest = 5,
                          .time_ms = now_ms});
      mutation.bytes = Bytes::of(earlier.encode());
      after.records.import(earlier);
      after.records.expire(now_ms);
    } else if (what < 25) {
      step.name = "truncate";
      mutation.what = MutationKind::truncate;
      mutation.offset = random.below(length + 2000);
      after.text.resize(std::min(mutation.offset, length));
    } else if (what < 65 && !before.sealed) {
      step.name = "append";
      mutation.what = MutationKind::append;
      mutation.offset = step.first = length;
      mutation.id = {client, ++sequence};
      mutation.count = 1;
      after.text += text;
      mutation.bytes = Bytes::of(text);
      mutation.checksums = wire_checksums(length, mutation.bytes);
      mutation.digest = digest_of(mutation.checksums);
      after.records.expire(now_ms);
      after.records.add(client, {.first = sequence,
                                 .count = 1,
                                 .index = 0,
                                 .offset = length,
                                 .size = static_cast<std::uint32_t>(text.size()),
                                 .digest = mutation.digest,
                                 .time_ms = now_ms});
      step.end = after.text.size();
    } else if (before.sealed && length == 0) {
      step.name = "seal again";
      mutation.what = MutationKind::seal;
    } else {
      step.name = "write";
      std::string put = text;
      mutation.offset = random.below(length + (before.sealed ? 0 : random.chance(0.3) ? 100000 : 1));
      if (before.sealed) put.resize(std::min(put.size(), length - mutation.offset));
      put_into(after.text, mutation.offset, put);
      mutation.bytes = Bytes::of(put);
      mutation.checksums = wire_checksums(mutation.offset, mutation.bytes);
      step.first = std::min(mutation.offset, length);
      step.end = mutation.offset + put.size();
    }
    step.run = [mutation](ChunkStore& on) { return write_to(on, mutation); };
    return step;
  }
  Step promise_step(const Model& before) {
    Step step{.name = "promise", .after = before, .run = {}};
    const Version version{++step.after.fence};
    step.run = [version](ChunkStore& on) { return on.promise(kChunk, version, ServerId{}); };
    return step;
  }
  Step adopt_step(const Model& before) {
    Step step{.name = "adopt", .after = before, .run = {}};
    if (step.after.fence == before.version || random.chance(0.3)) ++step.after.fence;
    const Version version{step.after.fence};
    step.after.version = version.value;
    step.after.serial = 0;
    step.run = [version](ChunkStore& on) { return on.adopt(kChunk, version, ServerId{}, false); };
    return step;
  }
  // Another server went on from here, or from somewhere else.
  Step install_step(const Model& before) {
    Step step{.name = "install", .after = before, .run = {}};
    Model& after = step.after;
    for (int i = 0; i < 3; ++i) {
      if (random.chance(0.5))
        put_into(after.text, random.below(after.text.size() + 1), text_of(random, 1 + random.below(70000)));
    }
    if (random.chance(0.3)) after.text.resize(random.below(after.text.size() + 1));
    after.sealed = random.chance(0.1);
    after.serial += random.below(3);
    CopyTarget target = target_of(after.text, after.version, after.serial);
    target.state.sealed = after.sealed;
    target.records = after.records;
    target.state.digest = after.digest();
    const Version promised{before.fence};
    const std::string text = after.text;
    step.run = [=](ChunkStore& on) { return gather_and_install(on, text, promised, target); };
    return step;
  }
  void note(const Step& step) {
    history.push_back(step.after);
    if (step.end > step.first) changed.emplace_back(step.first, step.end);
  }
  void all_is_safe() {
    synced = history.size() - 1;
    changed.clear();
  }
  // Mutations one after the other, or one of the steps that change more.
  std::vector<Step> some_steps() {
    const Model& now = history.back();
    std::vector<Step> steps;
    const std::uint64_t what = random.below(100);
    if (what < 8) {
      steps.push_back(promise_step(now));
    } else if (what < 16 || now.fence != now.version) {
      const bool replace = random.chance(0.4);
      if (replace && now.fence == now.version) {
        steps.push_back(promise_step(now));
        steps.push_back(install_step(steps.back().after));
      } else {
        steps.push_back(replace ? install_step(now) : adopt_step(now));
      }
    } else {
      const std::uint64_t count = 1 + random.below(4);
      for (std::uint64_t i = 0; i < count; ++i) steps.push_back(mutate(i == 0 ? now : steps.back().after));
    }
    return steps;
  }
  std::string text_of_now() {
    std::string text;
    while (true) {
      Result<std::string> part = read(text.size(), kFragmentMax);
      if (!part || part->empty()) return text;
      text += *part;
    }
  }

  void live(std::uint64_t seed) {
    SCOPED_TRACE(seed);
    begin(seed);
    for (int round = 0; round < 25; ++round) {
      SCOPED_TRACE(round);
      std::vector<Step> steps = some_steps();
      std::size_t answered = history.size() - 1;
      std::string names;
      for (const Step& step : steps) names += std::string(" ") + step.name;
      SCOPED_TRACE(names);
      const std::uint64_t fate = random.below(10);
      const bool dies = fate < 5;
      const bool power = fate < 3;
      if (power && random.chance(0.2)) {
        checkpoint_and_reopen();
        all_is_safe();
        if (HasFatalFailure()) return;
      }
      {
        TaskGroup group;
        std::size_t at = history.size();
        for (const Step& step : steps) note(step);
        if (random.chance(0.15)) group.spawn(store().close());
        const bool in_a_row = random.chance(0.3) || steps.front().name == std::string("promise");
        std::uint64_t budget = dies ? random.below(in_a_row ? 120 : 60) : 1u << 30;
        for (const Step& step : steps) {
          const std::size_t mine = at++;
          bool done = false;
          group.spawn(step.run(store()), [&answered, &done, mine, in_a_row, name = step.name](Result<> result) {
            EXPECT_TRUE(result) << name << ": " << result.error().text();
            answered = std::max(answered, mine);
            if (in_a_row) done = true;
          });
          if (!in_a_row) continue;
          while (!done && budget > 0 && world.step()) --budget;
          if (!done) break;
        }
        while (answered + 1 < history.size() && budget > 0 && world.step()) --budget;
        if (!dies) {
          ASSERT_EQ(answered + 1, history.size());
          while (group.size() > 0) ASSERT_TRUE(world.step());
        }
      }
      if (!dies) {
        if (random.chance(0.3)) {
          ASSERT_TRUE(sync());
          all_is_safe();
        }
        if (random.chance(0.15)) {
          checkpoint_and_reopen();
          all_is_safe();
          if (HasFatalFailure()) return;
        }
      } else {
        if (power) platter->power_cut();
        open();
        if (HasFatalFailure()) return;
        if (random.chance(0.2)) open();  // twice in a row
      }
      const bus::ReplicaState found = state();
      ASSERT_TRUE(store().find(kChunk));
      const Version fence = info().fence;
      ASSERT_GE(fence.value, history[answered].fence);
      ASSERT_GE(info().version.value, history[answered].version);
      Result<BlocksSeen> seen = world.run(store().verify(kChunk));
      ASSERT_TRUE(seen);
      // From the last one back: states may repeat.
      std::optional<std::size_t> is;
      for (std::size_t i = history.size(); i-- > synced && !is;) {
        if (history[i].is(found, fence)) is = i;
      }
      if (!found.suspect) {
        ASSERT_TRUE(seen->bad.empty()) << "block " << seen->bad.front();
        ASSERT_TRUE(is) << "version " << found.version.value << " serial " << found.serial.value;
        ASSERT_GE(*is, answered);
        ASSERT_TRUE(text_of_now() == history[*is].text);
        history.resize(*is + 1);
        if (power && dies) ++whole;
        continue;
      }
      ASSERT_TRUE(power && dies);
      ++suspects;
      if (seen->bad.empty()) {
        // A fence that is newer than the bytes is not in the history as a whole.
        bool some = is.has_value();
        for (std::size_t i = synced; i < history.size() && !some; ++i) some = history[i].digest() == found.digest;
        ASSERT_TRUE(some) << "version " << found.version.value << " serial " << found.serial.value;
      }
      for (std::uint32_t block : seen->bad) {
        const std::uint64_t begin = std::uint64_t{block} * kBlockSize;
        ASSERT_TRUE(std::ranges::any_of(
            changed, [begin](const auto& range) { return range.first < begin + kBlockSize && range.second > begin; }))
            << "block " << block << " was safe";
      }
      // Made equal to what the others have, and on it goes.
      Model equal = history.back();
      equal.fence = std::max(equal.fence, fence.value) + 1;
      ASSERT_TRUE(promise(equal.fence));
      CopyTarget target = target_of(equal.text, equal.version, equal.serial);
      target.state.sealed = equal.sealed;
      target.records = equal.records;
      target.state.digest = equal.digest();
      Result<> made = world.run(gather_and_install(store(), equal.text, Version{equal.fence}, target));
      ASSERT_TRUE(made) << made.error().text();
      history.push_back(equal);
      all_is_safe();
      ASSERT_TRUE(equal.is(state(), info().fence));
    }
  }

  Random random{1};
  std::vector<Model> history;                                    // every state asked for, in order
  std::size_t synced = 0;                                        // the last one that a power cut leaves alone
  std::vector<std::pair<std::uint64_t, std::uint64_t>> changed;  // since then
  std::uint64_t sequence = 0;
  std::int64_t now_ms = 0;
  int suspects = 0, whole = 0;
};

// GFS_STORE_SEED=n GFS_STORE_SEEDS=1 replays one, GFS_STORE_SEEDS=5000 looks longer.
TEST_F(RandomTest, AnythingMayHappenAndNothingIsLost) {
  const char* from = std::getenv("GFS_STORE_SEED");
  const std::uint64_t first = from == nullptr ? 1 : std::strtoull(from, nullptr, 10);
  const char* count = std::getenv("GFS_STORE_SEEDS");
  const std::uint64_t seeds = count == nullptr ? 60 : std::strtoull(count, nullptr, 10);
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    live(seed);
    if (HasFatalFailure() || HasNonfatalFailure()) return;
  }
  if (seeds < 60) return;
  EXPECT_GT(suspects, 50);
  EXPECT_GT(whole, 10);
}

}  // namespace
}  // namespace gfs::chunkserver
