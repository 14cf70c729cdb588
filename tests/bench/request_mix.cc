#include "tests/bench/request_mix.h"

#include <algorithm>
#include <array>
#include <barrier>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "base/event_loop.h"
#include "base/task_group.h"
#include "bus/zmq_bus.h"
#include "client_cli/client/master_client.h"

namespace gfs::bench {

namespace {

constexpr std::uint64_t kFiles = 4000;
constexpr std::uint64_t kInDirectory = 50;
constexpr std::uint64_t kPrepareAtOnce = 64;

enum Kind : std::uint8_t { open, remove, find_location, find_lease_holder, find_matching, other, kKinds };

struct Share {
  const char* name;  // as in the paper
  const char* asked;
  std::uint64_t in_thousand = 0;
};
constexpr std::array<Share, kKinds> kShares = {{{"Open", "stat", 261},
                                                {"Delete", "remove", 7},
                                                {"FindLocation", "locate for read", 643},
                                                {"FindLeaseHolder", "locate for write", 78},
                                                {"FindMatchingFiles", "list", 6},
                                                {"other", "create", 5}}};

Kind draw(Random& random) {
  std::uint64_t at = random.below(1000);
  for (std::size_t kind = 0; kind < kKinds; ++kind) {
    if (at < kShares[kind].in_thousand) return static_cast<Kind>(kind);
    at -= kShares[kind].in_thousand;
  }
  return other;
}

std::string directory_of(std::uint64_t number) { return "/mix/" + std::to_string(number / kInDirectory); }
std::string path_of(std::uint64_t number) { return directory_of(number) + "/" + hex(number); }

client::Settings settings_for(const Processes& cluster) {
  client::Settings settings;
  settings.master = cluster.master_address();
  return settings;
}

// One client: everything it needs for itself, on the thread that made it.
struct Asker {
  explicit Asker(const Processes& cluster)
      : settings(settings_for(cluster)),
        bus(loop, random),
        endpoint(loop, random, bus, {.role = bus::kClient, .program = "cluster_bench"}),
        master(endpoint, settings) {}
  ~Asker() { endpoint.stop(); }
  Instant deadline() const { return loop.now() + settings.deadline; }

  EventLoop loop;
  Random random{Random::seed_from_machine()};
  client::Settings settings;
  bus::ZmqBus bus;
  bus::Endpoint endpoint;
  client::MasterClient master;
};

// Its requests: `in_flight` at a time.
struct Drive {
  Asker& asker;
  const std::vector<InodeId>& inodes;
  std::string fresh;  // where names are free
  std::uint64_t left = 0;
  std::vector<std::uint64_t> made;  // numbers of files of its own that can be removed
  std::uint64_t last_made = 0;
  std::array<std::vector<Duration>, kKinds> took;

  Task<> make();
  Task<> remove_one();
  Task<> ask(Kind kind);
  Task<> worker();
  Task<> all(unsigned in_flight);
};

Task<> Drive::make() {
  const std::uint64_t number = ++last_made;
  bus::CreateFile create{fresh + "/" + hex(number), 0};
  (void)co_await asker.master.change(std::move(create), "create", asker.deadline());
  made.push_back(number);
}

Task<> Drive::remove_one() {
  const std::uint64_t number = made.back();
  made.pop_back();
  bus::Remove remove{fresh + "/" + hex(number), false, true};
  (void)co_await asker.master.change(std::move(remove), "remove", asker.deadline());
}

Task<> Drive::ask(Kind kind) {
  const std::uint64_t number = asker.random.below(inodes.size());
  switch (kind) {
    case open: {
      bus::Stat stat{path_of(number)};
      (void)co_await asker.master.ask(std::move(stat), "stat", asker.deadline());
      break;
    }
    case find_location: {
      bus::LocateForRead locate{inodes[number], 0, 16};
      (void)co_await asker.master.ask(std::move(locate), "locate for read", asker.deadline());
      break;
    }
    case find_lease_holder: {
      bus::LocateForWrite locate{inodes[number], 0, {}, {}};
      (void)co_await asker.master.change_aside(std::move(locate), "locate for write", asker.deadline());
      break;
    }
    case find_matching: {
      bus::List list{directory_of(number), {}, 1000};
      (void)co_await asker.master.ask(std::move(list), "list", asker.deadline());
      break;
    }
    case remove:
      co_await remove_one();
      break;
    case other:
    case kKinds:
      co_await make();
      break;
  }
}

Task<> Drive::worker() {
  while (left > 0) {
    --left;
    Kind kind = draw(asker.random);
    if (kind == remove && made.empty()) kind = other;
    const Instant begun = asker.loop.now();
    co_await ask(kind);
    took[kind].push_back(asker.loop.now() - begun);
  }
}

Task<> Drive::all(unsigned in_flight) {
  std::vector<Task<>> workers;
  for (unsigned i = 0; i < in_flight; ++i) workers.push_back(worker());
  std::vector<Result<>> results = co_await all_of(std::move(workers));
  for (Result<>& result : results) co_await std::move(result);
}

void must(const Result<>& result, const char* what) {
  if (result) return;
  std::fprintf(stderr, "%s: %s\n", what, result.error().text().c_str());
  std::exit(1);
}

Task<> make_directory(Asker& asker, std::string path) {
  bus::MakeDirectory make{std::move(path), true};
  (void)co_await asker.master.change(std::move(make), "mkdir", asker.deadline());
}

Task<> make_files(Asker& asker, std::vector<InodeId>& inodes, std::uint64_t& next) {
  while (next < inodes.size()) {
    const std::uint64_t number = next++;
    bus::CreateFile create{path_of(number), 0};
    const bus::FileInfo file = co_await asker.master.change(std::move(create), "create", asker.deadline());
    inodes[number] = file.inode;
    bus::LocateForWrite locate{file.inode, 0, {}, {}};
    (void)co_await asker.master.change_aside(std::move(locate), "locate for write", asker.deadline());
  }
}

Task<> prepare(Asker& asker, std::vector<InodeId>& inodes) {
  for (std::uint64_t number = 0; number < inodes.size(); number += kInDirectory)
    co_await make_directory(asker, directory_of(number));
  std::uint64_t next = 0;
  std::vector<Task<>> workers;
  for (std::uint64_t i = 0; i < kPrepareAtOnce; ++i) workers.push_back(make_files(asker, inodes, next));
  std::vector<Result<>> results = co_await all_of(std::move(workers));
  for (Result<>& result : results) co_await std::move(result);
}

// In ms.
double quantile(const std::vector<Duration>& sorted, std::size_t percent) {
  return sorted.empty() ? 0 : 1e3 * to_seconds(sorted[sorted.size() * percent / 100]);
}

}  // namespace

RequestMix::RequestMix(const Processes& cluster) : cluster_(cluster), inodes_(kFiles) {
  Asker asker(cluster);
  must(asker.loop.run(prepare(asker, inodes_)), "making files");
}

void RequestMix::run(unsigned clients, unsigned in_flight, std::uint64_t requests) {
  const std::uint64_t each = requests / clients;
  ++rounds_;
  std::array<std::vector<Duration>, kKinds> took;
  std::mutex mutex;
  std::barrier ready(clients + 1);
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < clients; ++i) {
    threads.emplace_back([&, i] {
      Asker asker(cluster_);
      Drive drive{asker, inodes_, fmt::format("/mix/fresh-{}-{}", rounds_, i), each, {}, 0, {}};
      must(asker.loop.run(make_directory(asker, drive.fresh)), "mkdir");
      ready.arrive_and_wait();
      must(asker.loop.run(drive.all(in_flight)), "the mix");
      std::lock_guard lock(mutex);
      for (std::size_t kind = 0; kind < kKinds; ++kind)
        took[kind].insert(took[kind].end(), drive.took[kind].begin(), drive.took[kind].end());
    });
  }
  ready.arrive_and_wait();
  const double master = cpu_seconds(cluster_.master());
  const auto start = std::chrono::steady_clock::now();
  for (std::thread& thread : threads) thread.join();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const double used = cpu_seconds(cluster_.master()) - master;
  const double done = static_cast<double>(each * clients);
  std::vector<Duration> all;
  for (const std::vector<Duration>& one : took) all.insert(all.end(), one.begin(), one.end());
  std::ranges::sort(all);
  std::printf(
      "mix    %.0f requests/s (%u clients x %u in flight), p50 %.2f ms, p99 %.2f ms; master's CPU per request %.1f "
      "us\n",
      done / seconds, clients, in_flight, quantile(all, 50), quantile(all, 99), 1e6 * used / done);
  for (std::size_t kind = 0; kind < kKinds; ++kind) {
    std::ranges::sort(took[kind]);
    std::printf("       %-17s (%s) %4.1f %%, p50 %.2f ms, p99 %.2f ms\n", kShares[kind].name, kShares[kind].asked,
                100 * static_cast<double>(took[kind].size()) / done, quantile(took[kind], 50),
                quantile(took[kind], 99));
  }
}

}  // namespace gfs::bench
