// A real Master on a simulated disk and network, fake chunkservers that obey as told, and a client: for tests of the
// services together. Power cuts and restarts are a call away.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/sim_disk.h"
#include "bus/endpoint.h"
#include "bus/messages/chunk_master.h"
#include "bus/messages/client_master.h"
#include "bus/messages/client_policy.h"
#include "bus/messages/client_snapshot.h"
#include "bus/messages/client_trash.h"
#include "bus/messages/collection.h"
#include "bus/sim_bus.h"
#include "master/master.h"

namespace gfs::master {

inline const bus::Address kMasterAddress = "sim://master";

// What every node of the test shares.
struct World {
  World() { log::set_level(log::Level::off); }
  SimExecutor clock;
  Random random{11};
  bus::SimNetwork network{clock, 12};
  SimDisk platter{clock, 13};
  std::map<ServerId, class FakeServer*> fakes;  // those that live
};

// A chunkserver without chunks: registers, beats, reports what it is told to hold, obeys orders. A Configure that it
// obeys makes every member that lives hold the version.
class FakeServer {
 public:
  FakeServer(World& world, std::uint8_t number, std::string rack = "r");
  ~FakeServer() { die(); }

  void live();  // a new process: another session
  void die();
  bool registered() const { return registered_; }
  void leave();

  Task<bus::Configure::Reply> configure(bus::Configure ask, bus::Caller caller);
  Task<bus::CloneChunk::Reply> clone(bus::CloneChunk ask, bus::Caller caller);
  Task<bus::CopyChunk::Reply> copy(bus::CopyChunk ask, bus::Caller caller);
  Task<bus::SealChunk::Reply> seal(bus::SealChunk ask, bus::Caller caller);
  Task<bus::Done> truncate(bus::TruncateChunk ask, bus::Caller caller);
  Task<bus::Done> release(bus::ReleaseChunk ask, bus::Caller caller);
  Task<bus::Done> probe(bus::ProbeAddress ask, bus::Caller caller);
  Task<bus::ListHeld::Reply> list_held(bus::ListHeld ask, bus::Caller caller);
  Task<bus::CollectChunks::Reply> collect(bus::CollectChunks ask, bus::Caller caller);
  Task<bus::AllowCollection::Reply> allow(bus::AllowCollection ask, bus::Caller caller);
  Task<bus::RestoreChunk::Reply> restore(bus::RestoreChunk ask, bus::Caller caller);

  ServerId id;
  std::string rack;
  bus::Address control, data;
  std::optional<bus::Address> advertise;  // if not `control`
  bool beats = true;
  std::uint64_t capacity = 2ull << 40, free = 1ull << 40;
  std::vector<bus::DiskInfo> disks;
  std::vector<bus::ReportChunks::Held> held;
  bus::ReportChunks::Held* holding(ChunkHandle handle);  // nullptr: nothing of it
  void hold(ChunkHandle handle, Version version);
  std::deque<Code> configure_answers;  // the next ones; ok when empty
  std::string configure_says = "told to fail";
  std::vector<Reason> configure_why;
  int configure_replies_lost = 0;  // of the next ones: the order is obeyed, the answer never comes
  std::vector<bus::Configure> configured;
  std::deque<Code> clone_answers, copy_answers, seal_answers, truncate_answers;  // the next ones; ok when empty
  std::vector<bus::CopyChunk> copied;
  Duration configure_takes{}, copy_takes{}, clone_takes{};
  std::uint32_t copy_digest = 7;
  std::vector<bus::CloneChunk> cloned;
  std::vector<bus::SealChunk> sealed;
  std::vector<bus::TruncateChunk> truncated;
  std::vector<bus::ReleaseChunk> released;
  std::vector<bus::CollectChunks> collected;
  bus::CollectChunks::Done collect_answer = bus::CollectChunks::Done::quarantined;
  int collect_replies_lost = 0;
  std::vector<bus::AllowCollection> allowed;
  std::vector<bus::RestoreChunk> restored;
  std::uint64_t clone_copies = 100;  // bytes
  Duration truncate_takes{};
  std::int64_t told_ms = 0;           // the master's time, by the last heartbeat
  std::uint64_t lease_ms = 0;         // as told at the registration
  bus::LogPosition seen;              // of the master's log, as answers say: the furthest
  std::set<std::string> unreachable;  // what probes of these addresses answer
  std::optional<Error> refused;       // the last answer to a registration
  std::optional<SessionId> session;   // a fixed one, else a fresh one per life
  bus::Endpoint& endpoint() { return *endpoint_; }
  SessionId session_now;

 private:
  Task<> run();
  Task<> join();
  template <class Reply>
  void remember(const Reply& reply) {
    const bus::LogPosition said{reply.epoch, reply.term, reply.index, reply.check};
    if (seen.behind(said)) seen = said;
  }

  World& world_;
  std::string host_;
  std::optional<bus::SimBus> bus_;
  std::optional<bus::Endpoint> endpoint_;
  std::set<std::pair<ChunkHandle, Version>> frozen_;
  std::map<ChunkHandle, std::uint64_t> lengths_;  // of those that were cut
  bool registered_ = false;
  TaskGroup group_;
};

class MasterTest : public testing::Test {
 protected:
  MasterTest();
  ~MasterTest() override;

  Result<> start_master(bool format = false);
  void kill_master(bool power_cut = false);
  void add_servers(int count);
  bool wait(const std::function<bool()>& done, Duration limit = 30s) { return world.clock.run_until(done, limit); }

  // One call of a client, answered or failed.
  template <class M>
  Result<typename M::Reply> call(M ask, RequestId request = {}, Duration deadline = 20s) {
    bus::CallOptions options{deadline, request};
    return world.clock.run(client->call(bus::Peer::at(kMasterAddress), std::move(ask), options));
  }
  // Until the call succeeds, as a client's retries do.
  template <class M>
  Result<typename M::Reply> call_until_ok(M ask, Duration limit = 30s) {
    Instant end = world.clock.now() + limit;
    while (true) {
      Result<typename M::Reply> reply = call(ask);
      if (reply || world.clock.now() > end) return reply;
      world.clock.run_for(100ms);
    }
  }
  // What the master's answer said of the log.
  template <class M>
  std::uint64_t index_of(M ask, RequestId request = {}) {
    auto index = std::make_shared<std::uint64_t>(0);
    bus::CallOptions options{20s, request, index};
    (void)world.clock.run(client->call(bus::Peer::at(kMasterAddress), std::move(ask), options));
    return *index;
  }
  RequestId request(std::uint64_t sequence);
  // The master's directory, and back to it while no master runs.
  std::map<std::string, std::string> copy_directory() const;
  void restore_directory(const std::map<std::string, std::string>& copy);
  InodeId make_file(const std::string& path) { return call(bus::CreateFile{path}).value().inode; }

  World world;
  Settings settings;
  std::unique_ptr<Disk> disk;
  std::optional<bus::SimBus> master_bus, gossip_bus;
  bool gossips = false;  // the master takes part, at sim://master.gossip
  std::unique_ptr<Master> master;
  std::optional<Error> fatal;
  std::vector<std::unique_ptr<FakeServer>> servers;
  std::optional<bus::SimBus> client_bus;
  std::optional<bus::Endpoint> client;
};

// With words for chunks and their members.
class ChunksTest : public MasterTest {
 protected:
  FakeServer& server(ServerId id);
  FakeServer& secondary(const bus::ChunkLayout& layout, std::size_t number = 0);
  Result<bus::ChunkLayout> locate(InodeId file, std::uint32_t index = 0, Version failed = {}) {
    return call(bus::LocateForWrite{file, index, failed});
  }
  std::size_t orders() const;
  // What the primary says of a member. The version that the master answers; 0: it said no.
  Version accuse(const bus::ChunkLayout& layout, ServerId accused, bool confessed = false, Code code = Code::deadline);
  Version accuse(FakeServer& accuser, ChunkHandle handle, Version version, ServerId accused, bool confessed = false,
                 Code code = Code::deadline);
  bus::FindChunk::Reply found(ChunkHandle handle) { return call(bus::FindChunk{handle}).value(); }
  std::vector<ServerId> members(ChunkHandle handle);
  bool settled(ChunkHandle handle, std::size_t members, Duration limit = 30s);
  std::string state_of(ServerId id);
  // It may have lost bytes in a power cut, as it will report.
  void suspect(FakeServer& one, ChunkHandle handle) { one.holding(handle)->suspect = true; }
  // A new life of the process, with what it holds.
  void restart(FakeServer& one);
  bus::Configure last_order(ServerId to) { return server(to).configured.back(); }
  // Restarts the master; everybody is back.
  void restart_master();
};

}  // namespace gfs::master
