#include "tests/chunkserver/server_fixture.h"

namespace gfs::chunkserver {

FakeMaster::FakeMaster(SimExecutor& world, bus::SimNetwork& network, ClusterId cluster_of)
    : cluster(cluster_of),
      node_(world),
      bus_(network, node_, "master"),
      endpoint(node_, random_, bus_, {.role = bus::kMaster, .program = "fake master"}) {
  endpoint.set_cluster(cluster);
  endpoint.serve<&FakeMaster::hello>(*this);
  endpoint.serve<&FakeMaster::enroll>(*this);
  endpoint.serve<&FakeMaster::heartbeat>(*this);
  endpoint.serve<&FakeMaster::report>(*this);
  endpoint.serve<&FakeMaster::damage>(*this);
  endpoint.serve<&FakeMaster::accuse>(*this);
  endpoint.serve<&FakeMaster::sealed>(*this);
  endpoint.serve<&FakeMaster::find_chunk>(*this);
  Result<bus::ListenAt> bound = bus_.listen({kMasterAddress, {}, {}});
  EXPECT_TRUE(bound) << (bound ? "" : bound.error().text());
}

Task<bus::Hello::Reply> FakeMaster::hello(bus::Hello, bus::Caller) {
  bus::Hello::Reply reply;
  reply.cluster = cluster;
  co_return reply;
}

Task<bus::RegisterServer::Reply> FakeMaster::enroll(bus::RegisterServer ask, bus::Caller caller) {
  if (over == ask.session) co_await fail(Code::refused, "session {} is over", ask.session);
  peers[ask.server] = caller.peer;
  servers[ask.server] = ask;
  knows_nobody = false;
  bus::RegisterServer::Reply reply;
  reply.cluster = cluster;
  reply.now_ms = now_ms;
  reply.epoch = position.epoch;
  reply.term = position.term;
  reply.index = position.index;
  reply.check = position.check;
  co_return reply;
}

Task<bus::Heartbeat::Reply> FakeMaster::heartbeat(bus::Heartbeat ask, bus::Caller) {
  ++heartbeats;
  last_beat = ask;
  leaving_heard = leaving_heard || ask.leaving;
  bus::Heartbeat::Reply reply;
  reply.known = !knows_nobody;
  reply.now_ms = now_ms;
  reply.epoch = position.epoch;
  reply.term = position.term;
  reply.index = position.index;
  reply.check = position.check;
  co_return reply;
}

Task<bus::ReportChunks::Reply> FakeMaster::report(bus::ReportChunks ask, bus::Caller) {
  reports.push_back(std::move(ask));
  co_return bus::ReportChunks::Reply{};
}

Task<bus::Done> FakeMaster::damage(bus::ReportDamage ask, bus::Caller) {
  damages.push_back(std::move(ask));
  co_return bus::Done{};
}

Task<bus::AccuseMember::Reply> FakeMaster::accuse(bus::AccuseMember ask, bus::Caller) {
  bus::AccuseMember::Reply reply{ask.version};
  accusations.push_back(std::move(ask));
  co_return reply;
}

Task<bus::FindChunk::Reply> FakeMaster::find_chunk(bus::FindChunk ask, bus::Caller) {
  bus::FindChunk::Reply reply;
  for (ServerId member : members[ask.handle]) {
    bus::ListChunks::Holder holder;
    holder.server = member;
    holder.address = servers.at(member).control;
    holder.state = "ok";
    for (const bus::ReportDamage& report : damages) {
      if (report.server == member && report.handle == ask.handle) holder.state = report.mended ? "ok" : "corrupt";
    }
    holder.member = true;
    reply.chunk.members.push_back(std::move(holder));
  }
  co_return reply;
}

Task<bus::Done> FakeMaster::sealed(bus::ChunkSealed ask, bus::Caller) {
  seals.push_back(ask);
  co_return bus::Done{};
}

ServerNode::ServerNode(SimExecutor& world_of, bus::SimNetwork& network_of, int number_of)
    : world(world_of),
      network(network_of),
      number(number_of),
      platter(world_of, static_cast<std::uint64_t>(number_of) + 100) {}

Result<> ServerNode::start(Settings settings) {
  kill();
  ++lives;
  node = std::make_unique<NodeExecutor>(world);
  random = std::make_unique<Random>(lives * 1000 + static_cast<std::uint64_t>(number));
  bus = std::make_unique<bus::SimBus>(network, *node, "cs" + std::to_string(number));
  disk = platter.mount(*node);
  settings.masters = {kMasterAddress};
  if (settings.scrub_pass == Settings().scrub_pass) settings.scrub_pass = 0s;  // whoever wants it says so
  settings.listen = {control(), data(), {}};
  std::vector<DataDisk> disks{{"disk0", disk.get(), {}}};
  for (const std::unique_ptr<SimDisk>& one : more) {
    more_disks.push_back(one ? one->mount(*node) : nullptr);
    disks.push_back({"disk" + std::to_string(disks.size()), more_disks.back().get(), one ? "" : "no such directory"});
  }
  server = std::make_unique<ChunkServer>(*node, *random, *bus, std::move(disks), settings);
  return world.run(server->start());
}

void ServerNode::kill() {
  server.reset();
  disk.reset();
  more_disks.clear();
  bus.reset();
  node.reset();
}

ServerTest::ServerTest() {
  log::set_level(log::Level::off);
  client.set_cluster(cluster);
}

void ServerTest::start(int count, Settings settings) {
  for (int i = 0; i < count; ++i) {
    nodes.push_back(std::make_unique<ServerNode>(world, network, i));
    for (std::size_t more = 1; more <= further_disks; ++more) {
      const auto seed = static_cast<std::uint64_t>(i) + 1000 * more;
      nodes.back()->more.push_back(std::make_unique<SimDisk>(world, seed));
    }
    Result<> started = nodes.back()->start(settings);
    ASSERT_TRUE(started) << started.error().text();
  }
  ASSERT_TRUE(until([&] {
    for (auto& node : nodes) {
      if (!node->server->registered()) return false;
    }
    return true;
  }));
}

ServerId ServerTest::id_of(int server) const {
  for (const auto& [id, registered] : master.servers) {
    if (registered.control == nodes[static_cast<std::size_t>(server)]->control()) return id;
  }
  ADD_FAILURE() << "server " << server << " has not registered";
  return {};
}

bus::Member ServerTest::member(int server) const {
  bus::Member out;
  out.server = id_of(server);
  out.control = nodes[static_cast<std::size_t>(server)]->control();
  out.data = nodes[static_cast<std::size_t>(server)]->data();
  return out;
}

bus::Configure ServerTest::configuration(std::uint64_t version, std::vector<int> members, bool virgin) const {
  bus::Configure order;
  order.handle = chunk;
  order.version = Version{version};
  order.virgin = virgin;
  for (int server : members) order.members.push_back(member(server));
  return order;
}

Result<bus::Configure::Reply> ServerTest::configure(std::uint64_t version, std::vector<int> members, bool virgin) {
  return configure(configuration(version, std::move(members), virgin));
}

Result<bus::Configure::Reply> ServerTest::configure(bus::Configure order) {
  const bus::Peer primary = master.peers.at(order.members.front().server);
  bus::CallOptions options;
  options.deadline = 60s;
  return world.run(master.endpoint.call(primary, std::move(order), options), 120s);
}

void ServerTest::restart(int server, Settings settings) {
  Result<> started = nodes[static_cast<std::size_t>(server)]->start(std::move(settings));
  ASSERT_TRUE(started) << started.error().text();
  ASSERT_TRUE(until([&] { return nodes[static_cast<std::size_t>(server)]->server->registered(); }));
}

Task<bus::AppendChunk::Reply> ServerTest::append_as(RequestId id, int primary, std::uint64_t version, std::string text,
                                                    std::uint64_t previous, Duration deadline) {
  bus::AppendChunk ask;
  ask.handle = chunk;
  ask.version = Version{version};
  ask.sizes = {static_cast<std::uint32_t>(text.size())};
  ask.payload = Bytes::of(std::move(text));
  ask.crcs = wire_checksums(0, ask.payload);
  ask.digest = digest_of(ask.crcs);
  ask.previous = previous;
  ask.asked_ms = master.now_ms;
  bus::CallOptions options;
  options.request = id;
  options.deadline = deadline;
  co_return co_await client.call(bus::Peer::at(nodes[static_cast<std::size_t>(primary)]->control()), std::move(ask),
                                 options);
}

Result<bus::AppendChunk::Reply> ServerTest::append(int primary, std::uint64_t version, const std::string& text,
                                                   std::uint64_t previous) {
  return world.run(append_as(next_request(), primary, version, text, previous));
}

Result<bus::InspectChunk::Reply> ServerTest::inspect(int server, bool verify) {
  bus::InspectChunk question{chunk, verify, false};
  return ask(nodes[static_cast<std::size_t>(server)]->control(), std::move(question));
}

void ServerTest::expect_equal(std::vector<int> servers) {
  Result<bus::InspectChunk::Reply> first = inspect(servers.front());
  ASSERT_TRUE(first) << first.error().text();
  for (int server : servers) {
    Result<bus::InspectChunk::Reply> other = inspect(server);
    ASSERT_TRUE(other) << other.error().text();
    EXPECT_TRUE(other->bad.empty()) << "server " << server;
    EXPECT_EQ(other->length, first->length) << "server " << server;
    EXPECT_EQ(other->sealed, first->sealed) << "server " << server;
    EXPECT_EQ(other->checksums, first->checksums) << "server " << server;
    EXPECT_EQ(other->hashes, first->hashes) << "server " << server;
    EXPECT_EQ(other->records_digest, first->records_digest) << "server " << server;
    EXPECT_FALSE(other->suspect) << "server " << server;
  }
}

void ServerTest::push(RequestId id, std::uint64_t offset, const std::string& text, std::vector<int> chain) {
  bus::PushFragment fragment;
  fragment.id = id;
  fragment.handle = chunk;
  fragment.offset = offset;
  fragment.payload = Bytes::of(text);
  fragment.crcs = wire_checksums(offset, fragment.payload);
  for (std::size_t i = 1; i < chain.size(); ++i)
    fragment.chain.push_back(nodes[static_cast<std::size_t>(chain[i])]->data());
  // A full queue is an ordinary answer: a client waits for room.
  Result<> pushed;
  for (int i = 0; i < 1000; ++i) {
    bus::PushFragment again = fragment;
    pushed = client.push(nodes[static_cast<std::size_t>(chain.front())]->data(), std::move(again));
    if (pushed || pushed.error().code != Code::overloaded) break;
    world.run_for(1ms);
  }
  EXPECT_TRUE(pushed) << (pushed ? "" : pushed.error().text());
}

Task<bus::WriteChunk::Reply> ServerTest::order(RequestId id, int primary, std::uint64_t version, std::uint64_t offset,
                                               std::string text, Duration deadline) {
  bus::WriteChunk ask;
  ask.handle = chunk;
  ask.version = Version{version};
  ask.offset = offset;
  ask.size = text.size();
  ask.digest = digest_of(wire_checksums(offset, Bytes::of(text)));
  bus::CallOptions options;
  options.request = id;
  options.deadline = deadline;
  co_return co_await client.call(bus::Peer::at(nodes[static_cast<std::size_t>(primary)]->control()), std::move(ask),
                                 options);
}

Result<bus::WriteChunk::Reply> ServerTest::write(std::vector<int> members, std::uint64_t version, std::uint64_t offset,
                                                 const std::string& text) {
  const RequestId id = next_request();
  push(id, offset, text, members);
  return world.run(order(id, members.front(), version, offset, text));
}

Result<std::string> ServerTest::read(int server, std::uint64_t version, std::uint64_t offset, std::uint64_t size) {
  bus::ReadChunk question;
  question.handle = chunk;
  question.version = Version{version};
  question.offset = offset;
  question.size = size;
  Result<bus::ReadChunk::Reply> reply = ask(nodes[static_cast<std::size_t>(server)]->control(), std::move(question));
  if (!reply) return fail(std::move(reply).error());
  EXPECT_TRUE(verify_wire(offset, reply->payload, reply->crcs));
  return reply->payload.str();
}

Result<bus::SyncChunk::Reply> ServerTest::sync(int primary, std::uint64_t version) {
  bus::SyncChunk question;
  question.handle = chunk;
  question.version = Version{version};
  return ask(nodes[static_cast<std::size_t>(primary)]->control(), std::move(question));
}

}  // namespace gfs::chunkserver
