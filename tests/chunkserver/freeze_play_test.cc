// Frozen configurations: whole chunkservers in virtual time. The test plays the master, which freezes a version before
// a snapshot shares its chunk: nothing is taken in it any more, and what was acknowledged is everywhere.
#include <gtest/gtest.h>

#include "tests/chunkserver/server_fixture.h"

namespace gfs::chunkserver {
namespace {

class FreezePlay : public ServerTest {
 protected:
  bus::Configure order_to(std::uint64_t version, std::vector<int> members, bool frozen, bool virgin = false) {
    bus::Configure order = configuration(version, std::move(members), virgin);
    order.frozen = frozen;
    return order;
  }
  Result<bus::Configure::Reply> freeze(std::uint64_t version, std::vector<int> members) {
    return configure(order_to(version, std::move(members), true));
  }
  template <class M>
  Result<typename M::Reply> order_of(M message) {
    return world.run(master.endpoint.call(master.peers.at(id_of(0)), std::move(message)));
  }
  Task<bus::AppendChunk::Reply> append_after(Duration wait, std::uint64_t version, std::string text) {
    co_await client_node.sleep(wait);
    co_return co_await append_as(next_request(), 0, version, std::move(text));
  }
  template <class Reply>
  void expect_frozen(const Result<Reply>& answer) {
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Code::not_primary) << answer.error().text();
    EXPECT_NE(answer.error().message.find("frozen"), std::string::npos) << answer.error().text();
  }
  void expect_nothing_is_taken(std::uint64_t version, std::vector<int> members) {
    const std::uint64_t length = inspect(0)->length;
    expect_frozen(write(members, version, 0, "new"));
    expect_frozen(append(0, version, "new"));
    expect_frozen(order_of(bus::SealChunk{chunk, Version{version}}));
    if (length > 0) expect_frozen(order_of(bus::TruncateChunk{chunk, Version{version}, 0, 9}));
    EXPECT_EQ(inspect(0)->length, length);
  }
};

TEST_F(FreezePlay, AFrozenVersionTakesNothingNewAndAnswersWhatItKnows) {
  start(3);
  ASSERT_TRUE(configure(1, {0, 1, 2}, true));
  const RequestId written = next_request();
  push(written, 0, "written", {0, 1, 2});
  ASSERT_TRUE(world.run(order(written, 0, 1, 0, "written")));
  const RequestId appended = next_request();
  ASSERT_TRUE(world.run(append_as(appended, 0, 1, "appended")));
  Result<bus::Configure::Reply> frozen = freeze(1, {0, 1, 2});
  ASSERT_TRUE(frozen) << frozen.error().text();
  EXPECT_EQ(frozen->length, 15u);
  expect_nothing_is_taken(1, {0, 1, 2});
  Result<bus::WriteChunk::Reply> write_again = world.run(order(written, 0, 1, 0, "written"));
  ASSERT_TRUE(write_again) << write_again.error().text();
  Result<bus::AppendChunk::Reply> append_again = world.run(append_as(appended, 0, 1, "appended"));
  ASSERT_TRUE(append_again) << append_again.error().text();
  EXPECT_TRUE(append_again->repeat);
  for (int server = 0; server < 3; ++server) EXPECT_EQ(*read(server, 1), "writtenappended");
  EXPECT_TRUE(sync(0, 1));
  EXPECT_TRUE(order_of(bus::TruncateChunk{chunk, Version{1}, 1000, 10}));  // nothing to cut
  // The next version is another matter.
  ASSERT_TRUE(configure(2, {0, 1, 2}, false));
  ASSERT_TRUE(append(0, 2, "!"));
  EXPECT_EQ(*read(1, 2), "writtenappended!");
  expect_equal({0, 1, 2});
}

TEST_F(FreezePlay, NoOrderThawsAVersion) {
  start(2);
  ASSERT_TRUE(configure(1, {0, 1}, true));
  ASSERT_TRUE(freeze(1, {0, 1}));
  for (int late = 0; late < 2; ++late) {
    EXPECT_EQ(configure(1, {0, 1}, true).error().code, Code::conflict);
    expect_nothing_is_taken(1, {0, 1});
    EXPECT_TRUE(freeze(1, {0, 1}));
  }
  // Nor does a restart: it resumes no version.
  restart(0);
  EXPECT_EQ(freeze(1, {0, 1}).error().code, Code::conflict);
  EXPECT_EQ(configure(1, {0, 1}, false).error().code, Code::conflict);
  ASSERT_TRUE(configure(2, {0, 1}, false));
  ASSERT_TRUE(append(0, 2, "x"));
  EXPECT_EQ(freeze(1, {0, 1}).error().code, Code::stale_version);
  ASSERT_TRUE(append(0, 2, "x"));
}

TEST_F(FreezePlay, AVersionMayBeFrozenFromTheBeginning) {
  start(3);
  ASSERT_TRUE(configure(1, {0, 1, 2}, true));
  ASSERT_TRUE(append(0, 1, "first"));
  Result<bus::Configure::Reply> frozen = freeze(2, {0, 1, 2});
  ASSERT_TRUE(frozen) << frozen.error().text();
  EXPECT_EQ(frozen->length, 5u);
  expect_nothing_is_taken(2, {0, 1, 2});
  EXPECT_EQ(*read(2, 2), "first");
  EXPECT_EQ(configure(2, {0, 1, 2}, false).error().code, Code::conflict);
  ASSERT_TRUE(configure(3, {0, 1, 2}, false));
  ASSERT_TRUE(append(0, 3, "second"));
}

TEST_F(FreezePlay, ASealedChunkIsFrozenToo) {
  start(2);
  ASSERT_TRUE(configure(1, {0, 1}, true));
  ASSERT_TRUE(append(0, 1, "all of it"));
  ASSERT_TRUE(order_of(bus::SealChunk{chunk, Version{1}}));
  ASSERT_TRUE(freeze(1, {0, 1}));
  EXPECT_TRUE(order_of(bus::SealChunk{chunk, Version{1}}));
  EXPECT_EQ(append(0, 1, "more").error().code, Code::sealed);
  expect_frozen(write({0, 1}, 1, 0, "ALL"));
  EXPECT_EQ(*read(1, 1), "all of it");
}

// Whenever the freeze comes: what was acknowledged is on every member when it is answered, and nothing comes after.
TEST_F(FreezePlay, WhatWasAcknowledgedIsEverywhereWhenTheFreezeIsAnswered) {
  start(3);
  int taken = 0, refused = 0;
  for (std::uint64_t version = 1, steps = 0; steps < 120; ++version, steps += 2) {
    const bool alone = version % 2 == 0;
    bus::Configure next = order_to(version, {0, 1, 2}, false, version == 1);
    if (alone) next.ack = bus::AckMode::primary;
    ASSERT_TRUE(configure(next));
    TaskGroup group;
    std::vector<Result<bus::AppendChunk::Reply>> answers;
    for (int i = 0; i < 6; ++i) {
      group.spawn(append_after(i * 500us, version, fmt::format("[{}.{}]", version, i)),
                  [&](Result<bus::AppendChunk::Reply> answer) { answers.push_back(std::move(answer)); });
    }
    for (std::uint64_t i = 0; i < steps; ++i) world.step();
    next.frozen = true;
    const bus::Peer primary = master.peers.at(id_of(0));
    std::optional<Result<bus::Configure::Reply>> frozen;
    std::vector<std::uint64_t> lengths;
    group.spawn(master.endpoint.call(primary, next),
                [&](Result<bus::Configure::Reply> answer) { frozen = std::move(answer); });
    ASSERT_TRUE(until([&] { return frozen.has_value(); }));
    ASSERT_TRUE(*frozen) << frozen->error().text();
    for (int server = 0; server < 3; ++server) lengths.push_back(inspect(server, false)->length);
    ASSERT_TRUE(until([&] { return answers.size() == 6; }));
    EXPECT_EQ(lengths, std::vector<std::uint64_t>(3, (*frozen)->length));
    expect_equal({0, 1, 2});
    EXPECT_EQ(inspect(0)->length, (*frozen)->length);
    for (const Result<bus::AppendChunk::Reply>& answer : answers) {
      ++(answer ? taken : refused);
      if (answer) EXPECT_LT(answer->offset, (*frozen)->length);
      if (!answer) expect_frozen(answer);
    }
    if (HasFailure()) return;
  }
  EXPECT_GT(taken, 30);
  EXPECT_GT(refused, 30);
}

TEST_F(FreezePlay, AMemberThatDoesNotConfirmIsNamedAndTheFreezeStands) {
  for (bool reachable : {false, true}) {
    SCOPED_TRACE(reachable);
    if (nodes.empty()) start(3);
    const std::uint64_t version = reachable ? 2 : 1;
    bus::Configure next = order_to(version, {0, 1, 2}, false, version == 1);
    next.ack = bus::AckMode::primary;
    ASSERT_TRUE(configure(next));
    network.block("cs0", "cs2");
    ASSERT_TRUE(append(0, version, "acknowledged by the primary alone"));
    if (reachable) {
      // The freeze comes while it waits for the member; the way is open again before the time is over.
      world.after(500ms, [this] { network.unblock("cs0", "cs2"); });
    } else {
      const Instant before = world.now();
      next.frozen = true;
      Result<bus::Configure::Reply> failed = configure(next);
      ASSERT_FALSE(failed);
      EXPECT_EQ(failed.error().code, Code::replica_failed) << failed.error().text();
      ASSERT_EQ(failed.error().why.size(), 1u) << failed.error().text();
      EXPECT_NE(failed.error().why[0].server.find(id_of(2).text()), std::string::npos);
      EXPECT_LT(world.now() - before, 2500ms);
      network.unblock("cs0", "cs2");
      expect_frozen(append(0, version, "new"));
    }
    Result<bus::Configure::Reply> frozen;
    ASSERT_TRUE(until([&] {
      frozen = freeze(version, {0, 1, 2});
      return frozen.has_value();
    })) << frozen.error().text();
    expect_equal({0, 1, 2});
    expect_nothing_is_taken(version, {0, 1, 2});
  }
}

// Orders that join one flow and want it differently.
TEST_F(FreezePlay, OrdersThatJoinEndEachInItsWay) {
  start(3);
  ASSERT_TRUE(configure(1, {0, 1, 2}, true));
  std::uint64_t version = 1;
  for (bool frozen_first : {true, false}) {
    ++version;
    std::optional<Result<bus::Configure::Reply>> frozen, unfrozen;
    TaskGroup group;
    const bus::Peer primary = master.peers.at(id_of(0));
    for (bool wanted : {frozen_first, !frozen_first}) {
      group.spawn(
          master.endpoint.call(primary, order_to(version, {0, 1, 2}, wanted)),
          [&, wanted](Result<bus::Configure::Reply> answer) { (wanted ? frozen : unfrozen) = std::move(answer); });
    }
    ASSERT_TRUE(until([&] { return frozen && unfrozen; }));
    ASSERT_TRUE(*frozen) << frozen->error().text();
    if (frozen_first) EXPECT_EQ(unfrozen->error().code, Code::conflict);
    if (!frozen_first) EXPECT_TRUE(*unfrozen || unfrozen->error().code == Code::conflict);
    expect_nothing_is_taken(version, {0, 1, 2});
  }
}

TEST_F(FreezePlay, AnAppendThatWaitsForItsWritersPreviousOneIsToldAtOnce) {
  start(2);
  ASSERT_TRUE(configure(1, {0, 1}, true));
  ASSERT_TRUE(append(0, 1, "first"));
  std::optional<Result<bus::AppendChunk::Reply>> waiting;
  TaskGroup group;
  next_request();
  const std::uint64_t missing = last_sequence;
  group.spawn(append_as(next_request(), 0, 1, "third", missing),
              [&](Result<bus::AppendChunk::Reply> answer) { waiting = std::move(answer); });
  world.run_for(100ms);
  ASSERT_FALSE(waiting);
  const Instant before = world.now();
  ASSERT_TRUE(freeze(1, {0, 1}));
  ASSERT_TRUE(until([&] { return waiting.has_value(); }));
  EXPECT_LT(world.now() - before, 100ms);
  expect_frozen(*waiting);
}

// The records of the chunk before are imported by a mutation: not in a frozen version.
TEST_F(FreezePlay, NothingIsImportedIntoAFrozenVersion) {
  start(2);
  ASSERT_TRUE(configure(1, {0, 1}, true));
  ASSERT_TRUE(append(0, 1, "in the chunk before"));
  ASSERT_TRUE(order_of(bus::SealChunk{chunk, Version{1}}));
  const ChunkHandle before = chunk;
  chunk = ChunkHandle{0xac};
  bus::Configure next = order_to(1, {0, 1}, true, true);
  next.index = 1;
  next.before = before;
  next.before_version = Version{1};
  next.before_members = {member(0), member(1)};
  ASSERT_TRUE(configure(next));
  expect_nothing_is_taken(1, {0, 1});
  EXPECT_EQ(inspect(0)->records_digest, 0u);
  next.version = Version{2};
  next.virgin = false;
  next.frozen = false;
  ASSERT_TRUE(configure(next));
  ASSERT_TRUE(append(0, 2, "x"));
  EXPECT_NE(inspect(0)->records_digest, 0u);
}

// The order to copy, from the master to what a client reads of the copy.
TEST_F(FreezePlay, AFrozenChunkIsCopiedOnItsServersAndWrittenThere) {
  start(3);
  ASSERT_TRUE(configure(1, {0, 1, 2}, true));
  const RequestId request = next_request();
  Result<bus::AppendChunk::Reply> first = world.run(append_as(request, 0, 1, "shared"));
  ASSERT_TRUE(first);
  ASSERT_TRUE(freeze(1, {0, 1, 2}));
  const ChunkHandle shared = chunk;
  const ChunkHandle fresh{0xcd};
  std::optional<std::uint32_t> digest;
  for (int server = 0; server < 3; ++server) {
    const bus::Peer to = master.peers.at(id_of(server));
    for (int repeat = 0; repeat < 2; ++repeat) {
      Result<bus::CopyChunk::Reply> copied =
          world.run(master.endpoint.call(to, bus::CopyChunk{shared, Version{1}, fresh}));
      ASSERT_TRUE(copied) << copied.error().text();
      EXPECT_EQ(copied->length, 6u);
      if (!digest) digest = copied->digest;
      EXPECT_EQ(copied->digest, *digest);
    }
    Result<bus::CopyChunk::Reply> other =
        world.run(master.endpoint.call(to, bus::CopyChunk{shared, Version{2}, ChunkHandle{0xce}}));
    EXPECT_EQ(other.error().code, Code::stale_version);
  }
  chunk = fresh;
  ASSERT_TRUE(configure(2, {0, 1, 2}, false));
  Result<bus::AppendChunk::Reply> again = world.run(append_as(request, 0, 2, "shared"));
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_TRUE(again->repeat);
  EXPECT_EQ(again->offset, first->offset);
  ASSERT_TRUE(append(0, 2, " no more"));
  ASSERT_TRUE(write({0, 1, 2}, 2, 0, "S"));
  EXPECT_EQ(*read(2, 2), "Shared no more");
  expect_equal({0, 1, 2});
  chunk = shared;
  for (int server = 0; server < 3; ++server) EXPECT_EQ(*read(server, 1), "shared");
  // A client's word is not enough.
  Result<bus::CopyChunk::Reply> refused =
      ask(nodes[0]->control(), bus::CopyChunk{shared, Version{1}, ChunkHandle{0xcf}});
  EXPECT_FALSE(refused);
}

// What is in a report: at the next registration.
TEST_F(FreezePlay, ACopyIsReportedAsAnyReplica) {
  start(1);
  ASSERT_TRUE(configure(1, {0}, true));
  ASSERT_TRUE(append(0, 1, "shared"));
  ASSERT_TRUE(freeze(1, {0}));
  ASSERT_TRUE(order_of(bus::CopyChunk{chunk, Version{1}, ChunkHandle{0xcd}}));
  ASSERT_TRUE(until([&] { return master.last_beat.chunks == 2; }));
  master.reports.clear();
  restart(0);
  ASSERT_TRUE(until([&] { return !master.reports.empty() && master.reports.back().last; }));
  ASSERT_EQ(master.reports.back().chunks.size(), 2u);
  const bus::ReportChunks::Held held = master.reports.back().chunks[1];
  EXPECT_EQ(held.handle, ChunkHandle{0xcd});
  EXPECT_EQ(held.version, Version{1});
  EXPECT_EQ(held.length, 6u);
  EXPECT_FALSE(held.suspect || held.damaged || held.sealed);
}

}  // namespace
}  // namespace gfs::chunkserver
