#include "client_cli/embedded/cluster.h"

#include <unistd.h>

#include <atomic>
#include <optional>
#include <vector>

#include "base/log.h"
#include "base/posix_disk.h"
#include "base/task_group.h"
#include "base/units.h"
#include "bus/zmq_bus.h"
#include "chunkserver/chunkserver.h"
#include "client_cli/embedded/node_thread.h"
#include "gossip/gossip_service.h"
#include "master/master.h"

namespace gfs::embedded {

namespace {

constexpr Duration kOpenDeadline = 30s;
constexpr std::uint32_t kChunkserversMax = 64;

class MasterNode final : public NodeThread::Node {
 public:
  MasterNode(EventLoop& loop, Random& random, std::unique_ptr<PosixDisk> disk, master::Settings settings)
      : disk_(std::move(disk)),
        bus_(loop, random),
        gossip_(loop, random, gossip::bus_limits()),
        master_(loop, random, bus_, *disk_, std::move(settings), &gossip_) {}

  Task<> start() override { return master_.start(); }
  Task<> stop() override { return master_.stop(); }

 private:
  std::unique_ptr<PosixDisk> disk_;
  bus::ZmqBus bus_, gossip_;
  master::Master master_;
};

class ChunkserverNode final : public NodeThread::Node {
 public:
  ChunkserverNode(EventLoop& loop, Random& random, std::string name, std::unique_ptr<PosixDisk> disk,
                  chunkserver::Settings settings)
      : loop_(loop),
        name_(std::move(name)),
        disk_(std::move(disk)),
        bus_(loop, random),
        gossip_(loop, random, gossip::bus_limits()),
        server_(loop, random, bus_, *disk_, std::move(settings), &gossip_) {}

  // Until the master knows it.
  Task<> start() override {
    Instant deadline = loop_.now() + kOpenDeadline;
    co_await server_.start();
    auto note = [this](Result<Error> error) {
      if (!error) return;
      log::error("chunkserver_failed", {{"node", name_}, {"reason", error->text()}});
      fatal_ = std::move(*error);
    };
    group_.spawn<Error>(server_.fatal(), std::move(note));
    while (!server_.registered()) {
      if (fatal_) co_await fail(Error(*fatal_));
      if (loop_.now() >= deadline) co_await fail(Code::deadline, "not registered with the master in time");
      co_await loop_.sleep(2ms);
    }
  }
  Task<> stop() override { return server_.stop(); }

 private:
  EventLoop& loop_;
  const std::string name_;
  std::unique_ptr<PosixDisk> disk_;
  bus::ZmqBus bus_, gossip_;
  chunkserver::ChunkServer server_;
  std::optional<Error> fatal_;
  TaskGroup group_;
};

NodeThread::Make master_in(std::string directory, master::Settings settings) {
  return [=](EventLoop& loop, Random& random) -> Result<std::unique_ptr<NodeThread::Node>> {
    Result<std::unique_ptr<PosixDisk>> disk = PosixDisk::open(directory, loop);
    if (!disk) return fail(std::move(disk));
    return std::make_unique<MasterNode>(loop, random, std::move(*disk), settings);
  };
}

NodeThread::Make chunkserver_in(std::string directory, std::string name, chunkserver::Settings settings) {
  return [=](EventLoop& loop, Random& random) -> Result<std::unique_ptr<NodeThread::Node>> {
    Result<std::unique_ptr<PosixDisk>> disk = PosixDisk::open(directory, loop);
    if (!disk) return fail(std::move(disk));
    return std::make_unique<ChunkserverNode>(loop, random, name, std::move(*disk), settings);
  };
}

// inproc names are the process's; several clusters may live in it, and a process forked from it may open its own.
std::string address(int instance, const std::string& node, const char* conversation) {
  return fmt::format("inproc://gfs-{}-{}-{}-{}", getpid(), instance, node, conversation);
}

}  // namespace

struct Cluster::Parts {
  bus::Address master_address;
  std::unique_ptr<NodeThread> master;
  std::vector<std::unique_ptr<NodeThread>> chunkservers;  // go first
};

Cluster::Cluster(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Cluster::~Cluster() = default;

const bus::Address& Cluster::master() const { return parts_->master_address; }

Result<std::unique_ptr<Cluster>> Cluster::open(Settings settings) {
  if (settings.directory.empty()) return fail(Code::invalid_argument, "an embedded cluster needs a directory");
  if (settings.chunkservers == 0 || settings.chunkservers > kChunkserversMax) {
    return fail(Code::invalid_argument, "{} chunkservers: from 1 to {} are possible", settings.chunkservers,
                kChunkserversMax);
  }
  static std::atomic<int> instances = 0;
  int instance = ++instances;
  auto parts = std::make_unique<Parts>();

  master::Settings for_master;
  for_master.listen = {address(instance, "master", "control"), {}, address(instance, "master", "events")};
  for_master.gossip = address(instance, "master", "gossip");
  for_master.log_reserve = 4 * MiB;
  for_master.collect_after = 5s;  // all servers live and die with it, and most lives are short
  std::string master_directory = settings.directory + "/master";
  parts->master = std::make_unique<NodeThread>("master", master_in(master_directory, for_master));
  if (!parts->master->started() && parts->master->started().error().code == Code::not_formatted) {
    parts->master.reset();
    for_master.format = true;
    parts->master = std::make_unique<NodeThread>("master", master_in(master_directory, for_master));
  }
  if (!parts->master->started()) return fail(Error(parts->master->started().error()));
  parts->master_address = for_master.listen.control;

  for (std::uint32_t i = 1; i <= settings.chunkservers; ++i) {
    std::string name = fmt::format("chunkserver-{}", i);
    chunkserver::Settings for_server;
    for_server.masters = {parts->master_address};
    for_server.listen = {address(instance, name, "control"), address(instance, name, "data"),
                         address(instance, name, "events")};
    for_server.gossip = address(instance, name, "gossip");
    for_server.staging_max = settings.staging_max;
    parts->chunkservers.push_back(std::make_unique<NodeThread>(
        name, chunkserver_in(settings.directory + "/" + name, name, std::move(for_server))));
  }
  for (std::unique_ptr<NodeThread>& server : parts->chunkservers) {
    if (!server->started()) return fail(Error(server->started().error()));
  }
  return std::unique_ptr<Cluster>(new Cluster(std::move(parts)));
}

}  // namespace gfs::embedded
