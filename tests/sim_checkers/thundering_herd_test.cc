// A thousand clients find their master dead for ten seconds. They come back spread out, not together: the master is
// never asked for more than twice of what it is used to, and does its usual work again soon.
#include <algorithm>
#include <map>
#include <memory>
#include <vector>

#include "base/task_group.h"
#include "tests/sim_checkers/cluster_fixture.h"

namespace gfs::sim {
namespace {

constexpr int kClients = 1000;
constexpr Duration kThink = 4s;  // in the mean, between a client's questions
constexpr Duration kOutage = 10s;

// A process that looks at a file every few seconds.
struct Asker {
  Asker(SimExecutor& world, bus::SimNetwork& network, const Plan& plan, int number,
        std::map<std::int64_t, int>& answers, std::vector<Error>& errors)
      : node(world),
        random(static_cast<std::uint64_t>(number) + 1000),
        bus(network, node, "client" + std::to_string(number)),
        filesystem(node, random, bus, client_settings(plan)),
        answers(answers),
        errors(errors) {
    group.spawn(work());
  }
  ~Asker() { group.cancel(); }

  Task<> work() {
    co_await node.sleep(any_part(kThink));
    while (true) {
      const Result<bus::FileInfo> info = co_await filesystem.stat("/").outcome();
      if (info) ++answers[second(node.now())];
      if (!info) errors.push_back(info.error());
      co_await node.sleep(kThink / 2 + any_part(kThink));
    }
  }
  Duration any_part(Duration of) { return random.jitter(2 * of) - of; }
  static std::int64_t second(Instant now) { return now.time_since_epoch() / 1s; }

  NodeExecutor node;
  Random random;
  bus::SimBus bus;
  client::Filesystem filesystem;
  std::map<std::int64_t, int>& answers;
  std::vector<Error>& errors;
  TaskGroup group;
};

struct ThunderingHerd : ClusterTest {
  // Of the seconds from that one on.
  static int most(const std::map<std::int64_t, int>& rates, std::int64_t from) {
    int most = 0;
    for (auto rate = rates.lower_bound(from); rate != rates.end(); ++rate) most = std::max(most, rate->second);
    return most;
  }
  double mean(const std::map<std::int64_t, int>& rates, std::int64_t from, std::int64_t to) {
    int sum = 0;
    for (auto rate = rates.lower_bound(from); rate != rates.lower_bound(to); ++rate) sum += rate->second;
    return static_cast<double>(sum) / static_cast<double>(to - from);
  }
  std::int64_t now() const { return Asker::second(world.now()); }

  std::map<std::int64_t, int> asked, answered;  // by second
  std::vector<Error> errors;
};

TEST_F(ThunderingHerd, P16_AThousandClientsComeBackSpreadOut) {
  plan.deadline = 30s;
  start(3);
  network.set_judge([this](const std::string& from, const std::string& to, const bus::Frames&) {
    if (to == "master" && from.starts_with("client")) ++asked[now()];
    return bus::SimNetwork::Odds{};
  });
  std::vector<std::unique_ptr<Asker>> clients;
  for (int i = 0; i < kClients; ++i)
    clients.push_back(std::make_unique<Asker>(world, network, plan, i + 1, answered, errors));
  world.run_for(2 * kThink);
  const std::int64_t steady = now();
  world.run_for(20s);
  const std::int64_t dead = now();
  cluster->kill_master();
  world.run_for(kOutage);
  const std::int64_t back = now();
  cluster->start_master();
  world.run_for(60s);

  const double usual = mean(asked, steady, dead);
  EXPECT_LE(most(asked, back), 2 * usual);
  EXPECT_GE(mean(answered, back + 10, back + 20), 0.9 * mean(answered, steady, dead));
  EXPECT_TRUE(errors.empty()) << errors.front().text();
}

}  // namespace
}  // namespace gfs::sim
