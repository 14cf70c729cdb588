// planning_bench [--servers N] [--chunks N]: what one turn of the master's planning costs in a large
// cluster, in the loop's own CPU time: repair, balance and the census, where all is well, where servers are lost, and
// where one is new. --chunks: replicas on each server (default 100 servers, 100,000). Prints figures; nothing is
// asserted.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "master/balance_planner.h"
#include "master/chunk_census.h"
#include "master/healing_planner.h"

namespace gfs::master {
namespace {

// Of this thread's CPU time: the machine may be shared.
struct Clock {
  using time_point = double;
  static double now() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
  }
};

double ms_since(Clock::time_point begun) { return Clock::now() - begun; }

class Large {
 public:
  Large(int servers, std::uint64_t chunks) {
    const Op create{{}, CreateFileOp{"/f", 3}};
    const InodeId file = state.apply(create).info.inode;
    for (int number = 1; number <= servers; ++number) add(number, 0.6);
    for (std::uint64_t i = 0; i < chunks; ++i) {
      std::vector<ServerId> members;
      for (std::uint64_t member = 0; member < 3; ++member) {
        const std::uint64_t number = (i * 7 + i / 100 + member * (1 + i % 31)) % static_cast<std::uint64_t>(servers);
        members.push_back(server(static_cast<int>(number) + 1));
      }
      if (members[0] == members[1] || members[1] == members[2] || members[0] == members[2]) continue;
      const ChunkHandle handle{i + 1};
      const auto index = static_cast<std::uint32_t>(i);
      if (!state.apply({{}, AllocateChunkOp{file, index, handle, members, members.front()}}).ok()) std::abort();
      state.apply({{}, ActivateOp{handle, {1}}});
      for (ServerId member : members) servers_.note(member, handle, {1}, 64 << 20);
    }
  }

  static ServerId server(int number) {
    ServerId id;
    id.bytes[0] = static_cast<std::uint8_t>(number);
    id.bytes[1] = static_cast<std::uint8_t>(number >> 8);
    return id;
  }
  void add(int number, double full) {
    const std::string address = "tcp://127.0.0.1:" + std::to_string(number);
    state.apply({{}, AddServerOp{server(number), address, address + "1", "r" + std::to_string(number % 10)}});
    bus::RegisterServer ask;
    ask.server = server(number);
    ask.session.bytes[0] = 1;
    servers_.open_session(ask, "route", now);
    (void)servers_.report({server(number), ask.session, {}, {}, true});
    fulls.push_back(full);
  }
  void beat(int lost) {
    now += 250ms;
    for (int number = 1 + lost; number <= static_cast<int>(fulls.size()); ++number) {
      bus::Heartbeat beat{.server = server(number), .session = servers_.find(server(number))->session};
      beat.capacity = 100ull << 40;
      beat.free = static_cast<std::uint64_t>(static_cast<double>(beat.capacity) * (1 - fulls[number - 1]));
      servers_.heartbeat(beat, "route", now);
    }
  }

  // `turns` of each planner; its dearest turn, and the mean.
  void measure(const char* what, int turns, int lost) {
    HealingPlanner healing(state, servers_, {.heal_after = 0s, .clock = {}},
                           [](ChunkHandle, const Chunk&) { return false; });
    BalancePlanner balance(state, servers_, {}, [&](ChunkHandle handle, const Chunk& chunk) {
      return !healing.examine(handle, chunk, now);
    });
    ChunkCensus census(state, servers_);
    struct Cost {
      const char* of;
      double most = 0, sum = 0;
    } costs[3] = {{"repair"}, {"balance"}, {"census"}};
    std::size_t orders = 0, moves = 0;
    for (int turn = 0; turn < turns; ++turn) {
      beat(lost);
      auto cost = [](Cost& of, Clock::time_point begun) {
        const double ms = ms_since(begun);
        of.most = std::max(of.most, ms);
        of.sum += ms;
      };
      Clock::time_point begun = Clock::now();
      const std::vector<HealingPlanner::Order> ordered = healing.plan(now, to_ms(now.time_since_epoch()));
      cost(costs[0], begun);
      for (const HealingPlanner::Order& one : ordered)
        healing.done(one.handle, HealingPlanner::Outcome::postponed, now);
      orders += ordered.size();
      begun = Clock::now();
      const std::vector<BalancePlanner::Move> moved = balance.plan(now, to_ms(now.time_since_epoch()));
      cost(costs[1], begun);
      for (const BalancePlanner::Move& one : moved) balance.done(one, BalancePlanner::Ended::not_tried, now);
      moves += moved.size();
      begun = Clock::now();
      census.advance(now);
      cost(costs[2], begun);
    }
    std::printf("%-28s", what);
    for (const Cost& one : costs) std::printf("  %s: mean %.2f ms, most %.2f ms", one.of, one.sum / turns, one.most);
    std::printf("  (%zu known to be in need, %zu ordered, %zu moves)\n", healing.patients().size(), orders, moves);
  }

  Instant now{100s};
  MasterState state;
  ServerTable servers_{{.suspect_after = 3s, .lost_after = 10s}};
  std::vector<double> fulls;
};

}  // namespace
}  // namespace gfs::master

int main(int count, char** words) {
  int servers = 100;
  std::uint64_t replicas = 100'000;
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string option = words[i];
    if (option == "--servers") servers = std::atoi(words[i + 1]);
    if (option == "--chunks") replicas = std::strtoull(words[i + 1], nullptr, 10);
  }
  if (servers < 10 || servers > 10000 || replicas < 1) {
    std::fprintf(stderr, "usage: planning_bench [--servers N] [--chunks N]\n");
    return 2;
  }
  const auto begun = gfs::master::Clock::now();
  gfs::master::Large large(servers, replicas * static_cast<std::uint64_t>(servers) / 3);
  std::printf("%d servers, %zu chunks, made in %.0f s\n", servers, large.state.chunks().size(),
              gfs::master::ms_since(begun) / 1000);
  large.measure("all is well", 400, 0);
  large.add(servers + 1, 0.0);
  large.measure("one is new", 400, 0);
  large.now += gfs::Duration(std::chrono::seconds(60));
  large.measure("one is lost", 400, 1);
  large.measure("a tenth is lost", 400, servers / 10);
  return 0;
}
