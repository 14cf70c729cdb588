// The journal: durable before visible, one sync for all ops of a turn, a full disk as an ordinary answer, a failed sync
// as the end.
#include "master/journal.h"

#include <gtest/gtest.h>

#include <optional>

#include "base/log.h"
#include "base/sim_disk.h"

namespace gfs::master {
namespace {

class JournalTest : public testing::Test {
 protected:
  JournalTest() {
    log::set_level(log::Level::off);
    cluster.bytes[0] = 7;
    EXPECT_TRUE(world.run(store.format(cluster, 1)));
    LogStore::Replay none = [](std::uint64_t, const Bytes&) -> Result<> { return {}; };
    EXPECT_TRUE(world.run(store.open(cluster, 1, 0, none)));
  }

  RequestId request(std::uint64_t sequence) {
    RequestId id;
    id.client.bytes[0] = 1;
    id.sequence = sequence;
    return id;
  }
  // Begins a commit; its answer lands in answers[path].
  void create(const std::string& path, RequestId id = {}) {
    OpBody body = CreateFileOp{path, 3};
    std::string key = path + (id.client.nil() ? "" : "#" + std::to_string(++repeats));
    group.spawn(journal.commit(std::move(body), id),
                [this, key](Result<Decision> decided) { answers.emplace(key, std::move(decided)); });
  }
  bool settle() {
    return world.run_until([this] { return group.empty(); }, 10s);
  }

  SimExecutor world;
  Random random{1};
  SimDisk platter{world, 1};
  std::unique_ptr<Disk> disk = platter.mount(world);
  ClusterId cluster;
  LogStore store{*disk, random, {}};
  MasterState state;
  std::optional<Error> fatal;
  Journal journal{world, store, state, [this](Error error) { fatal = std::move(error); }};
  std::map<std::string, Result<Decision>> answers;
  int repeats = 0;
  TaskGroup group;
};

TEST_F(JournalTest, AllOpsOfATurnShareOneBatch) {
  for (int i = 0; i < 100; ++i) create("/" + std::to_string(i));
  ASSERT_TRUE(settle());
  EXPECT_EQ(answers.size(), 100u);
  EXPECT_EQ(journal.batches(), 1u);
  EXPECT_EQ(state.names().files(), 100u);
  EXPECT_EQ(store.last_index(), 100u);
}

TEST_F(JournalTest, M18NothingIsVisibleBeforeItIsDurable) {
  create("/a");
  while (!answers.contains("/a")) {
    bool visible = state.names().find("/a").has_value();
    EXPECT_FALSE(visible && store.last_index() == 0);
    ASSERT_TRUE(world.step());
  }
  EXPECT_EQ(store.last_index(), 1u);
}

TEST_F(JournalTest, TwoCreatesOfOneNameInOneBatchHaveOneWinner) {
  create("/a");
  OpBody again = CreateFileOp{"/a", 3};
  std::optional<Result<Decision>> second;
  group.spawn(journal.commit(std::move(again)), [&second](Result<Decision> decided) { second = std::move(decided); });
  ASSERT_TRUE(settle());
  EXPECT_TRUE(answers.at("/a"));
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->error().code, Code::already_exists);
  EXPECT_EQ(journal.batches(), 1u);
}

TEST_F(JournalTest, N13ARepeatInFlightAndALaterOneGetTheFirstAnswer) {
  create("/a", request(1));
  create("/a", request(1));
  ASSERT_TRUE(settle());
  create("/a", request(1));
  ASSERT_TRUE(settle());
  ASSERT_EQ(answers.size(), 3u);
  for (auto& [key, answer] : answers) {
    ASSERT_TRUE(answer) << key << answer.error().text();
    EXPECT_EQ(answer->info.inode, answers.begin()->second->info.inode);
  }
}

TEST_F(JournalTest, WhatIsSureToFailIsNotLogged) {
  create("no slash");
  create("/missing/f");
  ASSERT_TRUE(settle());
  EXPECT_EQ(answers.at("no slash").error().code, Code::invalid_argument);
  EXPECT_EQ(answers.at("/missing/f").error().code, Code::not_found);
  EXPECT_EQ(store.last_index(), 0u);
}

// A message that was under way for long must not do what its first arrival was refused.
TEST_F(JournalTest, ARepeatOfARefusedRequestIsRefusedAgain) {
  create("/d/f", request(1));
  ASSERT_TRUE(settle());
  ASSERT_EQ(answers.at("/d/f#1").error().code, Code::not_found);
  group.spawn(journal.commit(MakeDirectoryOp{"/d", false}, request(2)));
  ASSERT_TRUE(settle());
  create("/d/f", request(1));
  ASSERT_TRUE(settle());
  EXPECT_EQ(answers.at("/d/f#2").error().code, Code::not_found);
  EXPECT_FALSE(state.names().find("/d/f"));
  // Also by the next life of the master.
  MasterState replayed;
  LogStore::Replay replay = [&](std::uint64_t, const Bytes& op) -> Result<> {
    (void)replayed.apply(decode_op(op).value());
    return {};
  };
  LogStore again(*disk, random, {});
  ASSERT_TRUE(world.run(again.open(cluster, 1, 0, replay)));
  Op late{{request(1), 0, 0}, CreateFileOp{"/d/f", 3}};
  (void)encode_op(late);
  EXPECT_EQ(replayed.apply(late).code, Code::not_found);
}

// What would be too big to be read back must not get into the log.
TEST_F(JournalTest, AnOversizedRequestIsRefusedBeforeItIsWritten) {
  const std::string huge = "/" + std::string(2 << 20, 'x');
  OpBody moves[] = {RenameOp{"/a", huge, false}, RenameOp{huge, "/a", false}};
  for (OpBody& move : moves) {
    Result<Decision> moved = world.run(journal.commit(std::move(move), request(1)));
    EXPECT_EQ(moved.error().code, Code::invalid_argument);
  }
  OpBody add = AddServerOp{{}, "tcp://x", "tcp://y", huge};
  EXPECT_EQ(world.run(journal.commit(std::move(add))).error().code, Code::too_large);
  EXPECT_EQ(store.last_index(), 0u);
}

TEST_F(JournalTest, M07TheLastBatchIsMarkedWhenNothingFollows) {
  create("/a");
  ASSERT_TRUE(settle());
  journal.tick();
  world.run_for(100ms);
  EXPECT_EQ(store.last_index(), 1u) << "it came within this second";
  for (int i = 0; i < 3; ++i) {
    journal.tick();
    world.run_for(100ms);
  }
  EXPECT_EQ(store.last_index(), 2u) << "one mark is enough";
  create("/b");
  ASSERT_TRUE(settle());
  EXPECT_TRUE(answers.at("/b"));
}

TEST_F(JournalTest, M15AFullDiskIsAnAnswer) {
  platter.set_capacity(platter.used());
  for (int i = 0; i < 400; ++i) create("/" + std::to_string(i));
  ASSERT_TRUE(settle());
  EXPECT_EQ(answers.at("/0").error().code, Code::no_space);
  EXPECT_EQ(state.names().files(), 0u);
  EXPECT_FALSE(fatal);
  platter.set_capacity(1 << 30);
  answers.clear();
  create("/0");
  ASSERT_TRUE(settle());
  EXPECT_TRUE(answers.at("/0"));
}

TEST_F(JournalTest, M15OnAFullDiskWhatFreesSpaceIsDoneFromTheReserve) {
  constexpr std::uint64_t kReserve = 64 << 10;
  LogReserve reserve(*disk, kReserve);
  ASSERT_TRUE(world.run(reserve.open()));
  ASSERT_FALSE(reserve.spent());
  journal.live_on(reserve);
  for (const char* path : {"/a", "/b"}) create(path);
  ASSERT_TRUE(settle());
  platter.set_capacity(platter.used());
  for (int i = 0; i < 50; ++i) create("/" + std::to_string(i));
  Result<Decision> removed = fail(Code::internal, "not answered");
  OpBody remove = RemoveOp{"/a", false};
  group.spawn(journal.commit(std::move(remove)), [&](Result<Decision> decided) { removed = std::move(decided); });
  ASSERT_TRUE(settle());
  EXPECT_TRUE(removed) << "of the batch that did not fit";
  EXPECT_TRUE(reserve.spent());
  EXPECT_EQ(answers.at("/0").error().code, Code::no_space);
  EXPECT_EQ(answers.at("/49").error().code, Code::no_space);
  EXPECT_EQ(state.names().files(), 1u);
  create("/c");
  ASSERT_TRUE(settle());
  EXPECT_EQ(answers.at("/c").error().code, Code::no_space) << "though there is room, it is not for that";
  remove = RemoveOp{"/b", false};
  ASSERT_TRUE(world.run(journal.commit(std::move(remove))));
  EXPECT_EQ(state.names().files(), 0u);
  // Not enough for the reserve and others, then enough.
  platter.set_capacity(platter.used() + kReserve);
  journal.tick();
  world.run_for(1s);
  EXPECT_TRUE(reserve.spent());
  LogReserve restarted(*disk, kReserve);
  ASSERT_TRUE(world.run(restarted.open()));
  EXPECT_TRUE(restarted.spent()) << "a restart knows it too";
  platter.set_capacity(platter.used() + 3 * kReserve);
  journal.tick();
  ASSERT_TRUE(world.run_until([&] { return !reserve.spent(); }, 5s));
  answers.clear();
  create("/c");
  ASSERT_TRUE(settle());
  EXPECT_TRUE(answers.at("/c"));
}

TEST_F(JournalTest, M16AFailedSyncEndsItWithoutAnAnswer) {
  platter.set_faults({.sync_error = 1});
  create("/a");
  ASSERT_TRUE(world.run_until([this] { return fatal.has_value(); }, 10s));
  platter.set_faults({});
  create("/b");
  world.run_for(5s);
  EXPECT_FALSE(answers.contains("/a")) << "nobody knows whether it happened";
  EXPECT_EQ(answers.at("/b").error().code, Code::shutting_down);
  EXPECT_EQ(state.names().files(), 0u);
  EXPECT_EQ(store.last_index(), 0u);
  EXPECT_EQ(world.run(journal.close()).error().code, Code::io_error) << "not a clean stop";
}

TEST_F(JournalTest, ClosesWhenEverythingIsAnswered) {
  create("/a");
  world.step();
  ASSERT_TRUE(world.run(journal.close()));
  EXPECT_TRUE(answers.at("/a"));
}

TEST_F(JournalTest, EveryDecisionIsToldTheIndexOfItsEntry) {
  std::vector<std::shared_ptr<std::uint64_t>> indices;
  auto commit = [&](OpBody body, RequestId id) {
    indices.push_back(std::make_shared<std::uint64_t>(0));
    group.spawn(journal.commit(std::move(body), id, 0, indices.back()));
  };
  commit(CreateFileOp{"/a", 3}, request(1));
  commit(CreateFileOp{"/a", 3}, request(2));
  commit(CreateFileOp{"/b", 3}, {});
  ASSERT_TRUE(settle());
  commit(CreateFileOp{"/a", 3}, request(2));
  commit(CreateFileOp{"/b", 3}, {});
  ASSERT_TRUE(settle());
  std::vector<std::uint64_t> told;
  for (const auto& index : indices) told.push_back(*index);
  EXPECT_EQ(told, (std::vector<std::uint64_t>{1, 2, 3, 2, 0})) << "a refusal without an entry has none";
  EXPECT_EQ(state.index(), 3u);
}

// The wall clock of a master that takes over may be behind that of the one before.
TEST_F(JournalTest, E13_TheMastersTimeNeverGoesBack) {
  const WallMs later = world.wall_now() + 3600 * 1000;
  Op ahead{{{}, 0, later}, CreateFileOp{"/a", 3}};
  ASSERT_TRUE(state.apply(ahead, 1).ok());
  EXPECT_EQ(journal.now(), later);
  create("/b");
  ASSERT_TRUE(settle());
  EXPECT_EQ(answers.at("/b").value().info.mtime_ms, later);
}

}  // namespace
}  // namespace gfs::master
