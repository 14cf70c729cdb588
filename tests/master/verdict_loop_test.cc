// What the master decided of a chunkserver is told once, to those who gossip.
#include "master/verdict_loop.h"

#include <gtest/gtest.h>

#include "base/log.h"
#include "base/sim_executor.h"
#include "base/task_group.h"
#include "bus/sim_bus.h"

namespace gfs::master {
namespace {

using gossip::Verdict;

struct VerdictLoopTest : testing::Test {
  VerdictLoopTest() {
    log::set_level(log::Level::off);
    for (gossip::GossipService* one : {&master, &server}) {
      EXPECT_TRUE(one->listen());
      one->begin(ClusterId{{9}});
    }
    server.set_seeds({"sim://master"});
    servers.add(id, clock.now());
    group.spawn(loop.run());
  }
  static gossip::MemberRecord member(std::uint8_t number) {
    gossip::MemberRecord record;
    record.node = gossip::NodeId{{number}};
    return record;
  }
  Verdict told() const {
    const gossip::Member* known = master.swim()->table().find(gossip::NodeId{id.bytes});
    return known != nullptr ? known->record.verdict : Verdict::none;
  }
  std::uint64_t number() const { return master.swim()->table().find(gossip::NodeId{id.bytes})->record.verdict_number; }
  void open_session() {
    bus::RegisterServer ask;
    ask.server = id;
    ask.session = session;
    servers.open_session(ask, "route", clock.now());
  }
  // Heartbeats come, or none does.
  void pass(Duration time, bool heard) {
    for (Duration passed{}; passed < time; passed += 500ms) {
      bus::Heartbeat beat;
      beat.server = id;
      beat.session = session;
      if (heard) EXPECT_TRUE(servers.heartbeat(beat, "route", clock.now()));
      clock.run_for(500ms);
    }
  }

  const ServerId id{{7}};
  const SessionId session{{8}};
  SimExecutor clock;
  Random random{1};
  bus::SimNetwork network{clock, 2};
  bus::SimBus master_bus{network, clock, "master"}, server_bus{network, clock, "server"};
  ServerTable servers{{.suspect_after = 3s, .lost_after = 10s}};
  gossip::GossipService master{clock, random, master_bus, member(1), {"sim://master", {}, {}}};
  gossip::GossipService server{clock, random, server_bus, member(7), {"sim://server", {}, {}}};
  std::optional<bool> drained = false;
  VerdictLoop loop{clock, servers, master, [this](ServerId) { return drained; }};
  TaskGroup group;
};

TEST_F(VerdictLoopTest, LostAndBackAreToldOnceEach) {
  open_session();
  pass(20s, true);
  EXPECT_EQ(told(), Verdict::none) << "it was never lost";
  pass(9s, false);
  EXPECT_EQ(told(), Verdict::none);
  pass(3s, false);
  EXPECT_EQ(told(), Verdict::lost);
  const std::uint64_t lost = number();
  pass(30s, false);
  EXPECT_EQ(number(), lost);
  pass(2s, true);
  EXPECT_EQ(told(), Verdict::back);
  EXPECT_GT(number(), lost);
  const std::uint64_t back = number();
  pass(30s, true);
  EXPECT_EQ(number(), back);
}

TEST_F(VerdictLoopTest, DrainedIsToldAndTakenBackWhenItTakesChunksAgain) {
  open_session();
  pass(5s, true);
  drained = true;
  pass(2s, true);
  EXPECT_EQ(told(), Verdict::drained);
  const std::uint64_t first = number();
  pass(10s, true);
  EXPECT_EQ(number(), first);
  drained.reset();  // after a restart of the master, say
  pass(2s, true);
  EXPECT_EQ(number(), first);
  drained = false;
  pass(2s, true);
  EXPECT_EQ(told(), Verdict::back);
  drained = true;
  pass(12s, false);
  EXPECT_EQ(told(), Verdict::lost) << "that matters more";
}

TEST_F(VerdictLoopTest, WhomTheGossipDoesNotKnowYetItIsToldOfLater) {
  const ServerId stranger{{9}};
  servers.add(stranger, clock.now());
  clock.run_for(15s);
  bus::SimBus late_bus(network, clock, "late");
  gossip::GossipService late(clock, random, late_bus, member(9), {"sim://late", {}, {}});
  ASSERT_TRUE(late.listen());
  late.set_seeds({"sim://master"});
  late.begin(ClusterId{{9}});
  auto lost = [&] {
    const gossip::Member* known = master.swim()->table().find(gossip::NodeId{stranger.bytes});
    return known != nullptr && known->record.verdict == Verdict::lost;
  };
  EXPECT_TRUE(clock.run_until(lost, 10s));
}

}  // namespace
}  // namespace gfs::master
