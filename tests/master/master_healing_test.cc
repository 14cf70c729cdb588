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

}  // namespace
}  // namespace gfs::master
