// gossip_bench [spread|crash|false ...]: how the members of a cluster find out about each other, in virtual time.
// Prints figures; nothing is asserted. Options: --members N (of crash and false; default 50), --seeds N (default 20),
// --minutes N (of false; virtual, default 3).
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>

#include "base/log.h"
#include "tests/gossip/swim_world.h"

namespace gfs::gossip {
namespace {

struct Options {
  std::size_t members = 50;
  std::uint64_t seeds = 20;
  std::uint64_t minutes = 3;
  std::set<std::string> only;
  bool wants(const std::string& name) const { return only.empty() || only.contains(name); }
};

double quantile(std::vector<double>& values, double share) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[std::min(values.size() - 1, static_cast<std::size_t>(static_cast<double>(values.size()) * share))];
}

void begin(World& world, std::size_t members) {
  for (std::size_t i = 0; i < members; ++i) world.start(i);
  world.introduce();
  world.run_for(60s);  // what was told while they met is told
}

// One change, until everybody knows it.
void spread(const Options& options) {
  for (std::size_t members : {100u, 300u, 1000u}) {
    std::vector<double> periods;
    double bytes = 0, seconds = 0;
    const std::uint64_t seeds = std::max<std::uint64_t>(1, options.seeds * 100 / members);
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
      World world(seed);
      begin(world, members);
      world.count_bytes = true;
      for (int change = 0; change < 10; ++change) {
        const NodeId who = World::id(members / 2 + static_cast<std::size_t>(change));
        world.nodes[0].swim->announce(who, Verdict::lost, static_cast<std::uint64_t>(change) + 1);
        const Instant begun = world.now;
        std::set<std::size_t> missing;
        for (std::size_t i = 0; i < members; ++i) {
          if (World::id(i) != who) missing.insert(i);
        }
        auto everybody = [&] {
          std::erase_if(missing, [&](std::size_t i) {
            return world.nodes[i].swim->table().find(who)->record.verdict == Verdict::lost;
          });
          return missing.empty();
        };
        world.run_until(everybody, 60s);
        periods.push_back(to_seconds(world.now - begun) / to_seconds(world.settings.suspicion.period));
        world.run_until(begun + 20s);
      }
      // At rest.
      for (World::Node& node : world.nodes) node.bytes = node.messages = 0;
      world.run_for(20s);
      for (const World::Node& node : world.nodes) bytes += static_cast<double>(node.bytes);
      seconds += 20.0 * static_cast<double>(members);
    }
    const double p50 = quantile(periods, 0.5), p99 = quantile(periods, 0.99);
    std::printf(
        "spread %4zu members: everybody knows of one change after p50 %.1f, p99 %.1f periods of 500 ms (%zu changes); "
        "at rest %.0f bytes of bodies sent by a member and second\n",
        members, p50, p99, periods.size(), bytes / seconds);
  }
}

// A crash, until the others suspect it, and until they call it dead.
void crash(const Options& options) {
  std::vector<double> first, each, death;
  for (std::uint64_t seed = 1; seed <= options.seeds; ++seed) {
    for (std::size_t victim : {1u, 7u, 23u}) {
      World world(seed * 100 + victim);
      begin(world, options.members);
      std::map<std::size_t, Instant> suspected, died;
      const NodeId node = World::id(victim);
      world.watch = [&](std::size_t who, const Change& change, Instant now) {
        if (change.node != node) return;
        if (change.after == MemberStatus::suspect) suspected.emplace(who, now);
        if (change.after == MemberStatus::dead) died.emplace(who, now);
      };
      const Instant begun = world.now;
      world.kill(victim);
      world.run_until([&] { return died.size() + 1 == options.members; }, 120s);
      Instant earliest = Instant::max();
      for (auto [who, when] : suspected) {
        each.push_back(to_seconds(when - begun));
        earliest = std::min(earliest, when);
      }
      first.push_back(to_seconds(earliest - begun));
      for (auto [who, when] : died) death.push_back(to_seconds(when - begun));
    }
  }
  std::printf(
      "crash  %4zu members: first suspected after p50 %.2f s, p99 %.2f s; a member suspects it after p50 %.2f s, p99 "
      "%.2f s; "
      "calls it dead after p50 %.1f s, p99 %.1f s\n",
      options.members, quantile(first, 0.5), quantile(first, 0.99), quantile(each, 0.5), quantile(each, 0.99),
      quantile(death, 0.5), quantile(death, 0.99));
}

struct Trouble {
  const char* name;
  void (*begin)(World&);
  void (*minute)(World&, Random&);  // again and again
};

void nothing(World&) {}
void nothing_more(World&, Random&) {}
void datagrams(World& world) {
  world.faults.loss = 0.3;
  world.faults.delay_max = 100ms;
}
void tcp(World& world) {
  datagrams(world);
  world.faults.tcp = true;
}
void stall(World& world, Random& random) { world.stop(random.below(world.nodes.size()), 5s); }
void one_way(World& world, Random& random) {
  world.heal();
  world.cut(random.below(world.nodes.size()), random.below(world.nodes.size()));
}
void slow_node(World& world) { world.nodes[3].slow = 400ms; }

// Members that live, and are called dead.
void wrong(const Options& options) {
  const Trouble troubles[] = {{"none", nothing, nothing_more},
                              {"30 % lost as datagrams", datagrams, nothing_more},
                              {"30 % lost as TCP stalls", tcp, nothing_more},
                              {"a stall of 5 s each minute", nothing, stall},
                              {"a link cut one way, another each minute", nothing, one_way},
                              {"a node 400 ms slow", slow_node, nothing_more}};
  for (const Trouble& trouble : troubles) {
    std::uint64_t suspected = 0, died = 0;
    const auto started = std::chrono::steady_clock::now();
    for (std::uint64_t seed = 1; seed <= options.seeds; ++seed) {
      World world(seed);
      Random random(seed);
      begin(world, options.members);
      // Of each victim once in a while: all members hear of one death.
      world.watch = [&](std::size_t who, const Change& change, Instant) {
        suspected += change.after == MemberStatus::suspect && change.accuser == World::id(who);
        died += change.after == MemberStatus::dead && who == (change.node == World::id(0) ? 1u : 0u);
      };
      trouble.begin(world);
      for (std::uint64_t minute = 0; minute < options.minutes; ++minute) {
        trouble.minute(world, random);
        world.run_for(60s);
      }
    }
    const double hours = static_cast<double>(options.seeds * options.minutes) / 60;
    std::printf("false  %4zu members, %s: %llu suspicions, %llu deaths in %.1f virtual hours (%.0f s of CPU)\n",
                options.members, trouble.name, static_cast<unsigned long long>(suspected),
                static_cast<unsigned long long>(died), hours,
                std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count());
  }
}

int run(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string argument = arguments[i];
    auto number = [&] { return i + 1 < count ? std::strtoull(arguments[++i], nullptr, 10) : 1; };
    if (argument == "--members") {
      options.members = std::max<std::size_t>(30, number());
    } else if (argument == "--seeds") {
      options.seeds = std::max<std::uint64_t>(1, number());
    } else if (argument == "--minutes") {
      options.minutes = std::max<std::uint64_t>(1, number());
    } else {
      options.only.insert(argument);
    }
  }
  log::set_level(log::Level::off);
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  if (options.wants("spread")) spread(options);
  if (options.wants("crash")) crash(options);
  if (options.wants("false")) wrong(options);
  return 0;
}

}  // namespace
}  // namespace gfs::gossip

int main(int count, char** arguments) { return gfs::gossip::run(count, arguments); }
