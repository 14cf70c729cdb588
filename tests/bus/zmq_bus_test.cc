// ZmqBus against the world outside: strangers that send garbage, peers that are not there, die or stay silent,
// addresses that are taken, connections counted. (What both buses promise is in bus_contract_test.cc.)
#include "bus/zmq_bus.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "bus/zmq_context.h"

namespace gfs::bus {
namespace {

Frames frames_of(std::string envelope, std::string body, std::string payload = {}) {
  return {Bytes::of(std::move(envelope)), Bytes::of(std::move(body)), Bytes::of(std::move(payload))};
}

// One bus and what it was told. Echoes messages if asked to.
struct Node final : Bus::Receiver {
  explicit Node(EventLoop& loop, BusLimits limits = {}) : random(7), bus(loop, random, limits) { bus.attach(this); }

  void on_message(const Peer& from, Frames frames) override {
    messages.emplace_back(from, frames);
    if (echoes) {
      Result<> sent = bus.send(from, std::move(frames));
      EXPECT_TRUE(sent.has_value() || (clients_hang_up && sent.error().code == Code::unreachable))
          << sent.error().text();
    }
  }
  void on_data(Frames frames) override { data.push_back(std::move(frames)); }
  void on_event(const Address&, std::string topic, Frames) override { topics.push_back(std::move(topic)); }
  void on_link_lost(const Peer& peer, const LinkLoss& loss) override { losses.emplace_back(peer, loss); }

  Random random;
  bool echoes = false;
  bool clients_hang_up = false;  // an echo may find nobody
  std::vector<std::pair<Peer, Frames>> messages;
  std::vector<Frames> data;
  std::vector<std::string> topics;
  std::vector<std::pair<Peer, LinkLoss>> losses;
  ZmqBus bus;  // last: it goes first
};

class ZmqBusTest : public testing::Test {
 protected:
  ZmqBusTest() { log::set_level(log::Level::off); }

  // Runs the loop until `done` says so; false after the limit.
  bool until(const std::function<bool()>& done, Duration limit = 4s) {
    bool late = false;
    EventLoop::HookId hook = loop_.before_sleep([&] {
      if (done()) loop_.stop();
      return false;
    });
    TimerId watchdog = loop_.after(limit, [&] {
      late = true;
      loop_.stop();
    });
    loop_.run();
    loop_.cancel(watchdog);
    loop_.remove_hook(hook);
    return !late;
  }

  Address listen(Node& node, const Address& at = "tcp://127.0.0.1:0") {
    Result<ListenAt> bound = node.bus.listen({.control = at});
    EXPECT_TRUE(bound.has_value()) << bound.error().text();
    return bound ? bound->control : Address();
  }

  EventLoop loop_;
};

// A ZeroMQ socket of somebody who is not us.
class RawPeer {
 public:
  RawPeer(int type, const Address& address, std::string routing_id = {}) : socket_(zmq_socket(zmq_context(), type)) {
    int none = 0;
    zmq_setsockopt(socket_, ZMQ_LINGER, &none, sizeof none);
    if (!routing_id.empty()) zmq_setsockopt(socket_, ZMQ_ROUTING_ID, routing_id.data(), routing_id.size());
    zmq_connect(socket_, address.c_str());
  }
  ~RawPeer() { zmq_close(socket_); }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  void send(const std::vector<std::string>& parts) {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      ASSERT_GE(zmq_send(socket_, parts[i].data(), parts[i].size(), i + 1 < parts.size() ? ZMQ_SNDMORE : 0), 0);
    }
  }

 private:
  void* socket_;
};

// A plain TCP socket on loopback.
class RawTcp {
 public:
  RawTcp() : RawTcp(::socket(AF_INET, SOCK_STREAM, 0)) {}
  explicit RawTcp(int socket) : socket_(socket) {}
  ~RawTcp() { ::close(socket_); }
  RawTcp(const RawTcp&) = delete;
  RawTcp& operator=(const RawTcp&) = delete;

  // Takes a port and lets others connect, but says nothing to them (or nothing at all: then they are refused).
  Address take_port(bool accepts) {
    sockaddr_in name = loopback(0);
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
    if (accepts) EXPECT_EQ(::listen(socket_, 8), 0);
    socklen_t size = sizeof name;
    getsockname(socket_, reinterpret_cast<sockaddr*>(&name), &size);
    return "tcp://127.0.0.1:" + std::to_string(ntohs(name.sin_port));
  }
  void connect_and_send(const Address& address, const std::string& bytes) {
    sockaddr_in name = loopback(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    ASSERT_EQ(::connect(socket_, reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
    ASSERT_EQ(::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }
  std::unique_ptr<RawTcp> accept() { return std::make_unique<RawTcp>(::accept(socket_, nullptr, nullptr)); }
  int descriptor() const { return socket_; }

 private:
  static sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    name.sin_port = htons(port);
    return name;
  }
  int socket_;
};

// A way to a listener on loopback that may go dark: nothing passes any more, and neither end hears of it. What was on
// the way arrives if it goes on.
class HalfOpenWay {
 public:
  HalfOpenWay(EventLoop& loop, Address to) : loop_(loop), to_(std::move(to)) {
    address_ = listener_.take_port(true);
    go_on();
  }
  ~HalfOpenWay() { go_dark(); }
  HalfOpenWay(const HalfOpenWay&) = delete;
  HalfOpenWay& operator=(const HalfOpenWay&) = delete;

  const Address& address() const { return address_; }
  std::size_t dials() const { return ends_.size() / 2; }
  void go_dark() {
    for (const auto& [descriptor, watch] : watches_) loop_.unwatch(watch);
    watches_.clear();
  }
  void go_on() {
    watches_[listener_.descriptor()] = loop_.watch(listener_.descriptor(), false, [this] { accept(); });
    for (std::size_t i = 0; i < ends_.size(); ++i) forward(*ends_[i], *ends_[i ^ 1]);
  }

 private:
  void accept() {
    ends_.push_back(listener_.accept());
    ends_.push_back(std::make_unique<RawTcp>());
    RawTcp& dialler = *ends_[ends_.size() - 2];
    RawTcp& listener = *ends_.back();
    listener.connect_and_send(to_, {});
    forward(dialler, listener);
    forward(listener, dialler);
  }
  void forward(RawTcp& from, RawTcp& to) {
    const int one = from.descriptor(), other = to.descriptor();
    watches_[one] = loop_.watch(one, false, [this, one, other] {
      std::array<char, 4096> bytes;
      const ssize_t got = ::recv(one, bytes.data(), bytes.size(), MSG_DONTWAIT);
      if (got > 0) {
        EXPECT_EQ(::send(other, bytes.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL), got);
      } else {
        ::shutdown(other, SHUT_WR);
        loop_.unwatch(watches_.at(one));
        watches_.erase(one);
      }
    });
  }

  EventLoop& loop_;
  const Address to_;
  RawTcp listener_;
  Address address_;
  std::vector<std::unique_ptr<RawTcp>> ends_;  // of each connection two: its dialler's, its listener's
  std::map<int, EventLoop::WatchId> watches_;  // by descriptor
};

std::string temporary_path(const std::string& name) {
  return testing::TempDir() + "gfs-" + std::to_string(getpid()) + name;
}

TEST_F(ZmqBusTest, E16AThousandCallsToOnePeerMakeOneConnection) {
  Node server(loop_);
  Node client(loop_);
  server.echoes = true;
  Peer to = Peer::at(listen(server));
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(client.bus.send(to, frames_of("e", std::to_string(i))).has_value());
  ASSERT_TRUE(until([&] { return client.messages.size() == 1000; }));
  EXPECT_EQ(client.messages.back().second.body.view(), "999");
  EXPECT_EQ(client.messages.back().first, to);
  EXPECT_EQ(client.bus.counters().connections, 1u);
  EXPECT_EQ(server.bus.counters().received, 1000u);
}

TEST_F(ZmqBusTest, StrangeFrameCountsAndSizesAreRefusedAndCountedAndTheNodeLivesOn) {
  Node node(loop_);
  Address address = listen(node);
  struct Case {
    const char* name;
    std::vector<std::string> parts;
  };
  const std::vector<Case> cases = {
      {"one frame", {"e"}},
      {"four frames", {"e", "b", "p", "x"}},
      {"a thousand frames", std::vector<std::string>(1000, "x")},
      {"envelope too large", {std::string(5000, 'e'), "b"}},
      {"an empty single frame", {""}},
  };
  RawPeer stranger(ZMQ_DEALER, address);
  std::uint64_t refused = 0;
  for (const Case& each : cases) {
    SCOPED_TRACE(each.name);
    stranger.send(each.parts);
    ++refused;
    EXPECT_TRUE(until([&] { return node.bus.counters().refused == refused; }));
  }
  stranger.send({"e", "b"});
  stranger.send({"e", "", "p"});
  EXPECT_TRUE(until([&] { return node.messages.size() == 2; }));
  EXPECT_EQ(node.bus.counters().refused, refused);
  EXPECT_EQ(node.messages[1].second.payload.view(), "p");
}

TEST_F(ZmqBusTest, GarbageOnTheDataAndEventSocketsIsRefused) {
  Node node(loop_);
  Result<ListenAt> at = node.bus.listen({.data = "tcp://127.0.0.1:0", .events = "tcp://127.0.0.1:0"});
  ASSERT_TRUE(at.has_value());
  RawPeer pusher(ZMQ_PUSH, at->data);
  RawPeer subscriber(ZMQ_XSUB, at->events);
  pusher.send({"e"});
  pusher.send({"e", "b", "p", "x"});
  subscriber.send({"\x07 no subscription"});
  subscriber.send({std::string(100000, '\x01')});
  pusher.send({"e", "b", "p"});
  EXPECT_TRUE(until([&] { return node.data.size() == 1; }));
  EXPECT_EQ(node.bus.counters().refused, 2u);
  EXPECT_TRUE(node.bus.publish("t", frames_of("e", "b")).has_value());
}

TEST_F(ZmqBusTest, AFrameOverTheLimitClosesTheSendersConnectionOnly) {
  Node node(loop_);
  Node friendly(loop_);
  node.echoes = true;
  Address address = listen(node);
  ASSERT_TRUE(friendly.bus.send(Peer::at(address), frames_of("e", "1")).has_value());
  ASSERT_TRUE(until([&] { return friendly.messages.size() == 1; }));
  RawPeer stranger(ZMQ_DEALER, address);
  stranger.send({"e", "b", std::string(3 << 20, 'x')});
  RawTcp http;
  http.connect_and_send(address, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  RawTcp noise;
  noise.connect_and_send(address, std::string(1000, '\xff'));
  stranger.send({"e", "after"});  // over its next connection
  ASSERT_TRUE(until([&] { return node.messages.size() == 2; }));
  EXPECT_EQ(node.messages[1].second.body.view(), "after");
  ASSERT_TRUE(friendly.bus.send(Peer::at(address), frames_of("e", "2")).has_value());
  EXPECT_TRUE(until([&] { return friendly.messages.size() == 2; }));
  EXPECT_EQ(friendly.losses.size(), 0u);
}

TEST_F(ZmqBusTest, APeerThatChoosesItsRoutingIdIsNotListenedTo) {
  Node node(loop_);
  Address address = listen(node);
  RawPeer impostor(ZMQ_DEALER, address, "somebody else");
  impostor.send({"e", "b"});
  EXPECT_TRUE(until([&] { return node.bus.counters().refused == 1; }));
  EXPECT_TRUE(node.messages.empty());
}

TEST_F(ZmqBusTest, AKilledPeerIsALostLinkWithinASecond) {
  for (std::string address :
       {std::string("tcp://127.0.0.1:0"), "ipc://" + temporary_path("killed"), std::string("inproc://killed")}) {
    SCOPED_TRACE(address);
    auto server = std::make_unique<Node>(loop_);
    server->echoes = true;
    Node client(loop_);
    Peer to = Peer::at(listen(*server, address));
    ASSERT_TRUE(client.bus.send(to, frames_of("e", "b")).has_value());
    ASSERT_TRUE(until([&] { return client.messages.size() == 1; }));
    server.reset();
    ASSERT_TRUE(until([&] { return !client.losses.empty(); }, 1s));
    EXPECT_EQ(client.losses[0].first, to);
    EXPECT_FALSE(client.losses[0].second.never_connected);
    EXPECT_EQ(client.losses.size(), 1u);
  }
}

TEST_F(ZmqBusTest, NobodyThereIsNeverConnectedAndALateListenerIsReachedByALaterSend) {
  RawTcp port;
  for (std::string address : {port.take_port(false), "ipc://" + temporary_path("late"), std::string("inproc://late")}) {
    SCOPED_TRACE(address);
    Node client(loop_);
    for (int round = 0; round < 3; ++round) {
      ASSERT_TRUE(client.bus.send(Peer::at(address), frames_of("e", "early")).has_value());
      ASSERT_TRUE(until([&] { return client.losses.size() == static_cast<std::size_t>(round) + 1; }, 1s));
      EXPECT_TRUE(client.losses.back().second.never_connected);
      EXPECT_FALSE(client.losses.back().second.reason.empty());
    }
    if (address.starts_with("tcp")) continue;  // the port is ours to keep free, not to hand over
    Node server(loop_);
    listen(server, address);
    ASSERT_TRUE(client.bus.send(Peer::at(address), frames_of("e", "late")).has_value());
    ASSERT_TRUE(until([&] { return !server.messages.empty(); }));
    EXPECT_EQ(server.messages[0].second.body.view(), "late") << "what was sent early is not kept";
  }
}

TEST_F(ZmqBusTest, AnAddressIsListenedOnAgainRightAfterItsNodeWent) {
  Address address = "tcp://127.0.0.1:0";
  Node client(loop_);
  for (int life = 0; life < 3; ++life) {
    Node server(loop_);
    server.echoes = true;
    address = listen(server, address);
    std::size_t before = client.messages.size();
    EXPECT_TRUE(until([&] {
      // The last life's connection may still have to be noticed lost: what is sent on it is lost too.
      if (client.losses.size() >= static_cast<std::size_t>(life) && client.bus.counters().sent == before) {
        EXPECT_TRUE(client.bus.send(Peer::at(address), frames_of("e", "b")).has_value());
      }
      return client.messages.size() == before + 1;
    }));
  }
  EXPECT_EQ(client.bus.counters().connections, 3u);
}

TEST_F(ZmqBusTest, APeerThatAcceptsAndSaysNothingIsGivenUp) {
  RawTcp silent;
  Address address = silent.take_port(true);
  Node client(loop_, {.queue_max = 3, .data_queue_max = 2});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(client.bus.send(Peer::at(address), frames_of("e", "b")).has_value());
  EXPECT_EQ(client.bus.send(Peer::at(address), frames_of("e", "b")).error().code, Code::overloaded);
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(client.bus.push(address, frames_of("e", "b", "p")).has_value());
  EXPECT_EQ(client.bus.push(address, frames_of("e", "b", "p")).error().code, Code::overloaded);
  EXPECT_EQ(client.bus.counters().undeliverable, 2u);
  ASSERT_TRUE(until([&] { return client.losses.size() == 2; }));
  EXPECT_TRUE(client.losses[0].second.never_connected);
  EXPECT_TRUE(client.losses[1].second.never_connected);
}

// Power cut at the other end, or a firewall that forgot the connection: no word of it comes. Meanwhile another peer
// stands still for five seconds, as a process does whose machine swaps; that is no reason to lose what was asked of it.
TEST_F(ZmqBusTest, P20_AHalfOpenLinkIsGivenUpInTimeAndAStallIsNot) {
  Node server(loop_), client(loop_);
  server.echoes = server.clients_hang_up = true;
  const Address behind = listen(server);
  HalfOpenWay dark(loop_, behind), stalled(loop_, behind);
  for (const HalfOpenWay* way : {&dark, &stalled}) {
    ASSERT_TRUE(client.bus.send(Peer::at(way->address()), frames_of("e", "before")).has_value());
  }
  ASSERT_TRUE(until([&] { return client.messages.size() == 2; }));

  const Instant begun = loop_.now();
  dark.go_dark();
  stalled.go_dark();
  for (const HalfOpenWay* way : {&dark, &stalled}) {
    ASSERT_TRUE(client.bus.send(Peer::at(way->address()), frames_of("e", "meanwhile")).has_value());
  }
  loop_.after(5s, [&] { stalled.go_on(); });
  ASSERT_TRUE(until([&] { return client.messages.size() == 3; }, 7s));
  EXPECT_EQ(client.messages.back().second.body.view(), "meanwhile");
  EXPECT_TRUE(client.losses.empty());

  ASSERT_TRUE(until([&] { return !client.losses.empty(); }, 6s));
  EXPECT_LE(loop_.now() - begun, kSilenceMax + 1s);
  EXPECT_EQ(client.losses[0].first, Peer::at(dark.address()));
  EXPECT_FALSE(client.losses[0].second.never_connected) << "what was sent may have arrived";
  EXPECT_EQ(client.losses.size(), 1u);
  EXPECT_EQ(stalled.dials(), 1);
}

// A monitor that went before its socket once stopped ZeroMQ's I/O thread, and every connection of the process with it.
TEST_F(ZmqBusTest, LinksClosedWhileTheirPeersGoDoNotDeafenTheProcess) {
  for (int round = 0; round < 60; ++round) {
    SCOPED_TRACE(round);
    auto server = std::make_unique<Node>(loop_);
    server->echoes = true;
    Peer to = Peer::at(listen(*server));
    std::vector<std::unique_ptr<Node>> clients;
    for (int i = 0; i < 16; ++i) {
      clients.push_back(std::make_unique<Node>(loop_));
      ASSERT_TRUE(clients.back()->bus.send(to, frames_of("e", "b")).has_value());
    }
    ASSERT_TRUE(until([&] {
      return std::all_of(clients.begin(), clients.end(), [](const auto& client) { return !client->messages.empty(); });
    }));
    server.reset();
  }
}

TEST_F(ZmqBusTest, ARouteWhosePeerWentIsUnreachable) {
  Node server(loop_);
  auto client = std::make_unique<Node>(loop_);
  Address address = listen(server);
  ASSERT_TRUE(client->bus.send(Peer::at(address), frames_of("e", "b")).has_value());
  ASSERT_TRUE(until([&] { return server.messages.size() == 1; }));
  Peer route = server.messages[0].first;
  EXPECT_FALSE(route.dialled());
  EXPECT_TRUE(server.bus.send(route, frames_of("e", "b")).has_value());
  client.reset();
  Result<> sent;
  EXPECT_TRUE(until([&] {
    sent = server.bus.send(route, frames_of("e", "b"));
    return !sent;
  }));
  EXPECT_EQ(sent.error().code, Code::unreachable);
  EXPECT_TRUE(server.losses.empty());
}

TEST_F(ZmqBusTest, TakenAddressesAreInUseAndNamed) {
  RawTcp other;
  std::string foreign = temporary_path("foreign");
  std::ofstream(foreign) << "not a socket";
  Node first(loop_);
  Address ipc = listen(first, "ipc://" + temporary_path("taken"));
  Node inproc(loop_);
  listen(inproc, "inproc://taken");
  for (const Address& taken : {other.take_port(true), ipc, Address("inproc://taken"), "ipc://" + foreign}) {
    SCOPED_TRACE(taken);
    Node second(loop_);
    Result<ListenAt> bound = second.bus.listen({.control = taken});
    ASSERT_FALSE(bound.has_value());
    EXPECT_EQ(bound.error().code, Code::in_use);
    EXPECT_NE(bound.error().message.find(taken), std::string::npos);
  }
  EXPECT_EQ(access(foreign.c_str(), F_OK), 0);
  unlink(foreign.c_str());
}

TEST_F(ZmqBusTest, AStaleSocketFileIsReplaced) {
  std::string path = temporary_path("stale");
  int dead = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  path.copy(name.sun_path, sizeof name.sun_path - 1);
  ASSERT_EQ(::bind(dead, reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
  ::close(dead);  // as after kill -9: the file stays
  ASSERT_EQ(access(path.c_str(), F_OK), 0);
  Node node(loop_);
  EXPECT_TRUE(node.bus.listen({.control = "ipc://" + path}).has_value());
}

TEST_F(ZmqBusTest, AddressesNobodyCanDialAreInvalid) {
  Node node(loop_);
  const std::vector<Address> bad = {"",
                                    "7500",
                                    "localhost:7500",
                                    "http://localhost:1",
                                    "tcp://localhost",
                                    "tcp://:7500",
                                    "tcp://localhost:",
                                    "tcp://localhost:0",
                                    "tcp://localhost:65536",
                                    "tcp://localhost:12ab",
                                    "tcp://*:7500",
                                    "tcp://a b:7500",
                                    "ipc://",
                                    "ipc:///" + std::string(200, 'x'),
                                    "inproc://",
                                    "inproc://" + std::string(300, 'x'),
                                    Address("inproc://a\0b", 12)};
  for (const Address& address : bad) {
    SCOPED_TRACE(address);
    EXPECT_EQ(node.bus.send(Peer::at(address), frames_of("e", "b")).error().code, Code::invalid_argument);
    EXPECT_EQ(node.bus.push(address, frames_of("e", "b")).error().code, Code::invalid_argument);
    EXPECT_EQ(node.bus.subscribe(address, "").error().code, Code::invalid_argument);
  }
  EXPECT_EQ(node.bus.counters().connections, 0u);
}

TEST_F(ZmqBusTest, OneMemoryGoesToTwoPeersUncopiedAndIsLetGoOf) {
  Node first(loop_);
  Node second(loop_);
  Node sender(loop_);
  Result<ListenAt> at_first = first.bus.listen({.data = "tcp://127.0.0.1:0"});
  Result<ListenAt> at_second = second.bus.listen({.data = "inproc://second"});
  ASSERT_TRUE(at_first && at_second);
  auto memory = std::make_shared<const std::string>(1 << 20, 'm');
  std::weak_ptr<const std::string> watched = memory;
  Frames frames{Bytes::of("e"), Bytes::of("b"), Bytes(memory, memory->data(), memory->size())};
  const void* place = memory->data();
  memory.reset();
  ASSERT_TRUE(sender.bus.push(at_first->data, frames).has_value());
  ASSERT_TRUE(sender.bus.push(at_second->data, frames).has_value());
  frames = {};
  ASSERT_TRUE(until([&] { return first.data.size() == 1 && second.data.size() == 1; }));
  EXPECT_EQ(second.data[0].payload.data(), place) << "within a process nothing is copied at all";
  EXPECT_EQ(first.data[0].payload, second.data[0].payload);
  second.data.clear();
  EXPECT_TRUE(until([&] { return watched.expired(); }));
}

TEST_F(ZmqBusTest, WhatWasReceivedOutlivesItsBus) {
  auto server = std::make_unique<Node>(loop_);
  Node client(loop_);
  Address address = listen(*server);
  ASSERT_TRUE(client.bus.send(Peer::at(address), frames_of("e", "b", std::string(100000, 'p'))).has_value());
  ASSERT_TRUE(until([&] { return server->messages.size() == 1; }));
  Frames kept = server->messages[0].second;
  server.reset();
  EXPECT_EQ(kept.envelope.view(), "e");
  EXPECT_EQ(kept.payload.str(), std::string(100000, 'p'));
}

TEST_F(ZmqBusTest, ASubscriptionOutlivesItsPublisher) {
  for (std::string address : {std::string("tcp://127.0.0.1:0"), std::string("inproc://publisher")}) {
    SCOPED_TRACE(address);
    Node subscriber(loop_);
    for (int life = 0; life < 2; ++life) {
      Node publisher(loop_);
      Result<ListenAt> at = publisher.bus.listen({.events = address});
      ASSERT_TRUE(at.has_value()) << at.error().text();
      address = at->events;
      EXPECT_TRUE(subscriber.bus.subscribe(address, "/a").has_value());  // the second time it is known already
      subscriber.topics.clear();
      EXPECT_TRUE(until([&] {  // a subscription takes effect some time later
        EXPECT_TRUE(publisher.bus.publish("/b", frames_of("e", "b")).has_value());
        EXPECT_TRUE(publisher.bus.publish("/a/x", frames_of("e", "b")).has_value());
        loop_.after(1ms, [] {});
        return !subscriber.topics.empty();
      }));
      EXPECT_EQ(subscriber.topics[0], "/a/x");
    }
  }
}

TEST_F(ZmqBusTest, HangingUpInsideACallbackIsSafe) {
  struct Hasty final : Bus::Receiver {
    void on_message(const Peer& from, Frames) override {
      ++heard;
      bus->hang_up(from);
    }
    void on_data(Frames) override {}
    void on_event(const Address&, std::string, Frames) override {}
    void on_link_lost(const Peer&, const LinkLoss&) override { ++lost; }
    ZmqBus* bus = nullptr;
    int heard = 0, lost = 0;
  };
  Node server(loop_);
  server.echoes = true;
  server.clients_hang_up = true;
  Address address = listen(server);
  Hasty hasty;
  Random random(1);
  ZmqBus bus(loop_, random);
  hasty.bus = &bus;
  bus.attach(&hasty);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(bus.send(Peer::at(address), frames_of("e", "b")).has_value());
  ASSERT_TRUE(until([&] { return hasty.heard >= 1 && server.messages.size() == 5; }));
  ASSERT_TRUE(bus.send(Peer::at(address), frames_of("e", "b")).has_value());
  EXPECT_TRUE(until([&] { return hasty.heard >= 2; }));
  EXPECT_EQ(hasty.lost, 0);
  EXPECT_EQ(bus.counters().connections, 2u);
}

TEST_F(ZmqBusTest, ABusWithMuchUnsentGoesAtOnce) {
  RawTcp silent;
  Address nowhere = silent.take_port(true);
  Instant start = loop_.now();
  {
    Node client(loop_);
    for (int i = 0; i < 10; ++i) {
      EXPECT_TRUE(client.bus.push(nowhere, frames_of("e", "b", std::string(1 << 20, 'x'))).has_value());
      EXPECT_TRUE(client.bus.send(Peer::at(nowhere), frames_of("e", "b")).has_value());
    }
  }
  EXPECT_LT(loop_.now() - start, 1s);
}

TEST(ZmqContext, TheDescriptorLimitIsRaisedAndNeverLowered) {
  unsigned long now = raise_descriptor_limit(1);
  EXPECT_GE(raise_descriptor_limit(4096), now);
}

}  // namespace
}  // namespace gfs::bus
