// A master whose directory is an old copy is refused by chunkservers and says so itself; adopted in a new log epoch it
// is followed, gives no name twice, and finds who holds the newest content. An ordinary kill or power cut is none of
// this.
#include <algorithm>

#include "master/epoch.h"
#include "tests/master/master_fixture.h"

namespace gfs::master {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

class EpochTest : public ChunksTest {
 protected:
  EpochTest() { add_servers(4); }

  bus::ClusterStatus::Reply status() { return call(bus::ClusterStatus{}).value(); }
  bool everybody_up() {
    return wait(
        [&] { return std::ranges::all_of(servers, [&](const auto& one) { return state_of(one->id) == "up"; }); });
  }
  // A few changes, heard of by every server.
  void go_on(const std::string& name, int count = 3) {
    for (int i = 0; i < count; ++i) make_file(fmt::format("/{}{}", name, i));
    const std::uint64_t index = status().index;
    ASSERT_TRUE(
        wait([&] { return std::ranges::all_of(servers, [&](const auto& one) { return one->seen.index >= index; }); }));
  }
  void start_copy(const std::map<std::string, std::string>& copy, std::optional<std::uint64_t> adopt = {}) {
    kill_master();
    restore_directory(copy);
    settings.adopt_epoch = adopt;
    Result<> started = start_master();
    ASSERT_TRUE(started) << started.error().text();
    settings.adopt_epoch.reset();
  }
  bus::ChunkLayout written(const std::string& path) { return locate(make_file(path)).value(); }
  void lose(FakeServer& one, ChunkHandle handle) {
    std::erase_if(one.held, [&](const auto& held) { return held.handle == handle; });
  }
};

TEST_F(EpochTest, X08AnOldCopyIsRefusedAndTellsSo) {
  go_on("a");
  const auto copy = copy_directory();
  go_on("b");
  const bus::LogPosition seen = servers[0]->seen;
  start_copy(copy);
  world.clock.run_for(5s);
  for (const auto& one : servers) {
    ASSERT_TRUE(one->refused) << "it registered";
    EXPECT_EQ(one->refused->code, Code::refused);
    for (const std::string& part : {one->id.text(), seen.text(), std::string("restored copy"),
                                    std::string("Nothing was deleted"), std::string("--adopt-new-epoch=2")})
      EXPECT_THAT(one->refused->message, HasSubstr(part));
  }
  EXPECT_THAT(status().codes, Contains("GFS_MASTER_BEHIND"));
  EXPECT_EQ(status().health, "ERROR");
  EXPECT_EQ(status().up, 0u);
}

// Clients that are served meanwhile, restarts: the log gets longer than what was seen, and is still another one.
TEST_F(EpochTest, ACopyThatGoesOnByItselfNeverCatchesUp) {
  go_on("a");
  const auto copy = copy_directory();
  go_on("b");
  start_copy(copy);
  for (int i = 0; i < 20; ++i) make_file(fmt::format("/c{}", i));
  EXPECT_GT(status().index, servers[0]->seen.index + 5);
  world.clock.run_for(5s);
  EXPECT_EQ(status().up, 0u);
  kill_master();
  ASSERT_TRUE(start_master());
  world.clock.run_for(5s);
  EXPECT_EQ(status().up, 0u);
  EXPECT_THAT(status().codes, Contains("GFS_MASTER_BEHIND"));
}

TEST_F(EpochTest, TheRightDirectoryIsTakenAgain) {
  const auto copy = copy_directory();
  go_on("b");
  const auto right = copy_directory();
  start_copy(copy);
  world.clock.run_for(5s);
  EXPECT_EQ(status().up, 0u);
  start_copy(right);
  EXPECT_TRUE(everybody_up());
  EXPECT_THAT(status().codes, Not(Contains("GFS_MASTER_BEHIND")));
}

// Only what is durable is told: nothing that a kill or a power cut can take back.
TEST_F(EpochTest, NoKillOrPowerCutMakesAMasterLookOld) {
  Random dice(3);
  int made = 0;
  TaskGroup group;
  for (int life = 0; life < 40; ++life) {
    // Changes under way when it dies: written, and synced or not.
    for (int i = 0; i < 20; ++i) {
      bus::CreateFile ask{fmt::format("/f{}", made++)};
      group.spawn(client->call(bus::Peer::at(kMasterAddress), std::move(ask)));
      world.clock.run_for(std::chrono::microseconds(dice.below(2000)));
    }
    world.clock.run_for(std::chrono::milliseconds(dice.below(1500)));
    kill_master(dice.chance(0.7));
    ASSERT_TRUE(start_master());
    ASSERT_TRUE(everybody_up()) << "life " << life;
    for (const auto& one : servers) EXPECT_FALSE(one->refused) << one->refused->text();
  }
  group.cancel();
}

TEST_F(EpochTest, AnAdoptedCopyIsFollowedAndTheOldDirectoryIsNot) {
  go_on("a");
  const auto copy = copy_directory();
  const bus::ChunkLayout lost = written("/lost");
  const InodeId lost_file = call(bus::Stat{"/lost"})->inode;
  go_on("b", 30);
  const auto right = copy_directory();
  start_copy(copy, 0);
  EXPECT_TRUE(everybody_up());
  EXPECT_EQ(status().epoch, 2u);
  EXPECT_FALSE(call(bus::Stat{"/lost"}));
  const InodeId file = make_file("/new");
  EXPECT_GT(file.value, inodes_of(2).value);
  EXPECT_GT(file.value, lost_file.value);
  const bus::ChunkLayout chunk = locate(file).value();
  EXPECT_EQ(chunk.handle.value >> 48, 2u);
  EXPECT_NE(chunk.handle, lost.handle);
  go_on("c");
  // A restart, and one that asks again for the epoch it has.
  for (std::optional<std::uint64_t> again : {std::optional<std::uint64_t>(), std::optional<std::uint64_t>(2)}) {
    kill_master(true);
    settings.adopt_epoch = again;
    ASSERT_TRUE(start_master());
    settings.adopt_epoch.reset();
    EXPECT_TRUE(everybody_up());
    EXPECT_EQ(status().epoch, 2u);
    EXPECT_TRUE(call(bus::Stat{"/new"}));
  }
  start_copy(right);
  world.clock.run_for(5s);
  EXPECT_EQ(status().up, 0u) << "its log is longer, its epoch is over";
  EXPECT_THAT(servers[0]->refused->message, HasSubstr("--adopt-new-epoch=3"));
}

TEST_F(EpochTest, TheSameCopyASecondTimeNeedsAHigherNumber) {
  const auto copy = copy_directory();
  go_on("b");
  start_copy(copy, 0);
  ASSERT_TRUE(everybody_up());
  const InodeId second = make_file("/second");
  go_on("c");
  start_copy(copy, 0);
  world.clock.run_for(5s);
  EXPECT_EQ(status().up, 0u);
  EXPECT_THAT(servers[0]->refused->message, HasSubstr("--adopt-new-epoch=3"));
  start_copy(copy, 3);
  EXPECT_TRUE(everybody_up());
  EXPECT_EQ(status().epoch, 3u);
  EXPECT_GT(make_file("/third").value, second.value + 1000);
}

TEST_F(EpochTest, WhatCannotBeAdoptedIsRefusedAndChangesNothing) {
  kill_master();
  const auto before = copy_directory();
  for (std::uint64_t epoch : {std::uint64_t{kEpochMax + 1}, UINT64_MAX}) {
    settings.adopt_epoch = epoch;
    Result<> started = start_master();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, Code::refused);
    EXPECT_THAT(started.error().message, HasSubstr("at most 1024"));
    kill_master();
    EXPECT_TRUE(copy_directory() == before);
  }
  settings.adopt_epoch = 7;
  ASSERT_TRUE(start_master());
  kill_master();
  settings.adopt_epoch = 6;
  EXPECT_THAT(start_master().error().message, HasSubstr("the directory is of epoch 7"));
  kill_master();
  settings.adopt_epoch.reset();
  ASSERT_TRUE(start_master());
}

TEST_F(EpochTest, ACrashOfAnAdoptionLeavesTheOldEpochOrTheNew) {
  go_on("a");
  kill_master();
  const auto copy = copy_directory();
  Random dice(5);
  int old = 0, fresh = 0;
  for (int round = 0; round < 60; ++round) {
    restore_directory(copy);
    disk = world.platter.mount(world.clock);
    master_bus.emplace(world.network, world.clock, "master");
    settings.adopt_epoch = 0;
    master = std::make_unique<Master>(world.clock, world.random, *master_bus, *disk, settings);
    TaskGroup group;
    group.spawn(master->start());
    world.clock.run_for(std::chrono::microseconds(dice.below(8000)));
    group.cancel();
    kill_master(dice.chance(0.7));
    // With or without the flag the next start goes on.
    const bool again = dice.chance(0.5);
    if (!again) settings.adopt_epoch.reset();
    Result<> started = start_master();
    ASSERT_TRUE(started) << "round " << round << ": " << started.error().text();
    const std::uint64_t epoch = status().epoch;
    if (!again) ++(epoch == 1 ? old : fresh);
    EXPECT_LE(epoch, again ? 3u : 2u);
    EXPECT_TRUE(call(bus::Stat{"/a0"}));
    make_file("/goes_on");
    kill_master(true);
    settings.adopt_epoch.reset();
    ASSERT_TRUE(start_master());
    EXPECT_EQ(status().epoch, epoch);
    EXPECT_TRUE(call(bus::Stat{"/goes_on"}));
    kill_master();
    for (const auto& one : servers) one->seen = {};
  }
  EXPECT_GT(old, 0);
  EXPECT_GT(fresh, 0);
}

// The copy says: version 1 on three servers. After it one of them was replaced, and all wrote on.
TEST_F(EpochTest, TheHoldersOfTheNewestVersionBecomeTheMembers) {
  const bus::ChunkLayout before = written("/f");
  const auto copy = copy_directory();
  go_on("b");
  FakeServer& replaced = secondary(before);
  FakeServer& newcomer = **std::ranges::find_if(servers, [&](const auto& one) {
    return std::ranges::none_of(before.members, [&](const auto& member) { return member.server == one->id; });
  });
  for (const auto& one : servers) {
    if (one.get() != &replaced) one->hold(before.handle, Version{4});
  }
  start_copy(copy, 0);
  const InodeId file = call(bus::Stat{"/f"})->inode;
  ASSERT_TRUE(everybody_up());
  Result<bus::LocateForRead::Reply> early = call(bus::LocateForRead{file, 0, 1});
  ASSERT_FALSE(early) << "others may come that the copy does not know of";
  EXPECT_EQ(early.error().code, Code::unavailable);
  EXPECT_EQ(call(bus::LocateForWrite{file, 0}).error().code, Code::unavailable);

  Result<bus::ChunkLayout> after = call_until_ok(bus::LocateForWrite{file, 0});
  ASSERT_TRUE(after) << after.error().text();
  EXPECT_GT(after->version, versions_of(2));
  std::vector<ServerId> members;
  for (const bus::Member& member : after->members) members.push_back(member.server);
  EXPECT_THAT(members, Contains(newcomer.id));
  EXPECT_THAT(members, Not(Contains(replaced.id)));
  EXPECT_TRUE(call(bus::LocateForRead{file, 0, 1}));
  restart_master();
  Result<bus::ChunkLayout> again = call_until_ok(bus::LocateForWrite{file, 0});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->version, after->version) << "it was logged";
}

TEST_F(EpochTest, WhatNobodyHoldsNewerIsReadAsItIsAndWrittenInTheNewEpoch) {
  const bus::ChunkLayout before = written("/f");
  const auto copy = copy_directory();
  go_on("b");
  start_copy(copy, 0);
  const InodeId file = call(bus::Stat{"/f"})->inode;
  ASSERT_TRUE(everybody_up());
  Result<bus::LocateForRead::Reply> read = call_until_ok(bus::LocateForRead{file, 0, 1}, 3s);
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->layout[0].version, before.version);
  Result<bus::ChunkLayout> after = call_until_ok(bus::LocateForWrite{file, 0}, 3s);
  ASSERT_TRUE(after) << after.error().text();
  EXPECT_GT(after->version, versions_of(2));
  EXPECT_EQ(after->members.size(), before.members.size());
  // Whoever comes late with what a lost future made of it is out of date.
  FakeServer late(world, 9);
  late.hold(before.handle, Version{50});
  late.live();
  ASSERT_TRUE(wait([&] { return late.registered(); }));
  Result<bus::ChunkLayout> still = call_until_ok(bus::LocateForWrite{file, 0, after->version});
  ASSERT_TRUE(still) << still.error().text();
}

// What is not known of one chunk of a file is no reason not to read the others.
TEST_F(EpochTest, OtherChunksOfTheFileAreReadMeanwhile) {
  const InodeId file = make_file("/f");
  const bus::ChunkLayout changed = locate(file, 0).value();
  const bus::ChunkLayout same = locate(file, 1).value();
  const auto copy = copy_directory();
  go_on("b");
  for (const bus::Member& member : changed.members) server(member.server).hold(changed.handle, Version{4});
  start_copy(copy, 0);
  ASSERT_TRUE(everybody_up());
  const bus::LocateForRead::Reply both = call(bus::LocateForRead{file, 0, 2}).value();
  ASSERT_EQ(both.layout.size(), 2u);
  EXPECT_TRUE(both.layout[0].members.empty());
  EXPECT_EQ(both.layout[1].members.size(), same.members.size());
  EXPECT_EQ(call(bus::LocateForRead{file, 0, 1}).error().code, Code::unavailable) << "nothing of it can be read";
  ASSERT_TRUE(wait([&] {
    return call(bus::LocateForRead{file, 0, 2})->layout[0].members.size() == 3;
  })) << "reading is enough to have it brought back";
  ASSERT_TRUE(settled(changed.handle, 3));
}

// The copy knows that the chunk was placed, not that it was ever written to.
TEST_F(EpochTest, AChunkThatWasEmptyInTheCopyIsWhatServersHold) {
  const InodeId file = make_file("/f");
  for (const auto& one : servers) one->configure_answers.assign(4, Code::unavailable);
  ASSERT_FALSE(locate(file));
  const auto copy = copy_directory();
  for (const auto& one : servers) one->configure_answers.clear();
  const bus::ChunkLayout before = call_until_ok(bus::LocateForWrite{file, 0}).value();
  go_on("b");
  start_copy(copy, 0);
  ASSERT_TRUE(everybody_up());
  EXPECT_TRUE(found(before.handle).virgin);
  EXPECT_EQ(call(bus::LocateForRead{file, 0, 1}).error().code, Code::unavailable) << "not zeros";
  Result<bus::ChunkLayout> after = call_until_ok(bus::LocateForWrite{file, 0});
  ASSERT_TRUE(after) << after.error().text();
  EXPECT_FALSE(server(after->primary).configured.back().virgin);
  EXPECT_GT(after->version, versions_of(2));
}

TEST_F(EpochTest, ChunksThatAreGoneAreLostAndAreToldSo) {
  const bus::ChunkLayout gone = written("/gone");
  written("/kept");
  const auto copy = copy_directory();
  go_on("b");
  for (const auto& one : servers) lose(*one, gone.handle);
  start_copy(copy, 0);
  ASSERT_TRUE(everybody_up());
  EXPECT_TRUE(call_until_ok(bus::LocateForWrite{call(bus::Stat{"/kept"})->inode, 0}, 3s));
  for (const auto& one : servers) one->configure_answers.assign(1000, Code::not_found);
  world.clock.run_for(15s);
  EXPECT_THAT(status().codes, Contains("GFS_CHUNKS_LOST"));
  EXPECT_EQ(status().chunks_lost, 1u);
  const InodeId file = call(bus::Stat{"/gone"})->inode;
  EXPECT_FALSE(call(bus::LocateForWrite{file, 0}));
  // Somebody was away, and has it.
  FakeServer late(world, 9);
  late.hold(gone.handle, Version{3});
  late.live();
  ASSERT_TRUE(wait([&] { return late.registered(); }));
  Result<bus::ChunkLayout> found = call_until_ok(bus::LocateForWrite{file, 0}, 60s);
  ASSERT_TRUE(found) << found.error().text();
}

// What was written last may have been written by one server alone: what its file's goal and minimum were then the copy
// does not know.
TEST_F(EpochTest, OneServerThatIsAwayMayBeAllThatIsLeftOfTheNewestVersion) {
  const bus::ChunkLayout before = written("/f");
  const auto copy = copy_directory();
  go_on("b");
  FakeServer& alone = secondary(before);
  alone.hold(before.handle, Version{4});
  alone.die();
  start_copy(copy, 0);
  const InodeId file = call(bus::Stat{"/f"})->inode;
  EXPECT_EQ(call_until_ok(bus::LocateForWrite{file, 0}, 70s).error().code, Code::unavailable);
  alone.live();
  ASSERT_TRUE(wait([&] { return alone.registered(); }));
  Result<bus::ChunkLayout> after = call_until_ok(bus::LocateForWrite{file, 0}, 25s);
  ASSERT_TRUE(after) << after.error().text();
  EXPECT_EQ(alone.holding(before.handle)->version, after->version) << "it counts";
}

// Until somebody says that it counts, nothing changes by a copy, and nothing goes from its trash.
TEST_F(EpochTest, AnOldCopyTakesNoChangesAndEmptiesNoTrash) {
  settings.trash = 1h;
  kill_master();
  ASSERT_TRUE(start_master());
  ASSERT_TRUE(everybody_up());
  make_file("/x");
  ASSERT_TRUE(call(bus::Remove{"/x"}));
  const auto copy = copy_directory();
  go_on("b");
  world.clock.run_for(61min);
  start_copy(copy);
  ASSERT_TRUE(wait([&] { return status().codes.front() == "GFS_MASTER_BEHIND"; }));
  EXPECT_EQ(call(bus::MakeDirectory{"/y"}).error().code, Code::refused);
  world.clock.run_for(10min);
  EXPECT_EQ(call(bus::ListTrash{}).value().items.size(), 1u);
  start_copy(copy, 0);
  ASSERT_TRUE(everybody_up());
  EXPECT_TRUE(call_until_ok(bus::MakeDirectory{"/y"}));
  world.clock.run_for(3h);
  ASSERT_EQ(call(bus::ListTrash{}).value().items.size(), 1u);
  EXPECT_TRUE(call(bus::RestoreTrash{call(bus::ListTrash{}).value().items[0].item, "/x"}));
}

// Those who may hold something newer are waited for; not for ever.
TEST_F(EpochTest, TwoServersThatAreAwayAreWaitedFor) {
  settings.salvage_after = 120s;
  const bus::ChunkLayout before = written("/f");
  const auto copy = copy_directory();
  go_on("b");
  for (const bus::Member& member : before.members) server(member.server).hold(before.handle, Version{4});
  server(before.primary).hold(before.handle, Version{3});
  const ServerId stays = secondary(before, 1).id;
  for (const auto& one : servers) {
    if (one->id != before.primary && one->id != stays) one->die();
  }
  start_copy(copy, 0);
  const InodeId file = call(bus::Stat{"/f"})->inode;
  world.clock.run_for(70s);
  EXPECT_EQ(call(bus::LocateForWrite{file, 0}).error().code, Code::unavailable);
  EXPECT_FALSE(call(bus::LocateForRead{file, 0, 1}));
  world.clock.run_for(60s);
  Result<bus::ChunkLayout> after = call_until_ok(bus::LocateForWrite{file, 0}, 60s);
  ASSERT_TRUE(after) << after.error().text();
}

}  // namespace
}  // namespace gfs::master
