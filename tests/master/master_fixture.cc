#include "tests/master/master_fixture.h"

#include <algorithm>

namespace gfs::master {

FakeServer::FakeServer(World& world, std::uint8_t number, std::string rack_of)
    : rack(std::move(rack_of)), world_(world), host_("cs" + std::to_string(number)) {
  id.bytes[0] = number;
  control = "sim://" + host_;
  data = control + "-data";
}

void FakeServer::live() {
  die();
  frozen_.clear();
  session_now = session ? *session : SessionId::random(world_.random);
  bus_.emplace(world_.network, world_.clock, host_);
  endpoint_.emplace(world_.clock, world_.random, *bus_,
                    bus::Endpoint::Options{.role = bus::kChunkserver, .program = "fake"});
  EXPECT_TRUE(bus_->listen({control, data, {}}));
  endpoint_->serve<&FakeServer::configure>(*this);
  endpoint_->serve<&FakeServer::probe>(*this);
  endpoint_->serve<&FakeServer::clone>(*this);
  endpoint_->serve<&FakeServer::list_held>(*this);
  endpoint_->serve<&FakeServer::collect>(*this);
  endpoint_->serve<&FakeServer::allow>(*this);
  endpoint_->serve<&FakeServer::restore>(*this);
  endpoint_->serve<&FakeServer::copy>(*this);
  endpoint_->serve<&FakeServer::seal>(*this);
  endpoint_->serve<&FakeServer::truncate>(*this);
  endpoint_->serve<&FakeServer::release>(*this);
  world_.fakes[id] = this;
  group_.spawn(run());
}

void FakeServer::die() {
  group_.cancel();
  registered_ = false;
  if (auto found = world_.fakes.find(id); found != world_.fakes.end() && found->second == this)
    world_.fakes.erase(found);
  endpoint_.reset();
  bus_.reset();
}

Task<bus::Configure::Reply> FakeServer::configure(bus::Configure ask, bus::Caller) {
  configured.push_back(ask);
  if (configure_takes > Duration{}) co_await world_.clock.sleep(configure_takes);
  if (!configure_answers.empty()) {
    Code code = configure_answers.front();
    configure_answers.pop_front();
    if (code != Code::ok) co_await fail(Error{code, configure_says, configure_why});
  }
  const bool was_frozen = frozen_.contains({ask.handle, ask.version});
  if (was_frozen && !ask.frozen) co_await fail(Code::conflict, "version {} is frozen here", ask.version);
  if (ask.frozen) frozen_.emplace(ask.handle, ask.version);
  for (const bus::Member& member : ask.members) {
    if (auto found = world_.fakes.find(member.server); found != world_.fakes.end())
      found->second->hold(ask.handle, ask.version);
  }
  if (configure_replies_lost > 0) {
    --configure_replies_lost;
    co_await world_.clock.sleep(std::chrono::hours(1));
  }
  const auto cut = lengths_.find(ask.handle);
  co_return bus::Configure::Reply{cut == lengths_.end() ? 100 : cut->second};
}

bus::ReportChunks::Held* FakeServer::holding(ChunkHandle handle) {
  auto found = std::find_if(held.begin(), held.end(), [&](const auto& one) { return one.handle == handle; });
  return found == held.end() ? nullptr : &*found;
}

void FakeServer::hold(ChunkHandle handle, Version version) {
  std::erase_if(held, [&](const auto& one) { return one.handle == handle; });
  held.push_back({.handle = handle, .version = version, .length = 100});
  std::sort(held.begin(), held.end(), [](const auto& one, const auto& other) { return one.handle < other.handle; });
}

namespace {

Result<> next_answer(std::deque<Code>& answers) {
  if (answers.empty()) return {};
  const Code code = answers.front();
  answers.pop_front();
  if (code == Code::ok) return {};
  return fail(code, "told to fail");
}

}  // namespace

Task<bus::CloneChunk::Reply> FakeServer::clone(bus::CloneChunk ask, bus::Caller) {
  cloned.push_back(ask);
  if (clone_takes > Duration{}) co_await world_.clock.sleep(clone_takes);
  co_await next_answer(clone_answers);
  co_return bus::CloneChunk::Reply{clone_copies};
}

Task<bus::CopyChunk::Reply> FakeServer::copy(bus::CopyChunk ask, bus::Caller) {
  copied.push_back(ask);
  if (copy_takes > Duration{}) co_await world_.clock.sleep(copy_takes);
  co_await next_answer(copy_answers);
  const bus::ReportChunks::Held* source = holding(ask.source);
  if (source == nullptr) co_await fail(Code::not_found, "chunk {}: not held here", ask.source);
  if (source->version != ask.version)
    co_await fail(Code::stale_version, "chunk {} has version {}", ask.source, source->version);
  const std::uint64_t length = source->length;
  hold(ask.handle, Version{1});
  co_return bus::CopyChunk::Reply{length, copy_digest};
}

Task<bus::ListHeld::Reply> FakeServer::list_held(bus::ListHeld ask, bus::Caller) {
  bus::ListHeld::Reply reply;
  std::ranges::sort(held, {}, &bus::ReportChunks::Held::handle);
  for (const bus::ReportChunks::Held& one : held) {
    if (one.handle <= ask.after) continue;
    reply.last = reply.chunks.size() < ask.limit;
    if (!reply.last) break;
    reply.chunks.push_back({one.handle, one.version, one.version});
  }
  co_return reply;
}

Task<bus::CollectChunks::Reply> FakeServer::collect(bus::CollectChunks ask, bus::Caller) {
  collected.push_back(ask);
  bus::CollectChunks::Reply reply;
  for (const bus::CollectChunks::Item& item : ask.items) {
    reply.done.push_back(collect_answer);
    if (collect_answer != bus::CollectChunks::Done::quarantined) continue;
    std::erase_if(held, [&item](const auto& one) { return one.handle == item.handle; });
  }
  if (collect_replies_lost > 0) {
    --collect_replies_lost;
    co_await endpoint_->executor().sleep(1h);
  }
  co_return reply;
}

Task<bus::AllowCollection::Reply> FakeServer::allow(bus::AllowCollection ask, bus::Caller) {
  allowed.push_back(ask);
  collect_answer = bus::CollectChunks::Done::quarantined;
  co_return bus::AllowCollection::Reply{1};
}

Task<bus::RestoreChunk::Reply> FakeServer::restore(bus::RestoreChunk ask, bus::Caller) {
  restored.push_back(ask);
  const Version version = std::max(ask.at_least, Version{1});
  hold(ask.handle, version);
  co_return bus::RestoreChunk::Reply{version, 100};
}

Task<bus::SealChunk::Reply> FakeServer::seal(bus::SealChunk ask, bus::Caller) {
  sealed.push_back(ask);
  co_await next_answer(seal_answers);
  bus::ChunkSealed report{id, session_now, ask.handle, ask.version, 100};
  (void)co_await endpoint_->call(bus::Peer::at(kMasterAddress), std::move(report));
  co_return bus::SealChunk::Reply{100};
}

Task<bus::Done> FakeServer::truncate(bus::TruncateChunk ask, bus::Caller) {
  truncated.push_back(ask);
  co_await world_.clock.sleep(truncate_takes);
  co_await next_answer(truncate_answers);
  lengths_[ask.handle] = ask.length;
  co_return bus::Done{};
}

Task<bus::Done> FakeServer::release(bus::ReleaseChunk ask, bus::Caller) {
  released.push_back(ask);
  co_return bus::Done{};
}

Task<bus::Done> FakeServer::probe(bus::ProbeAddress ask, bus::Caller) {
  if (unreachable.contains(ask.address)) co_await fail(Code::unreachable, "{}: connection refused", ask.address);
  co_return bus::Done{};
}

Task<> FakeServer::join() {
  bus::Hello hello{"fake"};
  bus::Hello::Reply said = co_await endpoint_->call(bus::Peer::at(kMasterAddress), std::move(hello));
  endpoint_->set_cluster(said.cluster);
  bus::RegisterServer ask{
      id, session_now, advertise.value_or(control), data, rack, capacity, capacity - free, free, held.size(), seen};
  Result<bus::RegisterServer::Reply> reply =
      co_await endpoint_->call(bus::Peer::at(kMasterAddress), std::move(ask)).outcome();
  refused.reset();
  if (!reply) refused = reply.error();
  if (reply) lease_ms = reply->lease_ms;
  if (reply) remember(*reply);
  co_await std::move(reply);
  bus::ReportChunks page{id, session_now, held, {}, true};
  (void)co_await endpoint_->call(bus::Peer::at(kMasterAddress), std::move(page));
  registered_ = true;
}

Task<> FakeServer::run() {
  while (true) {
    Result<> joined = co_await join().outcome();
    while (joined && registered_) {
      co_await world_.clock.sleep(1s);
      if (!beats) continue;
      bus::Heartbeat beat{id, session_now, capacity, capacity - free, free, held.size(), false, seen};
      beat.disks = disks;
      Result<bus::Heartbeat::Reply> reply =
          co_await endpoint_->call(bus::Peer::at(kMasterAddress), std::move(beat)).outcome();
      if (reply) told_ms = reply->now_ms;
      if (reply) remember(*reply);
      if (reply ? !reply->known : reply.error().code == Code::refused) registered_ = false;
    }
    co_await world_.clock.sleep(200ms);
  }
}

void FakeServer::leave() {
  beats = false;
  bus::Heartbeat beat{id, session_now, capacity, capacity - free, free, held.size(), true};
  EXPECT_TRUE(world_.clock.run(endpoint_->call(bus::Peer::at(kMasterAddress), std::move(beat))));
}

MasterTest::MasterTest() {
  settings.listen.control = kMasterAddress;
  settings.log_reserve = 64 << 10;
  settings.balance_threshold = 0;
  settings.repair_after = settings.repair_after_leaving = settings.mass_loss_pause = 0s;
  EXPECT_TRUE(start_master(true));
  client_bus.emplace(world.network, world.clock, "client");
  client.emplace(world.clock, world.random, *client_bus,
                 bus::Endpoint::Options{.role = bus::kClient, .program = "test"});
  Result<bus::Hello::Reply> hello = call(bus::Hello{"test"});
  EXPECT_TRUE(hello);
  if (hello) client->set_cluster(hello->cluster);
}

MasterTest::~MasterTest() {
  servers.clear();
  kill_master();
}

Result<> MasterTest::start_master(bool format) {
  disk = world.platter.mount(world.clock);
  master_bus.emplace(world.network, world.clock, "master");
  settings.format = format;
  settings.fatal = [this](const Error& error) { fatal = error; };
  if (gossips) gossip_bus.emplace(world.network, world.clock, "master");
  settings.gossip = kMasterAddress + ".gossip";
  bus::Bus* gossip = gossip_bus ? &*gossip_bus : nullptr;
  master = std::make_unique<Master>(world.clock, world.random, *master_bus, *disk, settings, gossip);
  return world.clock.run(master->start());
}

void MasterTest::kill_master(bool power_cut) {
  if (power_cut) world.platter.power_cut();
  master.reset();
  master_bus.reset();
  gossip_bus.reset();
  disk.reset();
}

std::map<std::string, std::string> MasterTest::copy_directory() const {
  std::map<std::string, std::string> copy;
  for (const std::string& path : world.platter.files()) copy[path] = world.platter.read_now(path).value();
  return copy;
}

void MasterTest::restore_directory(const std::map<std::string, std::string>& copy) {
  auto bring_back = [](Disk& to, std::vector<std::string> gone, std::map<std::string, std::string> files) -> Task<> {
    for (const std::string& path : gone) co_await to.remove(path);
    for (const auto& [path, text] : files) {
      if (path.find('/') != std::string::npos) co_await to.make_directories(path.substr(0, path.find('/')));
      std::shared_ptr<File> file = co_await to.open(path, Disk::Mode::write);
      Bytes all = Bytes::of(text);
      co_await file->truncate(0);
      co_await file->write(0, std::move(all));
      co_await file->sync();
    }
    for (const char* folder : {"", "log"}) co_await to.sync_directory(folder);
  };
  std::unique_ptr<Disk> there = world.platter.mount(world.clock);
  ASSERT_TRUE(world.clock.run(bring_back(*there, world.platter.files(), copy)));
}

void MasterTest::add_servers(int count) {
  for (int i = 0; i < count; ++i) {
    servers.push_back(std::make_unique<FakeServer>(world, static_cast<std::uint8_t>(servers.size() + 1)));
    servers.back()->live();
    ASSERT_TRUE(wait([this] { return servers.back()->registered(); }));
  }
}

RequestId MasterTest::request(std::uint64_t sequence) {
  RequestId id;
  id.client.bytes[0] = 42;
  id.sequence = sequence;
  return id;
}

FakeServer& ChunksTest::server(ServerId id) {
  return **std::find_if(servers.begin(), servers.end(), [&](const auto& one) { return one->id == id; });
}

FakeServer& ChunksTest::secondary(const bus::ChunkLayout& layout, std::size_t number) {
  for (const bus::Member& member : layout.members) {
    if (member.server != layout.primary && number-- == 0) return server(member.server);
  }
  return *servers.front();
}

std::size_t ChunksTest::orders() const {
  std::size_t count = 0;
  for (const auto& one : servers) count += one->configured.size();
  return count;
}

Version ChunksTest::accuse(FakeServer& accuser, ChunkHandle handle, Version version, ServerId accused, bool confessed,
                           Code code) {
  bus::AccuseMember ask{accuser.id, accuser.session_now, handle, version, accused, static_cast<std::uint16_t>(code),
                        confessed,  "it did not answer"};
  Result<bus::AccuseMember::Reply> reply =
      world.clock.run(accuser.endpoint().call(bus::Peer::at(kMasterAddress), std::move(ask)));
  return reply ? reply->version : Version{};
}

Version ChunksTest::accuse(const bus::ChunkLayout& layout, ServerId accused, bool confessed, Code code) {
  return accuse(server(layout.primary), layout.handle, layout.version, accused, confessed, code);
}

std::vector<ServerId> ChunksTest::members(ChunkHandle handle) {
  std::vector<ServerId> ids;
  for (const auto& one : servers) {
    for (const auto& holder : found(handle).chunk.members) {
      // Whoever holds it without being a member is shown as stale.
      if (holder.server == one->id && holder.state != "stale") ids.push_back(one->id);
    }
  }
  return ids;
}

bool ChunksTest::settled(ChunkHandle handle, std::size_t count, Duration limit) {
  const Instant end = world.clock.now() + limit;
  while (world.clock.now() < end) {
    if (members(handle).size() == count && found(handle).active) return true;
    world.clock.run_for(100ms);
  }
  return false;
}

std::string ChunksTest::state_of(ServerId id) {
  for (const bus::ServerInfo& info : call(bus::ListServers{}).value().servers) {
    if (info.server == id) return info.state;
  }
  return "unknown";
}

void ChunksTest::restart(FakeServer& one) {
  one.live();
  ASSERT_TRUE(wait([&] { return one.registered(); }));
}

void ChunksTest::restart_master() {
  kill_master(true);
  ASSERT_TRUE(start_master());
  for (const auto& one : servers) {
    if (world.fakes.contains(one->id)) ASSERT_TRUE(wait([&] { return state_of(one->id) == "up"; }));
  }
}

}  // namespace gfs::master
