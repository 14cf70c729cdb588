// Checkpoints: whenever a master dies, what it acknowledged is there again; a damaged one costs time, nothing else.
#include <gtest/gtest.h>

#include <map>
#include <optional>

#include "base/crc32c.h"
#include "base/log.h"
#include "base/sim_disk.h"
#include "master/checkpointer.h"
#include "tests/master/random_ops.h"

namespace gfs::master {
namespace {

class CheckpointTest : public testing::Test {
 protected:
  CheckpointTest() {
    log::set_level(log::Level::off);
    cluster.bytes[0] = 7;
  }

  // One life of a master: its state and its files.
  struct Life {
    explicit Life(CheckpointTest& test)
        : disk(test.platter->mount(test.world)),
          log(*disk, test.random, test.log_settings),
          store(test.world, *disk, test.random),
          checkpointer(test.world, store, log, state, test.settings) {}
    std::unique_ptr<Disk> disk;
    LogStore log;
    CheckpointStore store;
    MasterState state;
    Checkpointer checkpointer;
  };

  void format() {
    auto disk = platter->mount(world);
    LogStore log(*disk, random, log_settings);
    ASSERT_TRUE(world.run(log.format(cluster, 1)));
  }
  // Recovers; what comes back must be all that was acknowledged, and nothing that was not asked for.
  Result<> begin() {
    life = std::make_unique<Life>(*this);
    Result<> recovered = world.run(life->checkpointer.recover(cluster, 1));
    if (!recovered) return recovered;
    const std::uint64_t last = life->log.last_index();
    EXPECT_GE(last, acknowledged);
    EXPECT_LE(last, texts.size());
    texts.resize(last);
    acknowledged = last;
    EXPECT_EQ(life->state.dump(), model().dump());
    return {};
  }
  MasterState model() const {
    MasterState state;
    for (std::size_t i = 0; i < texts.size(); ++i) state.apply(decode_op(Bytes::of(texts[i])).value(), i + 1);
    return state;
  }
  // Ops go one after the other until somebody stops it. As Journal::commit: durable, then applied.
  Task<> load(int count) {
    for (int i = 0; i < count; ++i) {
      Op op = ops.next(life->state);
      if (life->state.check(op)) continue;  // settled without an entry
      texts.push_back(encode_op(op));
      std::vector<std::string> batch{texts.back()};
      co_await life->log.append(std::move(batch));
      life->state.apply(op, life->log.last_index());
      acknowledged = life->log.last_index();
    }
  }
  void kill(bool power_cut) {
    group.cancel();
    life.reset();
    if (power_cut) platter->power_cut();
  }
  void work(int count) { ASSERT_TRUE(world.run(load(count))); }
  Result<Checkpointer::Written> checkpoint() { return world.run(life->checkpointer.now()); }
  void overwrite(const std::string& path, const std::string& bytes) {
    auto disk = platter->mount(world);
    ASSERT_TRUE(world.run([](Disk& at, std::string name, std::string text) -> Task<> {
      std::shared_ptr<File> file = co_await at.open(name, Disk::Mode::write);
      co_await file->write(0, Bytes::of(std::move(text)));
    }(*disk, path, bytes)));
  }
  std::vector<std::string> files(const std::string& folder) {
    std::vector<std::string> found;
    for (const std::string& path : platter->files())
      if (path.starts_with(folder)) found.push_back(path);
    return found;
  }

  SimExecutor world;
  Random random{1};
  std::unique_ptr<SimDisk> platter = std::make_unique<SimDisk>(world, 1);
  ClusterId cluster;
  LogStore::Settings log_settings{.segment_max = 4096};
  Checkpointer::Settings settings{.after_bytes = 1 << 30};
  RandomOps ops{1};
  std::vector<std::string> texts;  // of every op, by index from 1
  std::uint64_t acknowledged = 0;
  std::unique_ptr<Life> life;
  TaskGroup group;
};

// A whole record that this program does not understand, or would apply otherwise: nothing is skipped.
TEST_F(CheckpointTest, M22AnEntryThatCannotBeAppliedIsRefusedAndNamed) {
  format();
  ASSERT_TRUE(begin());
  work(5);
  const std::uint64_t last = life->log.last_index();
  Op op = ops.next(life->state);
  std::string text = encode_op(op);
  text[0] = 99;
  ASSERT_TRUE(world.run(life->log.append({text})));
  kill(false);
  std::map<std::string, std::string> before;
  for (const std::string& path : platter->files()) before[path] = *platter->read_now(path);
  life = std::make_unique<Life>(*this);
  const Result<> refused = world.run(life->checkpointer.recover(cluster, 1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::corrupt);
  EXPECT_NE(refused.error().message.find(std::to_string(last + 1)), std::string::npos) << refused.error().text();
  EXPECT_NE(refused.error().message.find("op of kind 99"), std::string::npos) << refused.error().text();
  kill(false);
  for (const std::string& path : platter->files()) {
    if (!path.ends_with("LOCK")) {
      EXPECT_EQ(*platter->read_now(path), before[path]) << path;
    }
  }
}

TEST_F(CheckpointTest, TwoAreKeptAndTheLogBehindTheOlderOne) {
  format();
  ASSERT_TRUE(begin());
  std::uint64_t before = 0;
  for (int round = 1; round <= 4; ++round) {
    work(200);
    Result<Checkpointer::Written> written = checkpoint();
    ASSERT_TRUE(written) << written.error().text();
    EXPECT_EQ(written->index, life->state.index());
    EXPECT_EQ(files("checkpoint").size(), round == 1 ? 1u : 2u);
    EXPECT_LE(life->log.first_index(), before + 1);
    if (round > 2) {
      EXPECT_GT(life->log.first_index(), 1u);
    }
    before = written->index;
    kill(false);
    ASSERT_TRUE(begin());
    EXPECT_EQ(life->checkpointer.last().index, before);
  }
  EXPECT_EQ(checkpoint()->index, before) << "nothing has changed: the one that is there will do";
}

TEST_F(CheckpointTest, IsWrittenWhenTheLogHasGrown) {
  settings.after_bytes = 20000;
  format();
  ASSERT_TRUE(begin());
  work(50);
  life->checkpointer.tick();
  EXPECT_FALSE(life->checkpointer.running());
  work(300);
  life->checkpointer.tick();
  EXPECT_TRUE(life->checkpointer.running());
  work(20);
  ASSERT_TRUE(world.run(life->checkpointer.idle()));
  EXPECT_GT(life->checkpointer.last().index, 0u);
  life->checkpointer.tick();
  EXPECT_FALSE(life->checkpointer.running());
  kill(false);
  ASSERT_TRUE(begin());
  life->checkpointer.tick();
  EXPECT_FALSE(life->checkpointer.running()) << "what is behind the checkpoint does not make another one due";
}

// Every step of the whole way is a crash point: log, new segment, temporary file, sync, rename, trim.
TEST_F(CheckpointTest, E4M10M19M25DyingAtAnyStepLosesNothing) {
  for (const bool power_cut : {false, true}) {
    for (std::uint64_t step = 1, over = 0; over < 3; step += 1 + step / 60) {
      life.reset();
      platter = std::make_unique<SimDisk>(world, step);
      texts.clear();
      acknowledged = 0;
      ops = RandomOps(step);
      format();
      ASSERT_TRUE(begin());
      work(60);
      ASSERT_TRUE(checkpoint());
      work(60);
      bool done = false;
      group.spawn(load(1000));
      group.spawn(life->checkpointer.now(), [&](Result<Checkpointer::Written> written) { done = written.has_value(); });
      for (std::uint64_t i = 0; i < step; ++i) world.step();
      over += done;
      kill(power_cut);
      // And while it recovers.
      life = std::make_unique<Life>(*this);
      group.spawn(life->checkpointer.recover(cluster, 1));
      for (std::uint64_t i = 0; i < step % 40; ++i) world.step();
      kill(power_cut);
      Result<> recovered = begin();
      ASSERT_TRUE(recovered) << "step " << step << ": " << recovered.error().text();
      ASSERT_GE(life->checkpointer.last().index, 1u);
      for (const std::string& path : platter->files()) EXPECT_FALSE(path.ends_with(".tmp")) << "M13";
      work(10);
      ASSERT_TRUE(checkpoint());
      if (HasFailure()) return;
    }
  }
}

TEST_F(CheckpointTest, M11ADamagedOneIsPassedOverForTheOneBefore) {
  format();
  ASSERT_TRUE(begin());
  work(150);
  ASSERT_TRUE(checkpoint());
  work(150);
  const std::uint64_t newest = checkpoint()->index;
  work(50);
  kill(false);
  const std::string path = "checkpoint/" + checkpoint_name(newest);
  const std::uint64_t size = platter->read_now(path)->size();
  for (std::uint64_t round = 0; round < 1000; ++round) {
    const std::uint64_t byte = round < 100 ? round : random.below(size);
    const unsigned bit = static_cast<unsigned>(random.below(8));
    ASSERT_TRUE(platter->flip_bit(path, byte, bit));
    life = std::make_unique<Life>(*this);
    Result<> recovered = world.run(life->checkpointer.recover(cluster, 1));
    ASSERT_TRUE(recovered) << byte << ": " << recovered.error().text();
    ASSERT_LT(life->checkpointer.last().index, newest) << byte;
    if (round % 50 == 0) {
      ASSERT_EQ(life->state.dump(), model().dump());
    }
    life.reset();
    ASSERT_TRUE(platter->flip_bit(path, byte, bit));
  }
  ASSERT_TRUE(begin());
  EXPECT_EQ(life->checkpointer.last().index, newest);
}

TEST_F(CheckpointTest, ADamagedOneGoesWhenTheNextIsWritten) {
  format();
  ASSERT_TRUE(begin());
  work(150);
  const std::uint64_t first = checkpoint()->index;
  work(150);
  const std::uint64_t second = checkpoint()->index;
  kill(false);
  ASSERT_TRUE(platter->flip_bit("checkpoint/" + checkpoint_name(second), 200, 1));
  ASSERT_TRUE(begin());
  EXPECT_EQ(life->checkpointer.last().index, first);
  const std::uint64_t again = checkpoint()->index;
  EXPECT_EQ(again, second) << "of the same index: it takes the other one's place";
  kill(false);
  ASSERT_TRUE(begin());
  EXPECT_EQ(life->checkpointer.last().index, again);
  work(20);
  ASSERT_TRUE(checkpoint());
  EXPECT_EQ(files("checkpoint").size(), 2u);
  EXPECT_TRUE(platter->read_now("checkpoint/" + checkpoint_name(again)));
}

TEST_F(CheckpointTest, M12WithoutAReadableOneAndWithoutTheWholeLogItIsRefusedAndNothingIsChanged) {
  format();
  ASSERT_TRUE(begin());
  std::vector<std::uint64_t> indices;
  for (int round = 0; round < 3; ++round) {
    work(200);
    indices.push_back(checkpoint()->index);
  }
  kill(false);
  for (std::uint64_t index : {indices[1], indices[2]})
    ASSERT_TRUE(platter->flip_bit("checkpoint/" + checkpoint_name(index), 500, 3));
  std::map<std::string, std::string> before;
  for (const std::string& path : platter->files()) before[path] = *platter->read_now(path);
  life = std::make_unique<Life>(*this);
  Result<> recovered = world.run(life->checkpointer.recover(cluster, 1));
  ASSERT_FALSE(recovered);
  EXPECT_EQ(recovered.error().code, Code::corrupt);
  EXPECT_NE(recovered.error().message.find("index 1 is looked for"), std::string::npos) << recovered.error().message;
  for (std::uint64_t index : {indices[1], indices[2]})
    EXPECT_NE(recovered.error().message.find(checkpoint_name(index)), std::string::npos) << recovered.error().message;
  for (const std::string& path : platter->files()) EXPECT_EQ(before[path], *platter->read_now(path)) << path;
}

TEST_F(CheckpointTest, M13WhatACrashLeftIsRemovedAndStrangersAreRefused) {
  format();
  {
    auto disk = platter->mount(world);
    ASSERT_TRUE(world.run([](Disk& at) -> Task<> {
      co_await at.make_directories("checkpoint");
      std::shared_ptr<File> empty = co_await at.open("checkpoint/unfinished.tmp", Disk::Mode::write);
      std::shared_ptr<File> huge = co_await at.open("checkpoint/other.tmp", Disk::Mode::write);
      co_await huge->write(100 << 20, Bytes::of("x"));
    }(*disk)));
  }
  ASSERT_TRUE(begin());
  EXPECT_TRUE(files("checkpoint").empty());
  kill(false);
  {
    auto disk = platter->mount(world);
    ASSERT_TRUE(world.run(
        [](Disk& at) -> Task<> { (void)co_await at.open("checkpoint/notes.txt", Disk::Mode::write); }(*disk)));
  }
  Result<> refused = begin();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("notes.txt"), std::string::npos);
}

TEST_F(CheckpointTest, M20OfAnotherClusterOrANewerFormatIsRefused) {
  format();
  ASSERT_TRUE(begin());
  work(50);
  const std::uint64_t index = checkpoint()->index;
  kill(false);
  const std::string path = "checkpoint/" + checkpoint_name(index);
  std::string header = platter->read_now(path)->substr(0, kCheckpointHeaderSize);
  const std::string before = header;
  header[8] = 2;
  const std::uint32_t crc = crc32c(header.substr(16), crc32c(header.substr(0, 12)));
  for (int i = 0; i < 4; ++i) header[12 + static_cast<std::size_t>(i)] = static_cast<char>(crc >> (8 * i));
  overwrite(path, header);
  EXPECT_EQ(begin().error().code, Code::wrong_version);
  kill(false);
  overwrite(path, before);
  cluster.bytes[0] = 8;
  EXPECT_EQ(begin().error().code, Code::wrong_cluster);
}

TEST_F(CheckpointTest, ALogThatEndsBeforeItIsRefused) {
  format();
  ASSERT_TRUE(begin());
  work(200);
  ASSERT_TRUE(checkpoint());
  kill(false);
  {
    auto disk = platter->mount(world);
    const std::string last = files("log").back();
    ASSERT_TRUE(world.run([](Disk& at, std::string name) -> Task<> { co_await at.remove(name); }(*disk, last)));
  }
  Result<> refused = begin();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::corrupt);
  EXPECT_NE(refused.error().message.find("records are gone"), std::string::npos) << refused.error().message;
}

// The damaged one cannot be read, but its name says that the log went so far.
TEST_F(CheckpointTest, ALogThatEndsBeforeADamagedOneIsRefusedAndNotCut) {
  log_settings.segment_max = 1 << 20;
  format();
  ASSERT_TRUE(begin());
  work(100);
  ASSERT_TRUE(checkpoint());
  work(100);
  const std::uint64_t newest = checkpoint()->index;
  kill(false);
  ASSERT_TRUE(platter->flip_bit("checkpoint/" + checkpoint_name(newest), 300, 1));
  const std::string segment = files("log").back();
  const std::uint64_t size = platter->read_now(segment)->size();
  ASSERT_TRUE(
      platter->flip_bit(segment, size - 2, 1));  // of the last record: nothing behind it shows that it was durable
  Result<> refused = begin();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("records are gone"), std::string::npos) << refused.error().message;
  EXPECT_EQ(platter->read_now(segment)->size(), size);
  kill(false);
  ASSERT_TRUE(platter->flip_bit(segment, size - 2, 1));
  ASSERT_TRUE(begin());
}

TEST_F(CheckpointTest, ThoseWhoAskWhileOneIsWrittenShareTheNext) {
  format();
  ASSERT_TRUE(begin());
  work(100);
  std::vector<std::uint64_t> indices;
  for (int i = 0; i < 50; ++i) {
    group.spawn(life->checkpointer.now(), [&](Result<Checkpointer::Written> one) { indices.push_back(one->index); });
    if (i == 0) work(20);
  }
  ASSERT_TRUE(world.run(life->checkpointer.idle()));
  ASSERT_EQ(indices.size(), 50u);
  EXPECT_LT(indices[0], indices[1]);
  EXPECT_EQ(indices[1], indices[49]);
  EXPECT_EQ(files("checkpoint").size(), 2u);
}

TEST_F(CheckpointTest, NotAnyNumberMayWaitForIt) {
  format();
  ASSERT_TRUE(begin());
  work(20);
  int done = 0, refused = 0;
  for (int i = 0; i < 2000; ++i) {
    group.spawn(life->checkpointer.now(), [&](Result<Checkpointer::Written> one) {
      ++done;
      refused += !one && one.error().code == Code::overloaded;
    });
  }
  ASSERT_TRUE(world.run(life->checkpointer.idle()));
  EXPECT_EQ(done, 2000);
  EXPECT_GT(refused, 900);
  EXPECT_LT(refused, 1000);
}

TEST_F(CheckpointTest, StoppingGivesUpWhatIsBeingWritten) {
  format();
  ASSERT_TRUE(begin());
  work(100);
  std::optional<Result<Checkpointer::Written>> written;
  group.spawn(life->checkpointer.now(), [&](Result<Checkpointer::Written> one) { written = std::move(one); });
  world.step();
  ASSERT_TRUE(world.run(life->checkpointer.stop()));
  ASSERT_TRUE(written && !*written);
  EXPECT_EQ(written->error().code, Code::cancelled);
  EXPECT_TRUE(files("checkpoint").empty());
}

TEST_F(CheckpointTest, M15AFullOrFailingDiskCostsOnlyTheCheckpoint) {
  format();
  ASSERT_TRUE(begin());
  work(100);
  ASSERT_TRUE(checkpoint());
  work(300);
  platter->set_capacity(platter->used() + 2000);
  EXPECT_EQ(checkpoint().error().code, Code::no_space);
  EXPECT_EQ(life->checkpointer.failures(), 1u);
  EXPECT_EQ(files("checkpoint").size(), 1u);
  platter->set_capacity(std::uint64_t{1} << 40);
  SimDisk::Faults faults;
  faults.sync_error = 1;
  platter->set_faults(faults);
  EXPECT_FALSE(checkpoint());
  platter->set_faults({});
  EXPECT_EQ(files("checkpoint").size(), 1u);
  work(20);
  ASSERT_TRUE(checkpoint());
  kill(true);
  ASSERT_TRUE(begin());
}

}  // namespace
}  // namespace gfs::master
