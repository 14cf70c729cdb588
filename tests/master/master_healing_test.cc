// What the master does without being asked, over the bus: copies, joins, settles, releases. The fake servers obey
// orders; copies are taken for made when they are ordered.
#include <algorithm>

#include "tests/master/master_fixture.h"

namespace gfs::master {
namespace {

using testing::Contains;

class SelfHealingTest : public ChunksTest {};

TEST_F(SelfHealingTest, AMissingCopyIsMadeAheadOfTimeAndThenJoins) {
  add_servers(3);
  InodeId file = make_file("/f");
  bus::ChunkLayout layout = locate(file).value();
  secondary(layout).die();
  add_servers(1);
  FakeServer& spare = *servers.back();
  spare.clone_copies = 64ull << 20;
  ASSERT_TRUE(wait([&] { return found(layout.handle).chunk.version == Version{2}; }, 20s)) << "the lost one goes";
  ASSERT_TRUE(settled(layout.handle, 3));
  EXPECT_EQ(spare.cloned.size(), 2u) << "much was copied: once more";
  EXPECT_NE(spare.cloned[0].source.server, spare.id);
  EXPECT_THAT(members(layout.handle), Contains(spare.id));
  EXPECT_EQ(last_order(layout.primary).joining, std::vector<ServerId>{spare.id});
  EXPECT_EQ(call(bus::ClusterStatus{}).value().chunks_under, 0u);
}

TEST_F(SelfHealingTest, WhoHoldsAnOldCopyIsPreferred) {
  add_servers(3);
  bus::ChunkLayout layout = locate(make_file("/f")).value();
  FakeServer& back = secondary(layout);
  back.die();
  world.clock.run_for(15s);
  ASSERT_EQ(members(layout.handle).size(), 2u);
  restart(back);
  add_servers(2);
  ASSERT_TRUE(settled(layout.handle, 3));
  EXPECT_THAT(members(layout.handle), Contains(back.id));
}

// It takes two at a time: the others wait for it, too, as it needs the differences only.
TEST_F(SelfHealingTest, WhoHoldsOldCopiesIsWaitedForWhileItTakesOthers) {
  add_servers(3);
  std::vector<ChunkHandle> handles;
  for (const char* name : {"/a", "/b", "/c", "/d", "/e", "/f"})
    handles.push_back(locate(make_file(name)).value().handle);
  FakeServer& back = *servers[2];
  back.die();
  world.clock.run_for(20s);
  back.clone_takes = 2s;
  restart(back);
  add_servers(1);
  for (ChunkHandle handle : handles) {
    ASSERT_TRUE(settled(handle, 3, 100s));
    EXPECT_THAT(members(handle), Contains(back.id));
  }
  EXPECT_TRUE(servers.back()->cloned.empty());
}

TEST_F(SelfHealingTest, ATargetThatCannotCopyIsFollowedByAnother) {
  add_servers(3);
  bus::ChunkLayout layout = locate(make_file("/f")).value();
  secondary(layout).die();
  add_servers(2);
  for (int i = 3; i < 5; ++i) servers[i]->clone_answers = {Code::no_space};
  ASSERT_TRUE(wait([&] { return found(layout.handle).chunk.members.size() >= 2 && settled(layout.handle, 3, 200s); }));
}

TEST_F(SelfHealingTest, AJoiningMemberThatDiesIsDroppedAgain) {
  add_servers(3);
  InodeId file = make_file("/f");
  bus::ChunkLayout layout = locate(file).value();
  FakeServer& lost = secondary(layout);
  lost.die();
  ASSERT_TRUE(wait([&] { return members(layout.handle).size() == 2; }, 20s));
  add_servers(1);
  FakeServer& spare = *servers.back();
  for (const auto& one : servers) one->configure_replies_lost = one.get() == &spare ? 0 : 1;
  ASSERT_TRUE(wait([&] { return !found(layout.handle).joining.empty(); }, 20s));
  spare.die();
  for (const auto& one : servers) one->configure_replies_lost = 0;
  EXPECT_EQ(call_until_ok(bus::LocateForWrite{file, 0, {}}).value().members.size(), 2u);
  EXPECT_TRUE(found(layout.handle).joining.empty());
}

TEST_F(SelfHealingTest, APrimaryThatRestartedIsSettledWithoutAWriter) {
  add_servers(3);
  bus::ChunkLayout layout = locate(make_file("/f")).value();
  server(layout.primary).configure_answers = {Code::conflict};
  restart(server(layout.primary));
  ASSERT_TRUE(wait([&] { return found(layout.handle).chunk.version == Version{2} && found(layout.handle).active; }));
}

// A member may refuse to become equal within a version that it held before a power cut: only a newer one helps.
TEST_F(SelfHealingTest, AVersionThatCannotBeMadeActiveGivesWayToTheNext) {
  add_servers(3);
  bus::ChunkLayout layout = locate(make_file("/f")).value();
  FakeServer& primary = server(layout.primary);
  primary.configure_answers = {Code::conflict};
  primary.configure_answers.insert(primary.configure_answers.end(), 4, Code::replica_failed);
  restart(primary);
  ASSERT_TRUE(wait([&] { return found(layout.handle).active; }, 60s));
  EXPECT_GT(found(layout.handle).chunk.version, Version{2});
}

TEST_F(SelfHealingTest, ServersOfDroppedChunksAreTold) {
  add_servers(3);
  InodeId file = make_file("/f");
  bus::ChunkLayout layout = locate(file).value();
  ASSERT_TRUE(call(bus::Remove{"/f", false, true}));
  ASSERT_TRUE(wait([&] {
    return std::all_of(servers.begin(), servers.end(), [](const auto& one) { return one->released.size() == 1; });
  }));
  EXPECT_EQ(servers[0]->released[0].handle, layout.handle);
  EXPECT_EQ(servers[0]->released[0].version, layout.version);
}

// E7: nobody waits for a copy but the chunk it is of.
TEST_F(SelfHealingTest, E7_ASlowTargetHoldsUpNobodyElse) {
  add_servers(3);
  const bus::ChunkLayout layout = locate(make_file("/f")).value();
  auto longest = [&](const std::string& prefix) {
    Duration most{};
    for (int i = 0; i < 50; ++i) {
      const Instant began = world.clock.now();
      EXPECT_TRUE(call(bus::CreateFile{prefix + std::to_string(i)}));
      most = std::max<Duration>(most, world.clock.now() - began);
    }
    return most;
  };
  const Duration before = longest("/before");
  secondary(layout).die();
  add_servers(1);
  FakeServer& spare = *servers.back();
  spare.clone_takes = 50s;
  ASSERT_TRUE(wait([&] { return spare.cloned.size() == 1; }, 30s));
  EXPECT_LE(longest("/meanwhile"), 2 * before);
  EXPECT_TRUE(locate(call(bus::Stat{"/f"}).value().inode).has_value()) << "nor those who write to it";
  EXPECT_EQ(spare.cloned.size(), 1u) << "it is still being made";
  EXPECT_TRUE(settled(layout.handle, 3, 120s));
}

// E11: not the first one in some order.
TEST_F(SelfHealingTest, E11_WhoGetsACopyHasRoomAndIsInAnotherRack) {
  add_servers(3);
  for (const char* rack : {"r", "r", "other"}) {
    servers.push_back(std::make_unique<FakeServer>(world, static_cast<std::uint8_t>(servers.size() + 1), rack));
    if (servers.size() == 4) servers.back()->free = 1 << 20;
    servers.back()->live();
    ASSERT_TRUE(wait([&] { return servers.back()->registered(); }));
  }
  std::set<ServerId> first{servers[0]->id, servers[1]->id, servers[2]->id};
  bus::ChunkLayout layout = locate(make_file("/f")).value();
  EXPECT_THAT(members(layout.handle), Contains(servers[5]->id)) << "placed over both racks";
  server(servers[5]->id).die();
  ASSERT_TRUE(settled(layout.handle, 3, 60s));
  EXPECT_THAT(members(layout.handle), testing::Not(Contains(servers[3]->id))) << "it has no room";
  restart(*servers[5]);
  secondary(layout).die();
  ASSERT_TRUE(settled(layout.handle, 3, 60s));
  EXPECT_THAT(members(layout.handle), Contains(servers[5]->id));
}

// X01: whoever dies while a copy is made, in the end there are as many as there should be, and never more than one
// more.
TEST_F(SelfHealingTest, X01_WhoeverDiesDuringACopyThereAreAsManyInTheEnd) {
  for (const std::string who : {"source", "target", "master"}) {
    SCOPED_TRACE(who);
    servers.clear();
    world.clock.run_for(15s);
    const std::size_t begin = servers.size();
    for (int i = 0; i < 6; ++i) {
      servers.push_back(std::make_unique<FakeServer>(world, static_cast<std::uint8_t>(30 * who.size() + i)));
      servers.back()->clone_takes = 4s;
      servers.back()->live();
      ASSERT_TRUE(wait([&] { return servers.back()->registered(); }));
    }
    ASSERT_EQ(begin, 0u);
    const bus::ChunkLayout layout = locate(make_file("/" + who)).value();
    std::size_t most = 0;
    auto look = [&] { most = std::max(most, members(layout.handle).size()); };
    secondary(layout).die();
    FakeServer* target = nullptr;
    ASSERT_TRUE(wait(
        [&] {
          for (const auto& one : servers) {
            if (!one->cloned.empty()) target = one.get();
          }
          return target != nullptr;
        },
        30s));
    if (who == "source") server(target->cloned.front().source.server).die();
    if (who == "target") target->die();
    if (who == "master") {
      kill_master(true);
      world.clock.run_for(1s);
      ASSERT_TRUE(start_master());
    }
    ASSERT_TRUE(wait(
        [&] {
          const Result<bus::FindChunk::Reply> found = call(bus::FindChunk{layout.handle});
          if (found) look();
          return found && found->chunk.members.size() == 3 && found->joining.empty() && found->active;
        },
        200s));
    EXPECT_LE(most, 4u);
  }
}

// X04: one that was made up for comes back with what it had: nothing is taken off below what there should be, and never
// two at once.
TEST_F(SelfHealingTest, X04_WhoComesBackAfterItWasMadeUpForIsTrimmedNotTheOthers) {
  add_servers(3);
  const bus::ChunkLayout layout = locate(make_file("/f")).value();
  FakeServer& back = secondary(layout);
  back.die();
  add_servers(1);
  ASSERT_TRUE(settled(layout.handle, 3, 60s));
  const std::vector<ServerId> whole = members(layout.handle);
  restart(back);
  std::size_t least = 9, last = 3, step = 0;
  for (int i = 0; i < 200; ++i) {
    world.clock.run_for(100ms);
    const std::size_t now = members(layout.handle).size();
    least = std::min(least, now);
    step = std::max(step, last > now ? last - now : 0);
    last = now;
  }
  EXPECT_EQ(least, 3u);
  EXPECT_LE(step, 1u);
  EXPECT_EQ(members(layout.handle), whole) << "its old copy is no member any more";
}

}  // namespace
}  // namespace gfs::master
