// Each kind of message by itself, and its answers: repeated, and late by up to 90 s (longer than a lease). A client
// works all the time, and one chunkserver after another dies and comes back. What was acknowledged is there in the end,
// and nothing stands still once the network is well.
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
      return asked != of_kind.end() && asked->second == kind ? answers : bus::SimNetwork::Odds{};
    }
    kinds.insert(envelope->kind);
    if (of_kind.size() > 100'000) of_kind.clear();
    of_kind[{from, to, envelope->id}] = envelope->kind;
    return envelope->kind == kind ? requests : bus::SimNetwork::Odds{};
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
  bool calm = false;
  TaskGroup group;
};

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
