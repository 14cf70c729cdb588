// What a server does when it is told that replicas are garbage: it believes what it can check, refuses masses without
// an operator's word, and unlinks nothing before its time.
#include <gmock/gmock.h>

#include "bus/messages/collection.h"
#include "tests/chunkserver/server_fixture.h"

namespace gfs::chunkserver {
namespace {

using Done = bus::CollectChunks::Done;
using testing::ElementsAre;

class CollectionPlayTest : public ServerTest {
 protected:
  // A server with so many chunks, 1, 2, ..., of version 1.
  void start_with(int chunks, Settings settings = {}) {
    start(1, std::move(settings));
    for (int i = 1; i <= chunks; ++i) {
      chunk = ChunkHandle{static_cast<std::uint64_t>(i)};
      ASSERT_TRUE(configure(1, {0}, true));
      ASSERT_TRUE(write({0}, 1, 0, "text " + std::to_string(i)));
    }
  }
  template <class M>
  Result<typename M::Reply> order(M message) {
    bus::Peer server = master.peers.at(id_of(0));
    return world.run(master.endpoint.call(std::move(server), std::move(message)));
  }
  std::vector<Done> collect(std::vector<std::uint64_t> handles, std::uint64_t version = 1) {
    bus::CollectChunks ask;
    for (std::uint64_t handle : handles) ask.items.push_back({{handle}, {version}, {version}, bus::Garbage::orphan});
    Result<bus::CollectChunks::Reply> reply = order(std::move(ask));
    EXPECT_TRUE(reply) << reply.error().text();
    return reply ? reply->done : std::vector<Done>{};
  }
  std::vector<std::uint64_t> held() {
    std::vector<std::uint64_t> handles;
    for (const bus::ListHeld::Held& one : order(bus::ListHeld{}).value().chunks) handles.push_back(one.handle.value);
    return handles;
  }
  std::vector<std::uint64_t> quarantined() {
    std::vector<std::uint64_t> handles;
    for (const bus::ListQuarantine::Entry& one : order(bus::ListQuarantine{}).value().entries) {
      handles.push_back(one.handle.value);
    }
    return handles;
  }
  Result<bus::RestoreChunk::Reply> restore(std::uint64_t handle) { return order(bus::RestoreChunk{{}, {handle}, {}}); }
};

TEST_F(CollectionPlayTest, GarbageIsPutAwayAndComesBack) {
  start_with(2);
  EXPECT_THAT(held(), ElementsAre(1, 2));
  EXPECT_THAT(collect({1, 7}), ElementsAre(Done::quarantined, Done::gone));
  EXPECT_THAT(collect({1}), ElementsAre(Done::gone)) << "a repeat of the order";
  EXPECT_THAT(held(), ElementsAre(2));
  EXPECT_THAT(quarantined(), ElementsAre(1));
  chunk = ChunkHandle{1};
  EXPECT_FALSE(read(0, 1));
  EXPECT_FALSE(write({0}, 1, 0, "more")) << "its primary has ended, too";
  ASSERT_TRUE(until([&] { return master.last_beat.quarantined == 1; }));
  EXPECT_EQ(master.last_beat.quarantined_bytes, 6u);
  EXPECT_EQ(order(bus::RestoreChunk{{}, {1}, Version{2}}).error().code, Code::refused)
      << "as a member's it would stand for what was acknowledged";
  EXPECT_EQ(restore(1)->version, Version{1});
  EXPECT_EQ(inspect(0)->length, 6u);
  EXPECT_THAT(collect({1}), ElementsAre(Done::busy)) << "an operator wants it";
  EXPECT_EQ(restore(1).error().code, Code::not_found);
  EXPECT_THAT(quarantined(), ElementsAre());
}

// I26: the order is delayed; the server is a member again; the order arrives.
TEST_F(CollectionPlayTest, I26_ALateOrderDoesNotTakeWhatIsNewer) {
  start_with(1);
  ASSERT_TRUE(configure(2, {0}, false));
  EXPECT_THAT(collect({1}, 1), ElementsAre(Done::newer));
  EXPECT_THAT(held(), ElementsAre(1));
}

// C21
TEST_F(CollectionPlayTest, C21_MassesNeedAnOperatorsWord) {
  Settings settings;
  settings.collect_limit = 3;
  start_with(8, settings);
  EXPECT_THAT(collect({1, 2, 3, 4, 5}),
              ElementsAre(Done::quarantined, Done::quarantined, Done::quarantined, Done::refused, Done::refused));
  restart(0, settings);
  EXPECT_THAT(collect({4, 5}), ElementsAre(Done::refused, Done::refused)) << "a restart does not begin the hour anew";
  ASSERT_TRUE(order(bus::AllowCollection{{}, 1, 60000}));
  EXPECT_THAT(collect({4, 5}), ElementsAre(Done::quarantined, Done::refused));
  ASSERT_TRUE(order(bus::AllowCollection{{}, 10, 60000}));
  world.run_for(61s);
  EXPECT_THAT(collect({5}), ElementsAre(Done::refused)) << "the word has grown old";
  EXPECT_EQ(order(bus::AllowCollection{{}, 10, 8ull * 24 * 3600 * 1000}).error().code, Code::invalid_argument);
  world.run_for(1h);
  EXPECT_THAT(collect({5}), ElementsAre(Done::refused)) << "half of it is away";
}

TEST_F(CollectionPlayTest, OrdersAreBounded) {
  start_with(1);
  bus::CollectChunks ask;
  ask.items.resize(65);
  EXPECT_EQ(order(std::move(ask)).error().code, Code::invalid_argument);
}

TEST_F(CollectionPlayTest, WhatHasBeenThereForLongIsUnlinked) {
  Settings settings;
  settings.quarantine_time = 100s;
  start_with(2, settings);
  ASSERT_THAT(collect({1}), ElementsAre(Done::quarantined));
  world.run_for(60s);
  ASSERT_THAT(collect({2}), ElementsAre(Done::quarantined));
  EXPECT_THAT(quarantined(), ElementsAre(1, 2));
  ASSERT_TRUE(until([&] { return quarantined().size() < 2; }, 60s));
  EXPECT_THAT(quarantined(), ElementsAre(2)) << "the older one";
  ASSERT_TRUE(until([&] { return quarantined().empty(); }, 100s));
  EXPECT_THAT(nodes[0]->platter.files(), testing::Not(testing::Contains(testing::HasSubstr("quarantine/"))));
}

TEST_F(CollectionPlayTest, ATimeThatJumpsAheadAgesNothing) {
  Settings settings;
  settings.quarantine_time = 1h;
  start_with(1, settings);
  ASSERT_THAT(collect({1}), ElementsAre(Done::quarantined));
  world.run_for(10s);
  master.now_ms += 30ll * 24 * 3600 * 1000;
  world.run_for(30min);
  EXPECT_THAT(quarantined(), ElementsAre(1));
  ASSERT_TRUE(until([&] { return quarantined().empty(); }, 1h)) << "as long again, by our own clock";
}

TEST_F(CollectionPlayTest, AnOperatorPurges) {
  start_with(3);
  ASSERT_EQ(collect({1, 2, 3}).size(), 3u);
  EXPECT_EQ(order(bus::PurgeQuarantine{{}, 60000, 10})->chunks, 0u);
  Result<bus::PurgeQuarantine::Reply> some = order(bus::PurgeQuarantine{{}, 0, 2});
  ASSERT_TRUE(some);
  EXPECT_EQ(some->chunks, 2u);
  EXPECT_TRUE(some->more);
  EXPECT_FALSE(order(bus::PurgeQuarantine{{}, 0, 2})->more);
  EXPECT_TRUE(quarantined().empty());
}

// What was put away in a time that is lost may be what the files of a new epoch need.
TEST_F(CollectionPlayTest, ANewEpochPutsUnlinkingOffAlsoOverARestart) {
  Settings settings;
  settings.quarantine_time = 1h;
  start_with(2, settings);
  ASSERT_THAT(collect({1}), ElementsAre(Done::quarantined));
  world.run_for(50min);
  master.now_ms += to_ms(Duration(50min));
  master.position = {2, 1, 5, 7};
  world.run_for(1min);
  restart(0, settings);
  world.run_for(30min);
  master.now_ms += to_ms(Duration(30min));
  world.run_for(1min);
  EXPECT_THAT(quarantined(), ElementsAre(1)) << "an hour and more after it was put away";
  world.run_for(30min);
  master.now_ms += to_ms(Duration(30min));
  world.run_for(1min);
  EXPECT_THAT(quarantined(), ElementsAre()) << "an hour after the epoch began";
}

TEST_F(CollectionPlayTest, OnlyAMasterMayOrderThat) {
  start_with(1);
  const bus::Peer server = bus::Peer::at(nodes[0]->control());
  EXPECT_EQ(world.run(client.call(server, bus::RestoreChunk{{}, {1}, {}})).error().code, Code::not_allowed);
  EXPECT_EQ(world.run(client.call(server, bus::PurgeQuarantine{{}, 0, 10})).error().code, Code::not_allowed);
  EXPECT_EQ(world.run(client.call(server, bus::AllowCollection{})).error().code, Code::not_allowed);
}

TEST_F(CollectionPlayTest, AFullDiskIsPurgedOnlyIfConfigured) {
  for (const bool configured : {false, true}) {
    Settings settings;
    settings.purge_when_full = configured;
    if (configured) {
      restart(0, settings);
    } else {
      start_with(2, settings);
      ASSERT_THAT(collect({1}), ElementsAre(Done::quarantined));
      nodes[0]->platter.set_capacity(nodes[0]->platter.used() + (64 << 10));
    }
    world.run_for(1min);
    EXPECT_EQ(quarantined().size(), configured ? 0u : 1u);
  }
}

}  // namespace
}  // namespace gfs::chunkserver
