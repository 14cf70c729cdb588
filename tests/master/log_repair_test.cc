// A log that cannot be read to its end is cut where somebody says, in front of the damage: what is left is what a
// master would have had at that index, in a new log epoch; what goes lies in a folder; whatever a crash cuts off is
// finished by doing it again.
#include "master/log_repair.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/log.h"
#include "base/sim_disk.h"
#include "master/checkpointer.h"
#include "master/directory_view.h"
#include "master/epoch_adoption.h"

namespace gfs::master {
namespace {

using testing::HasSubstr;

class LogRepairTest : public testing::Test {
 protected:
  LogRepairTest() {
    log::set_level(log::Level::off);
    identity.cluster.bytes[0] = 7;
    LogStore log(*disk, random, settings);
    EXPECT_TRUE(world.run(log.format(identity.cluster, 1)));
    EXPECT_TRUE(world.run(save_identity(*disk, identity)));
    begin(1);
    work(60, {20, 40});
  }

  struct Life {
    explicit Life(LogRepairTest& test)
        : log(*test.disk, test.random, test.settings),
          store(test.world, *test.disk, test.random),
          checkpointer(test.world, store, log, state, {}) {}
    LogStore log;
    CheckpointStore store;
    MasterState state;
    Checkpointer checkpointer;
  };
  // As a master starts.
  Result<> begin(std::uint64_t expected_epoch) {
    life = std::make_unique<Life>(*this);
    Result<Identity> found = world.run(load_identity(*disk));
    if (!found) return fail(std::move(found));
    Result<> recovered = world.run(life->checkpointer.recover(found->cluster, found->epoch));
    if (!recovered) return recovered;
    EXPECT_EQ(found->epoch, expected_epoch);
    return world.run(enter_epoch(*disk, life->log, life->state, *found, found->epoch, 0));
  }
  void work(int count, std::set<int> checkpoints = {}) {
    for (int i = 1; i <= count; ++i) {
      Op op{{{}, 0, i}, CreateFileOp{fmt::format("/f{}", ++made), 3}};
      std::vector<std::string> batch{encode_op(op)};
      ASSERT_TRUE(world.run(life->log.append(std::move(batch))));
      life->state.apply(op, life->log.last_index());
      if (checkpoints.contains(i)) ASSERT_TRUE(world.run(life->checkpointer.now()));
    }
  }
  Result<LogCut> plan(std::uint64_t at) { return world.run(plan_log_cut(*disk, at)); }
  Result<> cut(std::uint64_t at) {
    Result<LogCut> planned = plan(at);
    if (!planned) return fail(std::move(planned));
    return world.run(cut_log(*disk, random, *planned));
  }
  std::map<std::string, std::string> contents() {
    std::map<std::string, std::string> all;
    for (const std::string& path : platter.files()) all[path] = platter.read_now(path).value();
    return all;
  }
  // Flips a bit of the record with that index. Gives its file.
  std::string rot(std::uint64_t index) {
    for (const SegmentView& one : world.run(view_directory(*disk)).value().segments) {
      if (one.first > index || one.last < index) continue;
      const Bytes bytes = Bytes::of(platter.read_now(one.name).value());
      for (const LogRecord& record : read_segment(one.name.substr(4), bytes, false)->records) {
        if (record.header.index == index) EXPECT_TRUE(platter.flip_bit(one.name, record.end - 3, 2));
      }
      return one.name;
    }
    ADD_FAILURE() << "no segment has " << index;
    return {};
  }
  std::uint64_t files() { return life->state.names().files(); }

  SimExecutor world;
  Random random{1};
  SimDisk platter{world, 1};
  std::unique_ptr<Disk> disk = platter.mount(world);
  LogStore::Settings settings{.segment_max = 1000};
  Identity identity;
  int made = 0;
  std::unique_ptr<Life> life;
};

TEST_F(LogRepairTest, LeavesTheStateOfThatIndexInANewEpoch) {
  const auto before = contents();
  Result<LogCut> planned = plan(47);
  ASSERT_TRUE(planned) << planned.error().text();
  EXPECT_TRUE(contents() == before) << "a plan changes nothing";
  EXPECT_EQ(planned->files, 47u);
  EXPECT_EQ(planned->identity.epoch, 2u);
  EXPECT_TRUE(planned->checkpoints.empty());
  EXPECT_FALSE(planned->segments.empty());
  EXPECT_FALSE(planned->shortened.empty());
  ASSERT_TRUE(cut(47));
  // Whatever is not there any more, or shorter, is in the folder as it was.
  for (const auto& [path, text] : before) {
    if (path == "identity" || platter.read_now(path) == text) continue;
    const std::string aside = planned->aside + path.substr(path.rfind('/'));
    EXPECT_EQ(platter.read_now(aside).value_or("missing"), text) << path;
  }
  ASSERT_TRUE(begin(2));
  EXPECT_EQ(files(), 47u);
  EXPECT_EQ(life->state.epoch(), 2u);
  EXPECT_EQ(life->log.position().epoch, 2u);
  work(20);
  ASSERT_TRUE(begin(2));
  EXPECT_EQ(files(), 67u);
  const DirectoryView view = world.run(view_directory(*disk)).value();
  EXPECT_FALSE(view.damaged());
  ASSERT_EQ(view.epochs().size(), 2u);
  EXPECT_EQ(view.epochs()[1].epoch, 2u);
  EXPECT_EQ(view.epochs()[1].first, 48u);
}

TEST_F(LogRepairTest, AStartThatIsRefusedNamesTheIndexThatHelps) {
  for (std::uint64_t index : {45u, 58u}) {
    const std::string bad = rot(index);
    const auto before = contents();
    Result<> refused = begin(1);
    ASSERT_FALSE(refused);
    EXPECT_TRUE(contents() == before);
    EXPECT_THAT(refused.error().message, HasSubstr(bad.substr(4)));
    const std::string advice = fmt::format("gfs-cli log repair DIR --cut-at {} ", index - 1);
    EXPECT_THAT(refused.error().message, HasSubstr(advice));
    EXPECT_EQ(plan(index).error().code, Code::corrupt) << "the damage itself cannot stay";
    ASSERT_TRUE(cut(index - 1));
    const std::uint64_t epoch = world.run(load_identity(*disk))->epoch;
    ASSERT_TRUE(begin(epoch));
    EXPECT_EQ(life->log.last_index(), index);  // and the entry that begins the epoch
    made = 1000;
    work(20);
  }
}

TEST_F(LogRepairTest, CheckpointsBehindTheIndexGoToo) {
  Result<LogCut> planned = plan(30);
  ASSERT_TRUE(planned) << planned.error().text();
  ASSERT_EQ(planned->checkpoints.size(), 1u);
  EXPECT_THAT(planned->checkpoints[0], HasSubstr("0000000000000028.ckp"));
  ASSERT_TRUE(cut(30));
  ASSERT_TRUE(begin(2));
  EXPECT_EQ(files(), 30u);
}

TEST_F(LogRepairTest, WhatACheckpointHoldsNeedsNoLog) {
  ASSERT_TRUE(world.run(life->checkpointer.now()));
  work(2);
  rot(58);  // in one segment with what the checkpoint has, and with what follows it
  EXPECT_THAT(begin(1).error().message, HasSubstr("--cut-at 60 "));
  ASSERT_TRUE(cut(60));
  ASSERT_TRUE(begin(2));
  EXPECT_EQ(files(), 60u);
  work(5);
  ASSERT_TRUE(begin(2));
  EXPECT_EQ(files(), 65u);
}

TEST_F(LogRepairTest, WhatCannotBeCutIsRefusedAndNothingIsChanged) {
  struct Row {
    const char* name;
    std::uint64_t at;
    Code code;
  };
  for (const Row& row :
       {Row{"everything", 0, Code::invalid_argument}, Row{"nothing", 60, Code::invalid_argument},
        Row{"more than there is", 61, Code::corrupt}, Row{"before the log begins", 5, Code::corrupt}}) {
    const auto before = contents();
    Result<LogCut> planned = plan(row.at);
    ASSERT_FALSE(planned) << row.name;
    EXPECT_EQ(name_of(planned.error().code), name_of(row.code)) << row.name << ": " << planned.error().text();
    EXPECT_TRUE(contents() == before) << row.name;
  }
  const std::string last = world.run(view_directory(*disk))->segments.back().name;
  std::string newer = platter.read_now(last).value();
  newer[8] = 2;
  auto put = [this](const std::string& path, const std::string& text) {
    auto write = [](Disk& to, std::string where, std::string bytes) -> Task<> {
      std::shared_ptr<File> file = co_await to.open(where, Disk::Mode::write);
      Bytes all = Bytes::of(std::move(bytes));
      co_await file->write(0, std::move(all));
    };
    ASSERT_TRUE(world.run(write(*disk, path, text)));
  };
  put(last, newer);
  EXPECT_EQ(plan(45).error().code, Code::wrong_version) << "a newer program's log";
  ASSERT_TRUE(platter.flip_bit("identity", 20, 1));
  EXPECT_EQ(plan(45).error().code, Code::corrupt) << "a damaged identity";
}

TEST_F(LogRepairTest, AnInterruptedOneIsFinishedByDoingItAgain) {
  const auto whole = contents();
  for (std::uint64_t seed = 1; seed <= 80; ++seed) {
    SCOPED_TRACE(seed);
    Random dice(seed);
    life.reset();
    auto reset = [](Disk& to, std::vector<std::string> gone, std::map<std::string, std::string> all) -> Task<> {
      for (const std::string& path : gone) co_await to.remove(path);
      for (const auto& [path, text] : all) {
        std::shared_ptr<File> file = co_await to.open(path, Disk::Mode::write);
        Bytes bytes = Bytes::of(text);
        co_await file->truncate(0);
        co_await file->write(0, std::move(bytes));
        co_await file->sync();
      }
      for (const char* folder : {"", "log", "checkpoint"}) co_await to.sync_directory(folder);
    };
    ASSERT_TRUE(world.run(reset(*disk, platter.files(), whole)));
    {
      const LogCut planned = plan(30).value();
      TaskGroup group;
      group.spawn(cut_log(*disk, random, planned));
      world.run_for(std::chrono::microseconds(dice.below(6000)));
      group.cancel();
    }
    disk.reset();
    if (dice.chance(0.7)) platter.power_cut();
    disk = platter.mount(world);
    // A master that starts in between refuses, or goes on with what is there, in the old epoch only if nothing was cut.
    if (dice.chance(0.3)) {
      const std::uint64_t epoch = world.run(load_identity(*disk))->epoch;
      if (begin(epoch)) EXPECT_TRUE(epoch == 2 || files() == 60u);
      life.reset();
    }
    Result<> again = cut(30);
    if (!again) EXPECT_THAT(again.error().message, HasSubstr("nothing is behind it"));
    const std::uint64_t epoch = world.run(load_identity(*disk))->epoch;
    EXPECT_GE(epoch, 2u);
    ASSERT_TRUE(begin(epoch));
    EXPECT_EQ(files(), 30u);
    // Nothing was deleted: every record is in the log or in a folder.
    std::uint64_t last = 0;
    for (const auto& [path, text] : contents()) {
      if (!path.ends_with(".log")) continue;
      Result<SegmentContent> content = read_segment(path.substr(path.rfind('/') + 1), Bytes::of(text), true);
      if (content && content->header.epoch == 1 && !content->records.empty())
        last = std::max(last, content->records.back().header.index);
    }
    EXPECT_GE(last, 60u);
  }
}

}  // namespace
}  // namespace gfs::master
