#include "tests/sim/cluster.h"

#include <algorithm>
#include <utility>

#include "base/crc32c.h"
#include "bus/listen_address.h"
#include "gossip/gossip_service.h"
#include "tests/sim/master_log.h"

namespace gfs::sim {

namespace {

// What not every version of the chunkserver tells.
template <class Settings, class Hook>
void tell_acknowledged(Settings& settings, Hook hook) {
  if constexpr (requires { settings.on_acknowledged; }) settings.on_acknowledged = std::move(hook);
}

}  // namespace

// One life of a process: dies from the bottom of this list to its top.
struct Cluster::Life {
  Life(SimExecutor& world, bus::SimNetwork& network, const Machine& machine, std::uint64_t seed)
      : node(world, machine.clock.up),
        random(seed),
        disk(machine.disk->mount(node)),
        bus(network, node, machine.host),
        gossip(network, node, machine.host, gossip::bus_limits()) {
    start_clock(node, machine.clock);
  }

  NodeExecutor node;
  Random random;
  std::unique_ptr<Disk> disk;
  bus::SimBus bus;
  bus::SimBus gossip;
  std::unique_ptr<master::Master> master;
  std::unique_ptr<chunkserver::ChunkServer> server;
  TaskGroup tasks;
};

Cluster::Cluster(SimExecutor& world, bus::SimNetwork& network, const Plan& plan)
    : world_(world), network_(network), plan_(plan) {
  master_.host = "master";
  master_.clock = clock_of(plan, master_.host);
  master_.disk = std::make_unique<SimDisk>(world, plan.seed * 1000003 + 1);
  keep_master_log(*master_.disk);
  for (int i = 0; i < plan.chunkservers; ++i) {
    Machine machine;
    machine.host = "cs" + std::to_string(i);
    machine.clock = clock_of(plan, machine.host);
    machine.disk = std::make_unique<SimDisk>(world, plan.seed * 1000003 + 2 + static_cast<std::uint64_t>(i));
    if (plan.disk_capacity > 0) machine.disk->set_capacity(plan.disk_capacity);
    servers_.push_back(std::move(machine));
  }
}

Cluster::~Cluster() {
  for (Machine& machine : servers_) machine.life.reset();
  master_.life.reset();
}

std::uint64_t Cluster::seed_of(const Machine& machine) const {
  return plan_.seed * 0x9e3779b97f4a7c15 + machine.lives * 0x100000001b3 + crc32c(machine.host);
}

void Cluster::started(const std::string& host, std::uint64_t life, const Result<>& result) {
  if (!result) broken_.push_back(host + ", life " + std::to_string(life) + ": " + result.error().text());
}

void Cluster::start_master() {
  if (master_.life) return;
  ++master_.lives;
  master_.life = std::make_unique<Life>(world_, network_, master_, seed_of(master_));
  Life& life = *master_.life;
  master::Settings settings;
  settings.listen.control = kMasterAddress;
  settings.gossip = *bus::gossip_at(kMasterAddress);
  // A life may have ended when the identity was written, before start() could say so.
  settings.format = !formatted_ && !master_.disk->read_now("identity");
  settings.log_segment = plan_.log_segment;
  settings.checkpoint_after = plan_.checkpoint_after;
  settings.trash = plan_.trash;
  settings.log_reserve = plan_.log_reserve;
  settings.chunk_size = plan_.chunk_size;
  settings.cut_max = plan_.cut_max;
  settings.collect_after = plan_.collect_after;
  settings.lease = plan_.lease;
  settings.heartbeat = plan_.heartbeat;
  settings.suspect_after = plan_.heartbeat * 3;
  settings.lost_after = plan_.heartbeat * 10;
  // Often enough to be met.
  settings.repair_after = plan_.heartbeat * 2;
  settings.repair_after_leaving = plan_.heartbeat * 10;
  settings.mass_loss_pause = plan_.heartbeat * 15;
  settings.mutant = plan_.mutant;
  settings.adopt_epoch = std::exchange(adopt_epoch, std::nullopt);
  settings.on_server_state = on_server_state;
  settings.fatal = [this, number = master_.lives](const Error& error) {
    broken_.push_back("master, life " + std::to_string(number) + ", gave up: " + error.text());
  };
  life.master =
      std::make_unique<master::Master>(life.node, life.random, life.bus, *life.disk, std::move(settings), &life.gossip);
  life.tasks.spawn(life.master->start(), [this, number = master_.lives](Result<> result) {
    if (result) formatted_ = true;
    started("master", number, result);
  });
}

void Cluster::start_chunkserver(int number) {
  Machine& machine = servers_[number];
  if (machine.life) return;
  ++machine.lives;
  machine.life = std::make_unique<Life>(world_, network_, machine, seed_of(machine));
  Life& life = *machine.life;
  chunkserver::Settings settings;
  settings.masters = {kMasterAddress};
  settings.listen.control = "tcp://" + machine.host + ":7510";
  settings.listen.data = "tcp://" + machine.host + ":7511";
  settings.gossip = *bus::gossip_at(settings.listen.control);
  settings.rack = "r" + std::to_string(number % 3);
  settings.chunk_size = plan_.chunk_size;
  settings.journal_segment = plan_.journal_segment;
  settings.staging_max = plan_.staging_max;
  settings.data_wait = plan_.data_wait;
  settings.quarantine_time = plan_.quarantine_time;
  settings.collect_limit = 1'000'000;  // no operator is there
  settings.scrub_pass = 0s;            // no disk rots here
  settings.disk_errors_max = 0;        // the read errors made there are no reason to do without the disk
  settings.on_collected = [this](ServerId server, ChunkHandle handle, Version version, bool orphan,
                                 std::uint64_t index) {
    if (on_collected) on_collected(server, handle, version, orphan, index);
  };
  settings.mutant = plan_.mutant;
  settings.on_applied = [this, number, of = machine.lives](ServerId, ChunkHandle handle, Version version, Serial serial,
                                                           RequestId id) {
    if (on_applied) on_applied(number, of, handle, version, serial, id);
  };
  tell_acknowledged(settings, [this, number, of = machine.lives](ServerId, ChunkHandle handle, Version version,
                                                                 Serial serial, RequestId id) {
    if (on_acknowledged) on_acknowledged(number, of, handle, version, serial, id);
  });
  life.server = std::make_unique<chunkserver::ChunkServer>(life.node, life.random, life.bus, *life.disk,
                                                           std::move(settings), &life.gossip);
  life.tasks.spawn(life.server->fatal(), [this, host = machine.host, of = machine.lives](Result<Error> error) {
    if (error) broken_.push_back(host + ", life " + std::to_string(of) + ", gave up: " + error->text());
  });
  life.tasks.spawn(life.server->start(),
                   [this, host = machine.host, of = machine.lives](Result<> result) { started(host, of, result); });
}

void Cluster::kill(Machine& machine) {
  machine.life.reset();
  network_.resume(machine.host);  // a process can be killed while it stands still
}

void Cluster::kill_master() { kill(master_); }

void Cluster::kill_chunkserver(int number) { kill(servers_[number]); }

void Cluster::power_cut_master() {
  kill(master_);
  master_.disk->power_cut();
}

void Cluster::power_cut_chunkserver(int number) {
  kill(servers_[number]);
  servers_[number].disk->power_cut();
}

Cluster::Machine* Cluster::find(const std::string& host) {
  if (host == master_.host) return &master_;
  for (Machine& machine : servers_) {
    if (machine.host == host) return &machine;
  }
  return nullptr;
}

bool Cluster::pause(const std::string& host) {
  Machine* machine = find(host);
  if (machine == nullptr || !machine->life || machine->life->node.paused()) return false;
  machine->life->node.pause();
  network_.pause(host);
  return true;
}

void Cluster::resume(const std::string& host, bool timers_first) {
  Machine* machine = find(host);
  if (machine == nullptr || !machine->life || !machine->life->node.paused()) return;
  if (timers_first) machine->life->node.resume();
  network_.resume(host);
  if (!timers_first) machine->life->node.resume();
}

void Cluster::step_wall(const std::string& host, Duration by) {
  Machine* machine = find(host);
  if (machine == nullptr) return;
  machine->clock.wall += by;
  if (machine->life) machine->life->node.step_wall(by);
}

bus::BusCounters Cluster::gossip_counters(int chunkserver) const {
  return servers_[chunkserver].life->gossip.counters();
}

int Cluster::registered() const {
  return static_cast<int>(std::ranges::count_if(
      servers_, [](const Machine& machine) { return machine.life && machine.life->server->registered(); }));
}

bool Cluster::whole() const { return master_.life && registered() == plan_.chunkservers; }

std::map<std::string, std::string> Cluster::copy_master() const {
  std::map<std::string, std::string> copy;
  for (const std::string& path : master_.disk->files()) copy[path] = master_.disk->read_now(path).value_or("");
  return copy;
}

void Cluster::restore_master(const std::map<std::string, std::string>& copy) {
  auto write = [](Disk& to, std::vector<std::string> gone, std::map<std::string, std::string> files) -> Task<> {
    for (const std::string& path : gone) co_await to.remove(path);
    for (const auto& [path, text] : files) {
      std::shared_ptr<File> file = co_await to.open(path, Disk::Mode::write);
      Bytes all = Bytes::of(text);
      co_await file->write(0, std::move(all));
      co_await file->sync();
    }
    for (const char* folder : {"", "log"}) co_await to.sync_directory(folder);
  };
  std::unique_ptr<Disk> disk = master_.disk->mount(world_);
  const Result<> written = world_.run(write(*disk, master_.disk->files(), copy));
  started("master", master_.lives, written);
}

}  // namespace gfs::sim
