// Members on the simulated bus, with its faults: the protocol as the daemons speak it.
#include "gossip/gossip_service.h"

#include <gtest/gtest.h>

#include <memory>

#include "base/log.h"
#include "base/sim_executor.h"
#include "bus/sim_bus.h"

namespace gfs::gossip {
namespace {

struct Sea {
  SimExecutor clock;
  Random random{5};
  bus::SimNetwork network{clock, 6};
  ClusterId cluster{{9}};
};

bus::Address address(std::size_t number) { return "sim://node" + std::to_string(number); }
NodeId id(std::size_t number) { return NodeId{{static_cast<std::uint8_t>(number + 1)}}; }

// One process.
struct Process {
  Process(Sea& sea, std::size_t number, bool begin = true)
      : host("node" + std::to_string(number)),
        bus(sea.network, sea.clock, host),
        control_bus(sea.network, sea.clock, host),
        control(sea.clock, sea.random, control_bus, {.role = bus::kChunkserver, .program = "test"}),
        service(sea.clock, sea.random, bus, record(number), {address(number), {}, {}}) {
    control.set_cluster(sea.cluster);
    service.set_load([this] { return GossipService::Load{11, 22, served += 3}; });
    service.on_change([this](const Change& change) { changes.push_back(change); });
    service.set_seeds({address(0)});
    service.serve(control);
    EXPECT_TRUE(control_bus.listen({address(number) + ".control", {}, {}}));
    EXPECT_TRUE(service.listen());
    if (begin) service.begin(sea.cluster);
  }
  ~Process() { control.stop(); }

  static MemberRecord record(std::size_t number) {
    MemberRecord self;
    self.node = id(number);
    self.role = number == 0 ? bus::kMaster : bus::kChunkserver;
    self.rack = "rack";
    self.program = "test 1";
    return self;
  }

  const std::string host;
  bus::SimBus bus, control_bus;
  bus::Endpoint control;
  std::uint64_t served = 0;
  std::vector<Change> changes;
  GossipService service;
};

struct GossipServiceTest : testing::Test {
  GossipServiceTest() { log::set_level(log::Level::off); }

  void start(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) processes.push_back(std::make_unique<Process>(sea, i));
  }
  std::size_t believe(std::size_t whom, MemberStatus status) const {
    std::size_t count = 0;
    for (std::size_t who = 0; who < processes.size(); ++who) {
      if (who == whom || processes[who] == nullptr) continue;
      const Member* member = processes[who]->service.swim()->table().find(id(whom));
      count += member != nullptr && member->record.status == status;
    }
    return count;
  }
  bool wait(const std::function<bool()>& done, Duration limit) { return sea.clock.run_until(done, limit); }
  bool everybody_alive() const {
    for (std::size_t whom = 0; whom < processes.size(); ++whom) {
      if (believe(whom, MemberStatus::alive) != processes.size() - 1) return false;
    }
    return true;
  }
  template <class M>
  Result<typename M::Reply> ask(std::size_t whom, M message, bus::Role role) {
    bus::SimBus bus(sea.network, sea.clock, "person");
    bus::Endpoint endpoint(sea.clock, sea.random, bus, {.role = role, .program = "person"});
    endpoint.set_cluster(sea.cluster);
    bus::CallOptions options{5s};
    Result<typename M::Reply> reply =
        sea.clock.run(endpoint.call(bus::Peer::at(address(whom) + ".control"), std::move(message), options));
    endpoint.stop();
    return reply;
  }

  Sea sea;
  std::vector<std::unique_ptr<Process>> processes;
};

TEST_F(GossipServiceTest, TheyMeetAndKnowHowEachOtherDoes) {
  start(5);
  ASSERT_TRUE(wait([&] { return everybody_alive(); }, 20s));
  sea.clock.run_for(30s);
  const bus::ListMembers::Reply list = ask(0, bus::ListMembers{}, bus::kReader).value();
  EXPECT_EQ(list.self.node, id(0));
  EXPECT_EQ(list.self.address, address(0));
  EXPECT_EQ(list.health, 0u);
  ASSERT_EQ(list.rows.size(), 4u);
  EXPECT_FALSE(list.more);
  for (const bus::ListMembers::Row& row : list.rows) {
    EXPECT_EQ(row.member.used, 11u);
    EXPECT_EQ(row.member.free, 22u);
    EXPECT_EQ(row.member.load, 3u) << "what it served in a second";
    EXPECT_EQ(row.member.rack, "rack");
    EXPECT_EQ(row.member.program, "test 1");
    EXPECT_GE(row.heard_ms, 0);
    EXPECT_LT(row.fresh_ms, 10000);
    EXPECT_GE(row.status_ms, 30000);
  }
}

TEST_F(GossipServiceTest, AListIsToldInPages) {
  start(5);
  ASSERT_TRUE(wait([&] { return everybody_alive(); }, 20s));
  std::vector<NodeId> nodes;
  bus::ListMembers question{{}, 3};
  bus::ListMembers::Reply page = ask(0, question, bus::kAdmin).value();
  EXPECT_TRUE(page.more);
  for (const auto& row : page.rows) nodes.push_back(row.member.node);
  question.after = nodes.back();
  page = ask(0, question, bus::kAdmin).value();
  EXPECT_FALSE(page.more);
  for (const auto& row : page.rows) nodes.push_back(row.member.node);
  EXPECT_EQ(nodes, (std::vector{id(1), id(2), id(3), id(4)}));
}

TEST_F(GossipServiceTest, WhomToBeginWithIsToldToChunkserversOnly) {
  start(3);
  ASSERT_TRUE(wait([&] { return everybody_alive(); }, 20s));
  const bus::FindMembers::Reply found = ask(0, bus::FindMembers{2}, bus::kChunkserver).value();
  ASSERT_EQ(found.members.size(), 2u);
  EXPECT_EQ(found.members[0], address(0));
  EXPECT_EQ(ask(0, bus::FindMembers{2}, bus::kClient).error().code, Code::not_allowed);
  Process late(sea, 7, false);
  EXPECT_EQ(ask(7, bus::FindMembers{2}, bus::kChunkserver).error().code, Code::unavailable);
  EXPECT_EQ(ask(7, bus::ListMembers{}, bus::kReader).error().code, Code::unavailable);
  EXPECT_FALSE(late.service.announce(id(1), Verdict::lost)) << "it has not begun";
}

TEST_F(GossipServiceTest, ADeadProcessIsFoundAndAnotherOneTakesItsPlace) {
  start(5);
  ASSERT_TRUE(wait([&] { return everybody_alive(); }, 20s));
  processes[0]->changes.clear();
  processes[3].reset();
  ASSERT_TRUE(wait([&] { return believe(3, MemberStatus::dead) == 4; }, 60s));
  ASSERT_EQ(processes[0]->changes.size(), 2u);
  EXPECT_EQ(processes[0]->changes[0].after, MemberStatus::suspect);
  EXPECT_EQ(processes[0]->changes[1].after, MemberStatus::dead);
  processes[3] = std::make_unique<Process>(sea, 3);
  EXPECT_TRUE(wait([&] { return everybody_alive(); }, 20s));
}

TEST_F(GossipServiceTest, AGoodbyeIsHeard) {
  start(5);
  ASSERT_TRUE(wait([&] { return everybody_alive(); }, 20s));
  ASSERT_TRUE(sea.clock.run(processes[3]->service.leave()));
  processes[3].reset();
  EXPECT_TRUE(wait([&] { return believe(3, MemberStatus::left) == 4; }, 10s));
  EXPECT_EQ(believe(3, MemberStatus::suspect), 0u);
}

TEST_F(GossipServiceTest, OneThatStandsStillComesBack) {
  start(5);
  ASSERT_TRUE(wait([&] { return everybody_alive(); }, 20s));
  for (std::size_t other = 0; other < 5; ++other) {
    sea.network.block("node3", "node" + std::to_string(other));
    sea.network.block("node" + std::to_string(other), "node3");
  }
  ASSERT_TRUE(wait([&] { return believe(3, MemberStatus::dead) == 4; }, 60s));
  sea.network.heal();
  EXPECT_TRUE(wait([&] { return everybody_alive(); }, 60s));
  EXPECT_GT(processes[3]->service.swim()->self().incarnation, 1u);
}

TEST_F(GossipServiceTest, AThirdOfTheMessagesIsNotNeeded) {
  start(10);
  ASSERT_TRUE(wait([&] { return everybody_alive(); }, 20s));
  bus::SimNetwork::Faults faults;
  faults.loss = 0.3;
  faults.repeat = 0.3;
  faults.late = 0.1;
  sea.network.set_faults(faults);
  sea.clock.run_for(300s);
  for (const auto& process : processes) {
    for (const Change& change : process->changes) EXPECT_NE(change.after, MemberStatus::dead);
  }
}

TEST_F(GossipServiceTest, AVerdictReachesAll) {
  start(5);
  ASSERT_TRUE(wait([&] { return everybody_alive(); }, 20s));
  auto told = [&](Verdict verdict) {
    for (std::size_t who : {0u, 1u, 2u, 4u}) {
      if (processes[who]->service.swim()->table().find(id(3))->record.verdict != verdict) return false;
    }
    return true;
  };
  EXPECT_TRUE(processes[0]->service.announce(id(3), Verdict::lost));
  EXPECT_TRUE(wait([&] { return told(Verdict::lost); }, 10s));
  EXPECT_TRUE(processes[0]->service.announce(id(3), Verdict::back));
  EXPECT_TRUE(wait([&] { return told(Verdict::back); }, 10s));
  EXPECT_FALSE(processes[0]->service.announce(id(77), Verdict::lost));
}

}  // namespace
}  // namespace gfs::gossip
