#include "tests/sim/cluster.h"

#include "base/crc32c.h"

namespace gfs::sim {

// One life of a process: dies from the bottom of this list to its top.
struct Cluster::Life {
  Life(SimExecutor& world, bus::SimNetwork& network, SimDisk& platter, const std::string& host, std::uint64_t seed)
      : node(world), random(seed), disk(platter.mount(node)), bus(network, node, host) {}

  NodeExecutor node;
  Random random;
  std::unique_ptr<Disk> disk;
  bus::SimBus bus;
  std::unique_ptr<master::Master> master;
  std::unique_ptr<chunkserver::ChunkServer> server;
  TaskGroup tasks;
};

Cluster::Cluster(SimExecutor& world, bus::SimNetwork& network, const Plan& plan)
    : world_(world), network_(network), plan_(plan) {
  master_.host = "master";
  master_.disk = std::make_unique<SimDisk>(world, plan.seed * 1000003 + 1);
  for (int i = 0; i < kChunkservers; ++i) {
    Machine machine;
    machine.host = "cs" + std::to_string(i);
    machine.disk = std::make_unique<SimDisk>(world, plan.seed * 1000003 + 2 + static_cast<std::uint64_t>(i));
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
  master_.life = std::make_unique<Life>(world_, network_, *master_.disk, master_.host, seed_of(master_));
  Life& life = *master_.life;
  master::Settings settings;
  settings.listen.control = kMasterAddress;
  // A life may have ended when the identity was written, before start() could say so.
  settings.format = !formatted_ && !master_.disk->read_now("identity");
  settings.log_segment = plan_.log_segment;
  settings.mutant = plan_.mutant;
  settings.fatal = [this, number = master_.lives](const Error& error) {
    broken_.push_back("master, life " + std::to_string(number) + ", gave up: " + error.text());
  };
  life.master = std::make_unique<master::Master>(life.node, life.random, life.bus, *life.disk, std::move(settings));
  life.tasks.spawn(life.master->start(), [this, number = master_.lives](Result<> result) {
    if (result) formatted_ = true;
    started("master", number, result);
  });
}

void Cluster::start_chunkserver(int number) {
  Machine& machine = servers_[number];
  if (machine.life) return;
  ++machine.lives;
  machine.life = std::make_unique<Life>(world_, network_, *machine.disk, machine.host, seed_of(machine));
  Life& life = *machine.life;
  chunkserver::Settings settings;
  settings.masters = {kMasterAddress};
  settings.listen.control = "tcp://" + machine.host + ":7510";
  settings.listen.data = "tcp://" + machine.host + ":7511";
  settings.rack = "r" + std::to_string(number % 3);
  settings.journal_segment = plan_.journal_segment;
  settings.mutant = plan_.mutant;
  settings.on_applied = [this, number, of = machine.lives](ServerId, ChunkHandle handle, Version version, Serial serial,
                                                           RequestId id) {
    if (on_applied) on_applied(number, of, handle, version, serial, id);
  };
  life.server =
      std::make_unique<chunkserver::ChunkServer>(life.node, life.random, life.bus, *life.disk, std::move(settings));
  life.tasks.spawn(life.server->fatal(), [this, host = machine.host, of = machine.lives](Result<Error> error) {
    if (error) broken_.push_back(host + ", life " + std::to_string(of) + ", gave up: " + error->text());
  });
  life.tasks.spawn(life.server->start(),
                   [this, host = machine.host, of = machine.lives](Result<> result) { started(host, of, result); });
}

void Cluster::kill_master() { master_.life.reset(); }

void Cluster::kill_chunkserver(int number) { servers_[number].life.reset(); }

void Cluster::power_cut_master() {
  master_.life.reset();
  master_.disk->power_cut();
}

bool Cluster::whole() const {
  if (!master_.life) return false;
  for (const Machine& machine : servers_) {
    if (!machine.life || !machine.life->server->registered()) return false;
  }
  return true;
}

}  // namespace gfs::sim
