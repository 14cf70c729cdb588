// Files that take appends, ways of acknowledging, cuts and leases, over the bus.
#include <algorithm>
#include <string>

#include "tests/master/master_fixture.h"

namespace gfs::master {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kChunk = 64ull << 20;

class AppendsTest : public ChunksTest {
 protected:
  Result<bus::LocateForAppend::Reply> locate_append(InodeId file, Version failed = {}) {
    return call(bus::LocateForAppend{file, failed, {}});
  }
  // The primary says that the seal is everywhere.
  Result<bus::Done> report_sealed(const bus::ChunkLayout& layout, std::uint64_t length, Version version) {
    FakeServer& primary = server(layout.primary);
    bus::ChunkSealed report{primary.id, primary.session_now, layout.handle, version, length};
    return world.clock.run(primary.endpoint().call(bus::Peer::at(kMasterAddress), std::move(report)));
  }
};

TEST_F(AppendsTest, APrimaryThatSomebodyWaitsForGoesWhenItsHeartbeatIsOverdue) {
  add_servers(3);
  InodeId file = make_file("/f");
  bus::ChunkLayout layout = locate_append(file).value().layout;
  const auto ask = [&](ServerId unreachable) {
    return call(bus::LocateForAppend{file, {}, unreachable}).value().layout;
  };
  EXPECT_EQ(ask(layout.primary).version, Version{1}) << "it is only slow";
  server(layout.primary).beats = false;
  EXPECT_EQ(ask(layout.primary).version, Version{1}) << "not overdue yet";
  world.clock.run_for(4s);
  bus::ChunkLayout next = ask(layout.primary);
  EXPECT_EQ(next.version, Version{2});
  EXPECT_NE(next.primary, layout.primary);
  EXPECT_EQ(ask(layout.primary).version, Version{2}) << "it leads no more";
}

TEST_F(AppendsTest, AppendsGoToTheLastChunkAndThenToTheNext) {
  add_servers(3);
  InodeId file = make_file("/f");
  bus::LocateForAppend::Reply first = locate_append(file).value();
  EXPECT_EQ(first.layout.index, 0u);
  EXPECT_EQ(first.layout.members.size(), 3u);
  EXPECT_EQ(locate_append(file).value().layout.handle, first.layout.handle);
  ASSERT_TRUE(report_sealed(first.layout, 5000, {1}));
  ASSERT_TRUE(report_sealed(first.layout, 5000, {1})) << "a repeat";
  bus::LocateForAppend::Reply second = locate_append(file).value();
  EXPECT_EQ(second.layout.index, 1u);
  const bus::Configure& order = server(second.layout.primary).configured.back();
  EXPECT_EQ(order.index, 1u);
  EXPECT_EQ(order.before, first.layout.handle);
  EXPECT_EQ(order.before_version, Version{1});
  EXPECT_EQ(order.before_members.size(), 3u);
  EXPECT_EQ(call(bus::Stat{"/f"}).value().size, 5000u) << "the sealed chunk counts";
  bus::LocateForRead::Reply read = call(bus::LocateForRead{file}).value();
  EXPECT_TRUE(read.layout[0].sealed);
  EXPECT_EQ(read.layout[0].length, 5000u);
  EXPECT_FALSE(read.layout[1].sealed);
  bus::ListChunks::Reply listed = call(bus::ListChunks{"/f"}).value();
  EXPECT_TRUE(listed.chunks[0].sealed);
  EXPECT_EQ(listed.chunks[0].length, 5000u);
}

// I11: `sealed` may be answered to clients once the master has logged it; not by an old primary, nor for an old
// version.
TEST_F(AppendsTest, I11_ASealIsLoggedBeforeItIsAnswered) {
  add_servers(3);
  InodeId file = make_file("/f");
  bus::ChunkLayout layout = locate_append(file).value().layout;
  EXPECT_EQ(report_sealed(layout, 5000, {9}).error().code, Code::stale_version);
  bus::ChunkLayout other = layout;
  other.primary = secondary(layout).id;
  EXPECT_EQ(report_sealed(other, 5000, {1}).error().code, Code::not_primary);
  ASSERT_TRUE(report_sealed(layout, 5000, {1}));
  kill_master(true);
  ASSERT_TRUE(start_master());
  EXPECT_TRUE(call_until_ok(bus::FindChunk{layout.handle}).value().chunk.sealed);
}

TEST_F(AppendsTest, I11_TheMutantForgetsSeals) {
  settings.mutant = "seal_not_logged";
  kill_master();
  ASSERT_TRUE(start_master());
  add_servers(3);
  bus::ChunkLayout layout = locate_append(make_file("/f")).value().layout;
  ASSERT_TRUE(report_sealed(layout, 5000, {1}));
  EXPECT_FALSE(found(layout.handle).chunk.sealed);
}

// I12: many ask for the chunk behind the sealed one at once; there is one, and everybody gets it.
TEST_F(AppendsTest, I12_AppendersThatRaceGetOneSuccessor) {
  add_servers(3);
  InodeId file = make_file("/f");
  bus::ChunkLayout first = locate_append(file).value().layout;
  ASSERT_TRUE(report_sealed(first, 5000, {1}));
  TaskGroup group;
  std::set<std::pair<std::uint32_t, ChunkHandle>> given;
  for (int i = 0; i < 20; ++i) {
    bus::LocateForAppend ask{file, {}, {}};
    group.spawn(client->call(bus::Peer::at(kMasterAddress), std::move(ask)),
                [&given](Result<bus::LocateForAppend::Reply> reply) {
                  ASSERT_TRUE(reply) << reply.error().text();
                  given.emplace(reply->layout.index, reply->layout.handle);
                });
  }
  ASSERT_TRUE(wait([&group] { return group.empty(); }));
  ASSERT_EQ(given.size(), 1u);
  EXPECT_EQ(given.begin()->first, 1u);
}

TEST_F(AppendsTest, I12_AWriterBehindTheEndHasTheLastChunkSealedFirst) {
  add_servers(3);
  InodeId file = make_file("/f");
  bus::ChunkLayout last = locate_append(file).value().layout;
  server(last.primary).seal_answers = {Code::replica_failed};
  bus::ChunkLayout behind = locate(file, 4).value();
  EXPECT_EQ(behind.index, 4u);
  EXPECT_EQ(server(last.primary).sealed.size(), 2u) << "the first try failed";
  EXPECT_TRUE(found(last.handle).chunk.sealed);
  EXPECT_EQ(server(behind.primary).configured.back().before, last.handle);
  EXPECT_EQ(locate_append(file).value().layout.handle, behind.handle);
  bus::ChunkLayout hole = locate(file, 2).value();
  EXPECT_EQ(hole.index, 2u);
  EXPECT_FALSE(found(behind.handle).chunk.sealed) << "a hole in the middle is nobody's successor";
}

TEST_F(AppendsTest, AFileThatWasWrittenTakesAppendsAtItsLastChunk) {
  add_servers(3);
  InodeId file = make_file("/f");
  ASSERT_TRUE(locate(file, 0));
  bus::ChunkLayout last = locate(file, 3).value();
  EXPECT_EQ(locate_append(file).value().layout.handle, last.handle);
  EXPECT_EQ(server(last.primary).configured.back().before, ChunkHandle{}) << "nobody appended to chunk 0";
}

// E13: what is remembered expires by the master's time, which comes with the answers; a client's clock is never asked.
TEST_F(AppendsTest, E13_TheTimeIsTheMasters) {
  add_servers(1);
  InodeId file = make_file("/f");
  const WallMs wall = world.clock.wall_now();
  std::int64_t first = locate_append(file).value().now_ms;
  EXPECT_GE(first, wall);
  world.clock.run_for(3s);
  std::int64_t second = locate_append(file).value().now_ms;
  EXPECT_GE(second, first + 3000);
  EXPECT_LE(second, world.clock.wall_now());
  EXPECT_GT(servers[0]->told_ms, first);
}

TEST_F(AppendsTest, AnswersSayWhichEntryDecided) {
  std::uint64_t made = index_of(bus::CreateFile{"/f"}, request(1));
  EXPECT_GT(made, 0u);
  EXPECT_EQ(index_of(bus::CreateFile{"/f"}, request(2)), made + 1) << "a refusal";
  EXPECT_EQ(index_of(bus::CreateFile{"/f"}, request(1)), made) << "a repeat: that of the first";
  EXPECT_EQ(index_of(bus::Stat{"/f"}), made + 1) << "what was applied when it was read";
  EXPECT_EQ(index_of(bus::SetPolicy{"/f", bus::AckMode::primary}, request(3)), made + 2);
  EXPECT_EQ(index_of(bus::Truncate{"/f", 5}, request(4)), made + 3);
  EXPECT_EQ(index_of(bus::CloseClient{request(1).client}), made + 4);
  EXPECT_EQ(call(bus::Stat{"/f"}).value().ack, bus::AckMode::primary);
}

// I15: two creates of one name in one batch; the second is refused, and the log can be replayed.
TEST_F(AppendsTest, I15_OfTwoCreatesInOneBatchOneWinsAndTheLogIsGood) {
  std::vector<Code> codes;
  TaskGroup group;
  for (std::uint64_t i = 1; i <= 2; ++i) {
    bus::CreateFile ask{"/f"};
    bus::CallOptions options{20s, request(i), {}};
    group.spawn(client->call(bus::Peer::at(kMasterAddress), std::move(ask), options),
                [&codes](Result<bus::FileInfo> made) { codes.push_back(made ? Code::ok : made.error().code); });
  }
  ASSERT_TRUE(wait([&group] { return group.empty(); }));
  std::sort(codes.begin(), codes.end());
  EXPECT_EQ(codes, (std::vector<Code>{Code::ok, Code::already_exists}));
  kill_master(true);
  ASSERT_TRUE(start_master());
  EXPECT_EQ(call_until_ok(bus::CreateFile{"/f"}, 1s).error().code, Code::already_exists);
}

TEST_F(AppendsTest, ARequestIdIsForOneRequest) {
  add_servers(3);
  ASSERT_TRUE(call(bus::CreateFile{"/f"}, request(1)));
  EXPECT_EQ(call(bus::SetPolicy{"/f", bus::AckMode::primary}, request(1)).error().code, Code::invalid_argument);
  EXPECT_EQ(call(bus::Truncate{"/f", 5}, request(1)).error().code, Code::invalid_argument);
  EXPECT_EQ(call(bus::Remove{"/f", false}, request(1)).error().code, Code::invalid_argument);
  Result<bus::FileInfo> moved = call(bus::Rename{"/f", "/g", false}, request(1));
  EXPECT_THAT(moved.error().message, HasSubstr(request(1).text()));
  EXPECT_EQ(call(bus::MakeDirectory{"/d", false}, request(1)).error().code, Code::invalid_argument);
  ASSERT_TRUE(call(bus::CloseClient{request(1).client}, request(9)));
  EXPECT_EQ(call(bus::CreateFile{"/f"}, request(1)).error().code, Code::already_exists) << "it took its leave";
  RequestId stranger = request(1);
  stranger.client.bytes[0] = 43;
  EXPECT_EQ(call(bus::CloseClient{request(1).client}, stranger).error().code, Code::invalid_argument);
}

TEST_F(AppendsTest, ACutIsMadeByThePrimaryAndThenLogged) {
  add_servers(3);
  InodeId file = make_file("/f");
  bus::ChunkLayout first = locate(file, 0).value(), second = locate(file, 1).value();
  ASSERT_TRUE(call(bus::SetSize{file, kChunk + 500}));
  server(first.primary).truncate_answers = {Code::stale_version};
  const std::uint64_t before = index_of(bus::Stat{"/f"});
  bus::FileInfo cut = call(bus::Truncate{"/f", 100}, request(1)).value();
  EXPECT_EQ(cut.path, "/f");
  EXPECT_EQ(cut.size, 100u);
  EXPECT_EQ(cut.chunks, 1u);
  ASSERT_EQ(server(first.primary).truncated.size(), 2u) << "the first try failed";
  EXPECT_EQ(server(first.primary).truncated[1].length, 100u);
  std::uint64_t number = server(first.primary).truncated[0].number;
  EXPECT_GE(number, before << 8) << "also after a restart";
  EXPECT_GT(server(first.primary).truncated[1].number, number);
  number = server(first.primary).truncated[1].number;
  EXPECT_EQ(call(bus::Truncate{"/f", 100}, request(1)).value().size, 100u);
  EXPECT_EQ(server(first.primary).truncated.size(), 2u) << "a repeat cuts nothing";
  EXPECT_EQ(call(bus::FindChunk{second.handle}).error().code, Code::not_found);
  ASSERT_TRUE(wait([&] { return !servers[0]->released.empty(); }));
  EXPECT_EQ(servers[0]->released[0].handle, second.handle);
  // Two that are under way at once, and one that is never logged.
  TaskGroup group;
  for (std::uint64_t size : {90, 80}) {
    bus::Truncate ask{"/f", size};
    group.spawn(client->call(bus::Peer::at(kMasterAddress), std::move(ask)));
  }
  ASSERT_TRUE(wait([&group] { return group.empty(); }));
  server(first.primary).truncate_answers.assign(8, Code::overloaded);
  EXPECT_FALSE(call(bus::Truncate{"/f", 70}));
  ASSERT_TRUE(call(bus::Truncate{"/f", 60}));
  for (std::size_t i = 2; i < server(first.primary).truncated.size(); ++i) {
    EXPECT_GT(server(first.primary).truncated[i].number, number);
    number = server(first.primary).truncated[i].number;
  }
}

// The master does not hear the primary of a chunk that is to go; its clients may. Nothing is dropped before it promised
// another primary, or is over.
TEST_F(AppendsTest, ACutWaitsForAPrimaryThatCannotBeTold) {
  add_servers(3);
  InodeId file = make_file("/f");
  bus::ChunkLayout behind = locate(file, 1).value();
  FakeServer& silent = server(behind.primary);
  const Instant begin = world.clock.now();
  silent.beats = false;
  for (const auto& one : servers) one->configure_answers.assign(5000, Code::unavailable);
  world.clock.run_for(5s);
  Result<bus::FileInfo> waits = call(bus::Truncate{"/f", 0});
  ASSERT_FALSE(waits);
  EXPECT_EQ(waits.error().code, Code::unavailable);
  EXPECT_TRUE(call(bus::FindChunk{behind.handle})) << "it is there";
  for (const auto& one : servers) one->configure_answers.clear();
  ASSERT_TRUE(call_until_ok(bus::Truncate{"/f", 0}));
  EXPECT_LT(world.clock.now() - begin, 30s) << "another one led it, and ended it";
  auto ended_by = std::find_if(servers.begin(), servers.end(), [&](const auto& one) {
    return !one->released.empty() && one->released[0].version > behind.version && one->id != silent.id;
  });
  EXPECT_NE(ended_by, servers.end());
}

TEST_F(AppendsTest, ACutGoesOnWhenTheLastSessionIsOver) {
  add_servers(1);
  InodeId file = make_file("/f");
  bus::ChunkLayout behind = locate(file, 1).value();
  servers[0]->die();
  world.clock.run_for(50s);
  Result<bus::FileInfo> waits = call(bus::Truncate{"/f", 0});
  ASSERT_FALSE(waits);
  EXPECT_EQ(waits.error().code, Code::unavailable);
  world.clock.run_for(12s);
  EXPECT_TRUE(call(bus::Truncate{"/f", 0}));
  EXPECT_FALSE(call(bus::FindChunk{behind.handle}));
}

TEST_F(AppendsTest, ACutTakesNothingFromAChunkThatGoesOn) {
  add_servers(3);
  InodeId file = make_file("/f");
  bus::ChunkLayout behind = locate(file, 1).value();
  locate(file, 0).value();
  for (const auto& one : servers) one->truncate_takes = 1s;
  TaskGroup group;
  bool cut = false;
  bus::Truncate ask{"/f", 100};
  group.spawn(client->call(bus::Peer::at(kMasterAddress), std::move(ask)),
              [&cut](Result<bus::FileInfo> done) { cut = done.has_value(); });
  ASSERT_TRUE(wait([&] {
    return std::any_of(servers.begin(), servers.end(), [](const auto& one) { return !one->truncated.empty(); });
  }));
  // Ended, and then made active again for somebody who writes.
  bus::RevokeLease::Reply revoked = call(bus::RevokeLease{behind.handle}).value();
  ASSERT_TRUE(locate(file, 1));
  ASSERT_TRUE(wait([&] { return cut; }));
  const std::vector<bus::ReleaseChunk>& released = server(revoked.primary).released;
  ASSERT_FALSE(released.empty());
  EXPECT_EQ(released[0].version, revoked.version) << "ended once more, before it was dropped";
}

TEST_F(AppendsTest, ALongFileIsCutInSteps) {
  add_servers(1);
  InodeId file = make_file("/f");
  for (std::uint32_t index = 0; index < 4100; ++index) ASSERT_TRUE(locate(file, index));
  const std::uint64_t before = index_of(bus::Stat{"/f"});
  bus::FileInfo cut = call(bus::Truncate{"/f", kChunk}, request(1), 60s).value();
  EXPECT_EQ(cut.size, kChunk);
  EXPECT_EQ(cut.chunks, 1u);
  EXPECT_EQ(index_of(bus::Stat{"/f"}), before + 2);
}

TEST_F(AppendsTest, ALongerFileNeedsNoChunk) {
  make_file("/f");
  EXPECT_EQ(call(bus::Truncate{"/f", 3 * kChunk + 1}).value().size, 3 * kChunk + 1);
  EXPECT_EQ(call(bus::Truncate{"/f", kChunk}).value().chunks, 0u);
  EXPECT_EQ(call(bus::Truncate{"/g", 1}, request(1)).error().code, Code::not_found);
  EXPECT_EQ(call(bus::Truncate{"/", 1}).error().code, Code::is_a_directory);
  EXPECT_EQ(call(bus::Truncate{"/f", ~0ull}).error().code, Code::too_large);
  make_file("/g");
  EXPECT_EQ(call(bus::Truncate{"/g", 1}, request(1)).error().code, Code::not_found) << "as the first time";
}

TEST_F(AppendsTest, APolicyReachesTheChunksOneByOne) {
  add_servers(3);
  InodeId file = make_file("/f");
  bus::ChunkLayout layout = locate(file).value();
  ASSERT_TRUE(call(bus::SetPolicy{"/f", bus::AckMode::primary}));
  EXPECT_EQ(found(layout.handle).ack, bus::AckMode::all);
  bus::ChunkLayout next = locate(file).value();
  EXPECT_EQ(next.version, Version{2});
  EXPECT_EQ(found(layout.handle).ack, bus::AckMode::primary);
  EXPECT_EQ(server(next.primary).configured.back().ack, bus::AckMode::primary);
  EXPECT_EQ(locate(file).value().version, Version{2});
}

// I32: who acknowledges alone cannot be fenced by the others: its session has to end before somebody else leads.
TEST_F(AppendsTest, I32_ALoneAcknowledgersLeaseIsWaitedOut) {
  add_servers(3);
  InodeId file = make_file("/f");
  ASSERT_TRUE(call(bus::SetPolicy{"/f", bus::AckMode::primary}));
  bus::ChunkLayout layout = locate(file).value();
  server(layout.primary).die();
  const Instant died = world.clock.now();
  world.clock.run_for(20s);
  Result<bus::ChunkLayout> waits = locate(file);
  ASSERT_FALSE(waits);
  EXPECT_EQ(waits.error().code, Code::unavailable);
  EXPECT_THAT(waits.error().message, HasSubstr("alone"));
  bus::ChunkLayout next = call_until_ok(bus::LocateForWrite{file, 0, {}}, 120s).value();
  EXPECT_NE(next.primary, layout.primary);
  EXPECT_GE(world.clock.now() - died, 58s);
}

// A version that was never active changed nothing: it is not its primary alone that has to be waited for.
TEST_F(AppendsTest, I32_AVersionThatWasNeverActiveFencesNobody) {
  for (bus::AckMode second : {bus::AckMode::primary, bus::AckMode::all}) {
    SCOPED_TRACE(static_cast<int>(second));
    servers.clear();
    world.clock.run_for(15s);
    add_servers(3);
    const std::string path = "/f" + std::to_string(static_cast<int>(second));
    InodeId file = make_file(path);
    ASSERT_TRUE(call(bus::SetPolicy{path, bus::AckMode::primary}));
    bus::ChunkLayout layout = locate(file).value();
    FakeServer& lone = server(layout.primary);
    ASSERT_TRUE(call(bus::SetPolicy{path, second}));
    for (const auto& one : servers) one->configure_answers.assign(500, Code::unavailable);
    bus::RevokeLease::Reply revoked = call(bus::RevokeLease{layout.handle}).value();
    EXPECT_NE(revoked.primary, lone.id);
    lone.leave();
    lone.die();
    const Instant gone = world.clock.now();
    for (const auto& one : servers) one->configure_answers.clear();
    Result<bus::ChunkLayout> waits = locate(file);
    ASSERT_FALSE(waits);
    EXPECT_EQ(waits.error().code, Code::unavailable);
    bus::ChunkLayout next = call_until_ok(bus::LocateForWrite{file, 0, {}}, 120s).value();
    EXPECT_EQ(next.members.size(), 2u);
    EXPECT_GE(world.clock.now() - gone, 58s);
    server(next.primary).configured.clear();
    // It is known to be over: when it comes back as no member, nobody waits for it.
    restart(lone);
    ASSERT_TRUE(call(bus::RevokeLease{layout.handle}));
    EXPECT_TRUE(locate(file));
  }
}

TEST_F(AppendsTest, I32_WhoStaysAMemberPromisesAndIsNotWaitedFor) {
  add_servers(3);
  InodeId file = make_file("/f");
  ASSERT_TRUE(call(bus::SetPolicy{"/f", bus::AckMode::primary}));
  bus::ChunkLayout layout = locate(file).value();
  bus::RevokeLease::Reply revoked = call(bus::RevokeLease{layout.handle}).value();
  EXPECT_NE(revoked.primary, layout.primary);
  EXPECT_EQ(locate(file).value().primary, revoked.primary);
}

TEST_F(AppendsTest, LeasesAreListedAndRevoked) {
  add_servers(3);
  InodeId file = make_file("/f");
  bus::ChunkLayout first = locate(file, 0).value(), second = locate(file, 1).value();
  bus::ListLeases::Reply page = call(bus::ListLeases{{}, 1}).value();
  ASSERT_EQ(page.leases.size(), 1u);
  EXPECT_TRUE(page.more);
  EXPECT_EQ(page.leases[0].handle, first.handle);
  EXPECT_EQ(page.leases[0].primary, first.primary);
  EXPECT_GT(page.leases[0].remaining_ms, 58000u);
  EXPECT_LE(page.leases[0].remaining_ms, 60000u);
  page = call(bus::ListLeases{first.handle, 10}).value();
  ASSERT_EQ(page.leases.size(), 1u);
  EXPECT_EQ(page.leases[0].handle, second.handle);
  bus::RevokeLease::Reply revoked = call(bus::RevokeLease{first.handle}, request(1)).value();
  EXPECT_EQ(revoked.version, Version{2});
  EXPECT_NE(revoked.primary, first.primary);
  EXPECT_EQ(call(bus::RevokeLease{first.handle}, request(1)).value().version, Version{2}) << "a repeat";
  ASSERT_TRUE(settled(first.handle, 3));
  EXPECT_EQ(call(bus::RevokeLease{{99}}).error().code, Code::not_found);
  FakeServer& silent = server(second.primary);
  silent.beats = false;
  world.clock.run_for(61s);
  for (const bus::ListLeases::Lease& lease : call(bus::ListLeases{}).value().leases)
    EXPECT_NE(lease.primary, silent.id);
}

TEST_F(AppendsTest, I04_TheMutantTellsServersALongerLease) {
  settings.mutant = "lease_times_ten";
  kill_master();
  ASSERT_TRUE(start_master());
  FakeServer one(world, 1);
  one.live();
  ASSERT_TRUE(wait([&] { return one.registered(); }));
  EXPECT_EQ(one.lease_ms, 600000u);
}

}  // namespace
}  // namespace gfs::master
