#include "tests/sim/nemesis.h"

#include <cmath>

namespace gfs::sim {

Nemesis::Nemesis(SimExecutor& world, bus::SimNetwork& network, Cluster& cluster, Workload& workload, const Plan& plan)
    : world_(world),
      network_(network),
      cluster_(cluster),
      workload_(workload),
      plan_(plan),
      random_(plan.seed + 0x51ed2701) {
  for (const char* kind : {"partition", "crash_chunkserver", "crash_master", "crash_client", "power"}) {
    if (plan.has(kind)) kinds_.emplace_back(kind);
  }
}

void Nemesis::start() {
  bus::SimNetwork::Faults faults;
  faults.delay_max = plan_.delay_max;
  faults.slow = plan_.slow;
  faults.loss = plan_.loss;
  faults.repeat = plan_.repeat;
  network_.set_faults(faults);
  if (!kinds_.empty()) next();
}

void Nemesis::calm() {
  calm_ = true;
  network_.set_faults({});
  network_.heal();
  cluster_.start_master();
  for (int i = 0; i < kChunkservers; ++i) cluster_.start_chunkserver(i);
  for (int i = 0; i < kClients; ++i) workload_.start_client(i);
}

void Nemesis::next() {
  const double wait = -std::log(1.0 - random_.unit()) * to_seconds(plan_.between_faults);
  world_.after(Duration(static_cast<Duration::rep>(wait * 1e9)) + 1ms, [this] {
    if (calm_) return;
    strike();
    next();
  });
}

void Nemesis::later(std::function<void()> action) {
  const auto wait = static_cast<std::uint64_t>(plan_.down_max.count());
  world_.after(Duration(static_cast<Duration::rep>(random_.between(wait / 50, wait))),
               [this, action = std::move(action)] {
                 if (!calm_) action();
               });
}

std::string Nemesis::any_host() {
  const std::uint64_t number = random_.below(1 + kChunkservers + kClients);
  if (number == 0) return "master";
  if (number <= kChunkservers) return "cs" + std::to_string(number - 1);
  return "client" + std::to_string(number - 1 - kChunkservers);
}

void Nemesis::strike() {
  const std::string kind = random_.pick(kinds_);
  if (kind == "crash_master" || kind == "power") {
    if (!cluster_.master_up()) return;
    if (kind == "power") {
      cluster_.power_cut_master();
    } else {
      cluster_.kill_master();
    }
    later([this] { cluster_.start_master(); });
  } else if (kind == "crash_chunkserver") {
    const int number = static_cast<int>(random_.below(kChunkservers));
    if (!cluster_.chunkserver_up(number)) return;
    cluster_.kill_chunkserver(number);
    later([this, number] { cluster_.start_chunkserver(number); });
  } else if (kind == "crash_client") {
    const int number = static_cast<int>(random_.below(kClients));
    workload_.kill_client(number);
    later([this, number] { workload_.start_client(number); });
  } else {
    const std::string from = any_host();
    const std::string to = any_host();
    if (from == to) return;
    network_.block(from, to);
    later([this, from, to] { network_.unblock(from, to); });
  }
}

}  // namespace gfs::sim
