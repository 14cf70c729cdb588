// How replicas become one again: plays with whole chunkservers in virtual time, after failures in the middle of
// mutations. The master's part is played by the test: it orders the next configuration.
#include <gtest/gtest.h>

#include "base/crc32c.h"
#include "chunkserver/chunk_format.h"
#include "tests/chunkserver/server_fixture.h"

namespace gfs::chunkserver {
namespace {

class RecoveryPlay : public ServerTest {
 protected:
  // An append that reaches only some members: the primary cannot reach the others.
  Result<bus::AppendChunk::Reply> cut_off_append(RequestId id, std::uint64_t version, const std::string& text,
                                                 std::vector<int> unreached) {
    for (int server : unreached) network.block("cs0", "cs" + std::to_string(server));
    Result<bus::AppendChunk::Reply> reply = world.run(append_as(id, 0, version, text));
    for (int server : unreached) network.unblock("cs0", "cs" + std::to_string(server));
    return reply;
  }
};

// The record of an append that not all members had comes with its bytes, or not at all.
TEST_F(RecoveryPlay, I07AnAppendThatReachedOnlySomeIsRolledForwardWithItsBytes) {
  start(3);
  ASSERT_TRUE(configure(1, {0, 1, 2}, true));
  ASSERT_TRUE(append(0, 1, "first"));
  const RequestId x = next_request();
  Result<bus::AppendChunk::Reply> unknown = cut_off_append(x, 1, "X", {1});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().outcome(), Outcome::may_have_happened);
  nodes[0]->kill();
  ASSERT_TRUE(configure(2, {1, 2}, false));  // B leads, C is further
  Result<bus::AppendChunk::Reply> y = append(1, 2, "Y");
  ASSERT_TRUE(y) << y.error().text();
  EXPECT_EQ(y->offset, 6u);
  Result<bus::AppendChunk::Reply> repeat = world.run(append_as(x, 1, 2, "X"));
  ASSERT_TRUE(repeat) << repeat.error().text();
  EXPECT_TRUE(repeat->repeat);
  EXPECT_EQ(repeat->offset, 5u);
  EXPECT_EQ(*read(1, 2), "firstXY");
  expect_equal({1, 2});
}

// A primary that has a record nobody else has does not answer from it before all have it.
TEST_F(RecoveryPlay, I08ARecordThatOnlyThePrimaryHasIsAnsweredWhenAllHaveIt) {
  start(3);
  ASSERT_TRUE(configure(1, {0, 1, 2}, true));
  const RequestId x = next_request();
  ASSERT_FALSE(cut_off_append(x, 1, "X", {1, 2}));
  restart(0);
  EXPECT_EQ(world.run(append_as(x, 0, 1, "X")).error().code, Code::not_primary);
  EXPECT_EQ(configure(1, {0, 1, 2}, false).error().code, Code::conflict);  // it never resumes its version
  ASSERT_TRUE(configure(2, {0, 1, 2}, false));
  Result<bus::AppendChunk::Reply> repeat = world.run(append_as(x, 0, 2, "X"));
  ASSERT_TRUE(repeat) << repeat.error().text();
  EXPECT_TRUE(repeat->repeat);
  expect_equal({0, 1, 2});
  for (int server = 0; server < 3; ++server) EXPECT_EQ(*read(server, 2), "X");
}

// E3: after a failed append the next one leaves no hole on whoever missed it.
TEST_F(RecoveryPlay, E3AfterAFailedAppendNoReplicaHasAHole) {
  start(3);
  ASSERT_TRUE(configure(1, {0, 1, 2}, true));
  const RequestId x = next_request();
  nodes[2]->kill();
  ASSERT_FALSE(world.run(append_as(x, 0, 1, "lost?")));
  // Nothing overtakes it within the version.
  ASSERT_FALSE(append(0, 1, "later"));
  restart(2);
  ASSERT_TRUE(configure(2, {0, 1, 2}, false));
  ASSERT_TRUE(append(0, 2, "|end"));
  Result<bus::AppendChunk::Reply> repeat = world.run(append_as(x, 0, 2, "lost?"));
  ASSERT_TRUE(repeat);
  expect_equal({0, 1, 2});
  const std::string all = *read(2, 2);
  EXPECT_EQ(all.find('\0'), std::string::npos);
  EXPECT_EQ(all.find("lost?"), repeat->offset);
  EXPECT_EQ(all.find("lost?", repeat->offset + 1), std::string::npos);
}

// The old primary, cut off from everybody but its clients, completes nothing.
TEST_F(RecoveryPlay, AFencedPrimaryCompletesNothing) {
  start(3);
  ASSERT_TRUE(configure(1, {0, 1, 2}, true));
  ASSERT_TRUE(write({0, 1, 2}, 1, 0, "old"));
  ASSERT_TRUE(configure(2, {1, 2}, false));
  EXPECT_EQ(append(0, 1, "ghost").error().outcome(), Outcome::may_have_happened);
  ASSERT_TRUE(append(1, 2, "new"));
  EXPECT_EQ(*read(1, 2), "oldnew");
  expect_equal({1, 2});
}

// Three nodes, one hiccups and is dropped: it is stale, and comes back as a learner; there is nobody else.
TEST_F(RecoveryPlay, I23AStaleReplicaComesBackAsALearner) {
  start(3);
  ASSERT_TRUE(configure(1, {0, 1, 2}, true));
  ASSERT_TRUE(write({0, 1, 2}, 1, 0, std::string(300000, 'a')));
  ASSERT_TRUE(configure(2, {0, 1}, false));
  ASSERT_TRUE(write({0, 1}, 2, 100000, std::string(1000, 'b')));
  ASSERT_TRUE(append(0, 2, "record"));
  EXPECT_EQ(read(2, 2).error().code, Code::stale_version);
  bus::CloneChunk clone{chunk, member(0)};
  Result<bus::CloneChunk::Reply> copied = world.run(master.endpoint.call(master.peers.at(id_of(2)), std::move(clone)));
  ASSERT_TRUE(copied) << copied.error().text();
  EXPECT_GT(copied->copied, 0u);
  EXPECT_LT(copied->copied, 200000u);                       // only the blocks that differ
  EXPECT_EQ(read(2, 2).error().code, Code::stale_version);  // it counts for nothing yet
  bus::Configure order = configuration(3, {0, 1, 2}, false);
  order.joining = {id_of(2)};
  Result<bus::Configure::Reply> configured = configure(order);
  ASSERT_TRUE(configured) << configured.error().text();
  expect_equal({0, 1, 2});
  ASSERT_TRUE(append(0, 3, "all three"));
  expect_equal({0, 1, 2});
}

// Repair is slowed down at its target; what a writer waits for is not.
TEST_F(RecoveryPlay, ACopyAheadOfTimeIsAsFastAsItMayBe) {
  start(3);
  ASSERT_TRUE(configure(1, {0, 1}, true));
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(write({0, 1}, 1, i * kFragmentMax, std::string(kFragmentMax, 'a')));
  const Instant begin = world.now();
  bus::CloneChunk clone{chunk, member(0), kFragmentMax / 2};
  bus::CallOptions options;
  options.deadline = 60s;
  Result<bus::CloneChunk::Reply> copied =
      world.run(master.endpoint.call(master.peers.at(id_of(2)), std::move(clone), options));
  ASSERT_TRUE(copied) << copied.error().text();
  EXPECT_EQ(copied->copied, 4 * kFragmentMax);
  EXPECT_GE(world.now() - begin, 6s) << "the last of four begins after six seconds, at half a fragment a second";
  EXPECT_LE(world.now() - begin, 8s);
  const Instant joined = world.now();
  bus::Configure order = configuration(2, {0, 1, 2}, false);
  order.joining = {id_of(2)};
  ASSERT_TRUE(configure(order));
  EXPECT_LE(world.now() - joined, 1s);
  expect_equal({0, 1, 2});
}

// Data that carries its own CRC32C behind it has one block checksum whatever it says: a returning replica must not be
// taken for equal by it.
TEST_F(RecoveryPlay, BlocksOfOneChecksumAreToldApart) {
  start(3);
  const auto cells = [](char with) {
    std::string out;
    while (out.size() < 100000) {
      std::string cell(12, with);
      const std::uint32_t crc = crc32c(cell);
      cell.append(reinterpret_cast<const char*>(&crc), 4);
      out += cell;
    }
    return out;
  };
  ASSERT_EQ(crc32c(cells('a').substr(0, kBlockSize)), crc32c(cells('b').substr(0, kBlockSize)));
  ASSERT_TRUE(configure(1, {0, 1, 2}, true));
  ASSERT_TRUE(write({0, 1, 2}, 1, 0, cells('a')));
  ASSERT_TRUE(configure(2, {0, 1}, false));
  ASSERT_TRUE(write({0, 1}, 2, 0, cells('b')));
  bus::Configure order = configuration(3, {0, 1, 2}, false);
  order.joining = {id_of(2)};
  ASSERT_TRUE(configure(order));
  EXPECT_TRUE(*read(2, 3) == cells('b'));
  expect_equal({0, 1, 2});
}

// A copy made ahead of time, and then a write that it lacks; the others die: it must not be taken for the chunk.
TEST_F(RecoveryPlay, I09AReplicaThatJoinsIsNeverTheBase) {
  start(3);
  ASSERT_TRUE(configure(1, {0, 1}, true));
  ASSERT_TRUE(write({0, 1}, 1, 0, "before"));
  bus::CloneChunk clone{chunk, member(0)};
  ASSERT_TRUE(world.run(master.endpoint.call(master.peers.at(id_of(2)), std::move(clone))));
  ASSERT_TRUE(append(0, 1, " w"));
  nodes[0]->kill();
  nodes[1]->kill();
  bus::Configure alone = configuration(2, {2}, false);
  alone.joining = {id_of(2)};
  EXPECT_EQ(configure(alone).error().code, Code::not_found);
  restart(0);
  bus::Configure order = configuration(3, {0, 2}, false);
  order.joining = {id_of(2)};
  ASSERT_TRUE(configure(order));
  EXPECT_EQ(*read(2, 3), "before w");
  expect_equal({0, 2});
}

// A server that never had the chunk becomes a member, of three blocks and a tail.
TEST_F(RecoveryPlay, ANewcomerIsMadeEqualFromNothing) {
  start(3);
  ASSERT_TRUE(configure(1, {0, 1}, true));
  ASSERT_TRUE(write({0, 1}, 1, 0, std::string(200001, 'x')));
  bus::Configure order = configuration(2, {0, 1, 2}, false);
  order.joining = {id_of(2)};
  ASSERT_TRUE(configure(order));
  expect_equal({0, 1, 2});
  EXPECT_EQ(read(2, 2)->size(), 200001u);
  restart(2);
  expect_equal({0, 1, 2});
}

// The power goes while a new chunk is being made: nobody was told of it, so whatever is left of it will do.
TEST_F(RecoveryPlay, AVirginChunkIsMadeAgainAfterAPowerCut) {
  start(3);
  ASSERT_TRUE(configure(1, {0, 1, 2}, true));
  for (auto& node : nodes) node->platter.power_cut();
  for (int server = 0; server < 3; ++server) restart(server);
  ASSERT_FALSE(configure(1, {0, 1, 2}, true));
  Result<bus::Configure::Reply> again = configure(2, {0, 1, 2}, true);
  ASSERT_TRUE(again) << again.error().text();
  ASSERT_TRUE(append(0, 2, "first"));
  expect_equal({0, 1, 2});
}

// One machine loses power and is back before anybody missed it: it does not lead, and is not believed.
TEST_F(RecoveryPlay, I05AMachineThatLostPowerIsMadeEqualBeforeItCounts) {
  start(3);
  ASSERT_TRUE(configure(1, {0, 1, 2}, true));
  ASSERT_TRUE(write({0, 1, 2}, 1, 0, std::string(100000, 'a')));
  ASSERT_TRUE(sync(0, 1));
  ASSERT_TRUE(write({0, 1, 2}, 1, 0, std::string(1000, 'b')));  // acknowledged, in three page caches
  nodes[0]->platter.power_cut();
  restart(0);
  EXPECT_EQ(read(0, 1).error().code, Code::suspect);
  ASSERT_TRUE(configure(2, {0, 1, 2}, false));
  expect_equal({0, 1, 2});
  for (int server = 0; server < 3; ++server) EXPECT_EQ(read(server, 2)->substr(0, 1001), std::string(1000, 'b') + "a");
}

// The most advanced member turns out to have a rotten block when the others copy from it: then another one is the base.
TEST_F(RecoveryPlay, X02_ARottenBaseIsGivenUpForASoundOne) {
  start(3);
  ASSERT_TRUE(configure(1, {0, 1, 2}, true));
  ASSERT_TRUE(write({0, 1, 2}, 1, 0, std::string(200000, 'a')));
  ASSERT_FALSE(cut_off_append(next_request(), 1, "only here", {1, 2}));
  ASSERT_TRUE(nodes[0]->platter.flip_bit("chunks/ab/00000000000000ab.data", 70000, 2));
  Result<bus::Configure::Reply> configured = configure(2, {0, 1}, false);
  ASSERT_TRUE(configured) << configured.error().text();
  expect_equal({0, 1});
  EXPECT_TRUE(read(0, 2)->substr(0, 200000) == std::string(200000, 'a'));
}

// One bad block costs that block, not the chunk: where nobody has a better one the version becomes active all the same.
TEST_F(RecoveryPlay, ADamagedReplicaThatIsTheLastOneGoesOn) {
  start(1);
  ASSERT_TRUE(configure(1, {0}, true));
  ASSERT_TRUE(write({0}, 1, 0, std::string(200000, 'a')));
  ASSERT_TRUE(sync(0, 1));
  ASSERT_TRUE(nodes[0]->platter.flip_bit("chunks/ab/00000000000000ab.data", 70000, 2));
  EXPECT_EQ(read(0, 1).error().code, Code::corrupt);
  restart(0);
  Result<bus::Configure::Reply> configured = configure(2, {0}, false);
  ASSERT_TRUE(configured) << configured.error().text();
  EXPECT_TRUE(*read(0, 2, 0, kBlockSize) == std::string(kBlockSize, 'a'));
  EXPECT_EQ(read(0, 2).error().code, Code::corrupt);
  ASSERT_TRUE(append(0, 2, "goes on"));
}

// E2: every order of a configuration may come twice, and answers may be lost.
TEST_F(RecoveryPlay, E2OrdersAreIdempotent) {
  start(3);
  bus::SimNetwork::Faults faults;
  faults.repeat = 0.5;
  network.set_faults(faults);
  ASSERT_TRUE(configure(1, {0, 1, 2}, true));
  ASSERT_TRUE(append(0, 1, "one"));
  for (std::uint64_t version = 2; version < 6; ++version) {
    std::vector<int> members = {0, 1, 2};
    std::rotate(members.begin(), members.begin() + version % 3, members.end());
    ASSERT_TRUE(configure(version, members, false));
    ASSERT_TRUE(configure(version, members, false));
    ASSERT_TRUE(append(members.front(), version, "more"));
  }
  network.heal();
  EXPECT_EQ(*read(1, 5), "onemoremoremoremore");
  expect_equal({0, 1, 2});
}

// E1: an order whose answer is lost costs nothing: the next one goes on from what was done.
// The order to become equal comes once more when its version is active: what the source alone has is not taken over by
// it, or a serial would be left out.
TEST_F(RecoveryPlay, ALateOrderToBecomeEqualChangesNothing) {
  start(2);
  ASSERT_TRUE(configure(1, {0, 1}, true));
  ASSERT_FALSE(cut_off_append(next_request(), 1, "X", {1}));
  NodeExecutor node(world);
  Random random(5);
  bus::SimBus bus(network, node, "cs9");
  bus::Endpoint endpoint(node, random, bus, {.role = bus::kChunkserver, .program = "a late order's"});
  endpoint.set_cluster(master.cluster);
  bus::MakeEqual late{chunk, Version{1}, member(0)};
  Result<bus::MakeEqual::Reply> refused = world.run(endpoint.call(bus::Peer::at(nodes[1]->control()), std::move(late)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::stale_version) << refused.error().text();
  ASSERT_TRUE(append(0, 1, "Y"));  // after X
  EXPECT_EQ(*read(1, 1), "XY");
  expect_equal({0, 1});
}

TEST_F(RecoveryPlay, E1AConfigurationThatFailedHalfwayIsTakenUpByTheNext) {
  start(3);
  ASSERT_TRUE(configure(1, {0, 1, 2}, true));
  ASSERT_TRUE(append(0, 1, "kept"));
  network.block("cs2", "cs0");  // C hears, and its answers are lost
  Result<bus::Configure::Reply> failed = configure(2, {0, 1, 2}, false);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::replica_failed);
  ASSERT_EQ(failed.error().why.size(), 1u);
  EXPECT_NE(failed.error().why[0].server.find(id_of(2).text()), std::string::npos);
  network.unblock("cs2", "cs0");
  ASSERT_TRUE(configure(2, {0, 1, 2}, false));
  ASSERT_TRUE(configure(3, {2, 0, 1}, false));
  EXPECT_EQ(*read(2, 3), "kept");
  expect_equal({0, 1, 2});
}

// What is appended may be read when all have it, and not before; and soon after the last append everybody knows.
TEST_F(RecoveryPlay, I19I20SecondariesShowWhatIsCommittedAndAllOfIt) {
  start(3);
  ASSERT_TRUE(configure(1, {0, 1, 2}, true));
  ASSERT_TRUE(append(0, 1, "shown"));
  world.run_for(50ms);
  for (int server = 0; server < 3; ++server) EXPECT_EQ(*read(server, 1), "shown");
  network.block("cs0", "cs1");
  TaskGroup group;
  bool finished = false;
  group.spawn(append_as(next_request(), 0, 1, "ghost"), [&](Result<bus::AppendChunk::Reply>) { finished = true; });
  world.run_for(200ms);
  EXPECT_FALSE(finished);
  EXPECT_GT(inspect(2)->length, 5u);  // C has it ...
  EXPECT_EQ(*read(2, 1), "shown");    // ... and does not show it
  EXPECT_EQ(*read(0, 1), "shown");
  network.unblock("cs0", "cs1");
  ASSERT_TRUE(until([&] { return finished; }));
  // The announcement may be lost: whoever is asked then asks the primary.
  for (int server = 0; server < 3; ++server) EXPECT_EQ(*read(server, 1), "shownghost");
}

// A "forget it" that was under way for long comes to a server that is a member of a newer configuration.
TEST_F(RecoveryPlay, I26ALateReleaseOfAnOlderVersionIsIgnored) {
  start(2);
  ASSERT_TRUE(configure(1, {0, 1}, true));
  ASSERT_TRUE(configure(2, {0, 1}, false));
  bus::ReleaseChunk late{chunk, Version{1}};
  ASSERT_TRUE(world.run(master.endpoint.call(master.peers.at(id_of(0)), std::move(late))));
  ASSERT_TRUE(append(0, 2, "alive"));
  bus::ReleaseChunk timely{chunk, Version{2}};
  ASSERT_TRUE(world.run(master.endpoint.call(master.peers.at(id_of(0)), std::move(timely))));
  EXPECT_EQ(append(0, 2, "dead").error().code, Code::not_found);
}

// The order that makes A primary is under way for 70 s: the session counts from what A sent, not from when it hears.
TEST_F(RecoveryPlay, I04ALateOrderGrantsNothing) {
  start(2);
  ASSERT_TRUE(configure(1, {0, 1}, true));
  network.block("cs0", "master");
  world.run_for(70s);
  bus::Configure order = configuration(2, {0, 1}, false);
  TaskGroup group;
  group.spawn(master.endpoint.call(master.peers.at(id_of(0)), std::move(order)));
  world.run_for(5s);
  EXPECT_EQ(append(0, 2, "late").error().code, Code::lease_lost);
}

TEST_F(RecoveryPlay, ATruncationIsInOrderWithTheWritesOnAllMembers) {
  start(2);
  ASSERT_TRUE(configure(1, {0, 1}, true));
  ASSERT_TRUE(write({0, 1}, 1, 0, std::string(100000, 'a')));
  bus::TruncateChunk cut{chunk, Version{1}, 70000};
  ASSERT_TRUE(world.run(master.endpoint.call(master.peers.at(id_of(0)), cut)));
  EXPECT_EQ(read(1, 1)->size(), 70000u);
  Result<bus::AppendChunk::Reply> appended = append(0, 1, "tail");
  ASSERT_TRUE(appended) << appended.error().text();
  EXPECT_EQ(appended->offset, 70000u);
  const auto cut_again = [&](std::uint64_t length, std::uint64_t number) {
    bus::TruncateChunk order{chunk, Version{1}, length, number};
    return world.run(master.endpoint.call(master.peers.at(id_of(0)), std::move(order)));
  };
  ASSERT_TRUE(cut_again(80000, 8));
  EXPECT_EQ(read(1, 1)->size(), 70004u);  // never longer by it
  ASSERT_TRUE(cut_again(70002, 9));
  ASSERT_TRUE(cut_again(70002, 9));
  ASSERT_TRUE(append(0, 1, "since"));
  // A late copy of the order takes nothing of what came since, and does not say that it did.
  EXPECT_EQ(cut_again(70002, 9).error().code, Code::conflict);
  EXPECT_EQ(read(1, 1)->size(), 70007u);
  expect_equal({0, 1});
}

}  // namespace
}  // namespace gfs::chunkserver
