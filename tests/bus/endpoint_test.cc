// Typed calls over a simulated network: every outcome a call can have, everything a server refuses, what limits hold,
// and what becomes of handlers and calls that are given up.
#include "bus/endpoint.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/sim_executor.h"
#include "bus/messages/chunk_chunk.h"
#include "bus/messages/chunk_master.h"
#include "bus/messages/client_chunk.h"
#include "bus/sim_bus.h"

namespace gfs::bus {
namespace {

// Serves a few kinds in the ways the tests need.
struct Service {
  explicit Service(Endpoint& e) : endpoint(e) {}

  Task<FileInfo> stat(Stat ask, Caller caller) {
    callers.push_back(caller);
    if (ask.path == "/error") co_await fail(Error{Code::not_found, "no file /error", {{"cs1", "timeout"}}});
    if (ask.path == "/verbose") co_await fail(Code::conflict, "{}\xc3\xa4 and more", std::string(1023, 'x'));
    if (ask.path.starts_with("/slow")) {
      struct Guard {
        int& ended;
        ~Guard() { ++ended; }
      } guard{slow_ended};
      ++slow_begun;
      co_await endpoint.executor().sleep(1s);
      ++slow_finished;
    }
    FileInfo info;
    info.path = ask.path;
    if (ask.path == "/huge") info.path = std::string(3000, 'h');
    co_return info;
  }
  Task<Hello::Reply> hello(Hello, Caller) {
    Hello::Reply reply;
    reply.cluster = endpoint.cluster();
    co_return reply;
  }
  Task<ReadChunk::Reply> read(ReadChunk, Caller) {
    ReadChunk::Reply reply;
    reply.payload = stored;
    co_return reply;
  }
  Task<ApplyWrite::Reply> apply(ApplyWrite ask, Caller) {
    stored = ask.payload;
    ApplyWrite::Reply reply;
    reply.length = ask.payload.size();
    co_return reply;
  }
  Task<Configure::Reply> configure(Configure ask, Caller caller) {
    callers.push_back(caller);
    Configure::Reply reply;
    reply.length = ask.version.value;
    co_return reply;
  }
  void push(PushFragment fragment) { fragments.push_back(std::move(fragment)); }

  Endpoint& endpoint;
  Bytes stored;
  int slow_begun = 0, slow_finished = 0, slow_ended = 0;
  std::vector<Caller> callers;
  std::vector<PushFragment> fragments;
};

struct Node {
  Node(SimExecutor& world, SimNetwork& network, const std::string& host, Endpoint::Options options, BusLimits limits)
      : executor(world),
        random(5),
        bus(network, executor, host, limits),
        endpoint(executor, random, bus, std::move(options)),
        service(endpoint) {
    endpoint.serve<&Service::stat>(service);
    endpoint.serve<&Service::hello>(service);
    endpoint.serve<&Service::read>(service);
    endpoint.serve<&Service::apply>(service);
    endpoint.serve<&Service::configure>(service);
    endpoint.serve_data<&Service::push>(service);
    endpoint.on_link_lost([this](const Peer& peer, const LinkLoss&) { losses.push_back(peer); });
  }
  ~Node() { endpoint.stop(); }

  NodeExecutor executor;
  Random random;
  SimBus bus;
  Endpoint endpoint;
  Service service;
  std::vector<Peer> losses;
};

// Says whatever a test makes it say, and keeps what it hears.
struct Stranger final : Bus::Receiver {
  Stranger(SimExecutor& world, SimNetwork& network) : executor(world), bus(network, executor, "stranger") {
    bus.attach(this);
  }
  void on_message(const Peer& from, Frames frames) override {
    peers.push_back(from);
    Result<Envelope> envelope = decode<Envelope>(frames.envelope);
    ASSERT_TRUE(envelope.has_value());
    heard.push_back(*envelope);
  }
  void on_data(Frames) override {}
  void on_event(const Address&, std::string, Frames) override {}
  void on_link_lost(const Peer&, const LinkLoss&) override {}
  void say(const Peer& to, const Envelope& envelope, Bytes body = encode(Stat{"/a"})) {
    Result<> sent = bus.send(to, Frames{encode(envelope), std::move(body), {}});
    ASSERT_TRUE(sent.has_value()) << sent.error().text();
  }

  NodeExecutor executor;
  std::vector<Peer> peers;
  std::vector<Envelope> heard;
  SimBus bus;
};

const Peer kServer = Peer::at("sim://server");

ClusterId cluster(std::uint8_t byte) {
  ClusterId id;
  id.bytes.fill(byte);
  return id;
}

class EndpointTest : public testing::Test {
 protected:
  EndpointTest() { log::set_level(log::Level::off); }

  std::unique_ptr<Node> node(const std::string& host, Endpoint::Options options = {}, BusLimits limits = {}) {
    auto made = std::make_unique<Node>(world_, network_, host, std::move(options), limits);
    made->endpoint.set_cluster(cluster(1));
    return made;
  }
  std::unique_ptr<Node> server(Endpoint::Options options = {.role = kMaster, .program = "server 1"},
                               BusLimits limits = {}) {
    auto made = node("server", std::move(options), limits);
    Result<ListenAt> bound =
        made->bus.listen({.control = "sim://server", .data = "sim://server-data", .events = "sim://server-events"});
    EXPECT_TRUE(bound.has_value());
    return made;
  }
  Result<FileInfo> stat(Node& from, const std::string& path, CallOptions options = {}) {
    Stat ask{path};
    return world_.run(from.endpoint.call(kServer, ask, options));
  }

  SimExecutor world_;
  SimNetwork network_{world_, 1};
};

// ---- outcomes

TEST_F(EndpointTest, ACallIsAnswered) {
  auto serving = server();
  auto client = node("client");
  RequestId request{ClientId::random(client->random), 9};
  Result<FileInfo> info = stat(*client, "/a", {.deadline = 2s, .request = request});
  ASSERT_TRUE(info.has_value()) << info.error().text();
  EXPECT_EQ(info->path, "/a");
  ASSERT_EQ(serving->service.callers.size(), 1u);
  const Caller& caller = serving->service.callers[0];
  EXPECT_EQ(caller.role, kClient);
  EXPECT_EQ(caller.request, request);
  EXPECT_FALSE(caller.peer.dialled());
  EXPECT_GT(caller.deadline, world_.now() + 1900ms);
  EXPECT_EQ(client->endpoint.counters().calls, 1u);
  EXPECT_EQ(serving->endpoint.counters().served, 1u);
}

TEST_F(EndpointTest, TheServersErrorArrivesWithItsReasons) {
  auto serving = server();
  auto client = node("client");
  Result<FileInfo> info = stat(*client, "/error");
  ASSERT_FALSE(info.has_value());
  EXPECT_EQ(info.error().code, Code::not_found);
  EXPECT_EQ(info.error().message, "no file /error");
  ASSERT_EQ(info.error().why.size(), 1u);
  EXPECT_EQ(info.error().why[0], (Reason{"cs1", "timeout"}));
}

TEST_F(EndpointTest, AShadowSaysWithEveryAnswerHowFarItIsBehind) {
  auto serving = server({.role = kShadow, .program = "shadow"});
  auto client = node("client");
  auto behind = std::make_shared<std::int64_t>(-2);
  CallOptions options{.behind_ms = behind};
  ASSERT_TRUE(stat(*client, "/a", options));
  EXPECT_EQ(*behind, -1) << "nobody who is a shadow";
  std::int64_t now = 0;
  serving->endpoint.set_behind([&now] { return now; });
  ASSERT_TRUE(stat(*client, "/a", options));
  EXPECT_EQ(*behind, 0);
  now = 120;
  ASSERT_FALSE(stat(*client, "/error", options));
  EXPECT_EQ(*behind, 120) << "an error too";
}

TEST_F(EndpointTest, AShadowMaySendNothingThatAMasterOrAClientMay) {
  auto serving = server();
  auto shadow = node("shadow", {.role = kShadow, .program = "shadow"});
  EXPECT_EQ(stat(*shadow, "/a").error().code, Code::not_allowed);
  Configure order;
  EXPECT_EQ(world_.run(shadow->endpoint.call(kServer, order)).error().code, Code::not_allowed);
  Hello hello{"shadow"};
  EXPECT_TRUE(world_.run(shadow->endpoint.call(kServer, hello)));
}

TEST_F(EndpointTest, AnErrorsTextIsCutToOneKibibyteBetweenCharacters) {
  auto serving = server();
  auto client = node("client");
  Result<FileInfo> info = stat(*client, "/verbose");
  ASSERT_FALSE(info.has_value());
  EXPECT_EQ(info.error().code, Code::conflict);
  EXPECT_EQ(info.error().message, std::string(1023, 'x'));
}

TEST_F(EndpointTest, NobodyThereIsUnreachable) {
  auto client = node("client");
  Result<FileInfo> info = stat(*client, "/a");
  ASSERT_FALSE(info.has_value());
  EXPECT_EQ(info.error().code, Code::unreachable);
  EXPECT_EQ(info.error().outcome(), Outcome::did_not_happen);
  EXPECT_NE(info.error().message.find("sim://server"), std::string::npos);
  EXPECT_EQ(client->losses, std::vector<Peer>{kServer});
}

TEST_F(EndpointTest, AServerThatDiesWithTheRequestIsALostLink) {
  auto serving = server();
  auto client = node("client");
  std::optional<Result<FileInfo>> first, second;
  TaskGroup group;
  Stat ask{"/slow"};
  group.spawn(client->endpoint.call(kServer, ask), [&](Result<FileInfo> result) { first = std::move(result); });
  group.spawn(client->endpoint.call(kServer, ask), [&](Result<FileInfo> result) { second = std::move(result); });
  world_.run_for(10ms);
  serving.reset();
  world_.run_for(100ms);
  ASSERT_TRUE(first.has_value() && second.has_value());
  EXPECT_EQ(first->error().code, Code::lost_link);
  EXPECT_EQ(second->error().code, Code::lost_link);
  EXPECT_EQ(first->error().outcome(), Outcome::may_have_happened);
  EXPECT_EQ(client->losses, std::vector<Peer>{kServer}) << "told once, after the calls";
}

TEST_F(EndpointTest, NoAnswerInTimeIsADeadlineAndTheHandlerIsCancelled) {
  auto serving = server();
  auto client = node("client");
  Result<FileInfo> info = stat(*client, "/slow", {.deadline = 500ms});
  ASSERT_FALSE(info.has_value());
  EXPECT_EQ(info.error().code, Code::deadline);
  EXPECT_EQ(info.error().outcome(), Outcome::may_have_happened);
  EXPECT_EQ(client->endpoint.counters().deadlines, 1u);
  world_.run_for(10s);
  EXPECT_EQ(serving->service.slow_begun, 1);
  EXPECT_EQ(serving->service.slow_ended, 1);
  EXPECT_EQ(serving->service.slow_finished, 0);
  EXPECT_EQ(client->endpoint.counters().late_replies, 0u);
}

TEST_F(EndpointTest, ALateReplyIsDroppedAndCounted) {
  auto serving = server();
  auto client = node("client");
  network_.set_faults({.delay_min = 40ms, .delay_max = 41ms, .slow = 0});
  Result<FileInfo> info = stat(*client, "/a", {.deadline = 50ms});
  ASSERT_FALSE(info.has_value());
  EXPECT_EQ(info.error().code, Code::deadline);
  world_.run_for(1s);
  EXPECT_EQ(serving->endpoint.counters().served, 1u);
  EXPECT_EQ(client->endpoint.counters().late_replies, 1u);
}

TEST_F(EndpointTest, ARepeatedRequestRunsTwiceAndIsAnsweredOnce) {
  auto serving = server();
  auto client = node("client");
  network_.set_faults({.repeat = 1.0});
  Result<FileInfo> info = stat(*client, "/a");
  EXPECT_TRUE(info.has_value());
  world_.run_for(1s);
  EXPECT_EQ(serving->endpoint.counters().served, 2u);
  EXPECT_EQ(client->endpoint.counters().late_replies, 3u);
}

TEST_F(EndpointTest, WithoutTimeNothingIsSent) {
  auto serving = server();
  auto client = node("client");
  Result<FileInfo> info = stat(*client, "/a", {.deadline = 0s});
  ASSERT_FALSE(info.has_value());
  EXPECT_EQ(info.error().code, Code::expired);
  EXPECT_EQ(client->bus.counters().sent, 0u);
  EXPECT_TRUE(stat(*client, "/a", {.deadline = Duration::max()}).has_value()) << "however long";
}

TEST_F(EndpointTest, AReplyTooLargeToSendIsSaidAtOnce) {
  auto serving = server({.role = kMaster}, {.frame_max = 2000});
  auto client = node("client");
  Result<FileInfo> info = stat(*client, "/huge");
  ASSERT_FALSE(info.has_value());
  EXPECT_EQ(info.error().code, Code::internal);
  EXPECT_EQ(info.error().outcome(), Outcome::may_have_happened);
}

// ---- payloads, orders, casts, pushes, events

TEST_F(EndpointTest, PayloadsTravelBothWaysUncopied) {
  auto serving = server({.role = kChunkserver});
  auto client = node("client");
  auto peer = node("peer", {.role = kChunkserver});
  Bytes payload = Bytes::of(std::string(100000, 'p'));
  ApplyWrite write;
  write.payload = payload;
  Result<ApplyWrite::Reply> applied = world_.run(peer->endpoint.call(kServer, write));
  ASSERT_TRUE(applied.has_value()) << applied.error().text();
  EXPECT_EQ(applied->length, 100000u);
  ReadChunk read;
  Result<ReadChunk::Reply> got = world_.run(client->endpoint.call(kServer, read));
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->payload.size(), 100000u);
  EXPECT_EQ(got->payload.data(), payload.data());
}

TEST_F(EndpointTest, OrdersGoBackDownTheConnectionThatWasDialled) {
  auto master = server();
  auto chunkserver = node("chunkserver", {.role = kClient});
  ASSERT_TRUE(stat(*chunkserver, "/a").has_value());
  Configure order;
  order.version = Version{7};
  Result<Configure::Reply> done = world_.run(master->endpoint.call(master->service.callers[0].peer, order));
  ASSERT_TRUE(done.has_value()) << done.error().text();
  EXPECT_EQ(done->length, 7u);
  EXPECT_EQ(chunkserver->service.callers.at(0).peer, kServer);
  EXPECT_EQ(chunkserver->service.callers.at(0).role, kMaster);
  chunkserver.reset();
  Result<Configure::Reply> gone = world_.run(master->endpoint.call(master->service.callers[0].peer, order));
  ASSERT_FALSE(gone.has_value());
  EXPECT_EQ(gone.error().code, Code::unreachable);
}

TEST_F(EndpointTest, CastsAreServedAndNotAnswered) {
  auto serving = server();
  auto client = node("client");
  for (const char* path : {"/a", "/error"}) {
    Stat ask{path};
    EXPECT_TRUE(client->endpoint.cast(kServer, ask).has_value());
  }
  world_.run_for(1s);
  EXPECT_EQ(serving->endpoint.counters().served, 2u);
  EXPECT_EQ(serving->bus.counters().sent, 0u);
}

TEST_F(EndpointTest, PushesArriveInOrderWithTheirPayload) {
  auto serving = server();
  auto client = node("client");
  for (std::uint64_t i = 0; i < 10; ++i) {
    PushFragment fragment;
    fragment.offset = i;
    fragment.payload = Bytes::of(std::to_string(i));
    EXPECT_TRUE(client->endpoint.push("sim://server-data", fragment).has_value());
  }
  world_.run_for(1s);
  ASSERT_EQ(serving->service.fragments.size(), 10u);
  for (std::uint64_t i = 0; i < 10; ++i) {
    EXPECT_EQ(serving->service.fragments[i].offset, i);
    EXPECT_EQ(serving->service.fragments[i].payload.str(), std::to_string(i));
  }
}

TEST_F(EndpointTest, EventsReachWhoeverSubscribedTheirPrefix) {
  auto serving = server();
  auto client = node("client");
  std::vector<std::string> heard;
  std::function<void(const Address&, const std::string&, Stat)> handler = [&](const Address& from,
                                                                              const std::string& topic, Stat message) {
    heard.push_back(from + " " + topic + " " + message.path);
  };
  EXPECT_TRUE(client->endpoint.subscribe<Stat>("sim://server-events", "files/", handler).has_value());
  EXPECT_TRUE(serving->endpoint.publish("files/a", Stat{"/a"}).has_value());
  EXPECT_TRUE(serving->endpoint.publish("servers/a", Stat{"/b"}).has_value());
  EXPECT_TRUE(serving->endpoint.publish("files/c", Hello{"another kind"}).has_value());
  world_.run_for(1s);
  EXPECT_EQ(heard, std::vector<std::string>{"sim://server-events files/a /a"});
  EXPECT_EQ(client->endpoint.counters().refused, 0u);
}

// ---- what is refused

struct Refusal {
  const char* name;
  Code code;
  Envelope envelope;
  Bytes body;
};

Envelope asking(ClusterId of, std::string kind, Role role = kClient) {
  Envelope envelope;
  envelope.cluster = of;
  envelope.kind = std::move(kind);
  envelope.role = role;
  envelope.deadline_ms = 1000;
  return envelope;
}

TEST_F(EndpointTest, WhatAServerDoesNotHearIsAnsweredCountedAndHarmless) {
  std::vector<Refusal> refusals = {
      {"unknown kind", Code::unknown_kind, asking(cluster(1), "master.dance"), {}},
      {"an endless kind", Code::unknown_kind, asking(cluster(1), std::string(3000, 'k')), {}},
      {"another cluster", Code::wrong_cluster, asking(cluster(2), "master.stat"), {}},
      {"another cluster, even to say hello", Code::wrong_cluster, asking(cluster(2), "hello"), {}},
      {"no cluster, and not hello", Code::wrong_cluster, asking({}, "master.stat"), {}},
      {"a role that may not", Code::not_allowed, asking(cluster(1), "server.configure", kClient), {}},
      {"no role", Code::not_allowed, asking(cluster(1), "master.stat", Role{}), {}},
      {"every role at once", Code::not_allowed, asking(cluster(1), "master.stat", Role(31)), {}},
      {"a body that does not decode", Code::malformed, asking(cluster(1), "master.stat"), Bytes::of("\xc1")},
      {"another protocol", Code::wrong_version, asking(cluster(1), "master.stat"), {}},
      {"a deadline that has passed", Code::expired, asking(cluster(1), "master.stat"), {}},
  };
  refusals[9].envelope.v = 2;
  refusals[10].envelope.deadline_ms = 0;
  auto serving = server();
  Stranger stranger(world_, network_);
  std::uint64_t refused = 0;
  for (Refusal& each : refusals) {
    SCOPED_TRACE(each.name);
    Bytes body = each.body.empty() ? encode(Stat{"/a"}) : each.body;
    each.envelope.id = ++refused;
    stranger.say(kServer, each.envelope, body);
    world_.run_for(1s);
    ASSERT_EQ(stranger.heard.size(), refused);
    EXPECT_EQ(stranger.heard.back().code, static_cast<std::uint16_t>(each.code));
    EXPECT_EQ(stranger.heard.back().id, refused);
    EXPECT_EQ(stranger.heard.back().type, Saying::reply);
    EXPECT_FALSE(stranger.heard.back().text.empty());
    EXPECT_EQ(serving->endpoint.counters().refused, refused);
  }
  EXPECT_EQ(serving->endpoint.counters().served, 0u);
  // As casts: counted, not answered. (A cast has no deadline.)
  for (std::size_t i = 0; i + 1 < refusals.size(); ++i) {
    SCOPED_TRACE(refusals[i].name);
    refusals[i].envelope.type = Saying::cast;
    stranger.say(kServer, refusals[i].envelope, refusals[i].body.empty() ? encode(Stat{"/a"}) : refusals[i].body);
  }
  world_.run_for(1s);
  EXPECT_EQ(serving->endpoint.counters().refused, 2 * refused - 1);
  EXPECT_EQ(stranger.heard.size(), refused);
  EXPECT_TRUE(stat(*node("client"), "/a").has_value());
}

TEST_F(EndpointTest, HelloIsAnsweredToThoseWithoutACluster) {
  auto serving = server();
  auto client = node("client");
  client->endpoint.set_cluster({});
  Hello ask{"a new client"};
  Result<Hello::Reply> hello = world_.run(client->endpoint.call(kServer, ask));
  ASSERT_TRUE(hello.has_value()) << hello.error().text();
  EXPECT_EQ(hello->cluster, cluster(1));
  serving->endpoint.set_cluster({});
  EXPECT_TRUE(stat(*client, "/a").has_value()) << "neither has one yet";
}

TEST_F(EndpointTest, FramesThatAreNoMessageAreDroppedAndCounted) {
  auto serving = server();
  Stranger stranger(world_, network_);
  Envelope data = asking(cluster(1), "chunk.push");
  data.type = Saying::data;
  Envelope unknown_saying = asking(cluster(1), "master.stat");
  unknown_saying.type = static_cast<Saying>(77);
  const std::vector<Bytes> envelopes = {Bytes(), Bytes::of("garbage"), Bytes::of("\xdd\x0f\xff\xff\xff"), encode(data),
                                        encode(unknown_saying)};
  for (const Bytes& envelope : envelopes) {
    EXPECT_TRUE(stranger.bus.send(kServer, Frames{envelope, encode(Stat{"/a"}), {}}).has_value());
    EXPECT_TRUE(stranger.bus.push("sim://server-data", Frames{envelope, Bytes::of("garbage"), {}}).has_value());
  }
  world_.run_for(1s);
  EXPECT_EQ(serving->endpoint.counters().refused, 2 * envelopes.size());
  EXPECT_TRUE(stranger.heard.empty());
  EXPECT_TRUE(serving->service.fragments.empty());
  EXPECT_TRUE(stat(*node("client"), "/a").has_value());
}

TEST_F(EndpointTest, OnlyThePeerThatWasAskedCanAnswer) {
  Stranger asked(world_, network_);
  Stranger liar(world_, network_);
  ASSERT_TRUE(asked.bus.listen({.control = "sim://server"}).has_value());
  ASSERT_TRUE(liar.bus.listen({.control = "sim://liar"}).has_value());
  auto client = node("client");
  std::optional<Result<FileInfo>> result;
  TaskGroup group;
  Stat ask{"/a"};
  group.spawn(client->endpoint.call(kServer, ask), [&](Result<FileInfo> got) { result = std::move(got); });
  EXPECT_TRUE(client->endpoint.cast(Peer::at("sim://liar"), ask).has_value());
  world_.run_for(10ms);
  Envelope reply = asking(cluster(1), "", kMaster);
  reply.type = Saying::reply;
  reply.id = asked.heard.at(0).id;
  liar.say(liar.peers.at(0), reply, encode(FileInfo{"/lie"}));
  world_.run_for(10ms);
  EXPECT_FALSE(result.has_value());
  EXPECT_EQ(client->endpoint.counters().refused, 1u);
  asked.say(asked.peers.at(0), reply, encode(FileInfo{"/truth"}));
  world_.run_for(10ms);
  ASSERT_TRUE(result.has_value() && result->has_value());
  EXPECT_EQ((*result)->path, "/truth");
}

TEST_F(EndpointTest, AReplyThatDoesNotDecodeOrIsOfAnotherProtocolFailsTheCall) {
  struct Case {
    std::uint32_t protocol;
    Bytes body;
    Code code;
  };
  for (const Case& each :
       {Case{1, Bytes::of("\xc1"), Code::malformed}, Case{2, encode(FileInfo{}), Code::wrong_version}}) {
    Stranger asked(world_, network_);
    ASSERT_TRUE(asked.bus.listen({.control = "sim://server"}).has_value());
    auto client = node("client");
    std::optional<Result<FileInfo>> result;
    TaskGroup group;
    Stat ask{"/a"};
    group.spawn(client->endpoint.call(kServer, ask), [&](Result<FileInfo> got) { result = std::move(got); });
    world_.run_for(10ms);
    Envelope reply = asking(cluster(1), "", kMaster);
    reply.v = each.protocol;
    reply.type = Saying::reply;
    reply.id = asked.heard.at(0).id;
    asked.say(asked.peers.at(0), reply, each.body);
    world_.run_for(10ms);
    ASSERT_TRUE(result.has_value());
    EXPECT_EQ(result->error().code, each.code);
  }
}

// ---- limits, cancellation, the end

TEST_F(EndpointTest, CallsInFlightAndHandlersRunningAreBounded) {
  auto serving = server({.role = kMaster, .handlers_max = 2});
  auto client = node("client", {.calls_max = 3});
  std::vector<Code> codes;
  TaskGroup group;
  for (int i = 0; i < 4; ++i) {
    Stat ask{"/slow"};
    group.spawn(client->endpoint.call(kServer, ask),
                [&](Result<FileInfo> got) { codes.push_back(got ? Code::ok : got.error().code); });
  }
  EXPECT_EQ(codes, std::vector<Code>{Code::overloaded}) << "the fourth at once";
  world_.run_for(100ms);
  EXPECT_EQ(codes, (std::vector<Code>{Code::overloaded, Code::overloaded})) << "the third by the server";
  world_.run_for(2s);
  EXPECT_EQ(codes, (std::vector<Code>{Code::overloaded, Code::overloaded, Code::ok, Code::ok}));
  EXPECT_TRUE(stat(*client, "/a").has_value()) << "there is room again";
}

TEST_F(EndpointTest, ACallWhoseTaskIsDestroyedIsForgotten) {
  auto serving = server();
  auto client = node("client", {.calls_max = 1});
  {
    TaskGroup group;
    Stat ask{"/slow"};
    group.spawn(client->endpoint.call(kServer, ask), [](Result<FileInfo>) { FAIL() << "it was given up"; });
    world_.run_for(10ms);
  }
  world_.run_for(2s);  // the answer comes all the same
  EXPECT_EQ(serving->service.slow_finished, 1);
  EXPECT_TRUE(stat(*client, "/a").has_value());
}

TEST_F(EndpointTest, AStoppedEndpointCancelsItsHandlersHearsNothingAndFailsNobody) {
  auto serving = server();
  auto client = node("client");
  bool told = false;
  TaskGroup group;
  Stat ask{"/slow"};
  group.spawn(client->endpoint.call(kServer, ask), [&](Result<FileInfo>) { told = true; });
  world_.run_for(10ms);
  serving->endpoint.stop();
  EXPECT_EQ(serving->service.slow_ended, 1);
  client->endpoint.stop();
  world_.run_for(10s);
  EXPECT_FALSE(told);
  Result<FileInfo> after = stat(*client, "/a");
  ASSERT_FALSE(after.has_value());
  EXPECT_EQ(after.error().code, Code::shutting_down);
  Stranger stranger(world_, network_);
  stranger.say(kServer, asking(cluster(1), "master.stat"));
  world_.run_for(1s);
  EXPECT_EQ(serving->endpoint.counters().served, 1u);
  EXPECT_TRUE(stranger.heard.empty());
}

// The executor of a real node outlives its endpoint: no timer may find it gone.
TEST_F(EndpointTest, NothingOfADestroyedEndpointComesBackLater) {
  SimBus bus(network_, world_, "server");
  Random random(1);
  auto endpoint = std::make_unique<Endpoint>(world_, random, bus, Endpoint::Options{.role = kMaster});
  endpoint->set_cluster(cluster(1));
  auto service = std::make_unique<Service>(*endpoint);
  endpoint->serve<&Service::stat>(*service);
  ASSERT_TRUE(bus.listen({.control = "sim://server"}).has_value());
  auto client = node("client");
  TaskGroup group;
  Stat slow{"/slow"};
  group.spawn(client->endpoint.call(kServer, slow));
  group.spawn(endpoint->call(Peer::at("sim://nobody"), slow));
  world_.run_for(1ms);
  EXPECT_EQ(service->slow_begun, 1);
  endpoint->stop();
  service.reset();
  endpoint.reset();
  world_.run_for(1min);
  EXPECT_EQ(client->endpoint.counters().deadlines, 1u);
}

}  // namespace
}  // namespace gfs::bus
