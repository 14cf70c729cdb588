// SimBus as the simulator uses it: one seed is one story, faults happen as often as they were asked for, blocked ways
// and dead processes are noticed as real ones are. (What both buses promise is in bus_contract_test.cc.)
#include "bus/sim_bus.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace gfs::bus {
namespace {

Frames frames_of(std::string envelope, std::string body, std::string payload = {}) {
  return {Bytes::of(std::move(envelope)), Bytes::of(std::move(body)), Bytes::of(std::move(payload))};
}

struct Node final : Bus::Receiver {
  Node(SimExecutor& world, SimNetwork& network, std::string host, BusLimits limits = {})
      : executor(world), bus(network, executor, std::move(host), limits) {
    bus.attach(this);
  }

  void on_message(const Peer& from, Frames frames) override {
    bodies.push_back(frames.body.str());
    last_from = from;
    if (echoes && !from.dialled()) (void)bus.send(from, std::move(frames));
  }
  void on_data(Frames frames) override { data.push_back(frames.body.str()); }
  void on_event(const Address&, std::string topic, Frames) override { topics.push_back(std::move(topic)); }
  void on_link_lost(const Peer&, const LinkLoss& loss) override { losses.push_back(loss); }

  NodeExecutor executor;
  bool echoes = true;
  Peer last_from;
  std::vector<std::string> bodies, data, topics;
  std::vector<LinkLoss> losses;
  SimBus bus;
};

class SimBusTest : public testing::Test {
 protected:
  std::unique_ptr<Node> node(const std::string& host, BusLimits limits = {}) {
    return std::make_unique<Node>(world_, network_, host, limits);
  }
  void listen(Node& node, const Address& control, const Address& data = {}) {
    Result<ListenAt> bound = node.bus.listen({.control = control, .data = data});
    ASSERT_TRUE(bound.has_value()) << bound.error().text();
  }
  void send(Node& node, const Address& to, const std::string& body) {
    Result<> sent = node.bus.send(Peer::at(to), frames_of("e", body));
    EXPECT_TRUE(sent.has_value()) << sent.error().text();
  }

  SimExecutor world_;
  SimNetwork network_{world_, 1};
};

// Three nodes talking for a second, with every fault.
std::uint64_t story(std::uint64_t seed) {
  SimExecutor world;
  SimNetwork network(world, seed);
  network.set_faults({.slow = 0.05, .loss = 0.05, .repeat = 0.05});
  std::vector<std::unique_ptr<Node>> nodes;
  for (int i = 0; i < 3; ++i) {
    nodes.push_back(std::make_unique<Node>(world, network, "host" + std::to_string(i)));
    EXPECT_TRUE(nodes.back()->bus.listen({.control = "sim://" + std::to_string(i)}).has_value());
  }
  for (int round = 0; round < 100; ++round) {
    for (int i = 0; i < 3; ++i)
      (void)nodes[i]->bus.send(Peer::at("sim://" + std::to_string((i + 1) % 3)), frames_of("e", std::to_string(round)));
    if (round == 30) network.block("host0", "host1");
    if (round == 50) network.heal();
    if (round == 70) nodes[2].reset(new Node(world, network, "host2"));
    world.run_for(10ms);
  }
  EXPECT_GT(network.counters().delivered, 300u);
  return network.trace_hash();
}

TEST(SimBus, OneSeedIsOneStory) {
  EXPECT_EQ(story(7), story(7));
  EXPECT_NE(story(7), story(8));
}

TEST_F(SimBusTest, LossAndRepeatsComeAsOftenAsAskedForAndOrderIsKept) {
  auto server = node("a");
  auto client = node("b");
  server->echoes = false;
  listen(*server, "sim://a");
  network_.set_faults({.slow = 0.01, .loss = 0.1, .repeat = 0});
  for (int i = 0; i < 5000; ++i) send(*client, "sim://a", std::to_string(100000 + i));
  world_.run_for(1s);
  EXPECT_NEAR(static_cast<double>(network_.counters().lost), 500.0, 100.0);
  EXPECT_EQ(server->bodies.size() + network_.counters().lost, 5000u);
  EXPECT_TRUE(std::is_sorted(server->bodies.begin(), server->bodies.end()));

  server->bodies.clear();
  network_.set_faults({.loss = 0, .repeat = 0.2});
  for (int i = 0; i < 1000; ++i) send(*client, "sim://a", std::to_string(i));
  world_.run_for(1s);
  EXPECT_NEAR(static_cast<double>(network_.counters().repeated), 200.0, 60.0);
  EXPECT_EQ(server->bodies.size(), 1000 + network_.counters().repeated);
}

TEST_F(SimBusTest, LostMessagesDoNotFillTheQueue) {
  auto server = node("a");
  auto client = node("b", {.queue_max = 10});
  server->echoes = false;
  listen(*server, "sim://a");
  network_.set_faults({.loss = 1.0});
  for (int i = 0; i < 100; ++i) send(*client, "sim://a", "lost");
  network_.heal();
  send(*client, "sim://a", "kept");
  world_.run_for(1s);
  EXPECT_EQ(server->bodies, std::vector<std::string>{"kept"});
}

TEST_F(SimBusTest, QueuesAreBounded) {
  auto server = node("a");
  auto client = node("b", {.queue_max = 3, .data_queue_max = 2});
  listen(*server, "sim://a", "sim://a-data");
  for (int i = 0; i < 3; ++i) send(*client, "sim://a", "b");
  EXPECT_EQ(client->bus.send(Peer::at("sim://a"), frames_of("e", "b")).error().code, Code::overloaded);
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(client->bus.push("sim://a-data", frames_of("e", "b")).has_value());
  EXPECT_EQ(client->bus.push("sim://a-data", frames_of("e", "b")).error().code, Code::overloaded);
  EXPECT_EQ(client->bus.counters().undeliverable, 2u);
  world_.run_for(1s);
  EXPECT_EQ(server->data.size(), 2u);
  send(*client, "sim://a", "b");
  EXPECT_TRUE(client->bus.push("sim://a-data", frames_of("e", "b")).has_value());
}

TEST_F(SimBusTest, OneBlockedDirectionLosesThatDirectionOnlyAndSixSecondsOfSilenceLoseTheLink) {
  auto server = node("a");
  auto client = node("b");
  listen(*server, "sim://a");
  send(*client, "sim://a", "1");
  world_.run_for(1s);
  ASSERT_EQ(client->bodies.size(), 1u);
  network_.block("a", "b");  // questions pass, answers do not
  send(*client, "sim://a", "2");
  world_.run_for(5s);
  EXPECT_EQ(server->bodies.size(), 2u);
  EXPECT_EQ(client->bodies.size(), 1u);
  EXPECT_TRUE(client->losses.empty());
  world_.run_for(2s);
  ASSERT_EQ(client->losses.size(), 1u);
  EXPECT_FALSE(client->losses[0].never_connected);
  send(*client, "sim://a", "3");  // dials again, in vain
  world_.run_for(3s);
  ASSERT_EQ(client->losses.size(), 2u);
  EXPECT_TRUE(client->losses[1].never_connected);
  network_.unblock("a", "b");
  send(*client, "sim://a", "4");
  world_.run_for(1s);
  EXPECT_EQ(client->bodies, (std::vector<std::string>{"1", "4"}));
}

TEST_F(SimBusTest, AShortBlockLosesMessagesButNotTheLink) {
  auto server = node("a");
  auto client = node("b");
  listen(*server, "sim://a");
  send(*client, "sim://a", "1");
  world_.run_for(1s);
  network_.block("b", "a");
  send(*client, "sim://a", "2");
  world_.run_for(3s);
  network_.heal();
  world_.run_for(10s);
  send(*client, "sim://a", "3");
  world_.run_for(1s);
  EXPECT_TRUE(client->losses.empty());
  EXPECT_EQ(server->bodies, (std::vector<std::string>{"1", "3"}));
  EXPECT_EQ(client->bus.counters().connections, 1u);
}

TEST_F(SimBusTest, WhatIsOnTheWayToADeadProcessIsLostAndItsNextLifeNeverSeesIt) {
  auto server = node("a");
  auto client = node("b");
  listen(*server, "sim://a");
  send(*client, "sim://a", "1");
  server = node("a");
  listen(*server, "sim://a");
  world_.run_for(1s);
  EXPECT_TRUE(server->bodies.empty());
  ASSERT_EQ(client->losses.size(), 1u);
  EXPECT_FALSE(client->losses[0].never_connected);
  send(*client, "sim://a", "2");
  world_.run_for(1s);
  EXPECT_EQ(server->bodies, std::vector<std::string>{"2"});
}

TEST_F(SimBusTest, HangingUpCancelsARefusalToCome) {
  auto client = node("b");
  send(*client, "sim://a", "1");
  client->bus.hang_up(Peer::at("sim://a"));
  auto server = node("a");
  listen(*server, "sim://a");
  send(*client, "sim://a", "2");
  world_.run_for(1s);
  EXPECT_TRUE(client->losses.empty());
  EXPECT_EQ(server->bodies, std::vector<std::string>{"2"});
}

TEST_F(SimBusTest, RoutesThatNeverWereAreUnreachable) {
  auto server = node("a");
  for (const char* route : {"1/1", "x", "1/", "/1", "99999999999999999999/1", "1/1 "})
    EXPECT_EQ(server->bus.send(Peer::on(route), frames_of("e", "b")).error().code, Code::unreachable) << route;
  EXPECT_EQ(server->bus.send(Peer{}, frames_of("e", "b")).error().code, Code::invalid_argument);
}

TEST_F(SimBusTest, AddressesAreTakenOnceAndGivenBackWhenListeningFails) {
  auto first = node("a");
  auto second = node("b");
  listen(*first, "sim://a", "sim://a-data");
  Result<ListenAt> taken = second->bus.listen({.control = "sim://b", .data = "sim://a-data"});
  ASSERT_FALSE(taken.has_value());
  EXPECT_EQ(taken.error().code, Code::in_use);
  EXPECT_NE(taken.error().message.find("sim://a-data"), std::string::npos);
  listen(*second, "sim://b");
  EXPECT_EQ(first->bus.listen({.control = "sim://c"}).error().code, Code::invalid_argument);
}

TEST_F(SimBusTest, AHostThatStandsStillGetsItsMessagesLateAndInOrder) {
  auto server = node("a");
  auto client = node("b");
  listen(*server, "sim://a");
  network_.pause("a");
  for (int i = 0; i < 3; ++i) send(*client, "sim://a", std::to_string(i));
  world_.run_for(1s);
  EXPECT_TRUE(server->bodies.empty());  // it does not even answer the dial
  ASSERT_TRUE(client->losses.empty());
  network_.resume("a");
  world_.run_for(2s);
  ASSERT_EQ(client->losses.size(), 1u);
  EXPECT_TRUE(client->losses[0].never_connected);

  send(*client, "sim://a", "first");
  world_.run_for(1s);
  network_.pause("a");
  for (int i = 0; i < 3; ++i) send(*client, "sim://a", std::to_string(i));
  world_.run_for(5s);
  EXPECT_EQ(server->bodies, std::vector<std::string>{"first"});
  network_.resume("a");
  world_.run_for(1s);
  EXPECT_EQ(server->bodies, (std::vector<std::string>{"first", "0", "1", "2"}));
  EXPECT_EQ(client->bodies, (std::vector<std::string>{"first", "0", "1", "2"}));
  EXPECT_EQ(client->losses.size(), 1u);
}

TEST_F(SimBusTest, WhatWasSentToAStandingHostArrivesEvenAfterTheLinkWasGivenUp) {
  auto server = node("a");
  auto client = node("b");
  listen(*server, "sim://a");
  send(*client, "sim://a", "1");
  world_.run_for(1s);
  network_.pause("a");
  send(*client, "sim://a", "2");
  world_.run_for(70s);
  ASSERT_EQ(client->losses.size(), 1u);
  EXPECT_FALSE(client->losses[0].never_connected);
  network_.resume("a");
  world_.run_for(1s);
  EXPECT_EQ(server->bodies, (std::vector<std::string>{"1", "2"}));
  EXPECT_EQ(client->bodies, std::vector<std::string>{"1"});  // the way of the answer is gone
}

TEST_F(SimBusTest, ADiallerThatStoodStillGetsWhatCameInTimeAndThenHearsOfItsLoss) {
  auto server = node("a");
  auto client = node("b");
  server->echoes = false;
  listen(*server, "sim://a");
  send(*client, "sim://a", "1");
  world_.run_for(1s);
  network_.pause("b");
  EXPECT_TRUE(server->bus.send(server->last_from, frames_of("e", "order")).has_value());
  world_.run_for(69s);
  EXPECT_TRUE(client->bodies.empty());
  EXPECT_TRUE(client->losses.empty());
  EXPECT_EQ(server->bus.send(server->last_from, frames_of("e", "late")).error().code, Code::unreachable);
  network_.resume("b");
  world_.run_for(1s);
  EXPECT_EQ(client->bodies, std::vector<std::string>{"order"});
  EXPECT_EQ(client->losses.size(), 1u);
  send(*client, "sim://a", "2");
  world_.run_for(1s);
  EXPECT_EQ(server->bodies, (std::vector<std::string>{"1", "2"}));
}

TEST_F(SimBusTest, AJudgeMayLoseOrRepeatSingleMessages) {
  auto server = node("a");
  auto client = node("b");
  server->echoes = false;
  listen(*server, "sim://a");
  network_.set_judge([](const std::string& from, const std::string& to, const Frames& frames) {
    EXPECT_EQ(from + to, "ba");
    SimNetwork::Odds odds;
    if (frames.body.str() == "lose") odds.loss = 1;
    if (frames.body.str() == "repeat") odds.repeat = 1;
    return odds;
  });
  for (const char* body : {"lose", "keep", "repeat"}) send(*client, "sim://a", body);
  world_.run_for(1s);
  EXPECT_EQ(server->bodies, (std::vector<std::string>{"keep", "repeat", "repeat"}));
}

}  // namespace
}  // namespace gfs::bus
