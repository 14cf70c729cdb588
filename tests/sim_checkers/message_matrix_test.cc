// Each kind of message by itself, and its answers: lost for half a minute; repeated, and late by up to 90 s (longer
// than a lease). A client works all the time, and one chunkserver after another dies and comes back. What was
// acknowledged is there in the end, and nothing stands still once the network is well.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "base/task_group.h"
#include "bus/codec.h"
#include "bus/envelope.h"
#include "client_cli/client/filesystem.h"
#include "tests/sim/client.h"
#include "tests/sim/cluster.h"
#include "tests/sim/liveness.h"

namespace gfs::sim {
namespace {

// The messages of this play, by name: a kind that is not said any more, or that is new, is noticed.
const std::set<std::string> kKinds = {
    "chunk.append",
    "chunk.inspect",
    "chunk.length",
    "chunk.push",
    "chunk.read",
    "chunk.sync",
    "chunk.write",
    "gossip.ack",
    "gossip.exchange",
    "gossip.find_members",
    "gossip.nack",
    "gossip.ping",
    "gossip.probe_for",
    "hello",
    "master.create",
    "master.create_snapshot",
    "master.list",
    "master.locate_for_append",
    "master.locate_for_read",
    "master.locate_for_write",
    "master.remove",
    "master.set_size",
    "master.stat",
    "master.truncate",
    "replica.adopt",
    "replica.apply",
    "replica.committed",
    "replica.make_equal",
    "replica.prepare",
    "replica.read",
    "replica.sync",
    "server.clone_chunk",
    "server.collect_chunks",
    "server.configure",
    "server.heartbeat",
    "server.list_held",
    "server.register",
    "server.report_chunks",
    "server.truncate_chunk",
};
const std::set<std::string> kWhenInTrouble = {"server.accuse", "server.copy_chunk"};

struct MessageMatrix : testing::Test {
  MessageMatrix() {
    log::set_level(log::Level::off);
    plan.deadline = 4s;
    cluster.emplace(world, network, plan);
    cluster->start_master();
    for (int i = 0; i < plan.chunkservers; ++i) cluster->start_chunkserver(i);
    EXPECT_TRUE(world.run_until([this] { return cluster->whole(); }, 60s));
    filesystem.emplace(node, random, bus, client_settings(plan));
    network.set_judge([this](const std::string& from, const std::string& to, const bus::Frames& frames) {
      return judge(from, to, frames);
    });
    group.spawn(work());
    kill_somebody();
  }
  ~MessageMatrix() override { group.cancel(); }

  // Whether a message is of the kind, or the answer to one that is.
  bus::SimNetwork::Odds judge(const std::string& from, const std::string& to, const bus::Frames& frames) {
    Result<bus::Envelope> envelope = bus::decode<bus::Envelope>(frames.envelope);
    if (!envelope) return {};
    if (envelope->type == bus::Saying::reply) {
      const auto asked = of_kind.find({to, from, envelope->id});
      if (asked == of_kind.end() || asked->second != kind) return {};
      ++meant;
      return answers;
    }
    kinds.insert(envelope->kind);
    if (of_kind.size() > 100'000) of_kind.clear();
    of_kind[{from, to, envelope->id}] = envelope->kind;
    if (envelope->kind != kind) return {};
    ++meant;
    return requests;
  }

  Task<> put(std::string path) {
    std::shared_ptr<client::File> file = co_await filesystem->open(path, client::Filesystem::Open::create, 3);
    Bytes bytes = Bytes::of(path);
    co_await file->write(0, std::move(bytes));
    co_await file->close();
  }
  Task<std::string> get(std::string path) {
    std::shared_ptr<client::File> file = co_await filesystem->open(path, client::Filesystem::Open::read);
    Bytes bytes = co_await file->next();
    co_return std::string(bytes.view());
  }
  Task<> append() {
    client::AppendOptions options;
    std::shared_ptr<client::Appender> appender = co_await filesystem->open_appender("/records", options);
    Bytes record = Bytes::of("record");
    (void)co_await appender->append(std::move(record));
    co_await appender->close();
  }
  // What fails is tried no more: the next one is.
  Task<> work() {
    for (int number = 0;; ++number) {
      const std::string path = fmt::format("/f{}", number);
      const Result<> written = co_await put(path).outcome();
      if (written) acknowledged.push_back(path);
      (void)co_await append().outcome();
      (void)co_await filesystem->truncate("/records", 3).outcome();
      (void)co_await filesystem->create_snapshot("/records", fmt::format("/s{}", number)).outcome();
      (void)co_await filesystem->remove_now(fmt::format("/s{}", number)).outcome();
      (void)co_await filesystem->list("/").outcome();
      if (!acknowledged.empty()) (void)co_await get(acknowledged[random.below(acknowledged.size())]).outcome();
      co_await world.sleep(500ms);
    }
  }
  void kill_somebody() {
    world.after(9s, [this] {
      const int number = static_cast<int>(random.below(static_cast<std::uint64_t>(plan.chunkservers)));
      cluster->kill_chunkserver(number);
      world.after(random.chance(0.5) ? 1s : 14s, [this, number] { cluster->start_chunkserver(number); });
      if (!calm) world.after(9s, [this] { kill_somebody(); });
    });
  }
  void expect_well(std::size_t before) {
    EXPECT_TRUE(world.run_until([&] { return acknowledged.size() > before + 3; }, 90s)) << "no write gets through";
  }
  void expect_all_there() {
    calm = true;
    network.set_judge({});
    world.run_for(20s);
    group.cancel();
    EXPECT_TRUE(world.run_until([this] { return cluster->whole(); }, 60s));
    for (const std::string& path : acknowledged) {
      const Result<std::string> text = world.run(get(path), 60s);
      ASSERT_TRUE(text) << path << ": " << text.error().text();
      ASSERT_EQ(*text, path);
    }
    EXPECT_TRUE(cluster->broken().empty()) << cluster->broken().front();
  }

  SimExecutor world;
  bus::SimNetwork network{world, 11};
  Plan plan = plan_liveness(11, 5);
  std::optional<Cluster> cluster;
  NodeExecutor node{world};
  Random random{5};
  bus::SimBus bus{network, node, "client0"};
  std::optional<client::Filesystem> filesystem;
  std::vector<std::string> acknowledged;
  std::set<std::string> kinds;  // that were seen
  std::map<std::tuple<std::string, std::string, std::uint64_t>, std::string> of_kind;
  std::string kind;
  bus::SimNetwork::Odds requests, answers;
  std::uint64_t meant = 0;  // messages of the kind, and answers
  bool calm = false;
  TaskGroup group;
};

// In shares, so that they can run side by side.
constexpr int kShares = 8;
struct LossMatrix : MessageMatrix, testing::WithParamInterface<int> {};
INSTANTIATE_TEST_SUITE_P(Shares, LossMatrix, testing::Range(0, kShares));

TEST_P(LossMatrix, P02_AnyKindOfMessageIsLostForHalfAMinute) {
  world.run_for(90s);
  std::set<std::string> all = kWhenInTrouble;
  for (const std::string& one : kKinds) {
    EXPECT_TRUE(kinds.contains(one)) << one << " is not said any more";
    all.insert(one);
  }
  int number = 0;
  for (const std::string& one : all) {
    if (number++ % kShares != GetParam()) continue;
    for (const bool request : {true, false}) {
      SCOPED_TRACE(one + (request ? "" : ", its answers"));
      kind = one;
      meant = 0;
      (request ? requests : answers) = {.loss = 1};
      world.run_for(30s);
      if (kKinds.contains(one)) EXPECT_TRUE(world.run_until([this] { return meant > 0; }, 120s));
      requests = answers = {};
      expect_well(acknowledged.size());
    }
  }
  expect_all_there();
  for (const std::string& one : kinds) EXPECT_TRUE(all.contains(one)) << one << " is said, and nobody tried it";
}

TEST_F(MessageMatrix, P03_AnyKindOfMessageComesTwiceAndUpToNinetySecondsLate) {
  bus::SimNetwork::Faults faults;
  faults.late_max = 90s;
  network.set_faults(faults);
  world.run_for(90s);
  const std::set<std::string> all = kinds;
  EXPECT_GE(all.size(), 30u) << "not much is said";
  for (const std::string& one : all) {
    SCOPED_TRACE(one);
    kind = one;
    requests = answers = {.repeat = 0.5, .late = 0.3};
    world.run_for(20s);
  }
  requests = answers = {};
  world.run_for(90s);
  expect_well(acknowledged.size());
  expect_all_there();
}

}  // namespace
}  // namespace gfs::sim
