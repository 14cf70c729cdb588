#include "tests/sim/nemesis.h"

#include <cmath>

#include "base/log.h"

namespace gfs::sim {

namespace {

// Longer than any lease.
constexpr Duration kLongPause = 70s;

Duration part(Random& random, Duration whole) {
  return Duration(static_cast<Duration::rep>(random.unit() * static_cast<double>(whole.count()))) + 1ms;
}

}  // namespace

Nemesis::Nemesis(SimExecutor& world, bus::SimNetwork& network, Cluster& cluster, Workload& workload, Shared& shared)
    : world_(world),
      network_(network),
      cluster_(cluster),
      workload_(workload),
      shared_(shared),
      plan_(shared.plan),
      random_(shared.plan.seed + 0x51ed2701),
      odds_(shared.plan) {
  for (const char* kind : {"partition", "split", "severed", "swizzle", "crash_chunkserver", "crash_master",
                           "crash_client", "power", "power_chunkserver", "power_all", "pause", "clock", "disk"}) {
    if (plan_.has(kind)) kinds_.emplace_back(kind);
  }
}

void Nemesis::start() {
  bus::SimNetwork::Faults faults;
  faults.delay_max = plan_.delay_max;
  faults.slow = plan_.slow;
  faults.loss = plan_.loss;
  faults.repeat = plan_.repeat;
  faults.late = plan_.late;
  network_.set_faults(faults);
  if (plan_.has("lost_grants") || plan_.has("late")) {
    network_.set_judge([this](const std::string& from, const std::string& to, const bus::Frames& frames) {
      return odds_.judge(from, to, frames);
    });
  }
  if (!kinds_.empty()) next();
}

void Nemesis::calm() {
  calm_ = true;
  network_.set_faults({});
  network_.set_judge({});
  network_.heal();
  for (const std::string& host : hosts()) {
    cluster_.resume(host, true);
    workload_.resume(host);
  }
  cluster_.start_master();
  for (int i = 0; i < kChunkservers; ++i) {
    cluster_.disk(i).set_faults({});
    cluster_.start_chunkserver(i);
  }
  for (int i = 0; i < kClients; ++i) workload_.start_client(i);
}

void Nemesis::next() {
  const double wait = -std::log(1.0 - random_.unit()) * to_seconds(plan_.between_faults);
  in(Duration(static_cast<Duration::rep>(wait * 1e9)) + 1ms, [this] {
    strike();
    next();
  });
}

void Nemesis::in(Duration wait, std::function<void()> action) {
  world_.after(wait, [this, action = std::move(action)] {
    if (!calm_) action();
  });
}

Duration Nemesis::down_time() {
  const auto most = static_cast<std::uint64_t>(plan_.down_max.count());
  return Duration(static_cast<Duration::rep>(random_.between(most / 50, most)));
}

std::vector<std::string> Nemesis::hosts() {
  std::vector<std::string> out{"master"};
  for (int i = 0; i < kChunkservers; ++i) out.push_back("cs" + std::to_string(i));
  for (int i = 0; i < kClients; ++i) out.push_back("client" + std::to_string(i));
  return out;
}

void Nemesis::strike() {
  const std::string kind = random_.pick(kinds_);
  log::info("strike", {{"at", to_seconds(world_.now().time_since_epoch())}, {"kind", kind}});
  if (kind.starts_with("power")) {
    strike_power(kind);
  } else if (kind == "crash_master") {
    if (!cluster_.master_up()) return;
    cluster_.kill_master();
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
  } else if (kind == "pause") {
    pause();
  } else if (kind == "clock") {
    step_clock();
  } else if (kind == "split") {
    split();
  } else if (kind == "severed") {
    sever();
  } else if (kind == "swizzle") {
    swizzle();
  } else if (kind == "disk") {
    damage_disk();
  } else {
    const std::string from = random_.pick(hosts());
    const std::string to = random_.pick(hosts());
    if (from == to) return;
    network_.block(from, to);
    later([this, from, to] { network_.unblock(from, to); });
  }
}

void Nemesis::strike_power(const std::string& kind) {
  if (kind == "power") {
    if (!cluster_.master_up()) return;
    cluster_.power_cut_master();
    later([this] { cluster_.start_master(); });
  } else if (kind == "power_chunkserver") {
    const int number = plan_.many_victims ? static_cast<int>(random_.below(kChunkservers)) : plan_.victim;
    if (!cluster_.chunkserver_up(number)) return;
    cluster_.power_cut_chunkserver(number);
    // With one after the other a chunk's copies may all have been cut before the first was made equal again.
    if (last_victim_ >= 0 && last_victim_ != number) shared_.power_lost(world_.now());
    last_victim_ = number;
    // Often back before anybody has missed it: its old bytes have the current version then.
    const Duration down = random_.chance(0.5) ? part(random_, 5s) : down_time();
    in(down, [this, number] { cluster_.start_chunkserver(number); });
  } else {
    if (random_.below(3) != 0) return;  // it makes much unknown
    cluster_.power_cut_master();
    for (int i = 0; i < kChunkservers; ++i) cluster_.power_cut_chunkserver(i);
    shared_.power_lost(world_.now());
    in(part(random_, 10s), [this] { cluster_.start_master(); });
    for (int i = 0; i < kChunkservers; ++i) in(part(random_, 10s), [this, i] { cluster_.start_chunkserver(i); });
  }
}

void Nemesis::pause() {
  const std::string host = random_.pick(hosts());
  if (!cluster_.pause(host) && !workload_.pause(host)) return;
  const bool timers_first = random_.chance(0.5);
  const Duration wait = random_.chance(plan_.long_pause) ? kLongPause + part(random_, 20s) : down_time();
  in(wait, [this, host, timers_first] {
    cluster_.resume(host, timers_first);
    workload_.resume(host);
  });
}

void Nemesis::step_clock() {
  const std::string host = random_.pick(hosts());
  const Duration by = part(random_, random_.chance(0.5) ? 10min : 1h) * (random_.chance(0.5) ? 1 : -1);
  cluster_.step_wall(host, by);
  workload_.step_wall(host, by);
}

// Two halves that do not hear each other, wherever the master and the clients are.
void Nemesis::split() {
  std::vector<std::string> all = hosts();
  random_.shuffle(all);
  const std::uint64_t near = random_.between(2, all.size() - 2);
  std::vector<std::pair<std::string, std::string>> links;
  for (std::size_t i = 0; i < near; ++i) {
    for (std::size_t j = near; j < all.size(); ++j) links.emplace_back(all[i], all[j]);
  }
  cut(links);
}

// A chunkserver that clients hear, and neither the master nor the others.
void Nemesis::sever() {
  const std::string host = "cs" + std::to_string(random_.below(kChunkservers));
  std::vector<std::pair<std::string, std::string>> links;
  for (const std::string& other : hosts()) {
    if (other != host && !other.starts_with("client")) links.emplace_back(host, other);
  }
  cut(links);
}

void Nemesis::cut(const std::vector<std::pair<std::string, std::string>>& links) {
  for (const auto& [one, other] : links) {
    network_.block(one, other);
    network_.block(other, one);
  }
  later([this, links] {
    for (const auto& [one, other] : links) {
      network_.unblock(one, other);
      network_.unblock(other, one);
    }
  });
}

// Several links of a host go one after the other, and come back in another order: what two others believe of it differs
// for a while.
void Nemesis::swizzle() {
  std::vector<std::string> others = hosts();
  const std::string host = random_.pick(others);
  std::erase(others, host);
  random_.shuffle(others);
  others.resize(random_.between(2, others.size()));
  Duration when = 0s;
  for (const std::string& other : others) {
    when += part(random_, 1s);
    const bool there = random_.chance(0.8);
    const bool back = !there || random_.chance(0.8);
    in(when, [this, host, other, there, back] {
      if (there) network_.block(host, other);
      if (back) network_.block(other, host);
    });
  }
  random_.shuffle(others);
  when += down_time();
  for (const std::string& other : others) {
    when += part(random_, 1s);
    in(when, [this, host, other] {
      network_.unblock(host, other);
      network_.unblock(other, host);
    });
  }
}

// Of one server only, so that there is always a good copy elsewhere.
void Nemesis::damage_disk() {
  SimDisk& disk = cluster_.disk(plan_.victim);
  std::vector<std::string> data = disk.files();
  std::erase_if(data, [](const std::string& path) { return !path.ends_with(".data"); });
  if (random_.chance(0.5) || data.empty()) {
    SimDisk::Faults faults;
    faults.read_error = 0.05;
    disk.set_faults(faults);
    later([&disk] { disk.set_faults({}); });
    return;
  }
  const std::string path = random_.pick(data);
  const std::uint64_t size = disk.read_now(path).value_or("").size();
  if (size > 0) disk.flip_bit(path, random_.below(size), static_cast<unsigned>(random_.below(8)));
}

}  // namespace gfs::sim
