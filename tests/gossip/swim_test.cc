// Plays of many members on a network that loses, cuts and delays; and what a single one does with what cannot be.
#include "gossip/swim.h"

#include <gtest/gtest.h>

#include "base/log.h"
#include "tests/gossip/swim_world.h"

namespace gfs::gossip {
namespace {

using enum MemberStatus;

struct SwimTest : testing::Test {
  SwimTest() { log::set_level(log::Level::off); }
};

void start(World& world, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) world.start(i);
}

// Those who were called dead, by whom, and when.
struct Deaths {
  explicit Deaths(World& world) {
    world.watch = [this](std::size_t who, const Change& change, Instant) {
      if (change.after == dead) ++count[change.node];
      if (change.after == suspect) ++suspected;
      seen.emplace_back(who, change);
    };
  }
  std::size_t of(std::size_t number) { return count[World::id(number)]; }
  std::map<NodeId, std::size_t> count;
  std::size_t suspected = 0;
  std::vector<std::pair<std::size_t, Change>> seen;
};

TEST_F(SwimTest, EverybodyMeetsThroughOneSeed) {
  for (std::size_t count : {1u, 2u, 3u, 20u, 100u}) {
    World world(count);
    Deaths deaths(world);
    start(world, count);
    EXPECT_TRUE(world.run_until([&] { return world.agrees(); }, 30s)) << count;
    EXPECT_EQ(deaths.suspected, 0u);
    const Member* known = world.nodes[0].swim->table().find(World::id(count - 1));
    ASSERT_TRUE(count == 1 || known != nullptr);
    if (known != nullptr) EXPECT_EQ(known->record.rack, "r" + std::to_string((count - 1) % 5));
  }
}

TEST_F(SwimTest, OneWhoDoesNotKnowASeedsOwnNameIsFoundAllTheSame) {
  World world(1);
  world.start(0, {});
  world.start(1, {0, 77});  // nobody listens at the second
  EXPECT_TRUE(world.run_until([&] { return world.agrees(); }, 10s));
}

TEST_F(SwimTest, ACrashIsSuspectedThenDeadForEverybody) {
  World world(2);
  start(world, 10);
  ASSERT_TRUE(world.run_until([&] { return world.agrees(); }, 30s));
  Deaths deaths(world);
  world.kill(3);
  ASSERT_TRUE(world.run_until([&] { return world.believers(3, dead) == 9; }, 30s));
  std::map<std::size_t, std::vector<MemberStatus>> story;
  for (const auto& [who, change] : deaths.seen) {
    EXPECT_EQ(world.number_of(change.node), 3u);
    story[who].push_back(change.after);
  }
  EXPECT_EQ(story.size(), 9u);
  for (const auto& [who, statuses] : story) EXPECT_EQ(statuses, (std::vector{suspect, dead})) << who;
}

TEST_F(SwimTest, AnotherOneWithTheSameIdComesBackAtOnceAndAfterItsDeath) {
  World world(3);
  start(world, 10);
  ASSERT_TRUE(world.run_until([&] { return world.agrees(); }, 30s));
  world.kill(3);
  world.run_for(100ms);
  world.start(3);
  Deaths deaths(world);
  ASSERT_TRUE(world.run_until([&] { return world.agrees(); }, 10s));
  EXPECT_EQ(deaths.of(3), 0u);
  world.kill(3);
  ASSERT_TRUE(world.run_until([&] { return world.believers(3, dead) == 9; }, 30s));
  world.start(3);
  ASSERT_TRUE(world.run_until([&] { return world.agrees(); }, 10s));
  EXPECT_GT(world.nodes[3].swim->self().incarnation, 1u);
}

TEST_F(SwimTest, WhoeverLeavesIsNotSearchedFor) {
  World world(4);
  start(world, 10);
  ASSERT_TRUE(world.run_until([&] { return world.agrees(); }, 30s));
  Deaths deaths(world);
  world.leave(3);
  ASSERT_TRUE(world.run_until([&] { return world.believers(3, left) == 9; }, 10s));
  world.run_for(60s);
  EXPECT_EQ(deaths.suspected, 0u);
  EXPECT_EQ(deaths.count.size(), 0u);
  world.start(3);
  EXPECT_TRUE(world.run_until([&] { return world.agrees(); }, 10s)) << "it comes again";
}

TEST_F(SwimTest, TheDeadAreForgotten) {
  World world(5);
  world.settings.forget_after = 60s;
  start(world, 5);
  ASSERT_TRUE(world.run_until([&] { return world.agrees(); }, 30s));
  world.kill(4);
  world.run_for(120s);
  for (std::size_t who = 0; who < 4; ++who)
    EXPECT_EQ(world.nodes[who].swim->table().find(World::id(4)), nullptr) << who;
}

TEST_F(SwimTest, P04_ACutBetweenTwoIsNobodysDeath) {
  for (bool both : {false, true}) {
    World world(6);
    start(world, 10);
    ASSERT_TRUE(world.run_until([&] { return world.agrees(); }, 30s));
    Deaths deaths(world);
    world.cut(2, 7);
    if (both) world.cut(7, 2);
    world.run_for(600s);
    EXPECT_EQ(deaths.count.size(), 0u);
    EXPECT_TRUE(world.agrees()) << "helpers reach it";
  }
}

TEST_F(SwimTest, P04_WhoIsAskedAboutIsHeardOfThroughOthersAtOnce) {
  for (const bool asks : {true, false}) {
    World world(6);
    start(world, 20);
    ASSERT_TRUE(world.run_until([&] { return world.agrees(); }, 30s));
    world.cut(0, 5);
    world.cut(5, 0);
    world.run_for(5s);
    world.nodes[5].swim->set_load(static_cast<std::uint64_t>(to_ms(world.now.time_since_epoch())), 0, 0, 0);
    const Instant asked = world.now;
    if (asks) world.ask_about(0, 5);
    world.run_for(50ms);
    EXPECT_EQ(world.nodes[0].swim->table().find(World::id(5))->fresh > asked, asks);
    EXPECT_EQ(world.belief(0, 5), alive) << "a question accuses nobody";
  }
}

TEST_F(SwimTest, P04_WhoeverIsNotHeardIsDeadEvenIfItHears) {
  World world(7);
  start(world, 10);
  ASSERT_TRUE(world.run_until([&] { return world.agrees(); }, 30s));
  for (std::size_t other = 0; other < 10; ++other) world.cut(3, other);
  EXPECT_TRUE(world.run_until([&] { return world.believers(3, dead) == 9; }, 60s));
  world.heal();
  EXPECT_TRUE(world.run_until([&] { return world.agrees(); }, 60s));
}

TEST_F(SwimTest, WhoeverHearsNothingIsDeadInTheEndAlthoughItIsHeard) {
  World world(8);
  start(world, 10);
  ASSERT_TRUE(world.run_until([&] { return world.agrees(); }, 30s));
  for (std::size_t other = 0; other < 10; ++other) world.cut(other, 3);
  EXPECT_TRUE(world.run_until([&] { return world.believers(3, dead) == 9; }, 120s));
  world.heal();
  EXPECT_TRUE(world.run_until([&] { return world.agrees(); }, 60s));
}

TEST_F(SwimTest, AShortBlackoutIsContradicted) {
  World world(9);
  start(world, 20);
  ASSERT_TRUE(world.run_until([&] { return world.agrees(); }, 30s));
  Deaths deaths(world);
  for (std::size_t other = 0; other < 20; ++other) world.cut(other, 3);
  world.run_for(2s);
  world.heal();
  world.run_for(30s);
  EXPECT_GT(deaths.suspected, 0u) << "it was not looked for at all";
  EXPECT_EQ(deaths.of(3), 0u);
  EXPECT_TRUE(world.agrees());
  EXPECT_GT(world.nodes[3].swim->counters().refuted, 0u);
  EXPECT_GT(world.nodes[3].swim->self().incarnation, 1u);
}

// The trouble of one's own.
TEST_F(SwimTest, P13_AProcessThatStoodStillAccusesNobody) {
  for (Duration time : {2s, 5s, 60s}) {
    World world(10);
    start(world, 10);
    ASSERT_TRUE(world.run_until([&] { return world.agrees(); }, 30s));
    Deaths deaths(world);
    world.stop(3, time);
    world.run_for(time + 30s);
    for (const auto& [who, change] : deaths.seen)
      EXPECT_TRUE(change.node == World::id(3)) << who << " about " << world.number_of(change.node);
    EXPECT_GT(world.nodes[3].swim->counters().stalls, 0u);
    EXPECT_TRUE(world.agrees()) << "it is back";
  }
}

TEST_F(SwimTest, P13_OneThatStandsStillAgainAndAgainDoubtsItselfAndNobodyElseDies) {
  World world(11);
  start(world, 20);
  ASSERT_TRUE(world.run_until([&] { return world.agrees(); }, 30s));
  Deaths deaths(world);
  unsigned worst = 0;
  for (int i = 0; i < 100; ++i) {
    world.stop(3, 2s);
    world.run_for(3s);
    worst = std::max(worst, world.nodes[3].swim->health());
  }
  EXPECT_GT(worst, 1u);
  for (const auto& [node, count] : deaths.count) EXPECT_EQ(node, World::id(3));
}

TEST_F(SwimTest, P07_NobodyIsCalledDeadOnANetworkThatLosesAThird) {
  for (bool tcp : {false, true}) {
    World world(12);
    start(world, 20);
    ASSERT_TRUE(world.run_until([&] { return world.agrees(); }, 30s));
    Deaths deaths(world);
    world.faults.loss = 0.3;
    world.faults.tcp = tcp;
    world.faults.delay_max = 200ms;
    world.run_for(600s);
    EXPECT_GT(deaths.suspected, 0u) << "the network was too good";
    EXPECT_EQ(deaths.count.size(), 0u) << (tcp ? "as TCP" : "as datagrams");
  }
}

TEST_F(SwimTest, P08_NobodyIsSuspectedOnAHealthyNetwork) {
  World world(13);
  start(world, 50);
  ASSERT_TRUE(world.run_until([&] { return world.agrees(); }, 30s));
  Deaths deaths(world);
  world.run_for(600s);
  EXPECT_EQ(deaths.suspected, 0u);
}

TEST_F(SwimTest, P15_AClusterThatWasCutIntoTenGrowsTogether) {
  World world(14);
  start(world, 50);
  ASSERT_TRUE(world.run_until([&] { return world.agrees(); }, 30s));
  for (std::size_t one = 0; one < 50; ++one) {
    for (std::size_t other = 0; other < 50; ++other) {
      if (one % 10 != other % 10) world.cut(one, other);
    }
  }
  world.run_for(300s);
  EXPECT_EQ(world.believers(0, dead), 45u);
  world.heal();
  EXPECT_TRUE(world.run_until([&] { return world.agrees(); }, 30s));
}

TEST_F(SwimTest, AMastersWordReachesEverybody) {
  World world(15);
  start(world, 50);
  ASSERT_TRUE(world.run_until([&] { return world.agrees(); }, 30s));
  world.nodes[0].swim->announce(World::id(7), Verdict::lost, 41);
  auto heard = [&](Verdict verdict) {
    std::size_t count = 0;
    for (std::size_t who = 0; who < 50; ++who) {
      const Member* member = who == 7 ? nullptr : world.nodes[who].swim->table().find(World::id(7));
      count += member != nullptr && member->record.verdict == verdict;
    }
    return count == 49;
  };
  EXPECT_TRUE(world.run_until([&] { return heard(Verdict::lost); }, 10s));
  world.nodes[0].swim->announce(World::id(7), Verdict::back, 1);  // by a clock that went back
  EXPECT_TRUE(world.run_until([&] { return heard(Verdict::back); }, 10s));
  // Also the one that it is about: else no table that it compares would ever be equal to its own.
  NodeId high;
  high.bytes.fill(0xff);
  auto digest = [&](std::size_t number) {
    const Swim& swim = *world.nodes[number].swim;
    return swim.table().part({}, high, swim.self()).digest;
  };
  EXPECT_TRUE(world.run_until(
      [&] {
        for (std::size_t number = 1; number < 50; ++number) {
          if (digest(number) != digest(0)) return false;
        }
        return true;
      },
      30s));
}

TEST_F(SwimTest, OneThatWasCutOffAloneKillsNobodyWhenItComesBack) {
  World world(21);
  start(world, 50);
  ASSERT_TRUE(world.run_until([&] { return world.agrees(); }, 30s));
  for (std::size_t other = 1; other < 50; ++other) world.cut(0, other), world.cut(other, 0);
  world.run_for(120s);
  EXPECT_EQ(world.believers(0, dead), 49u);
  Deaths deaths(world);
  world.heal();
  EXPECT_TRUE(world.run_until([&] { return world.agrees(); }, 30s));
  world.run_for(60s);
  for (std::size_t other = 1; other < 50; ++other) EXPECT_EQ(deaths.of(other), 0u) << other;
}

TEST_F(SwimTest, AMemberContradictsWhateverIsLeftOfItsEarlierLife) {
  World world(22);
  start(world, 5);
  ASSERT_TRUE(world.run_until([&] { return world.agrees(); }, 30s));
  // Its incarnation and its stamp went far, in steps that each could be believed.
  MemberRecord far = world.nodes[3].swim->self();
  for (std::size_t who = 0; who < 5; ++who) {
    if (who == 3) continue;
    for (far.incarnation = 1; far.incarnation < 40u * kIncarnationJump; far.incarnation += kIncarnationJump) {
      bus::Ping ping;
      ping.from = world.nodes[who == 0 ? 1 : 0].swim->self();
      ping.rumors.push_back(far);
      ping.rumors[0].stamp = std::uint64_t{1} << 62;
      world.nodes[who].swim->receive(ping, bus::Peer::on("x"), world.now);
    }
    world.nodes[who].swim->take_outgoing();
  }
  world.kill(3);
  ASSERT_TRUE(world.run_until([&] { return world.believers(3, dead) == 4; }, 60s));
  world.start(3);
  EXPECT_TRUE(world.run_until([&] { return world.agrees(); }, 30s)) << "it is heard again";
  world.run_for(60s);
  EXPECT_TRUE(world.agrees());
}

TEST_F(SwimTest, WhatIsMeantForSomebodyElseIsNoAccusation) {
  World world(23);
  start(world, 3);
  ASSERT_TRUE(world.run_until([&] { return world.agrees(); }, 30s));
  Swim& swim = *world.nodes[0].swim;
  const std::uint64_t incarnation = swim.self().incarnation;
  bus::Exchange exchange;
  exchange.from = world.nodes[1].swim->self();
  exchange.you = {dead, incarnation + 5, World::id(2)};
  swim.receive(exchange, bus::Peer::on("n1"), world.now);
  EXPECT_EQ(swim.self().incarnation, incarnation);
  exchange.you.node = World::id(0);
  swim.receive(exchange, bus::Peer::on("n1"), world.now);
  EXPECT_EQ(swim.self().incarnation, incarnation + 6);
}

TEST_F(SwimTest, AnAnswerOfSomebodyWhoWasNotAskedKeepsNobodyAlive) {
  World world(24);
  start(world, 3);
  ASSERT_TRUE(world.run_until([&] { return world.agrees(); }, 30s));
  world.kill(2);
  // The other one says "yes" to everything, numbers being easy to guess.
  std::uint64_t at = 0;
  auto babble = [&] {
    for (int i = 0; i < 20; ++i) {
      bus::Ack ack;
      ack.from = world.nodes[1].swim->self();
      ack.from.node = World::id(7);
      ack.sequence = ++at;
      world.nodes[0].swim->receive(ack, bus::Peer::on("n7"), world.now);
    }
    return world.belief(0, 2) == dead;
  };
  EXPECT_TRUE(world.run_until(babble, 30s));
}

TEST_F(SwimTest, AFullTableForgetsTheDeadForTheLiving) {
  Swim::Settings small;
  small.members_max = 4;
  World world(25, small);
  start(world, 5);
  ASSERT_TRUE(world.run_until([&] { return world.agrees(); }, 30s));
  world.kill(4);
  ASSERT_TRUE(world.run_until([&] { return world.believers(4, dead) == 4; }, 60s));
  world.start(5);
  EXPECT_TRUE(world.run_until([&] { return world.believers(5, alive) == 4; }, 30s));
  world.run_for(3600s);
}

TEST_F(SwimTest, LoadsSpreadWithoutNews) {
  World world(16);
  start(world, 10);
  ASSERT_TRUE(world.run_until([&] { return world.agrees(); }, 30s));
  world.run_for(30s);
  world.nodes[3].swim->set_load(2'000'000, 11, 22, 333);
  auto everybody_knows = [&] {
    for (std::size_t who = 0; who < 10; ++who) {
      const Member* member = world.nodes[who].swim->table().find(World::id(3));
      if (who != 3 && (member->record.used != 11 || member->record.free != 22 || member->record.load != 333))
        return false;
    }
    return true;
  };
  EXPECT_TRUE(world.run_until(everybody_knows, 20s));
}

TEST_F(SwimTest, ComparingTablesCostsByTheDifferenceNotByTheSize) {
  World world(17);
  world.settings.exchange = 3600s;
  world.settings.heal = 3600s;
  for (std::size_t i = 0; i < 500; ++i) world.start(i, {});
  world.introduce();
  Swim& one = *world.nodes[0].swim;
  Swim& other = *world.nodes[1].swim;
  // Three members of which only one of the two knows something new.
  for (std::size_t i : {100u, 200u, 300u}) {
    bus::Exchange news;
    news.from = world.nodes[i].swim->self();
    news.from.incarnation = 5;
    one.receive(news, {}, world.now);
    one.take_outgoing();
  }
  NodeId high;
  high.bytes.fill(0xff);
  bus::Exchange first;
  first.from = one.self();
  first.parts.push_back(one.table().part({}, high, one.self()));
  std::size_t messages = 0, records = 0;
  std::vector<std::pair<bool, Message>> way{{true, first}};
  while (!way.empty()) {
    auto [to_other, message] = way.back();
    way.pop_back();
    ++messages;
    records += std::get<bus::Exchange>(message).records.size();
    Swim& at = to_other ? other : one;
    at.receive(message, bus::Peer::on("x"), world.now);
    for (Outgoing& out : at.take_outgoing()) {
      if (std::holds_alternative<bus::Exchange>(out.message)) way.emplace_back(!to_other, out.message);
    }
  }
  for (std::size_t i : {100u, 200u, 300u}) EXPECT_EQ(other.table().find(World::id(i))->record.incarnation, 5u) << i;
  EXPECT_LE(messages, 8u);
  EXPECT_LE(records, 3 * 2 * 24u);
}

TEST_F(SwimTest, P14_WhatCannotBeIsRefusedAndCounted) {
  World world(18);
  start(world, 3);
  ASSERT_TRUE(world.run_until([&] { return world.agrees(); }, 30s));
  Swim& swim = *world.nodes[0].swim;
  const std::uint64_t incarnation = swim.self().incarnation;
  auto refused = [&](Message message) {
    const std::uint64_t before = swim.counters().refused + swim.counters().conflicts;
    swim.receive(message, bus::Peer::on("n1"), world.now);
    swim.take_outgoing();
    swim.take_changes();
    return swim.counters().refused + swim.counters().conflicts > before;
  };
  bus::Ping ping;
  ping.from = world.nodes[1].swim->self();
  ping.from.status = dead;
  EXPECT_TRUE(refused(ping)) << "it says of itself that it is dead";
  ping.from.status = static_cast<MemberStatus>(77);
  EXPECT_TRUE(refused(ping));
  ping.from = world.nodes[1].swim->self();
  ping.from.node = {};
  EXPECT_TRUE(refused(ping));
  ping.from = swim.self();
  EXPECT_TRUE(refused(ping)) << "somebody else with its id";
  ping.from = world.nodes[1].swim->self();
  ping.you = {suspect, std::uint64_t{1} << 63};
  EXPECT_TRUE(refused(ping));
  ping.you = {};
  ping.rumors.push_back(world.nodes[2].swim->self());
  ping.rumors[0].status = dead;
  ping.rumors[0].incarnation = std::uint64_t{1} << 63;
  EXPECT_TRUE(refused(ping));
  ping.rumors[0].incarnation = world.nodes[2].swim->self().incarnation;
  ping.rumors[0].status = static_cast<MemberStatus>(0);
  EXPECT_TRUE(refused(ping));
  ping.rumors[0] = world.nodes[2].swim->self();
  ping.rumors[0].verdict_number = UINT64_MAX;
  EXPECT_TRUE(refused(ping)) << "the master could not say more";
  ping.rumors[0] = world.nodes[2].swim->self();
  ping.rumors[0].address = std::string(256, 'a');
  EXPECT_TRUE(refused(ping));
  ping.rumors[0] = world.nodes[2].swim->self();
  ping.rumors[0].stamp = UINT64_MAX;
  EXPECT_TRUE(refused(ping)) << "no later word of it would count";
  ping.rumors.clear();
  ping.target = World::id(2);
  EXPECT_TRUE(refused(ping)) << "meant for somebody else";
  bus::ProbeFor ask;
  ask.from = world.nodes[1].swim->self();
  EXPECT_TRUE(refused(ask)) << "for nobody";
  EXPECT_EQ(swim.self().incarnation, incarnation);
  EXPECT_EQ(world.belief(0, 1), alive);
  EXPECT_EQ(world.belief(0, 2), alive);
}

TEST_F(SwimTest, HelpersAskForBoundedNumbers) {
  World world(19);
  start(world, 3);
  ASSERT_TRUE(world.run_until([&] { return world.agrees(); }, 30s));
  Swim& swim = *world.nodes[0].swim;
  std::size_t pings = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    bus::ProbeFor ask;
    ask.from = world.nodes[1].swim->self();
    ask.sequence = i;
    ask.target = world.nodes[2].swim->self();
    swim.receive(ask, bus::Peer::on("n1"), world.now);
    pings += swim.take_outgoing().size();
  }
  EXPECT_EQ(pings, 256u);
  EXPECT_GE(swim.counters().refused, 744u);
}

TEST_F(SwimTest, OneSeedOneStory) {
  auto story = [](std::uint64_t seed) {
    World world(seed);
    Deaths deaths(world);
    start(world, 10);
    world.run_for(10s);
    world.faults.loss = 0.3;
    world.kill(3);
    world.run_for(60s);
    std::vector<std::tuple<std::size_t, std::size_t, MemberStatus>> told;
    for (const auto& [who, change] : deaths.seen) told.emplace_back(who, world.number_of(change.node), change.after);
    std::uint64_t messages = 0;
    for (const World::Node& node : world.nodes) messages += node.messages;
    return std::pair(told, messages);
  };
  EXPECT_EQ(story(1), story(1));
  EXPECT_NE(story(1), story(2));
}

}  // namespace
}  // namespace gfs::gossip
