// A few chunkservers in virtual time, a master that knows just enough to register them, and a client made of messages.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/sim_disk.h"
#include "base/sim_executor.h"
#include "bus/endpoint.h"
#include "bus/messages/chunk_chunk.h"
#include "bus/messages/chunk_master.h"
#include "bus/messages/client_chunk.h"
#include "bus/messages/client_master.h"
#include "bus/sim_bus.h"
#include "chunkserver/block_checksums.h"
#include "chunkserver/chunkserver.h"

namespace gfs::chunkserver {

inline const std::string kMasterAddress = "tcp://master:7500";

class FakeMaster {
 public:
  FakeMaster(SimExecutor& world, bus::SimNetwork& network, ClusterId cluster);

  Task<bus::Hello::Reply> hello(bus::Hello ask, bus::Caller caller);
  Task<bus::RegisterServer::Reply> enroll(bus::RegisterServer ask, bus::Caller caller);
  Task<bus::Heartbeat::Reply> heartbeat(bus::Heartbeat ask, bus::Caller caller);
  Task<bus::ReportChunks::Reply> report(bus::ReportChunks ask, bus::Caller caller);
  Task<bus::Done> damage(bus::ReportDamage ask, bus::Caller caller);
  Task<bus::AccuseMember::Reply> accuse(bus::AccuseMember ask, bus::Caller caller);
  Task<bus::Done> sealed(bus::ChunkSealed ask, bus::Caller caller);
  Task<bus::FindChunk::Reply> find_chunk(bus::FindChunk ask, bus::Caller caller);

  ClusterId cluster;
  std::map<ServerId, bus::RegisterServer> servers;
  std::map<ServerId, bus::Peer> peers;
  std::vector<bus::ReportChunks> reports;
  std::vector<bus::ReportDamage> damages;
  std::vector<bus::AccuseMember> accusations;
  std::vector<bus::ChunkSealed> seals;
  std::map<ChunkHandle, std::vector<ServerId>> members;  // as find_chunk() says
  std::int64_t now_ms = 1'000'000'000;
  int heartbeats = 0;
  bus::Heartbeat last_beat;
  bool leaving_heard = false;
  bool knows_nobody = false;
  std::optional<SessionId> over;          // a session that it takes no more
  bus::LogPosition position{1, 1, 0, 0};  // as answers say

 private:
  NodeExecutor node_;
  Random random_{77};
  bus::SimBus bus_;

 public:
  bus::Endpoint endpoint;
};

// One chunkserver's machine: its disks outlive its processes.
struct ServerNode {
  ServerNode(SimExecutor& world_of, bus::SimNetwork& network_of, int number_of);
  ~ServerNode() { kill(); }

  Result<> start(Settings settings = {});
  void kill();
  std::string control() const { return "tcp://cs" + std::to_string(number) + ":7510"; }
  std::string data() const { return "tcp://cs" + std::to_string(number) + ":7511"; }

  SimExecutor& world;
  bus::SimNetwork& network;
  int number;
  std::uint64_t lives = 0;
  SimDisk platter;
  std::vector<std::unique_ptr<SimDisk>> more;  // further disks; null: not there
  std::unique_ptr<NodeExecutor> node;
  std::unique_ptr<Random> random;
  std::unique_ptr<bus::SimBus> bus;
  std::unique_ptr<Disk> disk;
  std::vector<std::unique_ptr<Disk>> more_disks;
  std::unique_ptr<ChunkServer> server;
};

class ServerTest : public ::testing::Test {
 protected:
  ServerTest();

  std::size_t further_disks = 0;  // of every server

  // Starts `count` servers and waits until they have registered.
  void start(int count, Settings settings = {});
  bool until(const std::function<bool()>& done, Duration limit = 20s) { return world.run_until(done, limit); }
  ServerId id_of(int server) const;
  bus::Member member(int server) const;

  // What the master would order; the first one is the primary.
  bus::Configure configuration(std::uint64_t version, std::vector<int> members, bool virgin) const;
  Result<bus::Configure::Reply> configure(std::uint64_t version, std::vector<int> members, bool virgin);
  Result<bus::Configure::Reply> configure(bus::Configure order);
  // The process (again, with what its disk has), registered.
  void restart(int server, Settings settings = {});
  RequestId next_request() { return {client_id, ++last_sequence}; }
  // Along the members, the first one first.
  void push(RequestId id, std::uint64_t offset, const std::string& text, std::vector<int> chain);
  Task<bus::WriteChunk::Reply> order(RequestId id, int primary, std::uint64_t version, std::uint64_t offset,
                                     std::string text, Duration deadline = 5s);
  Result<bus::WriteChunk::Reply> write(std::vector<int> members, std::uint64_t version, std::uint64_t offset,
                                       const std::string& text);
  // One batch, its bytes along with it; sequences as next_request() gives them.
  Task<bus::AppendChunk::Reply> append_as(RequestId id, int primary, std::uint64_t version, std::string text,
                                          std::uint64_t previous = 0, Duration deadline = 5s);
  Result<bus::AppendChunk::Reply> append(int primary, std::uint64_t version, const std::string& text,
                                         std::uint64_t previous = 0);
  Result<bus::InspectChunk::Reply> inspect(int server, bool verify = true);
  // Same bytes, length, seal and append records at all of them.
  void expect_equal(std::vector<int> servers);
  Result<std::string> read(int server, std::uint64_t version, std::uint64_t offset = 0, std::uint64_t size = 1 << 20);
  Result<bus::SyncChunk::Reply> sync(int primary, std::uint64_t version);
  template <class M>
  Result<typename M::Reply> ask(const std::string& address, M message, bus::CallOptions options = {}) {
    return world.run(client.call(bus::Peer::at(address), std::move(message), options));
  }

  SimExecutor world;
  bus::SimNetwork network{world, 5};
  Random random{9};
  ClusterId cluster = ClusterId::random(random);
  ClientId client_id = ClientId::random(random);
  std::uint64_t last_sequence = 0;
  ChunkHandle chunk{0xab};
  NodeExecutor client_node{world};
  bus::SimBus client_bus{network, client_node, "client"};
  bus::Endpoint client{client_node, random, client_bus, {.role = bus::kClient, .program = "test"}};
  FakeMaster master{world, network, cluster};
  std::vector<std::unique_ptr<ServerNode>> nodes;
};

}  // namespace gfs::chunkserver
