// What a chunkserver remembers of the master's log: a master that is behind it is refused, at registration and at a
// heartbeat, over restarts and power cuts, and nothing it orders is done; one in a higher log epoch is followed.
#include "chunkserver/master_memory.h"

#include <gmock/gmock.h>

#include "tests/chunkserver/server_fixture.h"

namespace gfs::chunkserver {
namespace {

using testing::HasSubstr;

TEST(MasterSeen, IsReadBackAndNothingElseIsTakenForIt) {
  ClusterId cluster;
  cluster.bytes[3] = 7;
  const bus::LogPosition position{2, 1, 900, 0xabcdef01};
  const std::string text = encode_master_seen(cluster, {position, 1234});
  EXPECT_EQ(decode_master_seen(Bytes::of(text), cluster)->position, position);
  EXPECT_EQ(decode_master_seen(Bytes::of(text), cluster)->epoch_since_ms, 1234);
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string flipped = text;
    flipped[at] = static_cast<char>(flipped[at] ^ 4);
    EXPECT_FALSE(decode_master_seen(Bytes::of(flipped), cluster)) << at;
    EXPECT_FALSE(decode_master_seen(Bytes::of(text.substr(0, at)), cluster)) << at;
  }
  std::string newer = text;
  newer[8] = 2;
  EXPECT_EQ(decode_master_seen(Bytes::of(newer), cluster).error().code, Code::wrong_version);
  EXPECT_EQ(decode_master_seen(Bytes::of(text), ClusterId{}).error().code, Code::wrong_cluster);
}

TEST(MasterSeen, WhoIsBehind) {
  struct Row {
    const char* name;
    bus::LogPosition said;
    bool taken;
  };
  const bus::LogPosition seen{2, 3, 100, 7};
  const Row rows[] = {
      {"the same", {2, 3, 100, 7}, true},
      {"further", {2, 3, 101, 9}, true},
      {"one entry less", {2, 3, 99, 5}, false},
      {"another entry there", {2, 3, 100, 8}, false},
      {"not known which", {2, 3, 100, 0}, true},
      {"a higher term, shorter", {2, 4, 90, 1}, true},
      {"a lower term, longer", {2, 2, 200, 1}, false},
      {"a higher epoch, shorter", {3, 1, 5, 1}, true},
      {"a lower epoch, longer", {1, 9, 900, 1}, false},
  };
  SimExecutor world;
  SimDisk platter(world, 1);
  auto disk = platter.mount(world);
  MasterMemory memory(world, *disk);
  ServerId self;
  self.bytes[0] = 9;
  EXPECT_TRUE(memory.check(self, {1, 1, 0, 0})) << "nothing was seen yet";
  ASSERT_TRUE(world.run(memory.note({}, seen)));
  for (const Row& row : rows) {
    const Result<> checked = memory.check(self, row.said);
    EXPECT_EQ(checked.has_value(), row.taken) << row.name;
    if (checked) continue;
    EXPECT_EQ(checked.error().code, Code::refused) << row.name;
    for (const std::string& part :
         {row.said.text(), seen.text(), std::string("--adopt-new-epoch=3"), std::string("Nothing was deleted")})
      EXPECT_THAT(checked.error().message, HasSubstr(part)) << row.name;
  }
}

TEST(MasterSeen, IsWrittenWhenTheEpochRisesAndElseNowAndThen) {
  SimExecutor world;
  SimDisk platter(world, 1);
  ClusterId cluster;
  cluster.bytes[0] = 1;
  auto disk = platter.mount(world);
  MasterMemory memory(world, *disk);
  auto on_disk = [&] {
    return decode_master_seen(Bytes::of(platter.read_now("master_seen").value_or("")), cluster)
        .value_or(MasterSeen{})
        .position;
  };
  auto note = [&](bus::LogPosition position) {
    ASSERT_TRUE(world.run(memory.note(cluster, position)));
    ASSERT_TRUE(world.run(memory.idle()));
  };
  note({1, 1, 5, 1});
  EXPECT_EQ(on_disk().index, 5u) << "the first";
  note({1, 1, 90000, 1});
  EXPECT_EQ(on_disk().index, 5u) << "not for every entry";
  world.run_for(MasterMemory::kWriteAfter);
  note({1, 1, 90001, 1});
  EXPECT_EQ(on_disk().index, 90001u);
  note({2, 1, 7, 1});
  EXPECT_EQ(on_disk().epoch, 2u) << "at once: the epoch before counts no more";

  // A disk that takes nothing is no reason to trust an old master.
  platter.set_capacity(platter.used());
  note({3, 1, 1, 1});
  EXPECT_FALSE(memory.check({}, {2, 1, 100, 1}));
  platter.set_capacity(1 << 20);
  world.run_for(MasterMemory::kWriteAfter);
  note({3, 1, 2, 1});
  MasterMemory again(world, *disk);
  ASSERT_TRUE(world.run(again.load(cluster)));
  EXPECT_EQ(again.seen(), (bus::LogPosition{3, 1, 2, 1}));
}

TEST(MasterSeen, AtAnyMomentOfAPowerCutAnEarlierOneIsThere) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SimExecutor world;
    SimDisk platter(world, seed);
    Random dice(seed);
    ClusterId cluster;
    bus::LogPosition promised;
    TaskGroup group;
    {
      auto disk = platter.mount(world);
      MasterMemory memory(world, *disk);
      auto work = [&]() -> Task<> {
        for (std::uint64_t epoch = 1;; ++epoch) {
          bus::LogPosition position{epoch, 1, epoch * 10, 1};
          co_await memory.note(cluster, position);
          promised = position;
        }
      };
      group.spawn(work());
      world.run_for(std::chrono::microseconds(dice.below(20000)));
      platter.power_cut();
      group.cancel();
    }
    auto disk = platter.mount(world);
    MasterMemory memory(world, *disk);
    ASSERT_TRUE(world.run(memory.load(cluster)));
    EXPECT_GE(memory.seen().epoch, promised.epoch) << "seed " << seed;
    EXPECT_LE(memory.seen().epoch, promised.epoch + 1) << "seed " << seed;
  }
}

class BehindTest : public ServerTest {
 protected:
  bool registered() const { return nodes[0]->server->registered(); }
  // It lives, and does not take the master.
  void restart_refused() {
    ASSERT_TRUE(nodes[0]->start());
    world.run_for(10s);
    ASSERT_FALSE(registered());
  }
  Result<bus::Done> release() {
    bus::ReleaseChunk release{chunk, Version{1}};
    const bus::Peer server = master.peers.at(id_of(0));
    return world.run(master.endpoint.call(server, std::move(release)), 60s);
  }
};

TEST_F(BehindTest, AnOlderMasterIsRefusedAtTheRegistrationAndItsOrdersAreNotDone) {
  master.position = {1, 1, 1000, 5};
  start(1);
  ASSERT_TRUE(configure(1, {0}, true));
  ASSERT_TRUE(write({0}, 1, 0, "mine"));
  master.position = {1, 1, 900, 4};
  restart_refused();
  EXPECT_EQ(master.servers.begin()->second.seen, (bus::LogPosition{1, 1, 1000, 5})) << "the master is told";
  EXPECT_EQ(release().error().code, Code::unavailable);
  EXPECT_EQ(configure(2, {0}, false).error().code, Code::unavailable);
  EXPECT_EQ(nodes[0]->platter.read_now("chunks/ab/00000000000000ab.data"), "mine");
  // The right one is back, and then one that goes on in another epoch.
  master.position = {1, 1, 1001, 9};
  ASSERT_TRUE(until([&] { return registered(); }));
  EXPECT_TRUE(release());
  master.position = {2, 1, 901, 3};
  master.knows_nobody = true;
  ASSERT_TRUE(until([&] { return !master.knows_nobody && registered(); }));
  master.position = {1, 1, 2000, 3};
  ASSERT_TRUE(until([&] { return !registered(); })) << "now the old epoch is behind, however long its log";
}

TEST_F(BehindTest, AMasterThatFallsBackWithinItsLifeIsRefusedAtAHeartbeat) {
  master.position = {1, 1, 1000, 5};
  start(1);
  master.position = {1, 1, 999, 4};
  ASSERT_TRUE(until([&] { return !registered(); }));
  EXPECT_EQ(release().error().code, Code::unavailable);
  master.position = {1, 1, 1000, 6};
  world.run_for(10s);
  EXPECT_FALSE(registered()) << "another entry where this one was";
  master.position = {1, 1, 1000, 5};
  ASSERT_TRUE(until([&] { return registered(); }));
}

TEST_F(BehindTest, ASessionThatTheMasterEndedIsFollowedByANewOne) {
  start(1);
  master.over = master.servers.begin()->second.session;
  master.knows_nobody = true;
  ASSERT_TRUE(until([&] { return !master.knows_nobody && registered(); }));
  EXPECT_NE(master.servers.begin()->second.session, *master.over);
}

TEST_F(BehindTest, ItsLeaseEndsAsIfItHeardNothing) {
  master.position = {1, 1, 1000, 5};
  start(1);
  ASSERT_TRUE(configure(1, {0}, true));
  ASSERT_TRUE(write({0}, 1, 0, "x"));
  master.position = {1, 1, 900, 4};
  world.run_for(62s);
  EXPECT_EQ(write({0}, 1, 1, "y").error().code, Code::lease_lost);
}

TEST_F(BehindTest, ADamagedMemoryIsNoReasonNotToServe) {
  master.position = {1, 1, 1000, 5};
  start(1);
  nodes[0]->kill();
  ASSERT_TRUE(nodes[0]->platter.flip_bit("master_seen", 30, 1));
  restart(0);
  EXPECT_TRUE(registered());
}

TEST_F(BehindTest, OrdersFromAnotherConnectionAreNotDone) {
  start(1);
  bus::ReleaseChunk release{chunk, Version{1}};
  const bus::Peer dialled = bus::Peer::at(nodes[0]->control());
  EXPECT_EQ(world.run(master.endpoint.call(dialled, std::move(release)), 60s).error().code, Code::unavailable);
  bus::Hello hello{"anybody"};
  EXPECT_TRUE(world.run(master.endpoint.call(dialled, std::move(hello)), 60s)) << "a question is no order";
}

}  // namespace
}  // namespace gfs::chunkserver
