// Whom the master takes for alive while links, processes and whole racks fail: a cluster of real nodes in virtual time,
// with the heartbeats and the gossip that the daemons have. By the numbers of the test catalogue; figures over many
// seeds come from gfs-sim --liveness.
#include "tests/sim/liveness.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/log.h"
#include "bus/codec.h"
#include "bus/envelope.h"
#include "bus/messages/chunk_master.h"
#include "client_cli/client/filesystem.h"
#include "tests/sim/client.h"
#include "tests/sim/cluster.h"

namespace gfs::sim {
namespace {

struct Liveness : testing::Test {
  Liveness() { log::set_level(log::Level::off); }

  void start(int servers) {
    filesystem.reset();
    cluster.reset();
    numbers.clear();
    plan = plan_liveness(7, servers);
    states.assign(static_cast<std::size_t>(servers), "up");
    cluster.emplace(world, network, plan);
    cluster->on_server_state = [this](ServerId id, std::string_view state, unsigned) {
      if (!numbers.contains(id)) return;
      const int number = numbers.at(id);
      states[static_cast<std::size_t>(number)] = state;
      ++told[std::string(state)][number];
    };
    cluster->start_master();
    for (int i = 0; i < servers; ++i) cluster->start_chunkserver(i);
    ASSERT_TRUE(world.run_until([this] { return cluster->whole(); }, 60s));
    numbers = number_servers(world, network, plan);
    ASSERT_EQ(numbers.size(), states.size());
    filesystem.emplace(node, random, bus, client_settings(plan));
    world.run_for(20s);
    told.clear();
  }
  static std::string host(int number) { return "cs" + std::to_string(number); }
  std::vector<std::string> hosts() const {
    std::vector<std::string> all{"master"};
    for (int i = 0; i < plan.chunkservers; ++i) all.push_back(host(i));
    return all;
  }
  bool all_up() const {
    return std::ranges::all_of(states, [](const std::string& state) { return state == "up"; });
  }
  std::size_t lost() const { return told.contains("lost") ? told.at("lost").size() : 0; }
  Result<> put(std::string path) {
    auto write = [](client::Filesystem& to, std::string name) -> Task<> {
      std::shared_ptr<client::File> file = co_await to.open(name, client::Filesystem::Open::create, 3);
      Bytes bytes = Bytes::of(name);
      co_await file->write(0, std::move(bytes));
      co_await file->close();
    };
    return world.run(write(*filesystem, std::move(path)), 120s);
  }
  // Requests of that kind that were sent from now on.
  void count(std::string_view kind, std::uint64_t& requests) {
    network.set_judge([kind, &requests](const std::string&, const std::string&, const bus::Frames& frames) {
      Result<bus::Envelope> envelope = bus::decode<bus::Envelope>(frames.envelope);
      requests += envelope && envelope->type == bus::Saying::request && envelope->kind == kind;
      return bus::SimNetwork::Odds{};
    });
  }

  Plan plan;
  SimExecutor world;
  bus::SimNetwork network{world, 5};
  std::vector<std::string> states;
  std::map<std::string, std::map<int, int>> told;  // how often that was said of whom
  std::map<ServerId, int> numbers;
  std::optional<Cluster> cluster;
  NodeExecutor node{world};
  Random random{77};
  bus::SimBus bus{network, node, "client0"};
  std::optional<client::Filesystem> filesystem;
};

TEST_F(Liveness, P04_AServerThatHearsAndIsNotHeardIsRemovedAndComesBack) {
  start(10);
  network.block(host(0), "master");
  const Instant begun = world.now();
  EXPECT_TRUE(world.run_until([&] { return states[0] == "lost"; }, 30s));
  EXPECT_GE(world.now() - begun, 15s) << "the others hear it: it has more time than one that nobody hears";
  world.run_for(60s);
  EXPECT_EQ(told["lost"].size(), 1u) << "nobody else";
  network.unblock(host(0), "master");
  EXPECT_TRUE(world.run_until([&] { return all_up(); }, 30s));
}

TEST_F(Liveness, P04_AServerThatNobodyHearsIsRemovedSoon) {
  start(10);
  for (const std::string& other : hosts()) {
    if (other != host(0)) network.block(host(0), other);
  }
  EXPECT_TRUE(world.run_until([&] { return states[0] == "lost"; }, 12s));
  world.run_for(60s);
  EXPECT_EQ(told["lost"].size(), 1u);
  network.heal();
  EXPECT_TRUE(world.run_until([&] { return all_up(); }, 30s));
}

// As long as its connection holds.
TEST_F(Liveness, P04_AServerThatIsHeardAndDoesNotHearStays) {
  start(10);
  network.block("master", host(0));
  world.run_for(20s);
  EXPECT_EQ(lost(), 0u);
  network.unblock("master", host(0));
  EXPECT_TRUE(world.run_until([&] { return all_up(); }, 30s));
  EXPECT_EQ(lost(), 0u);
}

TEST_F(Liveness, P06_LinksThatAreCloggedOneAfterTheOtherForTenMinutes) {
  start(10);
  Random dice(3);
  for (int round = 0; round < 20; ++round) {
    std::vector<std::string> all = hosts();
    dice.shuffle(all);
    const std::string host = all.back();
    all.pop_back();
    all.resize(dice.between(2, all.size()));
    for (const std::string& other : all) {
      network.block(host, other);
      if (dice.chance(0.5)) network.block(other, host);
      world.run_for(1s);
    }
    dice.shuffle(all);
    for (const std::string& other : all) {
      network.unblock(host, other);
      network.unblock(other, host);
      world.run_for(1s);
    }
    if (const Duration left = 30s - Duration(2s) * static_cast<int>(all.size()); left > 0s) world.run_for(left);
  }
  network.heal();
  EXPECT_TRUE(world.run_until([&] { return all_up() && cluster->whole(); }, 60s));
  EXPECT_TRUE(put("/after"));
}

TEST_F(Liveness, P08_OnAHealthyNetworkNobodyIsSuspectedAndGossipIsCheap) {
  start(100);
  std::vector<std::uint64_t> before;
  for (int i = 0; i < plan.chunkservers; ++i) before.push_back(cluster->gossip_counters(i).bytes_sent);
  constexpr int kSeconds = 60;
  world.run_for(std::chrono::seconds(kSeconds));
  EXPECT_TRUE(told.empty()) << "of " << told.begin()->second.size() << " servers it is said: " << told.begin()->first;
  for (int i = 0; i < plan.chunkservers; ++i) {
    EXPECT_LE((cluster->gossip_counters(i).bytes_sent - before[static_cast<std::size_t>(i)]) / kSeconds, 5u << 10) << i;
  }
}

TEST_F(Liveness, P10_WhenManyAreAwayTogetherNothingIsCopiedMeanwhile) {
  struct Row {
    const char* name;
    std::vector<int> servers;
    bool master;
    Duration down;
    bool copied;
  };
  const std::vector<int> all = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, rack = {0, 3, 6, 9};
  for (const Row& row : {Row{"all servers", all, false, 3s, false}, Row{"all, lost meanwhile", all, false, 20s, false},
                         Row{"a rack of 40 %", rack, false, 20s, false}, Row{"the master", {}, true, 20s, false},
                         Row{"everything", all, true, 20s, false},
                         Row{"two servers: the rule is about many", {0, 3}, false, 20s, true}}) {
    SCOPED_TRACE(row.name);
    start(10);
    for (int i = 0; i < 30; ++i) ASSERT_TRUE(put(fmt::format("/f{}", i)));
    std::uint64_t copies = 0;
    count(bus::CloneChunk::kind, copies);
    if (row.master) cluster->kill_master();
    for (int number : row.servers) cluster->kill_chunkserver(number);
    world.run_for(row.down);
    EXPECT_EQ(copies > 0, row.copied) << copies;
    if (row.master) cluster->start_master();
    for (int number : row.servers) cluster->start_chunkserver(number);
    ASSERT_TRUE(world.run_until([&] { return cluster->whole(); }, 60s));
    world.run_for(60s);
    EXPECT_LE(copies, 30u) << "each chunk has its third member again, and not twice";
    EXPECT_TRUE(all_up());
    EXPECT_TRUE(put("/again"));
    network.set_judge({});
  }
}

TEST_F(Liveness, P13_AMasterThatStandsStillAgainAndAgainGivesNobodyUp) {
  start(10);
  for (int i = 0; i < 30; ++i) {
    ASSERT_TRUE(cluster->pause("master"));
    world.run_for(i % 10 == 0 ? 15s : 2s);
    cluster->resume("master", i % 2 == 0);
    world.run_for(2s);
  }
  EXPECT_EQ(lost(), 0u);
  world.run_for(10s);
  EXPECT_TRUE(all_up());
}

TEST_F(Liveness, P15_ASplitIntoTenForFiveMinutesIsForgottenSoon) {
  start(19);
  const std::vector<std::string> all = hosts();
  for (std::size_t one = 0; one < all.size(); ++one) {
    for (std::size_t other = 0; other < all.size(); ++other) {
      if (one % 10 != other % 10) network.block(all[one], all[other]);
    }
  }
  world.run_for(300s);
  EXPECT_EQ(lost(), 18u);
  network.heal();
  EXPECT_TRUE(world.run_until([&] { return all_up(); }, 30s));
  told.clear();
  world.run_for(30s);
  EXPECT_EQ(lost(), 0u);
}

// Gossip of it that left before it died arrives for half a minute.
TEST_F(Liveness, NewsFromBeforeADeathAreNoSignOfLife) {
  start(10);
  bus::SimNetwork::Faults faults;
  faults.late_max = 30s;
  network.set_faults(faults);
  network.set_judge([](const std::string&, const std::string& to, const bus::Frames& frames) {
    Result<bus::Envelope> envelope = bus::decode<bus::Envelope>(frames.envelope);
    const bool gossip = envelope && envelope->kind.starts_with("gossip.");
    return bus::SimNetwork::Odds{.late = gossip && to == "master" ? 0.6 : 0.0};
  });
  world.run_for(30s);
  ASSERT_TRUE(cluster->pause(host(3)));
  EXPECT_TRUE(world.run_until([&] { return states[3] == "lost"; }, 11s));
}

TEST_F(Liveness, BeatsThatAreNotAnsweredComeAsOftenAsOthers) {
  start(3);
  std::uint64_t beats = 0;
  network.set_judge([&beats](const std::string& from, const std::string& to, const bus::Frames& frames) {
    Result<bus::Envelope> envelope = bus::decode<bus::Envelope>(frames.envelope);
    if (from == "cs0") beats += envelope && envelope->kind == bus::Heartbeat::kind;
    return bus::SimNetwork::Odds{.loss = from == "master" && to == "cs0" ? 1.0 : 0.0};
  });
  world.run_for(20s);
  EXPECT_GE(beats, 18u);
}

}  // namespace
}  // namespace gfs::sim
