#include "tests/sim/liveness.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "client_cli/client/filesystem.h"
#include "tests/sim/client.h"
#include "tests/sim/cluster.h"

namespace gfs::sim {

namespace {

constexpr double kShare = 0.3;  // of packets, lost or sent again
constexpr Duration kDelayMax = 100ms;
constexpr Duration kStall = 5s;
constexpr Duration kStallsEvery = 20s;
constexpr Duration kCutEvery = 60s, kCut = 50s, kCutFromMaster = 12s;
constexpr Duration kCalm = 30s;
constexpr Duration kSearch = 40s;  // for the crashed
constexpr unsigned kRoundsLeast = 2;
constexpr std::int64_t kSuspectGoal = 2000, kLostGoal = 15000;

class Story {
 public:
  Story(const LivenessPlan& plan, std::uint64_t seed, std::string trouble)
      : plan_(plan),
        trouble_(std::move(trouble)),
        random_(seed * 77 + 5),
        network_(world_, seed * 31 + 17),
        cluster_plan_(plan_liveness(seed, plan.servers)),
        cluster_(world_, network_, cluster_plan_) {
    result_.seed = seed;
    servers_.resize(static_cast<std::size_t>(plan.servers));
    cluster_.on_server_state = [this](ServerId id, std::string_view state, unsigned rounds) {
      auto found = numbers_.find(id);
      if (found != numbers_.end()) note(found->second, state, rounds);
    };
  }

  SeedResult run() {
    if (begin()) {
      if (!trouble_.empty()) {
        make_trouble();
        world_.run_for(Duration(static_cast<Duration::rep>(plan_.minutes * 60e9)));
        crash(trouble_);
      }
      calm();
      crash("calm");
    }
    for (const std::string& what : cluster_.broken()) found("recovery", what);
    result_.trace = network_.trace_hash() * 1099511628211ull ^ world_.steps();
    result_.virtual_seconds = to_seconds(world_.now().time_since_epoch());
    result_.counts = fmt::format("{}: {} false suspicions, {} messages", trouble_.empty() ? "calm" : trouble_,
                                 result_.samples["false suspect"].size(), network_.counters().delivered);
    return std::move(result_);
  }

 private:
  struct Server {
    std::string state = "up";
    std::optional<Instant> crashed;
    std::string as;  // how the crash is reported
    bool suspected = false, lost = false;
  };

  void found(std::string_view checker, const std::string& what) {
    result_.faults_found.push_back(
        fmt::format("{}: at {:.1f} s {}", checker, to_seconds(world_.now().time_since_epoch()), what));
  }

  bool begin() {
    cluster_.start_master();
    for (int i = 0; i < plan_.servers; ++i) cluster_.start_chunkserver(i);
    if (!world_.run_until([this] { return cluster_.whole(); }, 60s)) {
      found("liveness", "the cluster does not start");
      return false;
    }
    numbers_ = number_servers(world_, network_, cluster_plan_);
    if (numbers_.size() != servers_.size()) found("liveness", "the master does not know all servers");
    world_.run_for(kCalm);  // until they have met
    return numbers_.size() == servers_.size();
  }

  void note(int number, std::string_view state, unsigned rounds) {
    Server& server = servers_[static_cast<std::size_t>(number)];
    server.state = state;
    const bool silent = state == "suspect" || state == "lost";
    if (!server.crashed) {
      if (silent) result_.samples["false " + std::string(state)].push_back(to_ms(world_.now().time_since_epoch()));
      if (state == "lost") found("liveness", fmt::format("cs{} is called lost and is not ({})", number, trouble_));
      return;
    }
    const std::int64_t after = to_ms(world_.now() - *server.crashed);
    if (silent && !server.suspected) {
      server.suspected = true;
      result_.samples[server.as + " suspect"].push_back(after);
    }
    if (state == "lost" && !server.lost) {
      server.lost = true;
      result_.samples[server.as + " lost"].push_back(after);
      result_.samples["rounds"].push_back(rounds);
      if (rounds < kRoundsLeast) found("liveness", fmt::format("cs{} is called lost in round {}", number, rounds));
    }
  }

  void crash(const std::string& when) {
    const auto all = static_cast<std::uint64_t>(plan_.servers);
    const auto first = static_cast<int>(random_.below(all));
    const auto second = static_cast<int>((static_cast<std::uint64_t>(first) + 1 + random_.below(all - 1)) % all);
    begin_crash(first, when + ": process killed ->");
    cluster_.kill_chunkserver(first);
    world_.run_for(Duration(static_cast<std::int64_t>(random_.below(1'000'000'000))));
    begin_crash(second, when + ": machine dark ->");
    (void)cluster_.pause(host(second));
    world_.run_for(kSearch);
    for (int number : {first, second}) {
      if (!servers_[static_cast<std::size_t>(number)].lost)
        found("liveness", fmt::format("cs{} has crashed and is not called lost ({})", number, when));
    }
    crashed_ = {first, second};
  }
  void begin_crash(int number, std::string as) {
    Server& server = servers_[static_cast<std::size_t>(number)];
    // It stands still already, or is held for silent: where the crash begins is not known.
    cluster_.resume(host(number), true);
    server.crashed = world_.now();
    server.as = std::move(as);
    server.suspected = server.lost = false;
  }

  void calm() {
    calm_ = true;
    network_.heal();
    network_.set_faults({});
    network_.set_judge({});
    cluster_.resume("master", true);
    for (int i = 0; i < plan_.servers; ++i) {
      if (std::ranges::find(crashed_, i) != crashed_.end()) cluster_.kill_chunkserver(i);
      cluster_.resume(host(i), true);
      cluster_.start_chunkserver(i);
    }
    const auto well = [this] {
      return cluster_.whole() && std::ranges::all_of(servers_, [](const Server& one) { return one.state == "up"; });
    };
    if (!world_.run_until(well, 60s)) found("liveness", "not all servers are up a minute after the calm");
    for (Server& server : servers_) server.crashed.reset();
    crashed_.clear();
    world_.run_for(kCalm);
  }

  static std::string host(int number) { return "cs" + std::to_string(number); }
  std::string any_host() {
    const std::uint64_t one = random_.below(static_cast<std::uint64_t>(plan_.servers) + 1);
    return one == 0 ? "master" : host(static_cast<int>(one) - 1);
  }
  std::string any_server() { return host(static_cast<int>(random_.below(static_cast<std::uint64_t>(plan_.servers)))); }
  bool crashed(const std::string& name) const {
    return std::ranges::any_of(servers_, [&](const Server& one) {
      return one.crashed && host(static_cast<int>(&one - servers_.data())) == name;
    });
  }
  void in(Duration wait, std::function<void()> action) {
    world_.after(wait, [this, action = std::move(action)] {
      if (!calm_) action();
    });
  }

  void make_trouble() {
    bus::SimNetwork::Faults faults;
    if (trouble_ == "loss" || trouble_ == "tcp") faults.delay_max = kDelayMax;
    if (trouble_ == "loss") faults.loss = kShare;
    if (trouble_ == "tcp") faults.resent = kShare;
    network_.set_faults(faults);
    if (trouble_ == "stall") stall();
    if (trouble_ == "oneway") cut();
    if (trouble_ == "slow") {
      network_.set_judge([slow = any_server(), by = random_.chance(0.5) ? Duration(400ms) : Duration(1s)](
                             const std::string& from, const std::string& to, const bus::Frames&) {
        return bus::SimNetwork::Odds{.delay = from == slow || to == slow ? by : Duration{}};
      });
    }
  }
  void stall() {
    for (std::uint64_t i = 0, many = random_.between(1, 3); i < many; ++i) {
      const std::string who = any_host();
      if (crashed(who) || !cluster_.pause(who)) continue;
      in(kStall, [this, who, timers_first = random_.chance(0.5)] {
        if (!crashed(who)) cluster_.resume(who, timers_first);
      });
    }
    in(kStallsEvery, [this] { stall(); });
  }
  void cut() {
    const bool masters = random_.chance(0.5);
    std::string from = any_server(), to = masters ? "master" : any_server();
    if (random_.chance(0.5)) std::swap(from, to);
    network_.block(from, to);
    in(masters ? kCutFromMaster : kCut, [this, from, to] { network_.unblock(from, to); });
    in(kCutEvery, [this] { cut(); });
  }

  const LivenessPlan& plan_;
  const std::string trouble_;
  Random random_;
  SimExecutor world_;
  bus::SimNetwork network_;
  const Plan cluster_plan_;
  Cluster cluster_;
  SeedResult result_;
  std::map<ServerId, int> numbers_;
  std::vector<Server> servers_;
  std::vector<int> crashed_;
  bool calm_ = false;
};

std::int64_t quantile(const std::vector<std::int64_t>& sorted, double share) {
  return sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(static_cast<double>(sorted.size()) * share))];
}

}  // namespace

Plan plan_liveness(std::uint64_t seed, int servers) {
  Plan plan = make_plan(seed, 1, {}, true, "");
  plan.chunkservers = servers;
  plan.lease = 60s;
  plan.heartbeat = 1s;
  plan.journal_segment = 2 << 20;
  plan.log_segment = 64 << 20;
  plan.checkpoint_after = 256 << 20;
  return plan;
}

std::map<ServerId, int> number_servers(SimExecutor& world, bus::SimNetwork& network, const Plan& plan) {
  NodeExecutor node(world);
  Random random(plan.seed + 0x11fe);
  bus::SimBus bus(network, node, "observer");
  client::Filesystem filesystem(node, random, bus, client_settings(plan));
  std::map<ServerId, int> numbers;
  Result<std::vector<bus::ServerInfo>> servers = world.run(filesystem.servers(), 60s);
  if (!servers) return numbers;
  for (const bus::ServerInfo& server : *servers)
    numbers[server.server] = std::stoi(server.address.substr(std::string("tcp://cs").size()));
  return numbers;
}

SeedResult run_liveness(const LivenessPlan& plan, std::uint64_t seed) {
  std::string trouble;
  if (!plan.troubles.empty())
    trouble = *std::next(plan.troubles.begin(), static_cast<std::ptrdiff_t>(seed % plan.troubles.size()));
  return Story(plan, seed, std::move(trouble)).run();
}

std::string print_liveness(const std::map<std::string, std::vector<std::int64_t>>& samples) {
  std::string missed;
  for (auto [name, values] : samples) {
    if (values.empty()) continue;
    std::ranges::sort(values);
    if (name.starts_with("false")) {
      fmt::print("{}: {}\n", name, values.size());
    } else if (name == "rounds") {
      fmt::print("rounds before a verdict: at least {}\n", values.front());
    } else {
      fmt::print("{}: p50 {:.2f} s, p99 {:.2f} s, at most {:.2f} s ({})\n", name, quantile(values, 0.5) / 1e3,
                 quantile(values, 0.99) / 1e3, values.back() / 1e3, values.size());
    }
    if (name == "calm: process killed -> suspect" && quantile(values, 0.5) > kSuspectGoal)
      missed += name + " takes more than 2 s in the median; ";
    if (name.ends_with("-> lost") && quantile(values, 0.99) > kLostGoal)
      missed += name + " takes more than 15 s in the 99th percentile; ";
  }
  return missed;
}

}  // namespace gfs::sim
