// What a master's directory is said to hold: all of it, what is damaged where it lies, and nothing is changed by
// looking.
#include "master/directory_view.h"

#include <gtest/gtest.h>

#include <map>

#include "base/log.h"
#include "base/sim_disk.h"
#include "master/checkpointer.h"

namespace gfs::master {
namespace {

class DirectoryViewTest : public testing::Test {
 protected:
  DirectoryViewTest() {
    log::set_level(log::Level::off);
    identity.cluster.bytes[0] = 7;
    LogStore log(*disk, random, {.segment_max = 1000});
    CheckpointStore store(world, *disk, random);
    MasterState state;
    Checkpointer checkpointer(world, store, log, state, {});
    EXPECT_TRUE(world.run(log.format(identity.cluster, identity.epoch)));
    EXPECT_TRUE(world.run(save_identity(*disk, identity)));
    EXPECT_TRUE(world.run(checkpointer.recover(identity.cluster, identity.epoch)));
    for (int i = 1; i <= 60; ++i) {
      Op op{{{}, 0, i}, CreateFileOp{"/f" + std::to_string(i), 3}};
      std::vector<std::string> batch{encode_op(op)};
      EXPECT_TRUE(world.run(log.append(std::move(batch))));
      state.apply(op, log.last_index());
      if (i == 20 || i == 40) EXPECT_TRUE(world.run(checkpointer.now()));
    }
    for (const std::string& path : platter.files()) before[path] = *platter.read_now(path);
  }
  ~DirectoryViewTest() override {
    for (const std::string& path : platter.files()) EXPECT_EQ(before[path].size(), platter.read_now(path)->size());
  }
  DirectoryView look(VisitRecord visit = {}) { return world.run(view_directory(*disk, std::move(visit))).value(); }

  SimExecutor world;
  Random random{1};
  SimDisk platter{world, 1};
  std::unique_ptr<Disk> disk = platter.mount(world);
  Identity identity;
  std::map<std::string, std::string> before;
};

TEST_F(DirectoryViewTest, TellsEverything) {
  std::vector<std::uint64_t> indices;
  const DirectoryView view = look([&](const LogRecord& record) {
    indices.push_back(record.header.index);
    return true;
  });
  EXPECT_EQ(view.identity.cluster, identity.cluster);
  EXPECT_FALSE(view.damaged());
  ASSERT_EQ(view.checkpoints.size(), 2u);
  EXPECT_EQ(view.checkpoints[0].index, 40u);
  EXPECT_EQ(view.checkpoints[1].index, 20u);
  ASSERT_GT(view.segments.size(), 1u);
  EXPECT_LE(view.segments.front().first, 21u) << "what the older checkpoint needs is there";
  EXPECT_GT(view.segments.front().first, 1u) << "and what it does not need is gone";
  EXPECT_EQ(view.segments.back().last, 60u);
  EXPECT_EQ(indices.front(), view.segments.front().first);
  EXPECT_EQ(indices.size(), 60 - view.segments.front().first + 1);
  int seen = 0;
  look([&](const LogRecord&) { return ++seen < 5; });
  EXPECT_EQ(seen, 5) << "false ends it";
}

TEST_F(DirectoryViewTest, GivesTheStateAMasterWouldStartWith) {
  MasterState model;
  for (int i = 1; i <= 60; ++i) {
    Op op{{{}, 0, i}, CreateFileOp{"/f" + std::to_string(i), 3}};
    (void)encode_op(op);
    model.apply(op, static_cast<std::uint64_t>(i));
  }
  EXPECT_EQ(world.run(replay_directory(*disk)).value().dump(), model.dump());
  ASSERT_TRUE(platter.flip_bit(look().checkpoints[0].name, 100, 1));
  EXPECT_EQ(world.run(replay_directory(*disk)).value().dump(), model.dump());
  ASSERT_TRUE(platter.flip_bit(look().checkpoints[1].name, 100, 1));
  EXPECT_EQ(world.run(replay_directory(*disk)).error().code, Code::corrupt);
}

TEST_F(DirectoryViewTest, NamesWhatIsDamagedAndReadsOn) {
  DirectoryView view = look();
  ASSERT_TRUE(platter.flip_bit(view.segments[1].name, 200, 1));
  ASSERT_TRUE(platter.flip_bit(view.checkpoints[0].name, 100, 1));
  std::uint64_t last = 0;
  view = look([&](const LogRecord& record) {
    last = record.header.index;
    return true;
  });
  EXPECT_TRUE(view.damaged());
  EXPECT_TRUE(view.segments[0].damage.empty());
  EXPECT_NE(view.segments[1].damage.find("damaged at offset"), std::string::npos) << view.segments[1].damage;
  EXPECT_TRUE(view.segments[2].damage.empty());
  EXPECT_NE(view.checkpoints[0].damage.find("damaged at offset"), std::string::npos);
  EXPECT_TRUE(view.checkpoints[1].damage.empty());
  EXPECT_EQ(last, 60u);
}

TEST_F(DirectoryViewTest, AMissingSegmentIsTold) {
  const std::string gone = look().segments[1].name;
  ASSERT_TRUE(world.run([](Disk& at, std::string name) -> Task<> { co_await at.remove(name); }(*disk, gone)));
  const DirectoryView view = look();
  EXPECT_TRUE(view.damaged());
  EXPECT_NE(view.segments[1].damage.find("a segment is missing"), std::string::npos) << view.segments[1].damage;
}

TEST_F(DirectoryViewTest, AnUnfinishedWriteAtTheEndIsNoDamage) {
  const std::string last = look().segments.back().name;
  ASSERT_TRUE(world.run([](Disk& at, std::string name) -> Task<> {
    std::shared_ptr<File> file = co_await at.open(name, Disk::Mode::write);
    const std::uint64_t size = co_await file->size();
    co_await file->write(size, Bytes::of(std::string(30, 'x')));
  }(*disk, last)));
  before[last] = *platter.read_now(last);
  const DirectoryView view = look();
  EXPECT_FALSE(view.damaged());
  EXPECT_EQ(view.segments.back().unfinished, 30u);
}

}  // namespace
}  // namespace gfs::master
