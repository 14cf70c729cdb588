// The master and its chunkservers, over the bus: joining, layouts, activation, and what lost and repeated messages do
// to the members of a chunk (nothing).
#include <algorithm>
#include <string>

#include "tests/master/master_fixture.h"

namespace gfs::master {
namespace {

using testing::Contains;
using testing::HasSubstr;

TEST_F(ChunksTest, AChunkIsMadeActiveOnceAndThenAnsweredAtOnce) {
  add_servers(4);
  InodeId file = make_file("/f");
  bus::ChunkLayout layout = locate(file).value();
  EXPECT_EQ(layout.version, Version{1});
  EXPECT_EQ(layout.members.size(), 3u);
  EXPECT_EQ(layout.handle.value >> 48, 1u) << "the log epoch stands in the handle";
  ASSERT_EQ(orders(), 1u);
  const bus::Configure& order = server(layout.primary).configured.front();
  EXPECT_TRUE(order.virgin);
  EXPECT_EQ(order.members.size(), 3u);
  EXPECT_EQ(locate(file).value().handle, layout.handle);
  EXPECT_EQ(orders(), 1u);
  EXPECT_EQ(call(bus::Stat{"/f"}).value().chunks, 1u);
  bus::LocateForRead::Reply read = call(bus::LocateForRead{file}).value();
  ASSERT_EQ(read.layout.size(), 1u);
  EXPECT_EQ(read.layout[0].members.size(), 3u);
  EXPECT_TRUE(read.layout[0].members[0].up);
}

TEST_F(ChunksTest, ManyWritersOfOneChunkShareOneOrder) {
  add_servers(3);
  InodeId file = make_file("/f");
  TaskGroup group;
  std::set<ChunkHandle> handles;
  for (int i = 0; i < 20; ++i) {
    bus::LocateForWrite ask{file, 0, {}};
    group.spawn(client->call(bus::Peer::at(kMasterAddress), std::move(ask)),
                [&handles](Result<bus::ChunkLayout> layout) {
                  ASSERT_TRUE(layout) << layout.error().text();
                  handles.insert(layout->handle);
                });
  }
  ASSERT_TRUE(wait([&group] { return group.empty(); }));
  EXPECT_EQ(handles.size(), 1u);
  EXPECT_EQ(orders(), 1u);
}

TEST_F(ChunksTest, FewServersGiveFewReplicasAndStatusSaysSo) {
  EXPECT_EQ(locate(make_file("/none")).error().code, Code::not_enough_servers);
  add_servers(1);
  EXPECT_EQ(locate(make_file("/f")).value().members.size(), 1u);
  bus::ClusterStatus::Reply status = call(bus::ClusterStatus{}).value();
  EXPECT_THAT(status.codes, Contains("GFS_FEW_SERVERS"));
  EXPECT_EQ(status.up, 1u);
  EXPECT_EQ(status.chunks_full, 1u) << "the goal is met as far as it goes";
  EXPECT_EQ(status.files, 2u);
  add_servers(2);
  EXPECT_EQ(call(bus::ClusterStatus{}).value().chunks_under, 1u);
}

TEST_F(ChunksTest, ADeadServerIsLeftOutOnceItsHeartbeatIsOverdue) {
  add_servers(3);
  InodeId file = make_file("/f");
  bus::ChunkLayout layout = locate(file).value();
  ServerId dead = layout.members[0].server == layout.primary ? layout.members[1].server : layout.members[0].server;
  server(dead).die();
  EXPECT_EQ(locate(file, 0, layout.version).value().version, Version{1})
      << "not overdue yet: the primary is asked again";
  world.clock.run_for(4s);
  bus::ChunkLayout next = locate(file, 0, layout.version).value();
  EXPECT_EQ(next.version, Version{2});
  EXPECT_EQ(next.members.size(), 2u);
  EXPECT_EQ(next.primary, layout.primary) << "a primary that lives is kept";
  world.clock.run_for(10s);
  bus::ClusterStatus::Reply status = call(bus::ClusterStatus{}).value();
  EXPECT_EQ(status.chunks_under, 1u);
  EXPECT_THAT(status.codes, Contains("GFS_SERVERS_LOST"));
  EXPECT_EQ(state_of(dead), "lost");
}

TEST_F(ChunksTest, ADeadPrimaryIsFollowedByAnotherMember) {
  add_servers(3);
  InodeId file = make_file("/f");
  bus::ChunkLayout layout = locate(file).value();
  server(layout.primary).die();
  world.clock.run_for(4s);
  bus::ChunkLayout next = locate(file).value();
  EXPECT_NE(next.primary, layout.primary);
  EXPECT_EQ(next.version, Version{2});
  EXPECT_FALSE(server(next.primary).configured.back().virgin);
}

TEST_F(ChunksTest, NeverFewerMembersThanTheMinimum) {
  add_servers(3);
  InodeId file = make_file("/f");
  bus::ChunkLayout layout = locate(file).value();
  for (const bus::Member& member : layout.members) {
    if (member.server != layout.primary) server(member.server).die();
  }
  world.clock.run_for(5s);
  Result<bus::ChunkLayout> refused = locate(file);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::not_enough_servers);
  for (const bus::Member& member : layout.members) {
    if (member.server != layout.primary) EXPECT_THAT(refused.error().message, HasSubstr(member.server.text()));
  }
  EXPECT_EQ(call(bus::LocateForRead{file}).value().layout[0].members.size(), 3u) << "and nobody was dropped";
}

TEST_F(ChunksTest, APrimaryThatRestartedGetsTheNextVersionWithTheSameMembers) {
  add_servers(3);
  InodeId file = make_file("/f");
  bus::ChunkLayout layout = locate(file).value();
  FakeServer& primary = server(layout.primary);
  primary.live();
  ASSERT_TRUE(wait([&] { return primary.registered(); }));
  primary.configure_answers = {Code::conflict};
  bus::ChunkLayout next = locate(file).value();
  EXPECT_EQ(next.version, Version{2});
  EXPECT_EQ(next.members.size(), 3u);
  EXPECT_EQ(next.primary, layout.primary);
}

// A primary that takes no version at all: each new one that is logged leads further away from what the members hold.
TEST_F(ChunksTest, AConflictThatStaysIsNotAnsweredWithVersionAfterVersion) {
  add_servers(3);
  InodeId file = make_file("/f");
  bus::ChunkLayout layout = locate(file).value();
  for (const auto& one : servers) one->configure_answers.assign(5000, Code::conflict);
  restart(server(layout.primary));
  Result<bus::ChunkLayout> refused = locate(file);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::unavailable);
  EXPECT_EQ(call(bus::LocateForRead{file}).value().layout[0].version, Version{2}) << "one per attempt";
  const Instant end = world.clock.now() + 60s;
  while (world.clock.now() < end) {
    EXPECT_FALSE(locate(file));
    world.clock.run_for(50ms);
  }
  EXPECT_LE(call(bus::LocateForRead{file}).value().layout[0].version, Version{20});
  for (const auto& one : servers) one->configure_answers.clear();
  EXPECT_TRUE(call_until_ok(bus::LocateForWrite{file, 0, {}}));
}

// clone-bugs E1: a reply to a grant is lost; no replica is given up for it.
TEST_F(ChunksTest, ALostReplyToAnOrderCostsNoReplica) {
  add_servers(3);
  InodeId file = make_file("/f");
  for (const auto& one : servers) one->configure_replies_lost = 1;
  EXPECT_EQ(locate(file).error().code, Code::unavailable);
  bus::ChunkLayout layout = locate(file).value();
  EXPECT_EQ(layout.version, Version{1});
  EXPECT_EQ(layout.members.size(), 3u);
  EXPECT_EQ(server(layout.primary).configured.size(), 2u) << "the same order again";
  for (const auto& holder : call(bus::ListChunks{"/f"}).value().chunks[0].members) EXPECT_EQ(holder.state, "ok");
}

// clone-bugs E2: everything is said twice; versions move as if it were said once.
TEST_F(ChunksTest, RepeatedMessagesChangeNothing) {
  world.network.set_faults({.repeat = 1});
  add_servers(3);
  InodeId file = make_file("/f");
  bus::ChunkLayout layout = locate(file).value();
  EXPECT_EQ(layout.version, Version{1});
  EXPECT_EQ(layout.members.size(), 3u);
  bus::ChunkLayout again = locate(file, 0, layout.version).value();
  EXPECT_EQ(again.version, Version{1});
  EXPECT_EQ(again.members.size(), 3u);
  world.clock.run_for(5s);
  EXPECT_EQ(call(bus::ClusterStatus{}).value().up, 3u);
}

TEST_F(ChunksTest, ARestartKeepsConfigurationsAndShrinksNothingBeforeItsTime) {
  add_servers(3);
  InodeId file = make_file("/f");
  bus::ChunkLayout layout = locate(file).value();
  ServerId late = layout.members[0].server == layout.primary ? layout.members[1].server : layout.members[0].server;
  server(late).die();
  kill_master(true);
  ASSERT_TRUE(start_master());
  bus::ChunkLayout after = call_until_ok(bus::LocateForWrite{file, 0, {}}, 2s).value();
  EXPECT_EQ(after.version, layout.version);
  EXPECT_EQ(after.members.size(), 3u);
  server(late).live();
  ASSERT_TRUE(wait([&] { return server(late).registered(); }));
  world.clock.run_for(10s);
  EXPECT_EQ(call_until_ok(bus::LocateForWrite{file, 0, {}}).value().members.size(), 3u);
}

TEST_F(ChunksTest, AMemberThatKeepsRefusingIsLeftOutInTheEnd) {
  add_servers(3);
  InodeId file = make_file("/f");
  bus::ChunkLayout layout = locate(file).value();
  ServerId bad = secondary(layout).id;
  for (const auto& one : servers) {
    if (one->id == bad) continue;
    one->configure_why = {{"server " + bad.text() + " at sim://x", "deadline: no answer"}};
    one->configure_answers.assign(500, Code::replica_failed);
  }
  Version failed = layout.version;
  Instant begin = world.clock.now();
  Result<bus::ChunkLayout> next = locate(file, 0, failed);
  while (!next || next->members.size() == 3) {
    ASSERT_LT(world.clock.now() - begin, 20s);
    if (!next) EXPECT_EQ(next.error().code, Code::unavailable);
    world.clock.run_for(200ms);
    // Once the accused is out, there is nobody to complain of.
    for (const auto& one : servers) {
      if (!one->configured.empty() && one->configured.back().members.size() == 2) one->configure_answers.clear();
    }
    next = locate(file, 0, failed);
  }
  for (const bus::Member& member : next->members) EXPECT_NE(member.server, bad);
  EXPECT_NE(next->primary, layout.primary) << "the first to complain was not simply believed";
  EXPECT_GE(world.clock.now() - begin, 3s) << "not at the first word";
}

TEST_F(ChunksTest, AVersionThatKeepsFailingIsRenewed) {
  add_servers(3);
  InodeId file = make_file("/f");
  bus::ChunkLayout layout = locate(file).value();
  EXPECT_EQ(locate(file, 0, layout.version).value().version, layout.version);
  world.clock.run_for(4s);
  bus::ChunkLayout next = locate(file, 0, layout.version).value();
  EXPECT_EQ(next.version, layout.version.next());
  EXPECT_EQ(next.members.size(), 3u);
}

TEST_F(ChunksTest, DamagedReplicasAreNotReadAndNotWritten) {
  add_servers(3);
  InodeId file = make_file("/f");
  bus::ChunkLayout layout = locate(file).value();
  FakeServer& bad = server(layout.members[2].server);
  bus::ReportDamage report{bad.id, bad.session_now, layout.handle, 7, "checksum"};
  ASSERT_TRUE(world.clock.run(bad.endpoint().call(bus::Peer::at(kMasterAddress), std::move(report))));
  EXPECT_EQ(call(bus::LocateForRead{file}).value().layout[0].members.size(), 2u);
  bus::ClusterStatus::Reply status = call(bus::ClusterStatus{}).value();
  EXPECT_EQ(status.chunks_corrupt, 1u);
  EXPECT_THAT(status.codes, Contains("GFS_CHUNKS_CORRUPT"));
  std::vector<std::string> states;
  for (const auto& holder : call(bus::ListChunks{"/f"}).value().chunks[0].members) states.push_back(holder.state);
  EXPECT_THAT(states, Contains("corrupt"));
  EXPECT_EQ(locate(file).value().members.size(), 2u);
}

TEST_F(ChunksTest, AReplicaThatAFullReportDoesNotNameIsMissing) {
  add_servers(3);
  InodeId file = make_file("/f");
  bus::ChunkLayout layout = locate(file).value();
  FakeServer& empty = server(layout.members[1].server);
  empty.held.clear();
  empty.live();
  ASSERT_TRUE(wait([&] { return empty.registered(); }));
  EXPECT_EQ(call(bus::LocateForRead{file}).value().layout[0].members.size(), 2u);
  EXPECT_EQ(locate(file).value().members.size(), 2u);
}

// It answers the master, and a client's bytes do not get there.
TEST_F(ChunksTest, P19_AClientThatCannotUseAPrimaryGetsAnotherOneAndNoReplicaIsLost) {
  add_servers(3);
  const InodeId file = make_file("/f");
  const bus::ChunkLayout first = locate(file).value();
  ASSERT_EQ(first.members.size(), 3u);
  ServerId secondary;
  for (const bus::Member& member : first.members) {
    if (member.server != first.primary) secondary = member.server;
  }
  const Version old{first.version.value - 1};
  for (const bus::LocateForWrite& idle :
       {bus::LocateForWrite{file, 0, first.version, {}}, bus::LocateForWrite{file, 0, first.version, secondary},
        bus::LocateForWrite{file, 0, old, first.primary}}) {
    EXPECT_EQ(call_until_ok(idle).value().version, first.version) << "it is the primary of now that counts";
  }
  const bus::ChunkLayout next = call_until_ok(bus::LocateForWrite{file, 0, first.version, first.primary}).value();
  EXPECT_GT(next.version, first.version);
  EXPECT_NE(next.primary, first.primary);
  EXPECT_EQ(next.members.size(), 3u);
  const bus::ChunkLayout repeat = call_until_ok(bus::LocateForWrite{file, 0, first.version, first.primary}).value();
  EXPECT_EQ(repeat.version, next.version) << "once for each version";
}

TEST_F(ChunksTest, AnAddressNobodyCanDialIsRefusedWithTheReason) {
  add_servers(1);
  servers[0]->unreachable.insert("sim://cs2");
  servers.push_back(std::make_unique<FakeServer>(world, 2));
  servers[1]->live();
  ASSERT_TRUE(wait([&] { return servers[1]->refused.has_value(); }));
  EXPECT_EQ(servers[1]->refused->code, Code::unreachable);
  EXPECT_THAT(servers[1]->refused->message, HasSubstr("sim://cs2"));
  EXPECT_THAT(servers[1]->refused->message, HasSubstr("connection refused"));
  servers[0]->unreachable.clear();
  EXPECT_TRUE(wait([&] { return servers[1]->registered(); }));
}

TEST_F(ChunksTest, TheFirstServerIsDialledByTheMasterItself) {
  FakeServer liar(world, 1);
  liar.advertise = "sim://nobody-there";
  liar.live();
  ASSERT_TRUE(wait([&] { return liar.refused.has_value(); }));
  EXPECT_EQ(liar.refused->code, Code::unreachable);
  EXPECT_THAT(liar.refused->message, HasSubstr("sim://nobody-there"));
  liar.advertise.reset();
  EXPECT_TRUE(wait([&] { return liar.registered(); }));
}

TEST_F(ChunksTest, C22_TwoLiveServersMayNotShareAnIdentity) {
  add_servers(1);
  FakeServer twin(world, 9);
  twin.id = servers[0]->id;
  twin.live();
  ASSERT_TRUE(wait([&] { return twin.refused.has_value(); }));
  EXPECT_EQ(twin.refused->code, Code::in_use);
  EXPECT_THAT(twin.refused->message, HasSubstr(servers[0]->control));
  servers[0]->die();
  EXPECT_TRUE(wait([&] { return twin.registered(); })) << "it moved: that is allowed once the old one is gone";
}

TEST_F(ChunksTest, AServerThatLeavesIsLeft) {
  add_servers(3);
  servers[0]->leave();
  EXPECT_EQ(state_of(servers[0]->id), "left");
  bus::ChunkLayout layout = locate(make_file("/f")).value();
  EXPECT_EQ(layout.members.size(), 2u);
}

TEST_F(ChunksTest, AfterARestartServersAreToldToRegisterAgain) {
  add_servers(2);
  std::uint64_t index = call(bus::ClusterStatus{}).value().index;
  kill_master();
  ASSERT_TRUE(start_master());
  world.clock.run_for(5s);
  EXPECT_EQ(call(bus::ClusterStatus{}).value().up, 2u);
  EXPECT_EQ(call(bus::ClusterStatus{}).value().index, index) << "known servers are not logged again";
}

TEST_F(ChunksTest, RemovedFilesHaveNoChunks) {
  add_servers(3);
  InodeId file = make_file("/f");
  ASSERT_TRUE(locate(file));
  ASSERT_TRUE(call(bus::Remove{"/f", false, true}));
  EXPECT_EQ(locate(file).error().code, Code::not_found);
  EXPECT_EQ(call(bus::LocateForRead{file}).error().code, Code::not_found);
  EXPECT_EQ(call(bus::ClusterStatus{}).value().chunks_total, 0u);
}

TEST_F(ChunksTest, ImpossibleChunksAreRefused) {
  add_servers(1);
  InodeId file = make_file("/f");
  EXPECT_EQ(locate(file, 1u << 24).error().code, Code::too_large);
  EXPECT_EQ(locate(InodeId{1}).error().code, Code::is_a_directory);
  EXPECT_EQ(locate(InodeId{999}).error().code, Code::not_found);
}

}  // namespace
}  // namespace gfs::master
