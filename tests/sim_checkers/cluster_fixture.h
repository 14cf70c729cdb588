// A cluster of real nodes in virtual time, with the settings of the daemons, and one client: for plays about what the
// network does to messages.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "base/log.h"
#include "bus/codec.h"
#include "bus/envelope.h"
#include "client_cli/client/filesystem.h"
#include "tests/sim/client.h"
#include "tests/sim/cluster.h"
#include "tests/sim/liveness.h"

namespace gfs::sim {

struct ClusterTest : testing::Test {
  ClusterTest() { log::set_level(log::Level::off); }

  void start(int servers) {
    plan.chunkservers = servers;
    cluster.emplace(world, network, plan);
    cluster->start_master();
    for (int i = 0; i < servers; ++i) cluster->start_chunkserver(i);
    ASSERT_TRUE(world.run_until([this] { return cluster->whole(); }, 60s));
    filesystem.emplace(node, random, bus, client_settings(plan));
    world.run_for(10s);
  }
  static std::string host(int number) { return "cs" + std::to_string(number); }

  static Task<> write(client::Filesystem& to, std::string path, std::string text) {
    std::shared_ptr<client::File> file = co_await to.open(path, client::Filesystem::Open::create, 3);
    Bytes bytes = Bytes::of(std::move(text));
    co_await file->write(0, std::move(bytes));
    co_await file->close();
  }
  static Task<std::string> read(client::Filesystem& from, std::string path) {
    std::shared_ptr<client::File> file = co_await from.open(path, client::Filesystem::Open::read);
    Bytes bytes = co_await file->read(0, file->size());
    co_return std::string(bytes.view());
  }
  Result<> put(std::string path, std::string text) {
    return world.run(write(*filesystem, std::move(path), std::move(text)), 120s);
  }
  Result<std::string> get(std::string path) { return world.run(read(*filesystem, std::move(path)), 120s); }

  Plan plan = plan_liveness(7, 5);
  SimExecutor world;
  bus::SimNetwork network{world, 5};
  std::optional<Cluster> cluster;
  NodeExecutor node{world};
  Random random{77};
  bus::SimBus bus{network, node, "client0"};
  std::optional<client::Filesystem> filesystem;
};

}  // namespace gfs::sim
