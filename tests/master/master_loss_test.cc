// When the master gives a chunkserver up: by heartbeats, by dialling it, and by what the members' gossip knows.
#include "gossip/gossip_service.h"
#include "tests/master/master_fixture.h"

namespace gfs::master {
namespace {

class LossTest : public ChunksTest {
 protected:
  LossTest() {
    kill_master();
    gossips = true;
    EXPECT_TRUE(start_master());
    add_servers(3);
  }

  // A server's part in the gossip.
  struct Gossiper {
    Gossiper(LossTest& test, ServerId id, const std::string& host)
        : bus(test.world.network, test.world.clock, host),
          service(test.world.clock, test.world.random, bus, record(id), {"sim://" + host, {}, {}}) {
      EXPECT_TRUE(service.listen());
      service.set_seeds({kMasterAddress + ".gossip"});
      service.begin(test.call(bus::Hello{}).value().cluster);
    }
    static gossip::MemberRecord record(ServerId id) {
      gossip::MemberRecord member;
      member.node = {id.bytes};
      return member;
    }
    bus::SimBus bus;
    gossip::GossipService service;
  };
  // What the master believes of it.
  std::optional<gossip::MemberRecord> believed(ServerId id) {
    for (const bus::ListMembers::Row& row : call(bus::ListMembers{}).value().rows) {
      if (row.member.node.bytes == id.bytes) return row.member;
    }
    return std::nullopt;
  }
  bool known(ServerId id) {
    const auto record = believed(id);
    return record && record->status == gossip::MemberStatus::alive;
  }
};

TEST_F(LossTest, WhoeverAnswersButDoesNotBeatHasTwiceTheTime) {
  servers[0]->beats = false;
  world.clock.run_for(15s);
  EXPECT_EQ(state_of(servers[0]->id), "suspect");
  world.clock.run_for(6s);
  EXPECT_EQ(state_of(servers[0]->id), "lost");
  EXPECT_EQ(state_of(servers[1]->id), "up");
  servers[0]->beats = true;
  EXPECT_TRUE(wait([&] { return state_of(servers[0]->id) == "up"; }));
}

TEST_F(LossTest, WhoeverIsDeadIsLostInTime) {
  servers[0]->die();
  EXPECT_TRUE(wait([&] { return state_of(servers[0]->id) == "suspect"; }, 5s));
  world.clock.run_for(3s);
  EXPECT_EQ(state_of(servers[0]->id), "suspect");
  EXPECT_TRUE(wait([&] { return state_of(servers[0]->id) == "lost"; }, 5s));
}

TEST_F(LossTest, WhomTheMembersCallDeadIsLostSoonerAndTheyAreTold) {
  auto first = std::make_unique<Gossiper>(*this, servers[0]->id, "first");
  Gossiper second(*this, servers[1]->id, "second");
  ASSERT_TRUE(wait([&] { return known(servers[0]->id) && known(servers[1]->id); }));
  world.clock.run_for(5s);
  first.reset();
  servers[0]->die();
  const Instant died = world.clock.now();
  ASSERT_TRUE(wait([&] { return state_of(servers[0]->id) == "lost"; }, 30s));
  EXPECT_GE(world.clock.now() - died, 7s) << "eight seconds after the last heartbeat";
  EXPECT_LT(world.clock.now() - died, 9s);
  auto told = [&] {
    const gossip::Member* member = second.service.swim()->table().find(gossip::NodeId{servers[0]->id.bytes});
    return member != nullptr && member->record.verdict == gossip::Verdict::lost;
  };
  EXPECT_TRUE(wait(told, 10s));
}

TEST_F(LossTest, ASuspicionOfTheMembersIsLookedAfterBeforeTheHeartbeatIsOverdue) {
  auto first = std::make_unique<Gossiper>(*this, servers[0]->id, "first");
  Gossiper second(*this, servers[1]->id, "second");
  ASSERT_TRUE(wait([&] { return known(servers[0]->id) && known(servers[1]->id); }));
  world.clock.run_for(5s);
  first.reset();
  servers[0]->die();
  const Instant died = world.clock.now();
  ASSERT_TRUE(wait([&] { return state_of(servers[0]->id) != "up"; }, 30s));
  EXPECT_LT(world.clock.now() - died, 3s);
}

TEST_F(LossTest, WhileOthersHaveNewsOfItItIsNotLostSoon) {
  Gossiper first(*this, servers[0]->id, "first");
  ASSERT_TRUE(wait([&] { return known(servers[0]->id); }));
  servers[0]->beats = false;
  const std::string host = servers[0]->control.substr(6);
  world.network.block("master", host);
  world.network.block(host, "master");
  world.clock.run_for(14s);
  EXPECT_EQ(state_of(servers[0]->id), "suspect");
  EXPECT_TRUE(wait([&] { return state_of(servers[0]->id) == "lost"; }, 8s));
}

TEST_F(LossTest, AProcessThatStoodStillForFiveSecondsIsNotLost) {
  Gossiper first(*this, servers[0]->id, "first"), second(*this, servers[1]->id, "second");
  ASSERT_TRUE(wait([&] { return known(servers[0]->id) && known(servers[1]->id); }));
  for (int round = 0; round < 20; ++round) {
    world.clock.run_for(10s + 37ms * round);
    const std::string host = servers[0]->control.substr(6);
    for (const std::string& one : {host, std::string("first")}) {
      for (const char* other : {"master", "second"}) {
        world.network.block(one, other);
        world.network.block(other, one);
      }
    }
    servers[0]->beats = false;
    for (int step = 0; step < 50; ++step) {
      world.clock.run_for(100ms);
      ASSERT_NE(state_of(servers[0]->id), "lost") << "round " << round;
    }
    world.network.heal();
    servers[0]->beats = true;
    for (int step = 0; step < 20; ++step) {
      world.clock.run_for(100ms);
      ASSERT_NE(state_of(servers[0]->id), "lost") << "round " << round;
    }
    ASSERT_TRUE(wait([&] { return state_of(servers[0]->id) == "up"; }, 10s));
  }
}

TEST_F(LossTest, WhoeverIsSilentEverywhereIsLostAfterTen) {
  servers[0]->beats = false;
  const std::string host = servers[0]->control.substr(6);
  world.network.block("master", host);
  world.network.block(host, "master");
  world.clock.run_for(8s);
  EXPECT_EQ(state_of(servers[0]->id), "suspect");
  world.clock.run_for(3s);
  EXPECT_EQ(state_of(servers[0]->id), "lost");
}

}  // namespace
}  // namespace gfs::master
