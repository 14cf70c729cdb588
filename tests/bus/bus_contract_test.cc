// What bus/bus.h promises, of every bus there is: the simulated one, and the real one over tcp, ipc and inproc.
#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/event_loop.h"
#include "base/log.h"
#include "base/sim_executor.h"
#include "bus/sim_bus.h"
#include "bus/zmq_bus.h"

namespace gfs::bus {
namespace {

Frames frames_of(std::string envelope, std::string body, std::string payload = {}) {
  return {Bytes::of(std::move(envelope)), Bytes::of(std::move(body)), Bytes::of(std::move(payload))};
}

// Where buses live: makes them, and lets time go on.
class World {
 public:
  virtual ~World() = default;
  virtual std::unique_ptr<Bus> bus(BusLimits limits) = 0;
  // An address nobody has listened on.
  virtual Address fresh() = 0;
  // False if `done` is not so within 4 s.
  virtual bool until(std::function<bool()> done) = 0;
};

class SimWorld final : public World {
 public:
  std::unique_ptr<Bus> bus(BusLimits limits) override {
    return std::make_unique<SimBus>(network_, world_, "host" + std::to_string(++last_host_), limits);
  }
  Address fresh() override { return "tcp://host" + std::to_string(++last_host_) + ":0"; }
  bool until(std::function<bool()> done) override { return world_.run_until(done, 4s); }

 private:
  SimExecutor world_;
  SimNetwork network_{world_, 11};
  int last_host_ = 0;
};

class ZmqWorld final : public World {
 public:
  explicit ZmqWorld(std::string transport) : transport_(std::move(transport)) {}

  std::unique_ptr<Bus> bus(BusLimits limits) override { return std::make_unique<ZmqBus>(loop_, random_, limits); }
  Address fresh() override {
    if (transport_ == "tcp") return "tcp://127.0.0.1:0";
    static int last = 0;
    std::string name = "gfs-contract-" + std::to_string(getpid()) + "-" + std::to_string(++last);
    return transport_ == "ipc" ? "ipc://" + testing::TempDir() + name : "inproc://" + name;
  }
  bool until(std::function<bool()> done) override {
    bool late = false;
    EventLoop::HookId hook = loop_.before_sleep([&] {
      if (done()) loop_.stop();
      return false;
    });
    TimerId watchdog = loop_.after(4s, [&] {
      late = true;
      loop_.stop();
    });
    loop_.run();
    loop_.cancel(watchdog);
    loop_.remove_hook(hook);
    return !late;
  }

 private:
  const std::string transport_;
  Random random_{7};
  EventLoop loop_;
};

// A seat at the bus and what it was told. Fails the test if it is told something while it sends.
class Node final : public Bus::Receiver {
 public:
  explicit Node(World& world, BusLimits limits = {}) : bus_(world.bus(limits)) { bus_->attach(this); }

  Result<> send(const Peer& to, Frames frames) {
    return sending([&] { return bus_->send(to, std::move(frames)); });
  }
  Result<> push(const Address& to, Frames frames) {
    return sending([&] { return bus_->push(to, std::move(frames)); });
  }
  Result<> publish(std::string topic, std::string body) {
    return sending([&] { return bus_->publish(std::move(topic), frames_of("e", std::move(body))); });
  }
  Bus& bus() { return *bus_; }

  void on_message(const Peer& from, Frames frames) override {
    EXPECT_FALSE(sending_);
    if (echoes) EXPECT_TRUE(send(from, frames).has_value());
    messages.emplace_back(from, std::move(frames));
  }
  void on_data(Frames frames) override {
    EXPECT_FALSE(sending_);
    data.push_back(std::move(frames));
  }
  void on_event(const Address& publisher, std::string topic, Frames frames) override {
    EXPECT_FALSE(sending_);
    EXPECT_EQ(frames.envelope.view(), "e");
    publishers.insert(publisher);
    topics.push_back(std::move(topic));
  }
  void on_link_lost(const Peer& peer, const LinkLoss& loss) override {
    EXPECT_FALSE(sending_);
    losses.emplace_back(peer, loss);
  }

  bool echoes = false;
  std::vector<std::pair<Peer, Frames>> messages;
  std::vector<Frames> data;
  std::vector<std::string> topics;
  std::set<Address> publishers;
  std::vector<std::pair<Peer, LinkLoss>> losses;

 private:
  Result<> sending(const std::function<Result<>()>& send) {
    sending_ = true;
    Result<> sent = send();
    sending_ = false;
    return sent;
  }

  bool sending_ = false;
  std::unique_ptr<Bus> bus_;  // last: it goes first
};

class BusContract : public testing::TestWithParam<const char*> {
 protected:
  BusContract() {
    log::set_level(log::Level::off);
    std::string which = GetParam();
    if (which == "sim") {
      world_ = std::make_unique<SimWorld>();
    } else {
      world_ = std::make_unique<ZmqWorld>(which);
    }
  }

  ListenAt listen(Node& node) {
    Result<ListenAt> bound = node.bus().listen({world_->fresh(), world_->fresh(), world_->fresh()});
    EXPECT_TRUE(bound.has_value()) << bound.error().text();
    return bound.value_or(ListenAt{});
  }
  // Where somebody listened once. ZeroMQ closes a listener on its own thread: until then dials still get through.
  Address nobody_there() {
    auto gone = std::make_unique<Node>(*world_);
    const Address address = listen(*gone).control;
    gone.reset();
    for (bool refused = false; !refused;) {
      Node probe(*world_);
      EXPECT_TRUE(probe.send(Peer::at(address), frames_of("e", "b")).has_value());
      if (!until([&] { return !probe.losses.empty(); })) break;
      refused = probe.losses[0].second.never_connected;
    }
    return address;
  }
  bool until(std::function<bool()> done) { return world_->until(std::move(done)); }

  std::unique_ptr<World> world_;
};

TEST_P(BusContract, MessagesArriveWholeAndInTheOrderOfTheirConnection) {
  Node server(*world_);
  Node client(*world_);
  server.echoes = true;
  const Peer to = Peer::at(listen(server).control);
  const std::vector<std::size_t> sizes = {0, 1, 30, 4000, 65536, 1 << 20};
  auto message = [&sizes](std::size_t i) {
    std::string payload(sizes[i % sizes.size()], static_cast<char>('a' + i % 26));
    return frames_of("e" + std::to_string(i), std::string(i % 100, 'b'), payload);
  };
  for (std::size_t i = 0; i < 60; ++i) ASSERT_TRUE(client.send(to, message(i)).has_value());
  ASSERT_TRUE(until([&] { return client.messages.size() == 60; }));
  ASSERT_EQ(server.messages.size(), 60u);
  for (const Node* node : {&server, &client}) {
    for (std::size_t i = 0; i < 60; ++i) {
      const Frames& got = node->messages[i].second;
      const Frames sent = message(i);
      EXPECT_EQ(got.envelope, sent.envelope);
      EXPECT_EQ(got.body, sent.body);
      EXPECT_TRUE(got.payload == sent.payload) << "the payload of message " << i;
    }
  }
  EXPECT_EQ(client.bus().counters().connections, 1u);
  EXPECT_EQ(client.bus().counters().sent, 60u);
  EXPECT_EQ(server.bus().counters().received, 60u);
  EXPECT_EQ(server.bus().counters().bytes_received, client.bus().counters().bytes_sent);
}

TEST_P(BusContract, ARouteIsOneConnectionAndBothEndsMayAsk) {
  Node server(*world_);
  Node first(*world_);
  Node second(*world_);
  const Peer to = Peer::at(listen(server).control);
  ASSERT_TRUE(first.send(to, frames_of("e", "first")).has_value());
  ASSERT_TRUE(until([&] { return server.messages.size() == 1; }));
  ASSERT_TRUE(second.send(to, frames_of("e", "second")).has_value());
  ASSERT_TRUE(until([&] { return server.messages.size() == 2; }));
  ASSERT_TRUE(first.send(to, frames_of("e", "first again")).has_value());
  ASSERT_TRUE(until([&] { return server.messages.size() == 3; }));
  const Peer route = server.messages[0].first;
  EXPECT_FALSE(route.dialled());
  EXPECT_FALSE(route.empty());
  EXPECT_EQ(server.messages[2].first, route);
  EXPECT_NE(server.messages[1].first, route);
  ASSERT_TRUE(server.send(route, frames_of("e", "an order", "with bytes")).has_value());
  ASSERT_TRUE(until([&] { return first.messages.size() == 1; }));
  EXPECT_EQ(first.messages[0].first, to);
  EXPECT_EQ(first.messages[0].second.payload.view(), "with bytes");
  EXPECT_TRUE(second.messages.empty());
}

TEST_P(BusContract, ADialThatIsRefusedWasNeverConnectedAndIsToldOnce) {
  Node client(*world_);
  const Peer to = Peer::at(nobody_there());
  for (std::size_t round = 1; round <= 3; ++round) {
    ASSERT_TRUE(client.send(to, frames_of("e", "one")).has_value());
    ASSERT_TRUE(client.send(to, frames_of("e", "two")).has_value());
    ASSERT_TRUE(until([&] { return client.losses.size() == round; }));
    EXPECT_EQ(client.losses.back().first, to);
    EXPECT_TRUE(client.losses.back().second.never_connected);
    EXPECT_FALSE(client.losses.back().second.reason.empty());
  }
  EXPECT_EQ(client.bus().counters().connections, 0u);
}

TEST_P(BusContract, AKilledListenerIsALostLinkAndTheNextLifeHearsOnlyWhatComesLater) {
  auto server = std::make_unique<Node>(*world_);
  Node client(*world_);
  server->echoes = true;
  const ListenAt at = listen(*server);
  const Peer to = Peer::at(at.control);
  ASSERT_TRUE(client.send(to, frames_of("e", "b")).has_value());
  ASSERT_TRUE(until([&] { return client.messages.size() == 1; }));
  server.reset();
  ASSERT_TRUE(until([&] { return !client.losses.empty(); }));
  EXPECT_EQ(client.losses[0].first, to);
  EXPECT_FALSE(client.losses[0].second.never_connected);
  ASSERT_TRUE(client.send(to, frames_of("e", "to nobody")).has_value());
  ASSERT_TRUE(until([&] { return client.losses.size() == 2; }));
  EXPECT_TRUE(client.losses[1].second.never_connected);

  Node next(*world_);
  ASSERT_TRUE(next.bus().listen(at).has_value());
  ASSERT_TRUE(client.send(to, frames_of("e", "to the next life")).has_value());
  ASSERT_TRUE(until([&] { return !next.messages.empty(); }));
  EXPECT_EQ(next.messages[0].second.body.view(), "to the next life");
  EXPECT_EQ(client.losses.size(), 2u);
}

TEST_P(BusContract, TheRouteOfAPeerThatWentIsUnreachable) {
  Node server(*world_);
  auto client = std::make_unique<Node>(*world_);
  const Peer to = Peer::at(listen(server).control);
  ASSERT_TRUE(client->send(to, frames_of("e", "b")).has_value());
  ASSERT_TRUE(until([&] { return server.messages.size() == 1; }));
  const Peer route = server.messages[0].first;
  ASSERT_TRUE(server.send(route, frames_of("e", "b")).has_value());
  client.reset();
  Result<> sent;
  ASSERT_TRUE(until([&] {
    sent = server.send(route, frames_of("e", "b"));
    return !sent.has_value();
  }));
  EXPECT_EQ(sent.error().code, Code::unreachable);
  EXPECT_GE(server.bus().counters().undeliverable, 1u);
  EXPECT_TRUE(server.losses.empty()) << "who is dialled is told nothing of it";
}

TEST_P(BusContract, HangingUpIsSilentAndTheNextMessageMakesAConnectionOfItsOwn) {
  Node server(*world_);
  Node client(*world_);
  const Peer to = Peer::at(listen(server).control);
  ASSERT_TRUE(client.send(to, frames_of("e", "1")).has_value());
  ASSERT_TRUE(until([&] { return server.messages.size() == 1; }));
  client.bus().hang_up(to);
  client.bus().hang_up(Peer::at(world_->fresh()));
  ASSERT_TRUE(client.send(to, frames_of("e", "2")).has_value());
  ASSERT_TRUE(until([&] { return server.messages.size() == 2; }));
  EXPECT_NE(server.messages[0].first, server.messages[1].first);
  EXPECT_TRUE(client.losses.empty());
  EXPECT_EQ(client.bus().counters().connections, 2u);
}

TEST_P(BusContract, WhatIsPushedIsPulledInOrder) {
  Node server(*world_);
  Node client(*world_);
  const Address to = listen(server).data;
  for (int i = 0; i < 16; ++i) {
    ASSERT_TRUE(client.push(to, frames_of("e", std::to_string(i), std::string(100'000, 'p'))).has_value());
  }
  ASSERT_TRUE(until([&] { return server.data.size() == 16; }));
  for (std::size_t i = 0; i < 16; ++i) {
    EXPECT_EQ(server.data[i].body.view(), std::to_string(i));
    EXPECT_EQ(server.data[i].payload.size(), 100'000u);
  }
  EXPECT_TRUE(server.messages.empty());
}

TEST_P(BusContract, WhatIsPublishedReachesWhoSubscribedToABeginningOfItsTopic) {
  Node publisher(*world_);
  Node subscriber(*world_);
  const Address at = listen(publisher).events;
  ASSERT_TRUE(subscriber.bus().subscribe(at, "chunk.").has_value());
  ASSERT_TRUE(until([&] {  // what is published before the subscription has come is not for us
    EXPECT_TRUE(publisher.publish("chunk.first", "b").has_value());
    return !subscriber.topics.empty();
  }));
  for (const char* topic : {"chunk", "chunks.1", "server.1", "", "chunk.last"}) {
    ASSERT_TRUE(publisher.publish(topic, "b").has_value());
  }
  ASSERT_TRUE(until([&] { return subscriber.topics.back() == "chunk.last"; }));
  EXPECT_EQ(std::set<std::string>(subscriber.topics.begin(), subscriber.topics.end()),
            (std::set<std::string>{"chunk.first", "chunk.last"}));
  EXPECT_EQ(subscriber.publishers, std::set<Address>{at});

  // The last topic still comes when the others have been given up.
  ASSERT_TRUE(subscriber.bus().subscribe(at, "mark").has_value());
  ASSERT_TRUE(subscriber.bus().unsubscribe(at, "chunk.").has_value());
  ASSERT_TRUE(until([&] {
    EXPECT_TRUE(publisher.publish("chunk.late", "b").has_value());
    EXPECT_TRUE(publisher.publish("mark", "b").has_value());
    std::size_t count = subscriber.topics.size();
    return count >= 2 && subscriber.topics[count - 1] == "mark" && subscriber.topics[count - 2] == "mark";
  }));
}

TEST_P(BusContract, WhatIsOverALimitIsRefusedOnSendingAndWhatIsAtItArrives) {
  const BusLimits limits{.frame_max = 1000, .envelope_max = 100};
  Node server(*world_, limits);
  Node client(*world_, limits);
  const ListenAt at = listen(server);
  struct Case {
    std::size_t envelope, body, payload;
    bool fits;
  };
  std::size_t arrive = 0;
  for (const Case& each : std::vector<Case>{
           {100, 1000, 1000, true}, {101, 0, 0, false}, {1, 1001, 0, false}, {1, 0, 1001, false}, {1, 1000, 0, true}}) {
    SCOPED_TRACE(fmt::format("{} + {} + {}", each.envelope, each.body, each.payload));
    Frames frames =
        frames_of(std::string(each.envelope, 'e'), std::string(each.body, 'b'), std::string(each.payload, 'p'));
    Result<> sent = client.send(Peer::at(at.control), frames);
    Result<> pushed = client.push(at.data, frames);
    EXPECT_EQ(sent.has_value(), each.fits);
    EXPECT_EQ(pushed.has_value(), each.fits);
    if (each.fits) {
      ++arrive;
    } else {
      EXPECT_EQ(sent.error().code, Code::too_large);
      EXPECT_EQ(pushed.error().code, Code::too_large);
    }
  }
  EXPECT_EQ(client.publish("topic", std::string(1001, 'b')).error().code, Code::too_large);
  ASSERT_TRUE(until([&] { return server.messages.size() == arrive && server.data.size() == arrive; }));
  EXPECT_EQ(server.bus().counters().refused, 0u);
}

TEST_P(BusContract, AFullQueueIsOverloadedAndWhatWasTakenArrives) {
  Node server(*world_);
  Node client(*world_, {.queue_max = 3, .data_queue_max = 2});
  const ListenAt at = listen(server);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(client.send(Peer::at(at.control), frames_of("e", "b")).has_value());
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(client.push(at.data, frames_of("e", "b", "p")).has_value());
  EXPECT_EQ(client.send(Peer::at(at.control), frames_of("e", "b")).error().code, Code::overloaded);
  EXPECT_EQ(client.push(at.data, frames_of("e", "b", "p")).error().code, Code::overloaded);
  EXPECT_EQ(client.bus().counters().undeliverable, 2u);
  ASSERT_TRUE(until([&] { return server.messages.size() == 3 && server.data.size() == 2; }));
  EXPECT_TRUE(client.send(Peer::at(at.control), frames_of("e", "b")).has_value());
  EXPECT_TRUE(client.push(at.data, frames_of("e", "b", "p")).has_value());
  EXPECT_TRUE(until([&] { return server.messages.size() == 4 && server.data.size() == 3; }));
}

TEST_P(BusContract, AnAddressBelongsToOneListenerUntilItGoes) {
  auto first = std::make_unique<Node>(*world_);
  const ListenAt at = listen(*first);
  Node second(*world_);
  Result<ListenAt> taken = second.bus().listen({.control = at.control});
  ASSERT_FALSE(taken.has_value());
  EXPECT_EQ(taken.error().code, Code::in_use);
  EXPECT_NE(taken.error().message.find(at.control), std::string::npos) << taken.error().message;
  first.reset();
  Result<ListenAt> free = second.bus().listen(at);
  ASSERT_TRUE(free.has_value()) << free.error().text();
  EXPECT_EQ(free->control, at.control);
}

TEST_P(BusContract, WhatIsNoAddressIsInvalid) {
  Node node(*world_);
  for (const char* address : {"", "7500", "localhost:7500", "tcp://"}) {
    SCOPED_TRACE(address);
    EXPECT_EQ(node.send(Peer::at(address), frames_of("e", "b")).error().code, Code::invalid_argument);
    EXPECT_EQ(node.push(address, frames_of("e", "b")).error().code, Code::invalid_argument);
    EXPECT_EQ(node.bus().subscribe(address, "").error().code, Code::invalid_argument);
  }
  Result<> nowhere = node.send(Peer::on("no route of ours"), frames_of("e", "b"));
  ASSERT_FALSE(nowhere.has_value());
  EXPECT_EQ(nowhere.error().code, Code::unreachable);
}

INSTANTIATE_TEST_SUITE_P(Buses, BusContract, testing::Values("sim", "tcp", "ipc", "inproc"),
                         [](const testing::TestParamInfo<const char*>& bus) { return std::string(bus.param); });

}  // namespace
}  // namespace gfs::bus
