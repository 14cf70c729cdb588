// Whole chunkservers in virtual time: registration, the chain, the order of writes on all members, and everything that
// may go wrong between them.
#include "chunkserver/chunkserver.h"

#include <gtest/gtest.h>

#include "chunkserver/chunk_format.h"
#include "tests/chunkserver/server_fixture.h"

namespace gfs::chunkserver {
namespace {

TEST_F(ServerTest, RegistersReportsAndSaysGoodbye) {
  start(1);
  ASSERT_EQ(master.servers.size(), 1u);
  EXPECT_FALSE(master.reports.empty());
  ASSERT_TRUE(until([&] { return master.heartbeats >= 3; }));
  ASSERT_TRUE(world.run(nodes[0]->server->stop()));
  EXPECT_TRUE(master.leaving_heard);
}

TEST_F(ServerTest, KeepsItsIdentityAndRegistersAgainWhenUnknown) {
  start(1);
  const ServerId before = id_of(0);
  ASSERT_TRUE(nodes[0]->start());
  ASSERT_TRUE(until([&] { return nodes[0]->server->registered(); }));
  EXPECT_EQ(master.servers.size(), 1u);
  EXPECT_EQ(id_of(0), before);
  master.servers.clear();
  master.knows_nobody = true;
  ASSERT_TRUE(until([&] { return !master.servers.empty(); }));
}

TEST_F(ServerTest, C22_RefusesAnotherClustersMaster) {
  start(1);
  master.cluster = ClusterId::random(random);
  master.endpoint.set_cluster(master.cluster);
  ASSERT_TRUE(nodes[0]->start());
  Result<Error> fatal = world.run(nodes[0]->server->fatal(), 30s);
  ASSERT_TRUE(fatal) << fatal.error().text();
  EXPECT_EQ(fatal->code, Code::wrong_cluster);
  EXPECT_NE(fatal->message.find(cluster.text()), std::string::npos) << fatal->message;
}

TEST_F(ServerTest, AWriteIsOnEveryMemberAndReadableEverywhere) {
  start(3);
  ASSERT_TRUE(configure(1, {0, 1, 2}, true));
  Result<bus::WriteChunk::Reply> written = write({0, 1, 2}, 1, 0, "hello");
  ASSERT_TRUE(written) << written.error().text();
  EXPECT_EQ(written->serial, Serial{1});
  EXPECT_EQ(written->length, 5u);
  for (int server = 0; server < 3; ++server) EXPECT_EQ(*read(server, 1), "hello");
  Result<bus::SyncChunk::Reply> synced = sync(0, 1);
  ASSERT_TRUE(synced) << synced.error().text();
  EXPECT_EQ(synced->length, 5u);
}

// What was synced survives the power of all machines; until the replicas have been made equal nobody reads them.
TEST_F(ServerTest, I24AfterAPowerCutOfAllTheMostAdvancedIsTakenOnTheMastersWord) {
  start(3);
  ASSERT_TRUE(configure(1, {0, 1, 2}, true));
  ASSERT_TRUE(write({0, 1, 2}, 1, 0, "hello"));
  ASSERT_TRUE(sync(0, 1));
  ASSERT_TRUE(write({0, 1, 2}, 1, 5, " not synced"));
  for (auto& node : nodes) node->platter.power_cut();
  for (int server = 0; server < 3; ++server) restart(server);
  for (int server = 0; server < 3; ++server) EXPECT_EQ(read(server, 1).error().code, Code::suspect);
  bool reported = false;
  for (const bus::ReportChunks& page : master.reports) {
    for (const bus::ReportChunks::Held& held : page.chunks) reported = reported || held.suspect;
  }
  EXPECT_TRUE(reported);
  EXPECT_EQ(configure(2, {0, 1, 2}, false).error().code, Code::suspect);
  bus::Configure order = configuration(3, {0, 1, 2}, false);
  order.salvage = true;
  Result<bus::Configure::Reply> configured = configure(order);
  ASSERT_TRUE(configured) << configured.error().text();
  for (int server = 0; server < 3; ++server) EXPECT_EQ(read(server, 3)->substr(0, 5), "hello");
  expect_equal({0, 1, 2});
  ASSERT_TRUE(write({0, 1, 2}, 3, 0, "HELLO"));
}

TEST_F(ServerTest, I18OnlyTheActivePrimaryOrdersAndOnlyMembersThatAreNewEnoughAnswer) {
  start(3);
  ASSERT_TRUE(configure(1, {0, 1, 2}, true));
  EXPECT_EQ(write({1, 0, 2}, 1, 0, "x").error().code, Code::not_primary);
  EXPECT_EQ(read(1, 2).error().code, Code::stale_version);
  ASSERT_TRUE(configure(2, {1, 0}, false));
  EXPECT_EQ(write({0, 1, 2}, 1, 0, "x").error().code, Code::stale_version);
  ASSERT_TRUE(write({1, 0}, 2, 0, "y"));
  EXPECT_EQ(read(2, 2).error().code, Code::stale_version);
  EXPECT_EQ(*read(0, 2), "y");
}

TEST_F(ServerTest, ConfigureIsIdempotentAndNeverResumedByAnotherLife) {
  start(2);
  ASSERT_TRUE(configure(1, {0, 1}, true));
  ASSERT_TRUE(write({0, 1}, 1, 0, "a"));
  ASSERT_TRUE(configure(1, {0, 1}, true));
  Result<bus::WriteChunk::Reply> second = write({0, 1}, 1, 1, "b");
  ASSERT_TRUE(second);
  EXPECT_EQ(second->serial, Serial{2});  // the repeat did not begin again
  ASSERT_TRUE(nodes[0]->start());
  ASSERT_TRUE(until([&] { return nodes[0]->server->registered(); }));
  EXPECT_EQ(configure(1, {0, 1}, true).error().code, Code::conflict);
  EXPECT_EQ(write({0, 1}, 1, 2, "c").error().code, Code::not_primary);
  ASSERT_TRUE(configure(2, {0, 1}, false));
  ASSERT_TRUE(write({0, 1}, 2, 2, "c"));
  EXPECT_EQ(*read(1, 2), "abc");
}

TEST_F(ServerTest, I25AMissingReplicaCountsAsEmptyOnlyWhileTheChunkIsVirgin) {
  start(2);
  EXPECT_EQ(configure(5, {0, 1}, false).error().code, Code::not_found);
  ASSERT_TRUE(configure(6, {0}, true));
  ASSERT_TRUE(write({0}, 6, 0, "here"));
  ASSERT_TRUE(configure(7, {0, 1}, false));
  EXPECT_EQ(*read(1, 7), "here");  // copied, not taken for empty
}

// E14: the bytes stay until the mutation has succeeded: a retry finds them without another push.
TEST_F(ServerTest, E14ARetryAfterAFailureFindsTheBytesWithoutAnotherPush) {
  start(3);
  ASSERT_TRUE(configure(1, {0, 1, 2}, true));
  nodes[2]->kill();
  const RequestId id = next_request();
  push(id, 0, "payload", {0, 1, 2});
  Result<bus::WriteChunk::Reply> failed = world.run(order(id, 0, 1, 0, "payload"));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::replica_failed) << failed.error().text();
  EXPECT_NE(failed.error().message.find("cs2"), std::string::npos) << failed.error().text();
  ASSERT_TRUE(nodes[2]->start());
  ASSERT_TRUE(until([&] { return nodes[2]->server->registered(); }));
  Result<bus::WriteChunk::Reply> again = world.run(order(id, 0, 1, 0, "payload"));
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(again->serial, Serial{1});
  EXPECT_EQ(*read(2, 1), "payload");
}

// E14: two clients that count alike do not meet in the staging area.
TEST_F(ServerTest, E14ClientsWithEqualSequencesDoNotCollide) {
  start(2);
  ASSERT_TRUE(configure(1, {0, 1}, true));
  const RequestId mine{ClientId::random(random), 1}, theirs{ClientId::random(random), 1};
  push(mine, 0, "mine", {0, 1});
  push(theirs, 4, "theirs", {0, 1});
  ASSERT_TRUE(world.run(order(theirs, 0, 1, 4, "theirs")));
  ASSERT_TRUE(world.run(order(mine, 0, 1, 0, "mine")));
  EXPECT_EQ(*read(1, 1), "minetheirs");
}

// E9: a write is never acknowledged while a member has not confirmed it; and that is said soon.
TEST_F(ServerTest, E9AFailingSecondaryFailsTheWriteBeforeItsDeadline) {
  start(3);
  ASSERT_TRUE(configure(1, {0, 1, 2}, true));
  nodes[1]->platter.set_capacity(1);
  const RequestId id = next_request();
  push(id, 0, "text", {0, 1, 2});
  const Instant begun = world.now();
  Result<bus::WriteChunk::Reply> failed = world.run(order(id, 0, 1, 0, "text", 20s));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::replica_failed);
  EXPECT_NE(failed.error().message.find("no_space"), std::string::npos) << failed.error().text();
  EXPECT_LT(world.now() - begun, 4s);
  ASSERT_TRUE(until([&] { return !master.accusations.empty(); }));
  EXPECT_EQ(master.accusations[0].accused, id_of(1));
  EXPECT_TRUE(master.accusations[0].confessed);
  // No later write overtakes it: no gap at any member.
  Result<bus::WriteChunk::Reply> later = write({0, 1, 2}, 1, 4, "more");
  ASSERT_FALSE(later);
  EXPECT_EQ(later.error().code, Code::replica_failed);
  nodes[1]->platter.set_capacity(1ull << 40);
  world.run_for(2s);  // its next heartbeat measures the space
  Result<bus::WriteChunk::Reply> again = world.run(order(id, 0, 1, 0, "text"));
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(again->serial, Serial{1});
}

// The accusation may not be heard: members must not stay different because nobody mutates the chunk any more.
TEST_F(ServerTest, WhatAMemberRefusedIsOrderedAgainThoughNobodyAsks) {
  start(2);
  ASSERT_TRUE(configure(1, {0, 1}, true));
  nodes[1]->platter.set_capacity(1);
  const RequestId id = next_request();
  push(id, 0, "text", {0, 1});
  ASSERT_FALSE(world.run(order(id, 0, 1, 0, "text", 20s)));
  const std::size_t accused = master.accusations.size();
  ASSERT_TRUE(until([&] { return master.accusations.size() > accused; })) << "and it is accused again";
  nodes[1]->platter.set_capacity(1ull << 40);
  ASSERT_TRUE(until([&] {
    Result<bus::InspectChunk::Reply> other = inspect(1);
    return other && other->serial == Serial{1};
  }));
  EXPECT_EQ(*read(1, 1), "text");
}

TEST_F(ServerTest, ARepeatIsAnsweredFromItsRecordAndOtherContentUnderItsIdIsRefused) {
  start(2);
  ASSERT_TRUE(configure(1, {0, 1}, true));
  const RequestId id = next_request();
  push(id, 0, "once", {0, 1});
  ASSERT_TRUE(world.run(order(id, 0, 1, 0, "once")));
  ASSERT_TRUE(write({0, 1}, 1, 0, "over"));
  Result<bus::WriteChunk::Reply> repeat = world.run(order(id, 0, 1, 0, "once"));
  ASSERT_TRUE(repeat) << repeat.error().text();
  EXPECT_EQ(repeat->serial, Serial{1});
  EXPECT_EQ(*read(0, 1), "over");
  EXPECT_EQ(world.run(order(id, 0, 1, 0, "twice")).error().code, Code::invalid_argument);
}

TEST_F(ServerTest, I30BytesThatNeverCameAreMissingAtThePrimaryAndSentInlineToASecondary) {
  start(2);
  ASSERT_TRUE(configure(1, {0, 1}, true));
  EXPECT_EQ(world.run(order(next_request(), 0, 1, 0, "none")).error().code, Code::missing_data);
  // Pushed to the primary only: the chain was cut.
  Result<bus::WriteChunk::Reply> written = [&] {
    const RequestId id = next_request();
    push(id, 0, "inline", {0});
    return world.run(order(id, 0, 1, 0, "inline"));
  }();
  ASSERT_TRUE(written) << written.error().text();
  EXPECT_EQ(*read(1, 1), "inline");
}

TEST_F(ServerTest, ManyWritesInFlightKeepOneOrderThroughLossAndRepetition) {
  start(3);
  ASSERT_TRUE(configure(1, {0, 1, 2}, true));
  bus::SimNetwork::Faults faults;
  faults.loss = 0.02;
  faults.repeat = 0.1;
  faults.slow = 0.1;
  network.set_faults(faults);
  std::string model(32 * 1000, '\0');
  std::map<int, RequestId> ids;
  TaskGroup group;
  int left = 32;
  for (int i = 0; i < 32; ++i) {
    const std::string text(1000, static_cast<char>('a' + i % 26));
    model.replace(static_cast<std::size_t>(i) * 1000, 1000, text);
    const RequestId id = next_request();
    const auto offset = static_cast<std::uint64_t>(i) * 1000;
    push(id, offset, text, {0, 1, 2});
    ids[i] = id;
    group.spawn(order(id, 0, 1, offset, text), [&left](Result<bus::WriteChunk::Reply> done) {
      if (done) --left;
    });
  }
  world.run_for(6s);
  // Whatever failed is repeated under its own id, as a client does, until it has its answer.
  for (int round = 0; round < 50 && left > 0; ++round) {
    left = 0;
    for (int i = 0; i < 32; ++i) {
      const auto offset = static_cast<std::uint64_t>(i) * 1000;
      const std::string text = model.substr(offset, 1000);
      push(ids[i], offset, text, {0, 1, 2});
      if (!world.run(order(ids[i], 0, 1, offset, text))) ++left;
    }
  }
  network.heal();
  EXPECT_EQ(left, 0);
  for (int server = 0; server < 3; ++server) {
    Result<std::string> got = read(server, 1);
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_TRUE(*got == model) << "server " << server;
  }
  Result<bus::WriteChunk::Reply> last = write({0, 1, 2}, 1, 0, "!");
  ASSERT_TRUE(last) << last.error().text();
  EXPECT_EQ(last->serial, Serial{33});  // nothing was ordered twice
}

// What a secondary answers to orders that are not its turn, and that nothing was written.
TEST_F(ServerTest, ASecondaryAppliesOnlyWhatIsExpected) {
  start(1);
  bus::AdoptVersion adopt;
  adopt.handle = chunk;
  adopt.version = Version{3};
  adopt.primary.bytes[0] = 1;
  adopt.virgin = true;
  NodeExecutor peer_node(world);
  bus::SimBus peer_bus(network, peer_node, "peer");
  bus::Endpoint peer(peer_node, random, peer_bus, {.role = bus::kChunkserver, .program = "peer"});
  peer.set_cluster(cluster);
  const auto tell = [&](auto message) {
    return world.run(peer.call(bus::Peer::at(nodes[0]->control()), std::move(message)));
  };
  ASSERT_TRUE(tell(adopt));
  ASSERT_TRUE(tell(adopt));  // idempotent
  const auto apply = [&](std::uint64_t version, std::uint64_t serial, const ServerId& primary,
                         const std::string& text) {
    bus::ApplyWrite order;
    order.handle = chunk;
    order.version = Version{version};
    order.serial = Serial{serial};
    order.primary = primary;
    order.id = {client_id, 1000 + serial};
    order.size = text.size();
    order.payload = Bytes::of(text);
    order.crcs = wire_checksums(0, order.payload);
    order.digest = digest_of(order.crcs);
    return tell(std::move(order));
  };
  ServerId other;
  other.bytes[0] = 2;
  EXPECT_EQ(apply(2, 1, adopt.primary, "evil").error().code, Code::stale_version);
  EXPECT_EQ(apply(4, 1, adopt.primary, "evil").error().code, Code::stale_version);
  EXPECT_EQ(apply(3, 1, other, "evil").error().code, Code::not_primary);
  Result<bus::ApplyWrite::Reply> gap = apply(3, 2, adopt.primary, "evil");
  ASSERT_FALSE(gap);
  EXPECT_EQ(gap.error().code, Code::out_of_order);
  EXPECT_NE(gap.error().message.find("1 is expected"), std::string::npos) << gap.error().message;
  EXPECT_EQ(*read(0, 3), "");
  ASSERT_TRUE(apply(3, 1, adopt.primary, "good"));
  ASSERT_TRUE(apply(3, 1, adopt.primary, "evil"));  // was applied before: answered, not written
  EXPECT_EQ(*read(0, 3), "good");
}

TEST_F(ServerTest, ADamagedBlockIsNamedAndReportedToTheMaster) {
  start(2);
  ASSERT_TRUE(configure(1, {0, 1}, true));
  ASSERT_TRUE(write({0, 1}, 1, 0, std::string(100000, 'x')));
  ASSERT_TRUE(nodes[1]->platter.flip_bit("chunks/ab/00000000000000ab.data", 70000, 2));
  Result<std::string> bad = read(1, 1);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, Code::corrupt);
  for (const std::string& named : {id_of(1).text(), std::string("chunk 00000000000000ab"), std::string("block 1")}) {
    EXPECT_NE(bad.error().message.find(named), std::string::npos) << bad.error().message;
  }
  ASSERT_TRUE(until([&] { return !master.damages.empty(); }));
  EXPECT_EQ(master.damages[0].block, 1u);
  EXPECT_TRUE(read(0, 1));
}

// A server cut off from its master stops ordering and answering when its session is over, and not before.
TEST_F(ServerTest, TheLeaseEndsWithTheSession) {
  start(1);
  ASSERT_TRUE(configure(1, {0}, true));
  ASSERT_TRUE(write({0}, 1, 0, "x"));
  network.block("cs0", "master");
  network.block("master", "cs0");
  world.run_for(50s);
  ASSERT_TRUE(write({0}, 1, 1, "y"));
  world.run_for(12s);
  EXPECT_EQ(write({0}, 1, 2, "z").error().code, Code::lease_lost);
  EXPECT_EQ(read(0, 1).error().code, Code::lease_lost);
  const std::string address = nodes[0]->control();
  bus::ChunkLength length{{0xab}, {1}};
  EXPECT_EQ(ask(address, length).error().code, Code::lease_lost);
  // Whoever takes what may be old is answered, by the version as ever.
  length.stale_ok = true;
  EXPECT_EQ(ask(address, length).value().length, 2u);
  EXPECT_EQ(ask(address, bus::ReadChunk{{0xab}, {1}, 0, 2, true}).value().payload.view(), "xy");
  EXPECT_EQ(ask(address, bus::ReadChunk{{0xab}, {2}, 0, 2, true}).error().code, Code::stale_version);
  network.heal();
  ASSERT_TRUE(until([&] { return read(0, 1).has_value(); }));
  ASSERT_TRUE(write({0}, 1, 2, "z"));
}

// E8: reads do not wait for a write that waits for a slow member.
TEST_F(ServerTest, E8ReadsGoOnWhileAWriteWaitsForItsSecondary) {
  start(2);
  ASSERT_TRUE(configure(1, {0, 1}, true));
  ASSERT_TRUE(write({0, 1}, 1, 0, "first"));
  network.block("cs0", "cs1");
  const RequestId id = next_request();
  push(id, 5, "second", {0, 1});
  TaskGroup group;
  bool finished = false;
  group.spawn(order(id, 0, 1, 5, "second"), [&finished](Result<bus::WriteChunk::Reply>) { finished = true; });
  world.run_for(100ms);
  const Instant begun = world.now();
  Result<std::string> got = read(0, 1);
  ASSERT_TRUE(got) << got.error().text();
  EXPECT_LT(world.now() - begun, 200ms);
  EXPECT_FALSE(finished);
}

TEST_F(ServerTest, E12AFragmentOverOneMiBIsRefusedAndOneOfOneMiBIsNot) {
  start(2);
  ASSERT_TRUE(configure(1, {0, 1}, true));
  ASSERT_TRUE(write({0, 1}, 1, 0, std::string(kFragmentMax, 'x')));
  const RequestId id = next_request();
  const std::string large(kFragmentMax + 1, 'x');
  push(id, 0, large, {0, 1});
  EXPECT_EQ(world.run(order(id, 0, 1, 0, large)).error().code, Code::invalid_argument);
  EXPECT_EQ(read(0, 1, 0, kFragmentMax + 1).error().code, Code::too_large);
}

}  // namespace
}  // namespace gfs::chunkserver
