// A shadow beside a whole master, over the bus: it answers what the master would have, says how old that is, and
// changes nothing. What it costs the master is bounded, also when it stands still.
#include "master/shadow.h"

#include "tests/master/master_fixture.h"

namespace gfs::master {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

const bus::Address kShadowAddress = "sim://shadow";

class ShadowTest : public ChunksTest {
 protected:
  ~ShadowTest() override { shadow.reset(); }

  void start_shadow() {
    shadow.reset();
    shadow_bus.emplace(world.network, world.clock, "shadow");
    shadow = std::make_unique<Shadow>(world.clock, world.random, *shadow_bus,
                                      ShadowSettings{kMasterAddress, kShadowAddress, {}});
    ASSERT_TRUE(world.clock.run(shadow->start()));
  }
  void stop_shadow() {
    shadow.reset();
    shadow_bus.reset();
  }
  template <class M>
  Result<typename M::Reply> ask(M question, RequestId request = {}) {
    bus::CallOptions options{20s, request, {}, behind};
    return world.clock.run(client->call(bus::Peer::at(kShadowAddress), std::move(question), options));
  }
  // It has everything that the master acknowledged by now.
  bool is_level() {
    const std::uint64_t index = call(bus::ClusterStatus{}).value().index;
    return wait([&] { return shadow->follower().state() != nullptr && shadow->follower().index() >= index; });
  }

  std::optional<bus::SimBus> shadow_bus;
  std::unique_ptr<Shadow> shadow;
  std::shared_ptr<std::int64_t> behind = std::make_shared<std::int64_t>(-1);
};

TEST_F(ShadowTest, AnswersAboutNamesAsTheMasterDoesAndSaysHowOldThatIs) {
  ASSERT_TRUE(call(bus::MakeDirectory{"/d/e", true}));
  const bus::FileInfo file = call(bus::CreateFile{"/d/f", 2}).value();
  start_shadow();
  ASSERT_TRUE(is_level());
  EXPECT_EQ(ask(bus::Stat{"/d/f"}).value().inode, file.inode);
  EXPECT_GE(*behind, 0);
  EXPECT_LT(*behind, 1000);
  EXPECT_EQ(ask(bus::Stat{"/no"}).error().code, Code::not_found);
  EXPECT_GE(*behind, 0) << "an error says it too";
  EXPECT_TRUE(ask(bus::Exists{"/d/e"}).value().exists);
  bus::List::Reply page = ask(bus::List{"/d", "", 1}).value();
  ASSERT_EQ(page.entries.size(), 1u);
  EXPECT_EQ(page.entries[0].path, "/d/e");
  EXPECT_TRUE(page.more);
  EXPECT_EQ(ask(bus::Hello{"client"}).value().cluster, call(bus::Hello{"client"}).value().cluster);
  ASSERT_TRUE(call(bus::Rename{"/d", "/g", false}));
  ASSERT_TRUE(is_level());
  EXPECT_EQ(ask(bus::Stat{"/g/f"}).value().inode, file.inode);
  (void)call(bus::Stat{"/g/f"});
}

TEST_F(ShadowTest, SaysWhoItFollowsAndHowFarBehindItIs) {
  add_servers(3);
  ASSERT_TRUE(call(bus::CreateFile{"/f"}));
  start_shadow();
  ASSERT_TRUE(is_level());
  bus::ClusterStatus::Reply status = ask(bus::ClusterStatus{}).value();
  EXPECT_EQ(status.follows, kMasterAddress);
  EXPECT_EQ(status.address, kShadowAddress);
  EXPECT_LT(status.behind_ms, 1000u);
  EXPECT_EQ(status.files, 1u);
  EXPECT_EQ(status.up, 0u) << "of servers it knows by the log only";
  EXPECT_EQ(status.suspect, 3u);
  EXPECT_EQ(status.health, "WARN");
  EXPECT_THAT(status.codes, ElementsAre("GFS_SHADOW"));
  EXPECT_EQ(ask(bus::ListServers{}).value().servers.size(), 3u);
  bus::ClusterStatus::Reply of_master = call(bus::ClusterStatus{}).value();
  EXPECT_EQ(of_master.follows, "");
  EXPECT_EQ(of_master.term, status.term);
  kill_master();
  world.clock.run_for(15s);
  status = ask(bus::ClusterStatus{}).value();
  EXPECT_GE(status.behind_ms, 14000u);
  EXPECT_THAT(status.codes, Contains("GFS_SHADOW_BEHIND"));
}

TEST_F(ShadowTest, GivesOutTheMembersOfTheLoggedConfiguration) {
  add_servers(4);
  const InodeId file = make_file("/f");
  const bus::ChunkLayout written = locate(file).value();
  start_shadow();
  ASSERT_TRUE(is_level());
  bus::LocateForRead::Reply read = ask(bus::LocateForRead{file}).value();
  ASSERT_EQ(read.layout.size(), 1u);
  EXPECT_EQ(read.layout[0].handle, written.handle);
  EXPECT_EQ(read.layout[0].version, written.version);
  EXPECT_EQ(read.layout[0].primary, written.primary);
  ASSERT_EQ(read.layout[0].members.size(), 3u);
  for (const bus::Member& member : read.layout[0].members) EXPECT_EQ(member.control, server(member.server).control);
  EXPECT_EQ(ask(bus::FindChunk{written.handle}).value().chunk.version, written.version);
  EXPECT_TRUE(ask(bus::FindChunk{written.handle}).value().active);
  EXPECT_EQ(ask(bus::ListChunks{"/f"}).value().chunks.at(0).members.size(), 3u);
  EXPECT_EQ(ask(bus::LocateForRead{{99}}).error().code, Code::not_found);
  // A member goes: the shadow hears of the next version.
  secondary(written).die();
  ASSERT_TRUE(wait([&] { return found(written.handle).chunk.version > written.version; }));
  ASSERT_TRUE(is_level());
  EXPECT_GT(ask(bus::LocateForRead{file}).value().layout[0].version, written.version);
}

TEST_F(ShadowTest, AChunkThatNobodyWroteToIsAHole) {
  add_servers(3);
  const InodeId file = make_file("/f");
  for (auto& one : servers) one->configure_answers.assign(50, Code::unavailable);
  EXPECT_FALSE(call(bus::LocateForWrite{file, 0, {}}, {}, 2s));
  start_shadow();
  ASSERT_TRUE(is_level());
  bus::LocateForRead::Reply read = ask(bus::LocateForRead{file}).value();
  EXPECT_EQ(read.chunks, 1u);
  EXPECT_TRUE(read.layout.empty());
}

TEST_F(ShadowTest, RefusesEveryChangeAndNamesTheMaster) {
  add_servers(1);
  const InodeId file = make_file("/f");
  start_shadow();
  ASSERT_TRUE(is_level());
  world.clock.run_for(3s);  // the master's last mark is written
  const std::uint64_t before = call(bus::ClusterStatus{}).value().index;
  auto refused = [&]<class M>(M change) {
    SCOPED_TRACE(M::kind);
    Result<typename M::Reply> reply = ask(std::move(change), request(1));
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, Code::read_only);
    EXPECT_EQ(reply.error().outcome(), Outcome::did_not_happen);
    EXPECT_THAT(reply.error().message, HasSubstr(kMasterAddress));
  };
  refused(bus::CreateFile{"/g"});
  refused(bus::MakeDirectory{"/g"});
  refused(bus::Rename{"/f", "/g"});
  refused(bus::Remove{"/f"});
  refused(bus::SetSize{file, 1});
  refused(bus::SetPolicy{"/f"});
  refused(bus::Truncate{"/f", 1});
  refused(bus::LocateForWrite{file});
  refused(bus::LocateForAppend{file});
  refused(bus::CloseClient{});
  refused(bus::ListLeases{});
  refused(bus::RevokeLease{});
  refused(bus::Checkpoint{});
  refused(bus::RestoreTrash{file, "/f"});
  refused(bus::PurgeTrash{});
  refused(bus::SetDirectoryPolicy{"/"});
  refused(bus::GetPolicy{"/"});
  refused(bus::SetReplicas{"/f", 2});
  refused(bus::AllowCollection{});
  refused(bus::CollectionStatus{});
  bus::RegisterServer join{servers[0]->id, servers[0]->session_now, servers[0]->control, servers[0]->data, "r"};
  Result<bus::RegisterServer::Reply> joined =
      world.clock.run(servers[0]->endpoint().call(bus::Peer::at(kShadowAddress), join));
  EXPECT_EQ(joined.error().code, Code::read_only);
  EXPECT_EQ(call(bus::ClusterStatus{}).value().index, before);
  EXPECT_FALSE(call(bus::Exists{"/g"}).value().exists);
}

TEST_F(ShadowTest, IsUnavailableWithTheReasonUntilItHasCaughtUpOnce) {
  ASSERT_TRUE(call(bus::CreateFile{"/f"}));
  kill_master();
  start_shadow();
  world.clock.run_for(3s);
  Result<bus::FileInfo> early = ask(bus::Stat{"/f"});
  EXPECT_EQ(early.error().code, Code::unavailable);
  EXPECT_THAT(early.error().message, HasSubstr(kMasterAddress));
  EXPECT_THAT(early.error().message, HasSubstr("unreachable"));
  EXPECT_GE(*behind, 0) << "it is a shadow, whatever it knows";
  EXPECT_EQ(ask(bus::Hello{"client"}).error().code, Code::unavailable);
  ASSERT_TRUE(start_master());
  ASSERT_TRUE(wait([&] { return shadow->follower().state() != nullptr; }));
  EXPECT_TRUE(ask(bus::Stat{"/f"}));
  // And it goes on without the master, and catches up with it when that is back.
  kill_master();
  world.clock.run_for(100s);
  EXPECT_TRUE(ask(bus::Stat{"/f"}));
  EXPECT_GE(*behind, 99000);
  ASSERT_TRUE(start_master());
  ASSERT_TRUE(call(bus::CreateFile{"/g"}));
  ASSERT_TRUE(is_level());
  EXPECT_TRUE(ask(bus::Stat{"/g"}));
  ASSERT_TRUE(wait([&] { return shadow->follower().behind() < 1s; }));
}

TEST_F(ShadowTest, FollowsThroughCheckpointsOfTheMaster) {
  settings.log_segment = 4096;
  settings.checkpoint_after = 8192;
  kill_master();
  ASSERT_TRUE(start_master());
  start_shadow();
  world.network.pause("shadow");
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(call(bus::CreateFile{"/file-" + std::to_string(i)}));
    if (i % 100 == 99) ASSERT_TRUE(call(bus::Checkpoint{}));
  }
  ASSERT_GT(call(bus::Checkpoint{}).value().log_from, 2u);
  world.network.resume("shadow");
  ASSERT_TRUE(is_level());
  EXPECT_EQ(ask(bus::ClusterStatus{}).value().files, 300u);
  EXPECT_GE(shadow->follower().checkpoints_loaded(), 1u);
}

TEST_F(ShadowTest, FollowsIntoANewEpochAlsoByACheckpointOfTheOldOne) {
  settings.log_segment = 4096;
  kill_master();
  ASSERT_TRUE(start_master());
  start_shadow();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(call(bus::CreateFile{"/file-" + std::to_string(i)}));
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(call(bus::Remove{"/file-" + std::to_string(i)}));
    ASSERT_TRUE(call(bus::Checkpoint{}));
  }
  ASSERT_TRUE(is_level());
  EXPECT_EQ(ask(bus::ListTrash{}).value().items.size(), 2u);
  EXPECT_EQ(ask(bus::ClusterStatus{}).value().trash_files, 2u);
  kill_master();
  settings.adopt_epoch = 2;
  ASSERT_TRUE(start_master());
  settings.adopt_epoch.reset();
  ASSERT_GT(call_until_ok(bus::Checkpoint{}).value().log_from, 1u);
  ASSERT_TRUE(is_level()) << "it was there before";
  EXPECT_EQ(ask(bus::ClusterStatus{}).value().epoch, 2u);
  start_shadow();
  ASSERT_TRUE(is_level()) << "it begins now";
  EXPECT_EQ(shadow->follower().checkpoints_loaded(), 1u);
  EXPECT_EQ(ask(bus::ClusterStatus{}).value().files, 98u);
  EXPECT_EQ(ask(bus::ListTrash{}).value().items.size(), 2u);
}

// Shadows that stand still, or fall silent in the middle of an answer, keep nobody waiting.
TEST_F(ShadowTest, AShadowThatStandsStillDoesNotHoldUpTheMaster) {
  start_shadow();
  ASSERT_TRUE(is_level());
  world.network.pause("shadow");
  Duration most{};
  for (int i = 0; i < 500; ++i) {
    const Instant began = world.clock.now();
    ASSERT_TRUE(call(bus::CreateFile{"/file-" + std::to_string(i)}));
    most = std::max(most, world.clock.now() - began);
  }
  EXPECT_LT(most, 250ms) << "two slow messages at most";
  world.network.resume("shadow");
  ASSERT_TRUE(is_level());
  EXPECT_TRUE(ask(bus::Stat{"/file-499"}));
}

TEST_F(ShadowTest, AsManyShadowsFollowAsAreAllowed) {
  settings.shadows_max = 0;
  kill_master();
  ASSERT_TRUE(start_master());
  start_shadow();
  world.clock.run_for(5s);
  EXPECT_EQ(shadow->follower().state(), nullptr);
  Result<bus::FileInfo> refused = ask(bus::Stat{"/"});
  EXPECT_EQ(refused.error().code, Code::unavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("overloaded"));
  stop_shadow();
}

}  // namespace
}  // namespace gfs::master
