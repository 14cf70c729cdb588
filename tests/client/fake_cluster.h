// A small fake master and fake chunkservers in virtual time, that fail as told. They speak the real messages through
// real Endpoints over SimBus.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/sim_executor.h"
#include "bus/endpoint.h"
#include "bus/messages/client_chunk.h"
#include "bus/messages/client_master.h"
#include "bus/messages/client_snapshot.h"
#include "bus/sim_bus.h"
#include "client_cli/client/filesystem.h"
#include "client_cli/client/fragments.h"
#include "client_cli/client/layout_cache.h"

namespace gfs::client::fake {

// What the next calls of a kind answer: an error, perhaps after doing the work; or nothing at all.
struct Fault {
  Code code = Code::ok;
  bool done = false;    // the work was done all the same
  bool silent = false;  // no answer
  Duration late{};      // the answer, as it was then, comes so much later
};
using Faults = std::map<std::string, std::deque<Fault>, std::less<>>;

class Node {
 public:
  Node(SimExecutor& world, Random& random, bus::SimNetwork& network, std::string name, ClusterId cluster,
       bus::Role role)
      : control("sim://" + name),
        data(control + "-data"),
        host(std::move(name)),
        cluster_(cluster),
        role_(role),
        world_(world),
        random_(random),
        network_(network) {}
  virtual ~Node() = default;

  // The process lives, with everything it knew before; or it is gone and connections to it are refused.
  void up() {
    if (endpoint) return;
    seat.emplace(network_, world_, host);
    endpoint.emplace(world_, random_, *seat, bus::Endpoint::Options{.role = role_, .program = "fake"});
    endpoint->set_cluster(cluster_);
    EXPECT_TRUE(seat->listen({control, data, {}}));
    serve();
  }
  void down() {
    endpoint.reset();
    seat.reset();
  }

  // Ends the handler if this call shall fail before it does anything; gives what shall happen after the work.
  Task<Fault> before(std::string kind) {
    ++calls[kind];
    std::deque<Fault>& queue = faults[kind];
    if (queue.empty()) co_return Fault{};
    Fault fault = queue.front();
    queue.pop_front();
    if (!fault.done) co_await after(fault);
    co_return fault;
  }
  Task<> after(Fault fault) {
    if (fault.silent) co_await world_.sleep(std::chrono::hours(1));
    co_await world_.sleep(fault.late);
    if (fault.code != Code::ok) co_await fail(fault.code, "told to fail");
  }

  const bus::Address control, data;
  const std::string host;
  Faults faults;
  std::map<std::string, int> calls;
  std::optional<bus::SimBus> seat;
  std::optional<bus::Endpoint> endpoint;

 protected:
  virtual void serve() = 0;

  const ClusterId cluster_;
  const bus::Role role_;
  SimExecutor& world_;
  Random& random_;
  bus::SimNetwork& network_;
};

inline constexpr std::uint64_t kChunk = 4 << 20;

// What the members of a chunk know of appends: the same on all of them.
struct AppendState {
  struct Done {
    std::vector<std::uint32_t> sizes;
    std::uint32_t digest = 0;
    std::uint32_t index = 0;
    std::uint64_t offset = 0;
  };
  std::map<ClientId, std::map<std::uint64_t, Done>> records;
  bool used = false;  // has taken over what the chunk before it knew
  bool sealed = false;
};
struct AppendStates {
  // Chunk i of the file is 100 + i, as long as nothing has replaced it.
  ChunkHandle handle_at(std::uint64_t index) const {
    auto copy = copies.find(static_cast<std::uint32_t>(index));
    return copy == copies.end() ? ChunkHandle{100 + index} : copy->second;
  }
  std::uint32_t index_of(ChunkHandle handle) const {
    for (const auto& [index, copy] : copies) {
      if (copy == handle) return index;
    }
    return static_cast<std::uint32_t>(handle.value - 100);
  }
  Version version_of(ChunkHandle handle) const { return handle.value >= kFirstCopy ? Version{1} : *version; }

  static constexpr std::uint64_t kFirstCopy = 1000;

  std::map<ChunkHandle, AppendState> chunks;
  std::set<ChunkHandle> gone;                   // cut off
  std::set<ChunkHandle> frozen;                 // shared with a snapshot
  std::map<std::uint32_t, ChunkHandle> copies;  // of those, by index; in version 1
  std::uint64_t chunk_size = kChunk;
  Version* version = nullptr;
};

class ChunkServer : public Node {
 public:
  ChunkServer(SimExecutor& world, Random& random, bus::SimNetwork& network, std::string name, ClusterId cluster)
      : Node(world, random, network, std::move(name), cluster, bus::kChunkserver), id(ServerId::random(random)) {
    up();
  }
  void serve() override {
    endpoint->serve_data<&ChunkServer::pushed>(*this);
    endpoint->serve<&ChunkServer::write>(*this);
    endpoint->serve<&ChunkServer::append>(*this);
    endpoint->serve<&ChunkServer::inspect>(*this);
    endpoint->serve<&ChunkServer::read>(*this);
    endpoint->serve<&ChunkServer::sync>(*this);
    endpoint->serve<&ChunkServer::length>(*this);
  }

  void pushed(bus::PushFragment fragment) {
    staged[fragment.id] = fragment.payload;
    staged_for[fragment.id] = fragment.handle;
    parts[fragment.id][fragment.part] = fragment.payload;
    if (drops_pushes > 0) {
      --drops_pushes;
      staged.erase(fragment.id);
      parts.erase(fragment.id);
    }
    if (fragment.chain.empty()) return;
    bus::Address next = fragment.chain.front();
    fragment.chain.erase(fragment.chain.begin());
    EXPECT_TRUE(endpoint->push(next, std::move(fragment)));
  }
  Task<bus::WriteChunk::Reply> write(bus::WriteChunk ask, bus::Caller caller) {
    requests.push_back(caller.request);
    floors.push_back(ask.floor);
    Fault fault = co_await before("write");
    if (held_up.contains(caller.request.sequence)) co_await fail(Code::overloaded, "told to hold it up");
    if (applied.contains(caller.request)) co_return bus::WriteChunk::Reply{{1}, chunks[ask.handle].size()};
    co_await world_.sleep(10ms);
    if (states->frozen.contains(ask.handle)) co_await fail(Code::not_primary, "chunk {} is frozen", ask.handle);
    if (ask.version != states->version_of(ask.handle)) co_await fail(Code::stale_version, "{} is gone", ask.version);
    for (ChunkServer* member : *members) {
      if (!member->staged.contains(caller.request) || member->staged_for[caller.request] != ask.handle)
        co_await fail(Code::missing_data, "no bytes at {}", member->control);
    }
    Bytes bytes = staged[caller.request];
    EXPECT_EQ(bytes.size(), ask.size);
    EXPECT_EQ(digest_of(piece_checksums(ask.offset, bytes)), ask.digest);
    for (ChunkServer* member : *members) {
      std::string& chunk = member->chunks[ask.handle];
      if (chunk.size() < ask.offset + ask.size) chunk.resize(ask.offset + ask.size, '\0');
      chunk.replace(ask.offset, ask.size, bytes.view());
      member->applied.insert(caller.request);
      ++member->times[caller.request];
    }
    co_await after(fault);
    co_return bus::WriteChunk::Reply{{1}, chunks[ask.handle].size()};
  }
  Task<bus::AppendChunk::Reply> append(bus::AppendChunk ask, bus::Caller caller) {
    appends.push_back({caller.request, ask});
    Fault fault = co_await before("append");
    co_await world_.sleep(append_time);
    if (states->gone.contains(ask.handle)) co_await fail(Code::not_found, "chunk {} is not held here", ask.handle);
    if (states->frozen.contains(ask.handle)) co_await fail(Code::not_primary, "chunk {} is frozen", ask.handle);
    if (ask.version != states->version_of(ask.handle)) co_await fail(Code::stale_version, "{} is gone", ask.version);
    const std::uint32_t index = states->index_of(ask.handle);
    AppendState& state = states->chunks[ask.handle];
    if (!std::exchange(state.used, true) && index > 0) {
      state.records = states->chunks[states->handle_at(index - 1)].records;
    }
    auto& mine = state.records[caller.request.client];
    std::uint64_t latest = mine.empty() ? 0 : mine.rbegin()->first;
    if (auto found = mine.find(caller.request.sequence); found != mine.end()) {
      const AppendState::Done& done = found->second;
      if (done.sizes != ask.sizes || done.digest != ask.digest) co_await fail(Code::invalid_argument, "other content");
      co_await after(fault);
      co_return bus::AppendChunk::Reply{done.index, done.offset, chunks[ask.handle].size(), true};
    }
    if (caller.request.sequence <= latest) co_await fail(Code::record_expired, "{} is here already", latest);
    if (ask.previous > latest) co_await fail(Code::out_of_sequence, "{} is not here", ask.previous);
    if (state.sealed) co_await fail(Code::sealed, "chunk {} is sealed", ask.handle);
    std::string bytes(ask.payload.view());
    if (bytes.empty()) {
      for (ChunkServer* member : *members) {
        bytes.clear();
        for (const auto& [part, piece] : member->parts[caller.request]) bytes += piece.view();
        std::uint64_t wanted = 0;
        for (std::uint32_t size : ask.sizes) wanted += size;
        if (bytes.size() != wanted) co_await fail(Code::missing_data, "{} bytes at {}", bytes.size(), member->control);
      }
    } else {
      EXPECT_EQ(ask.crcs, piece_checksums(0, ask.payload));
    }
    EXPECT_EQ(digest_of(piece_checksums(0, Bytes::of(bytes))), ask.digest);
    std::uint64_t offset = chunks[ask.handle].size();
    if (offset + bytes.size() > states->chunk_size) {
      state.sealed = true;
      co_await fail(Code::sealed, "chunk {} is full", ask.handle);
    }
    for (ChunkServer* member : *members) member->chunks[ask.handle] += bytes;
    mine[caller.request.sequence] = {ask.sizes, ask.digest, index, offset};
    if (mine.size() > 64) mine.erase(mine.begin());
    co_await after(fault);
    co_return bus::AppendChunk::Reply{index, offset, chunks[ask.handle].size(), false};
  }
  Task<bus::InspectChunk::Reply> inspect(bus::InspectChunk ask, bus::Caller) {
    Fault fault = co_await before("inspect");
    bus::InspectChunk::Reply reply;
    reply.version = *states->version;
    reply.length = chunks[ask.handle].size();
    reply.checksums = piece_checksums(0, Bytes::of(chunks[ask.handle]));
    co_await after(fault);
    co_return reply;
  }
  Task<bus::ReadChunk::Reply> read(bus::ReadChunk ask, bus::Caller) {
    Fault fault = co_await before("read");
    stale_ok = stale_ok || ask.stale_ok;
    const std::string& chunk = chunks[ask.handle];
    bus::ReadChunk::Reply reply;
    reply.length = chunk.size();
    reply.version = held(ask.handle, ask.version);
    reply.sealed = states->chunks[ask.handle].sealed;
    if (ask.offset < chunk.size()) reply.payload = Bytes::of(chunk.substr(ask.offset, ask.size));
    reply.crcs = piece_checksums(ask.offset, reply.payload);
    if (flips_bits && !reply.crcs.empty()) reply.crcs.back() ^= 1;
    co_await after(fault);
    co_return reply;
  }
  Task<bus::SyncChunk::Reply> sync(bus::SyncChunk ask, bus::Caller) {
    Fault fault = co_await before("sync");
    co_await after(fault);
    if (states->gone.contains(ask.handle)) co_await fail(Code::not_found, "chunk {} is not held here", ask.handle);
    synced.insert(ask.version);
    synced_chunks.push_back(ask.handle);
    co_return bus::SyncChunk::Reply{chunks[ask.handle].size()};
  }
  Task<bus::ChunkLength::Reply> length(bus::ChunkLength ask, bus::Caller) {
    Fault fault = co_await before("length");
    co_await after(fault);
    if (!chunks.contains(ask.handle)) co_await fail(Code::not_found, "chunk {} is not held here", ask.handle);
    bool sealed = states->chunks[ask.handle].sealed;
    co_return bus::ChunkLength::Reply{chunks[ask.handle].size(), held(ask.handle, ask.version), sealed};
  }

  // The version it has; one that is no member any more goes by what it is asked for.
  Version held(ChunkHandle handle, Version asked) const {
    const bool member = std::ranges::find(*members, this) != members->end();
    return member ? std::max(asked, states->version_of(handle)) : asked;
  }

  const ServerId id;
  bool flips_bits = false;
  std::vector<ChunkServer*>* members = nullptr;
  AppendStates* states = nullptr;
  int drops_pushes = 0;
  std::set<std::uint64_t> held_up;  // sequences of writes
  Duration append_time = 1ms;
  std::map<RequestId, std::map<std::uint32_t, Bytes>> parts;
  std::vector<std::pair<RequestId, bus::AppendChunk>> appends;  // as they came
  std::vector<std::uint64_t> floors;                            // of writes, as they came
  std::map<RequestId, Bytes> staged;
  std::map<RequestId, ChunkHandle> staged_for;
  std::map<ChunkHandle, std::string> chunks;
  bool stale_ok = false;  // a reader said so
  std::set<RequestId> applied;
  std::map<RequestId, int> times;
  std::set<Version> synced;
  std::vector<ChunkHandle> synced_chunks;  // as they came
  std::vector<RequestId> requests;
};

// Knows one file, "/f", inode 7.
class Master : public Node {
 public:
  Master(SimExecutor& world, Random& random, bus::SimNetwork& network, ClusterId cluster)
      : Node(world, random, network, "master", cluster, bus::kMaster) {
    up();
  }
  void serve() override {
    endpoint->serve<&Master::hello>(*this);
    endpoint->serve<&Master::create>(*this);
    endpoint->serve<&Master::stat>(*this);
    endpoint->serve<&Master::locate_for_read>(*this);
    endpoint->serve<&Master::locate_for_write>(*this);
    endpoint->serve<&Master::locate_for_append>(*this);
    endpoint->serve<&Master::make_readable>(*this);
    endpoint->serve<&Master::set_size>(*this);
    endpoint->serve<&Master::truncate>(*this);
    endpoint->serve<&Master::close_client>(*this);
    endpoint->serve<&Master::create_snapshot>(*this);
    endpoint->serve<&Master::list_snapshots>(*this);
    endpoint->serve<&Master::remove_snapshot>(*this);
    endpoint->serve<&Master::compare_trees>(*this);
  }
  Task<bus::Hello::Reply> hello(bus::Hello, bus::Caller) {
    co_await before("hello");
    co_return bus::Hello::Reply{cluster_, "fake", states.chunk_size};
  }
  FileInfo info() const {
    FileInfo info;
    info.path = "/f";
    info.size = size;
    info.replicas = 3;
    info.chunks = static_cast<std::uint32_t>(chunk_count);
    info.inode = {7};
    return info;
  }
  Task<FileInfo> create(bus::CreateFile ask, bus::Caller caller) {
    requests.push_back(caller.request);
    Fault fault = co_await before("create");
    bool first = !created;
    if (!created) created = caller.request;
    co_await after(fault);
    if (!first && *created != caller.request) co_await fail(Code::already_exists, "{} is there", ask.path);
    co_return info();
  }
  Task<FileInfo> stat(bus::Stat, bus::Caller) {
    co_await before("stat");
    FileInfo found = info();
    if (is_directory) found.type = FileType::directory;
    co_return found;
  }
  bus::ChunkLayout layout(std::uint32_t index) const {
    bus::ChunkLayout made;
    made.index = index;
    made.handle = states.handle_at(index);
    made.version = states.version_of(made.handle);
    auto state = states.chunks.find(made.handle);
    if (state != states.chunks.end() && state->second.sealed && !members.empty()) {
      made.sealed = true;
      made.length = members.front()->chunks[made.handle].size();
    }
    for (ChunkServer* member : members) made.members.push_back({member->id, member->control, member->data, "r", true});
    if (!members.empty()) made.primary = members.front()->id;
    return made;
  }
  Task<bus::LocateForRead::Reply> locate_for_read(bus::LocateForRead ask, bus::Caller) {
    Fault fault = co_await before("locate_for_read");
    bus::LocateForRead::Reply reply{size, static_cast<std::uint32_t>(chunk_count), {}};
    for (std::uint32_t i = ask.first; i < chunk_count && i - ask.first < ask.count; ++i) {
      if (!holes.contains(i)) reply.layout.push_back(layout(i));
    }
    co_await after(fault);
    co_return reply;
  }
  Task<bus::ChunkLayout> locate_for_write(bus::LocateForWrite ask, bus::Caller) {
    co_await before("locate_for_write");
    told_unreachable.push_back(ask.unreachable);
    if (on_failed && ask.failed == version) on_failed();
    chunk_count = std::max<std::uint64_t>(chunk_count, ask.index + 1);
    if (states.frozen.contains(states.handle_at(ask.index))) copy(ask.index);
    co_return layout(ask.index);
  }
  Task<bus::LocateForAppend::Reply> locate_for_append(bus::LocateForAppend ask, bus::Caller) {
    co_await before("locate_for_append");
    told_unreachable.push_back(ask.unreachable);
    if (on_failed && ask.failed == version) on_failed();
    chunk_count = std::max<std::uint64_t>(chunk_count, 1);
    if (states.chunks[states.handle_at(chunk_count - 1)].sealed) ++chunk_count;
    const auto last = static_cast<std::uint32_t>(chunk_count - 1);
    if (states.frozen.contains(states.handle_at(last))) copy(last);
    co_return bus::LocateForAppend::Reply{layout(last), to_ms(world_.now().time_since_epoch()) + 1000};
  }
  Task<bus::Done> make_readable(bus::MakeReadable, bus::Caller) {
    Fault fault = co_await before("make_readable");
    co_await after(fault);
    co_return bus::Done{};
  }
  Task<FileInfo> truncate(bus::Truncate ask, bus::Caller caller) {
    requests.push_back(caller.request);
    Fault fault = co_await before("truncate");
    co_await after(fault);
    size = ask.size;
    co_return info();
  }
  Task<bus::Done> close_client(bus::CloseClient ask, bus::Caller) {
    closed.push_back(ask.client);
    co_return bus::Done{};
  }
  // All chunks of the file are shared from now on, and take no more.
  void freeze() {
    for (std::uint64_t i = 0; i < chunk_count; ++i) states.frozen.insert(states.handle_at(i));
  }
  // As before somebody writes to a shared chunk; the file has the copy then.
  ChunkHandle copy(std::uint32_t index) {
    const ChunkHandle source = states.handle_at(index), made{AppendStates::kFirstCopy + copied++};
    for (ChunkServer* member : members) {
      if (member->chunks.contains(source)) member->chunks[made] = member->chunks[source];
    }
    states.chunks[made] = states.chunks[source];
    states.copies[index] = made;
    return made;
  }
  Task<bus::CreateSnapshot::Reply> create_snapshot(bus::CreateSnapshot ask, bus::Caller caller) {
    requests.push_back(caller.request);
    Fault fault = co_await before("create_snapshot");
    freeze();
    co_await after(fault);
    bus::CreateSnapshot::Reply reply;
    reply.info = info();
    reply.info.path = "/.snapshots/" + ask.target;
    reply.chunks = chunk_count;
    co_return reply;
  }
  Task<bus::ListSnapshots::Reply> list_snapshots(bus::ListSnapshots ask, bus::Caller) {
    co_await before("list_snapshots");
    bus::ListSnapshots::Reply reply;
    auto first = goes_back ? snapshots.begin() : snapshots.upper_bound(ask.after);
    for (; first != snapshots.end() && reply.snapshots.size() < 2; ++first) {
      reply.snapshots.push_back({.name = *first, .source = "/f"});
    }
    reply.more = first != snapshots.end();
    co_return reply;
  }
  Task<bus::RemoveSnapshot::Reply> remove_snapshot(bus::RemoveSnapshot ask, bus::Caller caller) {
    requests.push_back(caller.request);
    Fault fault = co_await before("remove_snapshot");
    if (snapshots.erase(ask.name) == 0) co_await fail(Code::not_found, "no snapshot {}", ask.name);
    co_await after(fault);
    co_return bus::RemoveSnapshot::Reply{1, 0};
  }
  Task<bus::CompareTrees::Reply> compare_trees(bus::CompareTrees ask, bus::Caller) {
    co_await before("compare_trees");
    compared = ask;
    co_return bus::CompareTrees::Reply{{}, ask.after.empty() ? "further on" : ""};
  }
  Task<bus::Done> set_size(bus::SetSize ask, bus::Caller) {
    Fault fault = co_await before("set_size");
    size = std::max(size, ask.size);
    co_await after(fault);
    co_return bus::Done{};
  }

  std::vector<ChunkServer*> members;
  Version version{1};
  std::uint64_t size = 0, chunk_count = 0;
  bool is_directory = false;
  AppendStates states;
  std::uint64_t copied = 0;
  std::set<std::string> snapshots;
  bool goes_back = false;  // as no master should: each page is the first
  bus::CompareTrees compared;
  std::vector<ServerId> told_unreachable;
  std::vector<ClientId> closed;
  std::set<std::uint32_t> holes;
  std::optional<RequestId> created;
  std::vector<RequestId> requests;
  std::function<void()> on_failed;  // the master is asked to look again
};

class Cluster : public testing::Test {
 protected:
  Cluster() {
    log::set_level(log::Level::error);
    for (auto& server : servers) {
      server.members = &master.members;
      server.states = &master.states;
      master.members.push_back(&server);
    }
    master.states.version = &master.version;
    settings.master = master.control;
  }

  Filesystem& fs() {
    if (!fs_) fs_ = std::make_unique<Filesystem>(world, random, seat, settings);
    return *fs_;
  }
  template <class T>
  Result<T> run(Task<T> task) {
    return world.run(std::move(task));
  }
  std::shared_ptr<File> open(Filesystem::Open how = Filesystem::Open::write) {
    Result<std::shared_ptr<File>> file = run(fs().open("/f", how));
    EXPECT_TRUE(file) << file.error().text();
    return *file;
  }
  // As if written and closed by somebody.
  void has(std::string content) {
    master.size = content.size();
    master.chunk_count = (content.size() + kChunk - 1) / kChunk;
    for (std::uint32_t i = 0; i < master.chunk_count; ++i) {
      for (auto& server : servers) server.chunks[{100 + i}] = content.substr(i * kChunk, kChunk);
    }
  }
  // As if somebody had truncated it, to within its first chunk.
  void cut(std::uint64_t to) {
    for (std::uint32_t i = 1; i < master.chunk_count; ++i) master.states.gone.insert({100 + i});
    for (auto& server : servers) server.chunks[{100}].resize(to);
    master.states.chunks[{100}].sealed = false;
    master.chunk_count = 1;
    master.size = to;
    master.calls.clear();
  }
  void kill(Node& node) { node.down(); }
  // Nothing reaches it, and nothing comes back.
  void mute(Node& node) {
    for (const char* other : {"client", "master", "cs1", "cs2", "cs3"}) {
      network.block(other, node.host);
      network.block(node.host, other);
    }
  }
  void all_well() {
    network.heal();
    for (ChunkServer& server : servers) server.up();
  }
  std::string some_bytes(std::size_t size) {
    std::string text(size, '\0');
    for (char& c : text) c = static_cast<char>(random.next());
    return text;
  }

  SimExecutor world;
  Random random{42};
  bus::SimNetwork network{world, 42};
  ClusterId cluster = ClusterId::random(random);
  Master master{world, random, network, cluster};
  ChunkServer servers[3] = {{world, random, network, "cs1", cluster},
                            {world, random, network, "cs2", cluster},
                            {world, random, network, "cs3", cluster}};
  bus::SimBus seat{network, world, "client"};
  Settings settings;
  std::unique_ptr<Filesystem> fs_;
};

inline bool mentions(const Error& error, const std::string& server) {
  for (const Reason& reason : error.why) {
    if (reason.server.find(server) != std::string::npos) return true;
  }
  return false;
}

}  // namespace gfs::client::fake
