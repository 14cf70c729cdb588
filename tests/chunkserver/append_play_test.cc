// Record append with whole chunkservers in virtual time: once, in order, at one offset everywhere, across repeats,
// primaries and chunks.
#include <gtest/gtest.h>

#include "chunkserver/chunk_format.h"
#include "tests/chunkserver/server_fixture.h"

namespace gfs::chunkserver {
namespace {

class AppendPlay : public ServerTest {
 protected:
  // Fills the chunk up to `left` bytes from its end, cheaply.
  void fill(std::vector<int> members, std::uint64_t version, std::uint64_t left) {
    Result<bus::WriteChunk::Reply> written = write(members, version, kChunkSize - left - 1, "x");
    ASSERT_TRUE(written) << written.error().text();
  }
  bus::Configure second_chunk(std::uint64_t version, std::vector<int> members, bool virgin, ChunkHandle first,
                              std::uint64_t first_version, std::vector<int> first_members) {
    bus::Configure order = configuration(version, std::move(members), virgin);
    order.index = 1;
    order.before = first;
    order.before_version = Version{first_version};
    for (int server : first_members) order.before_members.push_back(member(server));
    return order;
  }
};

TEST_F(AppendPlay, RecordsOfManyWritersAreAtOneOffsetEverywhere) {
  start(3);
  ASSERT_TRUE(configure(1, {0, 1, 2}, true));
  TaskGroup group;
  std::map<std::uint64_t, std::string> at;
  int left = 100;
  for (int i = 0; i < 100; ++i) {
    const std::string text(static_cast<std::size_t>(10 + i * 7), static_cast<char>('a' + i % 26));
    const RequestId id{ClientId::random(random), 1};
    group.spawn(append_as(id, 0, 1, text), [&at, &left, text](Result<bus::AppendChunk::Reply> done) {
      ASSERT_TRUE(done) << done.error().text();
      EXPECT_FALSE(done->repeat);
      at[done->offset] = text;
      --left;
    });
  }
  ASSERT_TRUE(until([&] { return left == 0; }));
  std::string model;
  for (const auto& [offset, text] : at) {
    EXPECT_EQ(offset, model.size());
    model += text;
  }
  world.run_for(50ms);
  for (int server = 0; server < 3; ++server) EXPECT_TRUE(*read(server, 1) == model);
  expect_equal({0, 1, 2});
}

TEST_F(AppendPlay, ARepeatIsAnsweredWithTheFirstOffsetAlsoAfterRestartsAndByOtherPrimaries) {
  start(3);
  ASSERT_TRUE(configure(1, {0, 1, 2}, true));
  ASSERT_TRUE(append(0, 1, "before"));
  const RequestId id = next_request();
  ASSERT_TRUE(world.run(append_as(id, 0, 1, "once")));
  ASSERT_TRUE(append(0, 1, "after"));
  const auto expect_once = [&](int primary, std::uint64_t version) {
    Result<bus::AppendChunk::Reply> repeat = world.run(append_as(id, primary, version, "once"));
    ASSERT_TRUE(repeat) << repeat.error().text();
    EXPECT_TRUE(repeat->repeat);
    EXPECT_EQ(repeat->offset, 6u);
    EXPECT_EQ(world.run(append_as(id, primary, version, "nope")).error().code, Code::invalid_argument);
  };
  expect_once(0, 1);
  ASSERT_TRUE(configure(2, {1, 0, 2}, false));
  expect_once(1, 2);
  for (int server = 0; server < 3; ++server) restart(server);
  ASSERT_TRUE(configure(3, {2, 1, 0}, false));
  expect_once(2, 3);
  EXPECT_EQ(*read(2, 3), "beforeonceafter");
}

// The push of one is lost, the next one comes: it waits for it, and is refused if it does not come.
TEST_F(AppendPlay, I14AWritersOrderIsKept) {
  start(2);
  ASSERT_TRUE(configure(1, {0, 1}, true));
  ASSERT_TRUE(append(0, 1, "1"));
  const RequestId second = next_request();
  const RequestId third = next_request();
  EXPECT_EQ(world.run(append_as(third, 0, 1, "3", second.sequence)).error().code, Code::out_of_sequence);
  TaskGroup group;
  int left = 2;
  const auto done = [&left](Result<bus::AppendChunk::Reply> reply) {
    EXPECT_TRUE(reply) << (reply ? "" : reply.error().text());
    --left;
  };
  group.spawn(append_as(third, 0, 1, "3", second.sequence), done);
  world.run_for(100ms);
  group.spawn(append_as(second, 0, 1, "2"), done);
  ASSERT_TRUE(until([&] { return left == 0; }));
  world.run_for(50ms);
  EXPECT_EQ(*read(1, 1), "123");
}

TEST_F(AppendPlay, AnAppendOfUpTo16MiBIsPushedInPartsAndIsAtomic) {
  start(3);
  ASSERT_TRUE(configure(1, {0, 1, 2}, true));
  ASSERT_TRUE(append(0, 1, "odd"));  // so that its blocks are not the chunk's
  std::string large;
  for (std::uint64_t i = 0; large.size() < kAppendMax; ++i) large += std::to_string(i) + ",";
  large.resize(kAppendMax);
  const RequestId id = next_request();
  bus::AppendChunk ask;
  ask.handle = chunk;
  ask.version = Version{1};
  ask.sizes = {static_cast<std::uint32_t>(large.size())};
  ask.asked_ms = master.now_ms;
  std::vector<std::uint32_t> crcs;
  for (std::uint32_t part = 0; part * kFragmentMax < large.size(); ++part) {
    bus::PushFragment fragment;
    fragment.id = id;
    fragment.handle = chunk;
    fragment.part = part;
    fragment.offset = part * kFragmentMax;
    fragment.payload = Bytes::of(large.substr(part * kFragmentMax, kFragmentMax));
    fragment.crcs = wire_checksums(fragment.offset, fragment.payload);
    crcs.insert(crcs.end(), fragment.crcs.begin(), fragment.crcs.end());
    fragment.chain = {nodes[1]->data(), nodes[2]->data()};
    while (true) {
      bus::PushFragment again = fragment;
      Result<> pushed = client.push(nodes[0]->data(), std::move(again));
      if (pushed) break;
      ASSERT_EQ(pushed.error().code, Code::overloaded);
      world.run_for(1ms);
    }
  }
  ask.digest = digest_of(crcs);
  bus::CallOptions options;
  options.request = id;
  Result<bus::AppendChunk::Reply> done = this->ask(nodes[0]->control(), std::move(ask), options);
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(done->offset, 3u);
  EXPECT_EQ(done->length, 3 + kAppendMax);
  EXPECT_EQ(*read(2, 1, 3 + 15 * kFragmentMax, kFragmentMax), large.substr(15 * kFragmentMax));
  expect_equal({0, 1, 2});
}

TEST_F(AppendPlay, BadAppendsAreRefusedAndNothingIsWritten) {
  start(1);
  ASSERT_TRUE(configure(1, {0}, true));
  const auto with = [&](std::vector<std::uint32_t> sizes, const std::string& text) {
    bus::AppendChunk ask;
    ask.handle = chunk;
    ask.version = Version{1};
    ask.sizes = std::move(sizes);
    ask.payload = Bytes::of(text);
    ask.crcs = wire_checksums(0, ask.payload);
    ask.digest = digest_of(ask.crcs);
    ask.asked_ms = master.now_ms;
    bus::CallOptions options;
    options.request = next_request();
    return this->ask(nodes[0]->control(), std::move(ask), options);
  };
  EXPECT_EQ(with({}, "").error().code, Code::invalid_argument);
  EXPECT_EQ(with({0, 3}, "abc").error().code, Code::invalid_argument);
  EXPECT_EQ(with({4}, "abc").error().code, Code::invalid_argument);
  EXPECT_EQ(with({(16u << 20) + 1}, "abc").error().code, Code::too_large);
  EXPECT_EQ(with({1u << 20, 1}, "abc").error().code, Code::too_large);
  EXPECT_EQ(with(std::vector<std::uint32_t>(4097, 1), std::string(4097, 'x')).error().code, Code::too_large);
  EXPECT_EQ(inspect(0)->length, 0u);
  ASSERT_TRUE(with({1, 2}, "abc"));
}

// `sealed` is not said before the seal is on every member and the master has logged it.
TEST_F(AppendPlay, I11AChunkThatIsFullIsSealedEverywhereBeforeAnybodyIsTold) {
  start(3);
  ASSERT_TRUE(configure(1, {0, 1, 2}, true));
  fill({0, 1, 2}, 1, 3);
  ASSERT_TRUE(append(0, 1, "abc"));
  network.block("cs0", "cs2");
  const RequestId id = next_request();
  Result<bus::AppendChunk::Reply> unknown = world.run(append_as(id, 0, 1, "d"));
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().code, Code::sealed);
  EXPECT_TRUE(master.seals.empty());
  network.heal();
  Result<bus::AppendChunk::Reply> told = world.run(append_as(id, 0, 1, "d"));
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code, Code::sealed) << told.error().text();
  ASSERT_EQ(master.seals.size(), 1u);
  EXPECT_EQ(master.seals[0].length, kChunkSize);
  for (int server = 0; server < 3; ++server) EXPECT_TRUE(inspect(server)->sealed);
  EXPECT_EQ(append(0, 1, "e").error().code, Code::sealed);
  EXPECT_EQ(write({0, 1, 2}, 1, 0, "below is fine")->length, kChunkSize);
}

// The master has it in its log then: no power cut may take it from the members.
TEST_F(AppendPlay, ASealThatWasToldSurvivesAPowerCutOfAll) {
  start(2);
  ASSERT_TRUE(configure(1, {0, 1}, true));
  fill({0, 1}, 1, 3);
  EXPECT_EQ(append(0, 1, "abcd").error().code, Code::sealed);
  ASSERT_EQ(master.seals.size(), 1u);
  for (auto& node : nodes) node->kill();
  for (auto& node : nodes) node->platter.power_cut();
  for (int server = 0; server < 2; ++server) {
    restart(server);
    EXPECT_TRUE(inspect(server, false)->sealed) << server;
  }
}

// A seal that did not come to its end in time still stands: nothing is appended behind it, however small.
TEST_F(AppendPlay, NothingIsAppendedBehindASealThatIsUnderWay) {
  start(2);
  ASSERT_TRUE(configure(1, {0, 1}, true));
  fill({0, 1}, 1, 3);
  network.block("cs0", "cs1");
  ASSERT_FALSE(append(0, 1, "too long"));
  network.heal();
  Result<bus::AppendChunk::Reply> small = append(0, 1, "x");
  ASSERT_FALSE(small);
  EXPECT_EQ(small.error().code, Code::sealed) << small.error().text();
  ASSERT_FALSE(master.seals.empty());
  EXPECT_EQ(master.seals.back().length, kChunkSize - 3);
  expect_equal({0, 1});
}

// The answer of the last append of a chunk is lost; its repeat comes to the chunk, or to the next one: once all the
// same.
TEST_F(AppendPlay, TheNextChunkKnowsWhatWasAppendedBefore) {
  start(3);
  ASSERT_TRUE(configure(1, {0, 1, 2}, true));
  fill({0, 1, 2}, 1, 10);
  const RequestId last = next_request();
  ASSERT_TRUE(world.run(append_as(last, 0, 1, "last")));
  EXPECT_EQ(append(0, 1, "does not fit").error().code, Code::sealed);
  const ChunkHandle first = chunk;
  chunk = ChunkHandle{0xac};
  ASSERT_TRUE(configure(second_chunk(1, {1, 2}, true, first, 1, {0, 1, 2})));
  Result<bus::AppendChunk::Reply> repeat = world.run(append_as(last, 1, 1, "last"));
  ASSERT_TRUE(repeat) << repeat.error().text();
  EXPECT_TRUE(repeat->repeat);
  EXPECT_EQ(repeat->index, 0u);
  EXPECT_EQ(repeat->offset, kChunkSize - 10);
  Result<bus::AppendChunk::Reply> fresh = append(1, 1, "fits", 0);
  ASSERT_TRUE(fresh) << fresh.error().text();
  EXPECT_EQ(fresh->index, 1u);
  EXPECT_EQ(fresh->offset, 0u);
  expect_equal({1, 2});
  // Also after the next chunk's primary has changed.
  // What was imported is part of the chunk: nobody needs the one before any more.
  nodes[0]->kill();
  ASSERT_TRUE(configure(second_chunk(2, {2, 1}, false, first, 1, {0})));
  repeat = world.run(append_as(last, 2, 2, "last"));
  ASSERT_TRUE(repeat) << repeat.error().text();
  EXPECT_TRUE(repeat->repeat);
}

// I12: the next chunk exists already, its predecessor has not been sealed: nothing is appended before the table is
// here.
TEST_F(AppendPlay, I12NothingIsAppendedBeforeTheTableOfTheChunkBeforeIsHere) {
  start(2);
  ASSERT_TRUE(configure(1, {0, 1}, true));
  ASSERT_TRUE(append(0, 1, "known"));
  const ChunkHandle first = chunk;
  chunk = ChunkHandle{0xac};
  ASSERT_TRUE(configure(second_chunk(1, {1, 0}, true, first, 1, {0, 1})));
  Result<bus::AppendChunk::Reply> early = append(1, 1, "early");
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().code, Code::unavailable) << early.error().text();
  EXPECT_EQ(inspect(1)->length, 0u);
}

// A master's order seals too, with what is in flight before it.
TEST_F(AppendPlay, TheMasterMayHaveAChunkSealed) {
  start(2);
  ASSERT_TRUE(configure(1, {0, 1}, true));
  ASSERT_TRUE(append(0, 1, "abc"));
  bus::SealChunk order{chunk, Version{1}};
  Result<bus::SealChunk::Reply> sealed = world.run(master.endpoint.call(master.peers.at(id_of(0)), std::move(order)));
  ASSERT_TRUE(sealed) << sealed.error().text();
  EXPECT_EQ(sealed->length, 3u);
  EXPECT_TRUE(inspect(1)->sealed);
  EXPECT_EQ(append(0, 1, "d").error().code, Code::sealed);
}

// What is older than the records go back is never executed (again); and never judged by a client's clock.
TEST_F(AppendPlay, E13RecordsExpireByTheMastersTime) {
  start(1);
  ASSERT_TRUE(configure(1, {0}, true));
  const RequestId old = next_request();
  ASSERT_TRUE(world.run(append_as(old, 0, 1, "old")));
  const std::int64_t asked = master.now_ms;
  master.now_ms += 2 * 3600 * 1000;
  world.run_for(3s);  // a heartbeat tells the server
  client_id = ClientId::random(random);
  last_sequence = 0;
  ASSERT_TRUE(append(0, 1, "new"));  // its commit expires what is older
  // The copy of the message says when it was first asked for, as every try of it does.
  master.now_ms = asked;
  Result<bus::AppendChunk::Reply> late = world.run(append_as(old, 0, 1, "old"));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::record_expired) << late.error().text();
  EXPECT_EQ(late.error().outcome(), Outcome::may_have_happened);
  EXPECT_EQ(*read(0, 1), "oldnew");
}

// A client that has given a write up raises its floor with the next one: the first comes late and is not begun.
TEST_F(AppendPlay, I13AWriteBelowItsClientsFloorIsNeverBegun) {
  start(2);
  ASSERT_TRUE(configure(1, {0, 1}, true));
  const RequestId fifth = next_request();
  const RequestId sixth = next_request();
  push(sixth, 0, "six", {0, 1});
  bus::WriteChunk ask;
  ask.handle = chunk;
  ask.version = Version{1};
  ask.size = 3;
  ask.digest = digest_of(wire_checksums(0, Bytes::of(std::string("six"))));
  ask.floor = sixth.sequence;
  bus::CallOptions options;
  options.request = sixth;
  ASSERT_TRUE(this->ask(nodes[0]->control(), std::move(ask), options));
  push(fifth, 0, "five!", {0, 1});
  Result<bus::WriteChunk::Reply> late = world.run(order(fifth, 0, 1, 0, "five!"));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::expired);
  EXPECT_EQ(*read(1, 1), "six");
}

// ack=primary: the answer does not wait for the others; what follows does not overtake, and they catch up.
TEST_F(AppendPlay, AFileAcknowledgedByItsPrimaryAloneDoesNotWaitForTheOthers) {
  start(2);
  bus::Configure order = configuration(1, {0, 1}, true);
  order.ack = bus::AckMode::primary;
  ASSERT_TRUE(configure(order));
  network.block("cs0", "cs1");
  const Instant begun = world.now();
  ASSERT_TRUE(append(0, 1, "quick"));
  EXPECT_LT(world.now() - begun, 100ms);
  EXPECT_EQ(inspect(1)->length, 0u);
  world.run_for(3s);  // it lags by more than is allowed: from now on it is waited for
  EXPECT_FALSE(append(0, 1, "slow"));
  network.heal();
  ASSERT_TRUE(configure(2, {0, 1}, false));
  EXPECT_EQ(read(1, 2)->substr(0, 5), "quick");
  expect_equal({0, 1});
}

// Cut off for longer than its session a primary may have been replaced: back again it does not go on by itself.
TEST_F(AppendPlay, I32APrimaryWhoseSessionHadEndedDoesNotGoOnAlone) {
  start(2);
  bus::Configure first = configuration(1, {0, 1}, true);
  first.ack = bus::AckMode::primary;
  ASSERT_TRUE(configure(first));
  ASSERT_TRUE(append(0, 1, "before"));
  for (const char* other : {"master", "cs1"}) {
    network.block("cs0", other);
    network.block(other, "cs0");
  }
  world.run_for(70s);
  ASSERT_TRUE(configure(configuration(2, {1}, false)));
  ASSERT_TRUE(append(1, 2, "after"));
  network.heal();
  ASSERT_TRUE(world.run_until([&] { return read(0, 1).has_value(); }, 30s)) << "its session goes on";
  Result<bus::AppendChunk::Reply> alone = append(0, 1, "alone");
  ASSERT_FALSE(alone);
  EXPECT_EQ(alone.error().outcome(), Outcome::may_have_happened) << alone.error().text();
}

}  // namespace
}  // namespace gfs::chunkserver
