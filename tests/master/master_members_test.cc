// How the members of a chunk change, over the bus: who accuses whom, who is dead, suspect or joining, and that good
// replicas are never thrown away. The fake servers obey orders.
#include <algorithm>
#include <string>

#include "tests/master/master_fixture.h"

namespace gfs::master {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

class MembersTest : public ChunksTest {};

// I01: the version in an order is always one that is in the log, also after a power cut of the master.
TEST_F(MembersTest, I01_NoVersionIsToldBeforeItIsDurable) {
  add_servers(4);
  InodeId file = make_file("/f");
  bus::ChunkLayout layout = locate(file).value();
  for (int life = 0; life < 5; ++life) {
    FakeServer& primary = server(found(layout.handle).chunk.primary);
    bus::AccuseMember ask{primary.id,    primary.session_now,
                          layout.handle, found(layout.handle).chunk.version,
                          primary.id,    static_cast<std::uint16_t>(Code::no_space),
                          true,          "full"};
    TaskGroup group;
    group.spawn(primary.endpoint().call(bus::Peer::at(kMasterAddress), std::move(ask)));
    world.clock.run_for(std::chrono::microseconds(200 + world.random.below(2000)));
    kill_master(true);
    group.cancel();
    Version told;
    for (const auto& one : servers) {
      for (const bus::Configure& order : one->configured) told = std::max(told, order.version);
    }
    ASSERT_TRUE(start_master());
    ASSERT_TRUE(call_until_ok(bus::Exists{"/"}));
    EXPECT_LE(told, found(layout.handle).chunk.version);
    for (const auto& one : servers) ASSERT_TRUE(wait([&] { return state_of(one->id) == "up"; }));
    ASSERT_TRUE(call_until_ok(bus::LocateForWrite{file, 0, {}}));
  }
}

TEST_F(MembersTest, I01_TheMutantTellsBefore) {
  settings.mutant = "tell_before_log";
  kill_master();
  ASSERT_TRUE(start_master());
  add_servers(3);
  bus::ChunkLayout layout = locate(make_file("/f")).value();
  FakeServer& primary = server(layout.primary);
  bus::AccuseMember ask{primary.id,
                        primary.session_now,
                        layout.handle,
                        layout.version,
                        secondary(layout).id,
                        static_cast<std::uint16_t>(Code::no_space),
                        true,
                        "full"};
  TaskGroup group;
  group.spawn(primary.endpoint().call(bus::Peer::at(kMasterAddress), std::move(ask)));
  ASSERT_TRUE(wait([&] { return primary.configured.back().version == Version{2}; }));
  kill_master(true);
  ASSERT_TRUE(start_master());
  EXPECT_EQ(found(layout.handle).chunk.version, Version{1});
}

// I02: the next version is in the log, but its order never arrived: all report the one before, and all are good.
TEST_F(MembersTest, I02_AllReportTheVersionBeforeAndNobodyIsStale) {
  add_servers(3);
  bus::ChunkLayout layout = locate(make_file("/f")).value();
  for (const auto& one : servers) one->configure_replies_lost = 1;
  ASSERT_TRUE(call(bus::RevokeLease{layout.handle}));
  world.clock.run_for(100ms);  // as if the order had been lost, not the answer
  for (const auto& one : servers) one->hold(layout.handle, {1});
  for (const auto& one : servers) one->configured.clear();
  restart_master();
  EXPECT_EQ(found(layout.handle).chunk.version, Version{2});
  ASSERT_TRUE(settled(layout.handle, 3)) << "without any writer";
  EXPECT_EQ(found(layout.handle).chunk.version, Version{2});
}

TEST_F(MembersTest, I03_ASetIsNotShrunkBeforeItsMembersHadTheirTime) {
  add_servers(3);
  InodeId file = make_file("/f");
  bus::ChunkLayout layout = locate(file).value();
  for (const auto& one : servers) one->die();
  kill_master(true);
  ASSERT_TRUE(start_master());
  restart(server(layout.primary));
  server(layout.primary).configure_answers = {Code::conflict, Code::replica_failed};
  EXPECT_FALSE(locate(file)) << "it restarted, and is alone";
  EXPECT_EQ(found(layout.handle).chunk.members.size(), 3u) << "the others are away, and members";
  restart(secondary(layout, 0));
  restart(secondary(layout, 1));
  EXPECT_EQ(call_until_ok(bus::LocateForWrite{file, 0, {}}).value().members.size(), 3u);
}

TEST_F(MembersTest, I03_TheMutantShrinksAtOnce) {
  add_servers(3);
  InodeId file = make_file("/f");
  bus::ChunkLayout layout = locate(file).value();
  secondary(layout).die();
  settings.mutant = "shrink_before_reports";
  kill_master();
  ASSERT_TRUE(start_master());
  bus::ChunkLayout after = call_until_ok(bus::LocateForWrite{file, 0, {}}, 2s).value();
  EXPECT_EQ(after.members.size(), 2u);
}

TEST_F(MembersTest, I18_WhoWasDroppedIsInNoLayout) {
  add_servers(3);
  InodeId file = make_file("/f");
  bus::ChunkLayout layout = locate(file).value();
  ServerId dropped = secondary(layout).id;
  EXPECT_EQ(accuse(layout, dropped, true, Code::no_space), Version{2});
  for (const bus::Member& member : call(bus::LocateForRead{file}).value().layout[0].members)
    EXPECT_NE(member.server, dropped);
  EXPECT_EQ(call(bus::LocateForRead{file}).value().layout[0].version, Version{2}) << "which it does not hold";
}

// I21: A cannot send any more, and accuses first B, then C. It leads no more, and nobody is lost.
TEST_F(MembersTest, I21_ABadNetworkCardThrowsNobodyOut) {
  add_servers(3);
  bus::ChunkLayout layout = locate(make_file("/f")).value();
  ServerId b = secondary(layout, 0).id, c = secondary(layout, 1).id;
  EXPECT_EQ(accuse(layout, b), Version{2});
  EXPECT_EQ(found(layout.handle).chunk.primary, c) << "neither the accuser nor the accused";
  EXPECT_EQ(accuse(layout, c), Version{2}) << "it is not its primary any more";
  ASSERT_TRUE(settled(layout.handle, 3));
  // The next primary cannot reach A. So says the third one as well.
  EXPECT_EQ(accuse(server(c), layout.handle, {2}, layout.primary), Version{3});
  EXPECT_EQ(found(layout.handle).chunk.primary, b);
  ASSERT_TRUE(settled(layout.handle, 3));
  EXPECT_EQ(accuse(server(b), layout.handle, {3}, layout.primary), Version{4});
  EXPECT_THAT(members(layout.handle), Not(Contains(layout.primary)));
  EXPECT_EQ(members(layout.handle).size(), 2u);
}

TEST_F(MembersTest, I21_NeverBelowTheMinimum) {
  add_servers(3);
  bus::ChunkLayout layout = locate(make_file("/f")).value();
  EXPECT_EQ(accuse(layout, secondary(layout, 0).id, true, Code::no_space), Version{2});
  secondary(layout, 0).die();
  world.clock.run_for(4s);
  EXPECT_EQ(accuse(server(layout.primary), layout.handle, {2}, secondary(layout, 1).id, true, Code::no_space),
            Version{})
      << "alone it may not go on";
  EXPECT_EQ(found(layout.handle).chunk.version, Version{2});
}

// I22: two members, each says that it is the other. Neither can be right for ever.
TEST_F(MembersTest, I22_TwoThatAccuseEachOtherComeToAnEnd) {
  add_servers(2);
  bus::ChunkLayout layout = locate(make_file("/f")).value();
  ServerId a = layout.primary, b = secondary(layout).id;
  EXPECT_EQ(accuse(layout, b), Version{2});
  EXPECT_EQ(found(layout.handle).chunk.primary, b);
  EXPECT_EQ(accuse(server(b), layout.handle, {2}, a), Version{3});
  EXPECT_EQ(found(layout.handle).chunk.primary, a);
  EXPECT_EQ(accuse(server(a), layout.handle, {3}, b), Version{4});
  EXPECT_THAT(members(layout.handle), testing::ElementsAre(a));
}

TEST_F(MembersTest, AnAccusedThatTheMasterCannotReachEitherGoesAtOnce) {
  add_servers(3);
  bus::ChunkLayout layout = locate(make_file("/f")).value();
  FakeServer& dead = secondary(layout);
  dead.die();
  const Instant before = world.clock.now();
  EXPECT_EQ(accuse(layout, dead.id), Version{2});
  EXPECT_LT(world.clock.now() - before, 500ms) << "its heartbeat is not overdue yet";
  EXPECT_EQ(members(layout.handle).size(), 2u);
}

TEST_F(MembersTest, OnlyThePrimaryOfTheCurrentVersionIsHeard) {
  add_servers(3);
  bus::ChunkLayout layout = locate(make_file("/f")).value();
  FakeServer& other = secondary(layout, 0);
  ServerId third = secondary(layout, 1).id;
  EXPECT_EQ(accuse(other, layout.handle, {1}, third, true), Version{1});
  EXPECT_EQ(accuse(server(layout.primary), layout.handle, {0}, third, true), Version{1});
  server(layout.primary).session_now.bytes[0] ^= 1;
  EXPECT_EQ(accuse(layout, third, true), Version{1}) << "another life of it";
}

TEST_F(MembersTest, AServerThatAClientCannotReachIsLookedAtAtOnce) {
  add_servers(3);
  InodeId file = make_file("/f");
  bus::ChunkLayout layout = locate(file).value();
  FakeServer& primary = server(layout.primary);
  EXPECT_EQ(call(bus::LocateForWrite{file, 0, {}, primary.id}).value().version, Version{1}) << "it is there";
  primary.die();
  world.clock.run_for(100ms);
  const Instant before = world.clock.now();
  bus::ChunkLayout next = call(bus::LocateForWrite{file, 0, {}, primary.id}).value();
  EXPECT_LT(world.clock.now() - before, 1s);
  EXPECT_EQ(next.version, Version{2});
  EXPECT_NE(next.primary, primary.id);
  EXPECT_EQ(next.members.size(), 2u);
}

TEST_F(MembersTest, ASuspectMemberStaysAndIsMended) {
  add_servers(3);
  InodeId file = make_file("/f");
  bus::ChunkLayout layout = locate(file).value();
  suspect(server(layout.primary), layout.handle);
  restart(server(layout.primary));
  EXPECT_EQ(call(bus::LocateForRead{file}).value().layout[0].members.size(), 2u) << "not read";
  EXPECT_THAT(call(bus::ClusterStatus{}).value().codes, Contains("GFS_CHUNKS_SUSPECT"));
  ASSERT_TRUE(settled(layout.handle, 3)) << "without any writer";
  EXPECT_EQ(found(layout.handle).chunk.version, Version{2});
  EXPECT_NE(found(layout.handle).chunk.primary, layout.primary) << "somebody better was there";
  EXPECT_FALSE(last_order(found(layout.handle).chunk.primary).salvage);
  EXPECT_EQ(call(bus::ClusterStatus{}).value().health, "OK");
}

// I24: the whole cluster lost power. When everybody is here, the most advanced counts; nobody is here too early.
TEST_F(MembersTest, I24_WhenAllAreSuspectAndHereTheyHaveToDo) {
  add_servers(3);
  InodeId file = make_file("/f");
  bus::ChunkLayout layout = locate(file).value();
  for (const auto& one : servers) suspect(*one, layout.handle), one->die();
  kill_master(true);
  ASSERT_TRUE(start_master());
  world.clock.run_for(20s);
  restart(server(layout.primary));
  restart(secondary(layout, 0));
  world.clock.run_for(60s);
  EXPECT_EQ(locate(file).error().code, Code::unavailable) << "the third may be the good one";
  EXPECT_EQ(found(layout.handle).chunk.version, Version{1});
  restart(secondary(layout, 1));
  ASSERT_TRUE(settled(layout.handle, 3, 120s));
  EXPECT_TRUE(last_order(found(layout.handle).chunk.primary).salvage);
  EXPECT_EQ(found(layout.handle).chunk.version, Version{2});
}

TEST_F(MembersTest, I24_WhoIsMissingIsWaitedForTenMinutes) {
  add_servers(3);
  InodeId file = make_file("/f");
  bus::ChunkLayout layout = locate(file).value();
  for (const auto& one : servers) suspect(*one, layout.handle), one->die();
  world.clock.run_for(20s);
  restart(server(layout.primary));
  restart(secondary(layout, 0));
  const Instant before = world.clock.now();
  ASSERT_TRUE(settled(layout.handle, 2, 20min));
  EXPECT_GT(world.clock.now() - before, 9min);
  EXPECT_TRUE(last_order(found(layout.handle).chunk.primary).salvage);
}

TEST_F(MembersTest, I24_AMissingOneThatComesBackSoundIsTheBase) {
  add_servers(3);
  InodeId file = make_file("/f");
  bus::ChunkLayout layout = locate(file).value();
  FakeServer& good = secondary(layout, 1);
  for (const auto& one : servers) {
    if (one.get() != &good) suspect(*one, layout.handle);
    one->die();
  }
  world.clock.run_for(20s);
  restart(server(layout.primary));
  restart(secondary(layout, 0));
  world.clock.run_for(120s);
  restart(good);
  ASSERT_TRUE(settled(layout.handle, 3, 120s));
  EXPECT_EQ(found(layout.handle).chunk.primary, good.id);
  EXPECT_FALSE(last_order(good.id).salvage);
}

// Two of three die, a learner comes in their place, and before it is a full member the third is in doubt as well. Those
// who died hold everything: nothing was acknowledged since.
class RecallTest : public MembersTest {
 protected:
  // One that stays, and a learner that never gets anywhere.
  void given_up() {
    add_servers(4);
    file = make_file("/f");
    layout = locate(file).value();
    stays = &server(layout.primary);
    stays->configure_answers.assign(1000, Code::unavailable);
    secondary(layout, 0).die();
    secondary(layout, 1).die();
    for (int tries = 0; learner == nullptr && tries < 300; ++tries) {
      (void)locate(file);
      const bus::FindChunk::Reply chunk = found(layout.handle);
      for (ServerId joins : chunk.joining) learner = &server(joins);
      world.clock.run_for(100ms);
    }
    ASSERT_NE(learner, nullptr);
    ASSERT_THAT(members(layout.handle), testing::ElementsAre(stays->id));
    ASSERT_EQ(found(layout.handle).joining.size(), 1u);
  }

  InodeId file;
  bus::ChunkLayout layout;
  FakeServer* stays = nullptr;
  FakeServer* learner = nullptr;
};

TEST_F(RecallTest, I24_AMemberThatWasGivenUpIsBetterThanOneInDoubt) {
  given_up();
  suspect(*stays, layout.handle);
  stays->die();
  restart(secondary(layout, 0));
  restart(*stays);
  stays->configure_answers.clear();
  ASSERT_TRUE(settled(layout.handle, 3, 120s));
  EXPECT_EQ(found(layout.handle).chunk.primary, secondary(layout, 0).id);
  for (const auto& one : servers) {
    for (const bus::Configure& order : one->configured) EXPECT_FALSE(order.salvage);
  }
}

TEST_F(RecallTest, I24_WithTheOneThatStayedDeadTheOthersGoOn) {
  given_up();
  stays->die();
  world.clock.run_for(10s);
  restart(secondary(layout, 0));
  ASSERT_TRUE(call_until_ok(bus::LocateForWrite{file, 0, {}}));
  EXPECT_EQ(found(layout.handle).chunk.primary, secondary(layout, 0).id);
  EXPECT_THAT(members(layout.handle), Not(Contains(stays->id)));
}

// Whoever holds an older version than the last that was settled missed what was acknowledged in that.
TEST_F(RecallTest, I24_OneThatIsStaleIsNotCalledBack) {
  given_up();
  secondary(layout, 0).hold(layout.handle, {0});
  suspect(*stays, layout.handle);
  stays->die();
  restart(secondary(layout, 0));
  restart(*stays);
  stays->configure_answers.clear();
  world.clock.run_for(60s);
  EXPECT_FALSE(locate(file)) << "the other one may still come";
  EXPECT_THAT(members(layout.handle), Not(Contains(secondary(layout, 0).id)));
  restart(secondary(layout, 1));
  ASSERT_TRUE(call_until_ok(bus::LocateForWrite{file, 0, {}}));
  EXPECT_EQ(found(layout.handle).chunk.primary, secondary(layout, 1).id);
}

TEST_F(MembersTest, I24_TheMutantSalvagesAtOnce) {
  add_servers(3);
  settings.mutant = "salvage_at_once";
  kill_master();
  ASSERT_TRUE(start_master());
  restart_master();
  InodeId file = make_file("/f");
  bus::ChunkLayout layout = locate(file).value();
  for (const auto& one : servers) suspect(*one, layout.handle), one->die();
  world.clock.run_for(20s);
  restart(server(layout.primary));
  restart(secondary(layout, 0));
  EXPECT_TRUE(settled(layout.handle, 2, 60s));
}

// Two lost power, and the third, which did not, has one bad block: it has everything else that was acknowledged.
TEST_F(MembersTest, I24_OneWithABadBlockIsNotGivenUpForSuspectOnes) {
  add_servers(3);
  InodeId file = make_file("/f");
  bus::ChunkLayout layout = locate(file).value();
  FakeServer& damaged = server(layout.primary);
  for (const auto& one : servers) {
    if (one.get() != &damaged) suspect(*one, layout.handle);
    one->die();
  }
  damaged.holding(layout.handle)->damaged = true;
  world.clock.run_for(20s);
  restart(secondary(layout, 0));
  restart(secondary(layout, 1));
  restart(damaged);
  ASSERT_TRUE(call_until_ok(bus::LocateForWrite{file, 0, {}}));
  EXPECT_THAT(members(layout.handle), Contains(damaged.id));
  EXPECT_EQ(found(layout.handle).chunk.primary, damaged.id);
  for (const auto& one : servers) {
    for (const bus::Configure& order : one->configured) EXPECT_FALSE(order.salvage);
  }
  EXPECT_THAT(call(bus::ClusterStatus{}).value().codes, Contains("GFS_CHUNKS_CORRUPT")) << "nothing has mended it";
}

// A primary that hears from every member that it is suspect knows more than old reports.
TEST_F(MembersTest, I24_APrimaryThatFindsOnlySuspectMembersMaySalvage) {
  add_servers(3);
  bus::ChunkLayout layout = locate(make_file("/f")).value();
  for (const auto& one : servers) one->configure_answers = {Code::suspect};
  ASSERT_TRUE(call(bus::RevokeLease{layout.handle}));
  ASSERT_TRUE(settled(layout.handle, 3));
  EXPECT_TRUE(last_order(found(layout.handle).chunk.primary).salvage);
}

// I25: the first version is logged, and its primary dies before it made anything.
TEST_F(MembersTest, I25_AVirginChunkGetsOtherServers) {
  add_servers(4);
  InodeId file = make_file("/f");
  for (const auto& one : servers) one->configure_replies_lost = 1;
  EXPECT_FALSE(locate(file));
  EXPECT_TRUE(call(bus::LocateForRead{file}).value().layout.empty()) << "it reads as zeros";
  ChunkHandle handle;
  for (const auto& one : servers) {
    if (!one->configured.empty()) handle = one->configured.back().handle;
  }
  bus::FindChunk::Reply chunk = found(handle);
  ASSERT_TRUE(chunk.virgin);
  server(chunk.chunk.primary).die();
  world.clock.run_for(4s);
  bus::ChunkLayout layout = call_until_ok(bus::LocateForWrite{file, 0, {}}).value();
  EXPECT_EQ(layout.members.size(), 3u);
  EXPECT_TRUE(last_order(layout.primary).virgin);
  EXPECT_TRUE(last_order(layout.primary).joining.empty()) << "there is nothing to copy";
  EXPECT_FALSE(found(layout.handle).virgin);
}

// I27, as far as one log can tell: it was restored from yesterday, and a server that is no member knows better.
TEST_F(MembersTest, I27_AnOldLogDoesNotLetOldBytesWin) {
  add_servers(4);
  InodeId file = make_file("/f");
  bus::ChunkLayout layout = locate(file).value();
  auto outside = std::find_if(servers.begin(), servers.end(), [](const auto& one) { return one->held.empty(); });
  ASSERT_NE(outside, servers.end());
  (*outside)->hold(layout.handle, {9});
  restart(**outside);
  restart(server(layout.primary));
  Result<bus::ChunkLayout> refused = locate(file);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::refused);
  EXPECT_THAT(refused.error().message, HasSubstr((*outside)->id.text()));
}

// I33: goal 3, minimum 2, one of two is dead. The learner comes in and the dead one goes, in one change.
TEST_F(MembersTest, I33_LearnerInDeadOutIsOneChange) {
  add_servers(3);
  InodeId file = make_file("/f");
  bus::ChunkLayout layout = locate(file).value();
  secondary(layout, 0).die();
  world.clock.run_for(4s);
  ASSERT_EQ(locate(file).value().members.size(), 2u);
  secondary(layout, 1).die();
  world.clock.run_for(4s);
  EXPECT_EQ(locate(file).error().code, Code::not_enough_servers);
  add_servers(1);
  bus::ChunkLayout next = call_until_ok(bus::LocateForWrite{file, 0, {}}).value();
  EXPECT_EQ(next.version, Version{3});
  EXPECT_EQ(next.members.size(), 2u);
  EXPECT_EQ(next.primary, layout.primary);
  EXPECT_THAT(last_order(next.primary).joining, testing::ElementsAre(servers.back()->id));
  EXPECT_TRUE(found(layout.handle).joining.empty()) << "it is active";
}

TEST_F(MembersTest, E1_E2_LostAndRepeatedRepliesNeverDropAReplica) {
  world.network.set_faults({.loss = 0.1, .repeat = 0.3});
  add_servers(3);
  InodeId file = make_file("/f");
  bus::ChunkLayout layout = call_until_ok(bus::LocateForWrite{file, 0, {}}).value();
  for (int i = 0; i < 20; ++i) {
    for (const auto& one : servers) one->configure_replies_lost = static_cast<int>(world.random.below(2));
    (void)call(bus::RevokeLease{layout.handle});
    (void)locate(file, 0, layout.version);
  }
  world.network.heal();
  ASSERT_TRUE(settled(layout.handle, 3, 120s));
  EXPECT_EQ(members(layout.handle).size(), 3u);
}

}  // namespace
}  // namespace gfs::master
