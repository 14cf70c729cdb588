#include "tests/master/master_fixture.h"

namespace gfs::master {

FakeServer::FakeServer(World& world, std::uint8_t number, std::string rack_of)
    : rack(std::move(rack_of)), world_(world), host_("cs" + std::to_string(number)) {
  id.bytes[0] = number;
  control = "sim://" + host_;
  data = control + "-data";
}

void FakeServer::live() {
  die();
  session_now = session ? *session : SessionId::random(world_.random);
  bus_.emplace(world_.network, world_.clock, host_);
  endpoint_.emplace(world_.clock, world_.random, *bus_,
                    bus::Endpoint::Options{.role = bus::kChunkserver, .program = "fake"});
  EXPECT_TRUE(bus_->listen({control, data, {}}));
  endpoint_->serve<&FakeServer::configure>(*this);
  endpoint_->serve<&FakeServer::probe>(*this);
  group_.spawn(run());
}

void FakeServer::die() {
  group_.cancel();
  registered_ = false;
  endpoint_.reset();
  bus_.reset();
}

Task<bus::Configure::Reply> FakeServer::configure(bus::Configure ask, bus::Caller) {
  configured.push_back(ask);
  if (!configure_answers.empty()) {
    Code code = configure_answers.front();
    configure_answers.pop_front();
    if (code != Code::ok) co_await fail(code, "{}", configure_says);
  }
  if (configure_replies_lost > 0) {
    --configure_replies_lost;
    co_await world_.clock.sleep(std::chrono::hours(1));
  }
  co_return bus::Configure::Reply{100};
}

Task<bus::Done> FakeServer::probe(bus::ProbeAddress ask, bus::Caller) {
  if (unreachable.contains(ask.address)) co_await fail(Code::unreachable, "{}: connection refused", ask.address);
  co_return bus::Done{};
}

Task<> FakeServer::join() {
  bus::Hello hello{"fake"};
  bus::Hello::Reply said = co_await endpoint_->call(bus::Peer::at(kMasterAddress), std::move(hello));
  endpoint_->set_cluster(said.cluster);
  bus::RegisterServer ask{id, session_now, advertise.value_or(control), data, rack, 2 * free, free, free, held.size()};
  Result<bus::RegisterServer::Reply> reply =
      co_await endpoint_->call(bus::Peer::at(kMasterAddress), std::move(ask)).outcome();
  refused.reset();
  if (!reply) refused = reply.error();
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
      bus::Heartbeat beat{id, session_now, 2 * free, free, free, held.size(), false};
      Result<bus::Heartbeat::Reply> reply =
          co_await endpoint_->call(bus::Peer::at(kMasterAddress), std::move(beat)).outcome();
      if (reply && !reply->known) registered_ = false;
    }
    co_await world_.clock.sleep(200ms);
  }
}

void FakeServer::leave() {
  beats = false;
  bus::Heartbeat beat{id, session_now, 2 * free, free, free, held.size(), true};
  EXPECT_TRUE(world_.clock.run(endpoint_->call(bus::Peer::at(kMasterAddress), std::move(beat))));
}

MasterTest::MasterTest() {
  settings.listen.control = kMasterAddress;
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
  master = std::make_unique<Master>(world.clock, world.random, *master_bus, *disk, settings);
  return world.clock.run(master->start());
}

void MasterTest::kill_master(bool power_cut) {
  if (power_cut) world.platter.power_cut();
  master.reset();
  master_bus.reset();
  disk.reset();
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

}  // namespace gfs::master
