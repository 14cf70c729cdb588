// cluster_bench [write|read|meta|mix|small|append ...]: what gfs costs, over real processes on loopback, next to plain
// TCP programs measured in the same run. Prints one line per figure; nothing is asserted. Options: --bin DIR (the
// daemons; default: where this program lies), --dir DIR (data; default /var/tmp), --size BYTES, --count N, --repeat N,
// --record BYTES (appends of this size only), --row TEXT (appends in rows with this in their name only).
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/log.h"
#include "base/task_group.h"
#include "base/units.h"
#include "bus/zmq_context.h"
#include "client_cli/client/blocking.h"
#include "tests/bench/append_load.h"
#include "tests/bench/processes.h"
#include "tests/bench/request_mix.h"
#include "tests/bench/tcp_baseline.h"

namespace gfs::bench {
namespace {

struct Options {
  std::string binaries;
  std::string directory = "/var/tmp";
  std::uint64_t size = 1 * GiB;
  std::uint64_t count = 60000;
  unsigned repeat = 3;
  std::set<std::uint64_t> records = {4 * KiB, 64 * KiB, 1 * MiB};
  std::string row;
  std::set<std::string> only;
  bool wants(const std::string& name) const { return only.empty() || only.contains(name); }
};

client::Settings settings_for(const Processes& cluster) {
  client::Settings settings;
  settings.master = cluster.master_address();
  return settings;
}

struct Measured {
  Cost cost;
  double daemons_cpu = 0;
};

Measured measure(const Processes& cluster, const std::function<void()>& work) {
  double cpu = cluster.cpu();
  double own = own_cpu_seconds();
  auto start = std::chrono::steady_clock::now();
  work();
  Measured measured;
  measured.cost.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  measured.daemons_cpu = cluster.cpu() - cpu;
  measured.cost.cpu_seconds = measured.daemons_cpu + own_cpu_seconds() - own;
  return measured;
}

template <class T>
T must(Result<T> result, const char* what) {
  if (!result) {
    std::fprintf(stderr, "%s: %s\n", what, result.error().text().c_str());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

Bytes noise(std::size_t size) {
  Random random(1);
  std::string text(size, '\0');
  for (char& byte : text) byte = static_cast<char>(random.next());
  return Bytes::of(std::move(text));
}

Task<> write_file(client::Filesystem& fs, std::string path, std::uint64_t size, Bytes piece) {
  std::shared_ptr<client::File> file = co_await fs.open(path, client::Filesystem::Open::create_new);
  for (std::uint64_t at = 0; at < size; at += piece.size()) {
    co_await file->append(piece.slice(0, std::min<std::uint64_t>(piece.size(), size - at)));
  }
  co_await file->close();
}

Task<std::uint64_t> read_file(client::Filesystem& fs, std::string path) {
  std::shared_ptr<client::File> file = co_await fs.open(path, client::Filesystem::Open::read);
  std::uint64_t size = 0;
  while (true) {
    Bytes piece = co_await file->next();
    if (piece.empty()) co_return size;
    size += piece.size();
  }
}

void report(const char* what, const Cost& cost, const Cost& baseline, std::uint64_t size) {
  double gib = static_cast<double>(size) / static_cast<double>(GiB);
  std::printf("%-6s gfs %.2f CPU-s/GiB, %.2f GiB/s   plain TCP %.2f CPU-s/GiB, %.2f GiB/s   CPU ratio %.2f\n", what,
              cost.cpu_seconds / gib, gib / cost.seconds, baseline.cpu_seconds / gib, gib / baseline.seconds,
              cost.cpu_seconds / baseline.cpu_seconds);
}

void bulk(const Options& options) {
  Processes cluster(options.binaries, 3, options.directory);
  client::Blocking client(settings_for(cluster));
  Bytes piece = noise(1 * MiB);
  must(client.run<void>([&](client::Filesystem& fs) { return write_file(fs, "/warm", 16 * MiB, piece); }),
       "warming up");
  for (unsigned round = 0; round < options.repeat; ++round) {
    std::string path = "/bulk" + std::to_string(round);
    std::vector<std::uint64_t> idle;
    for (pid_t daemon : cluster.daemons()) {
      idle.push_back(resident_memory(daemon));
      reset_peak_memory(daemon);
    }
    Measured written = measure(cluster, [&] {
      must(client.run<void>([&](client::Filesystem& fs) { return write_file(fs, path, options.size, piece); }),
           "writing");
    });
    std::uint64_t grown = 0;
    for (std::size_t i = 1; i < idle.size(); ++i) {
      grown = std::max(grown, peak_memory(cluster.daemons()[i]) - std::min(peak_memory(cluster.daemons()[i]), idle[i]));
    }
    if (options.wants("write")) {
      report("write", written.cost, tcp_chain_write(options.size, options.directory), options.size);
      std::printf("       a chunkserver's memory above idle during the write: at most %.1f MiB\n",
                  static_cast<double>(grown) / MiB);
    }
    if (options.wants("read")) {
      std::uint64_t size = 0;
      Measured read = measure(cluster, [&] {
        size = must(client.run<std::uint64_t>([&](client::Filesystem& fs) { return read_file(fs, path); }), "reading");
      });
      if (size != options.size) std::printf("read %llu bytes instead\n", static_cast<unsigned long long>(size));
      report("read", read.cost, tcp_read(options.size, options.directory), options.size);
    }
    must(client.run<bus::Remove::Reply>([&](client::Filesystem& fs) { return fs.remove_now(path); }), "removing");
  }
}

using Request = std::function<Task<>(client::Filesystem&, std::uint64_t number)>;

Task<> worker(client::Filesystem& fs, Executor& executor, Request request, std::uint64_t* next, std::uint64_t end,
              std::vector<Duration>* took) {
  while (*next < end) {
    std::uint64_t number = (*next)++;
    const Instant begun = executor.now();
    co_await request(fs, number);
    took->push_back(executor.now() - begun);
  }
}

// `in_flight` requests at a time until all numbers in [first, end) are done; how long each took.
Task<> side_by_side(client::Filesystem& fs, Executor& executor, Request request, std::uint64_t first, std::uint64_t end,
                    unsigned in_flight, std::vector<Duration>* took) {
  std::uint64_t next = first;
  std::vector<Task<>> workers;
  for (unsigned i = 0; i < in_flight; ++i) workers.push_back(worker(fs, executor, request, &next, end, took));
  std::vector<Result<>> results = co_await all_of(std::move(workers));
  for (Result<>& result : results) co_await std::move(result);
}

Task<> create_file(client::Filesystem& fs, std::string path) { co_await fs.create(std::move(path)); }
Task<> stat_file(client::Filesystem& fs, std::string path) { co_await fs.stat(std::move(path)); }
Task<> rename_file(client::Filesystem& fs, std::string from, std::string to) {
  co_await fs.rename(std::move(from), std::move(to));
}
Task<> remove_file(client::Filesystem& fs, std::string path) { co_await fs.remove_now(std::move(path)); }

void meta_with(const Options& options, unsigned how_many, unsigned in_flight) {
  Processes cluster(options.binaries, 1, options.directory);
  std::vector<std::unique_ptr<client::Blocking>> clients;
  for (unsigned i = 0; i < how_many; ++i) clients.push_back(std::make_unique<client::Blocking>(settings_for(cluster)));
  must(clients[0]->run<bus::FileInfo>([](client::Filesystem& fs) { return fs.make_directory("/meta"); }), "mkdir");
  auto path = [](std::uint64_t number) { return "/meta/" + hex(number); };
  auto moved = [](std::uint64_t number) { return "/meta/m" + hex(number); };
  const std::uint64_t each = options.count / how_many;
  std::vector<std::vector<Duration>> took(how_many);
  auto everybody = [&](const Request& request) {
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < how_many; ++i) {
      took[i].clear();
      threads.emplace_back([&, i] {
        must(clients[i]->run<void>([&, i](client::Filesystem& fs) {
          return side_by_side(fs, clients[i]->executor(), request, i * each, (i + 1) * each, in_flight, &took[i]);
        }),
             "metadata");
      });
    }
    for (std::thread& thread : threads) thread.join();
  };
  const std::vector<std::pair<const char*, Request>> requests = {
      {"creates", [&](client::Filesystem& fs, std::uint64_t number) { return create_file(fs, path(number)); }},
      {"stats", [&](client::Filesystem& fs, std::uint64_t number) { return stat_file(fs, path(number)); }},
      {"renames",
       [&](client::Filesystem& fs, std::uint64_t number) { return rename_file(fs, path(number), moved(number)); }},
      {"removes", [&](client::Filesystem& fs, std::uint64_t number) { return remove_file(fs, moved(number)); }}};
  for (const auto& [name, request] : requests) {
    double master = cpu_seconds(cluster.master());
    Measured measured = measure(cluster, [&] { everybody(request); });
    master = cpu_seconds(cluster.master()) - master;
    const double done = static_cast<double>(each * how_many);
    std::vector<Duration> all;
    for (const std::vector<Duration>& one : took) all.insert(all.end(), one.begin(), one.end());
    std::ranges::sort(all);
    std::printf(
        "meta   %.0f %s/s (%u clients x %u in flight), p50 %.2f ms, p99 %.2f ms; CPU per request: master %.1f us, "
        "clients %.1f us\n",
        done / measured.cost.seconds, name, how_many, in_flight, 1e3 * to_seconds(all[all.size() / 2]),
        1e3 * to_seconds(all[all.size() * 99 / 100]), 1e6 * master / done,
        1e6 * (measured.cost.cpu_seconds - measured.daemons_cpu) / done);
  }
}

void meta(const Options& options) {
  meta_with(options, 1, 16);
  meta_with(options, 8, 16);
  meta_with(options, 64, 4);
}

void mix(const Options& options) {
  Processes cluster(options.binaries, 3, options.directory);
  RequestMix mix(cluster);
  mix.run(1, 16, options.count);
  mix.run(8, 16, options.count);
  mix.run(64, 4, options.count);
}

Task<> put_small(client::Filesystem& fs, std::string path, Bytes bytes) {
  std::shared_ptr<client::File> file = co_await fs.open(std::move(path), client::Filesystem::Open::create_new);
  co_await file->append(std::move(bytes));
  co_await file->close();
}

void small(const Options& options) {
  Processes cluster(options.binaries, 3, options.directory);
  client::Blocking client(settings_for(cluster));
  Bytes bytes = noise(4 * KiB);
  std::uint64_t files = std::min<std::uint64_t>(options.count, 8000);
  must(client.run<bus::FileInfo>([](client::Filesystem& fs) { return fs.make_directory("/small"); }), "mkdir");
  Request put = [&](client::Filesystem& fs, std::uint64_t number) {
    return put_small(fs, "/small/" + hex(number), bytes);
  };
  Measured measured = measure(cluster, [&] {
    std::vector<Duration> took;
    must(client.run<void>(
             [&](client::Filesystem& fs) { return side_by_side(fs, client.executor(), put, 0, files, 16, &took); }),
         "small files");
  });
  std::printf(
      "small  %.0f files/s of 4 KiB, 3 replicas, 16 in flight, each synced; CPU per file: %.0f us over all processes\n",
      static_cast<double>(files) / measured.cost.seconds, 1e6 * measured.cost.cpu_seconds / static_cast<double>(files));
}

// `processes` of them side by side, each with `load.writers` writers; load.count records altogether.
void appends(const Processes& cluster, const char* name, unsigned processes, AppendLoad load) {
  const double records = static_cast<double>(load.count);
  load.count /= processes;
  std::vector<std::unique_ptr<AppendProcess>> all;
  for (unsigned i = 0; i < processes; ++i) all.push_back(std::make_unique<AppendProcess>(load));
  for (auto& process : all) process->wait();
  double cpu = cluster.cpu();
  for (auto& process : all) cpu += process->cpu();
  auto start = std::chrono::steady_clock::now();
  for (auto& process : all) process->go();
  for (auto& process : all) process->wait();
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  double clients = 0;
  for (auto& process : all) clients += process->cpu();
  double used = cluster.cpu() + clients - cpu;
  std::printf("append %-35s %7llu bytes  %8.0f records/s  CPU per record: %.1f us over all processes\n", name,
              static_cast<unsigned long long>(load.size), records / seconds, 1e6 * used / records);
}

void append(const Options& options) {
  Processes cluster(options.binaries, 3, options.directory);
  struct Row {
    const char* name;
    unsigned processes, writers, in_flight;
  };
  const Row rows[] = {
      {"1 writer, waiting", 1, 1, 1},
      {"4 writers in 4 processes, waiting", 4, 1, 1},
      {"16 writers in 16 processes, waiting", 16, 1, 1},
      {"16 writers in one process, waiting", 1, 16, 1},
      {"16 waiting on one appender", 1, 1, 16},
      {"1 writer, 1024 in flight", 1, 1, 1024},
      {"4 writers, 256 in flight each", 4, 1, 256},
      {"16 writers, 64 in flight each", 16, 1, 64},
  };
  for (std::uint64_t size : options.records) {
    for (unsigned i = 0; const Row& row : rows) {
      if (std::string_view(row.name).find(options.row) == std::string_view::npos) continue;
      std::uint64_t count = size == 4 * KiB ? options.count : options.count / (size == 1 * MiB ? 60 : 10);
      if (row.in_flight == 1 && row.processes * row.writers == 1) count /= 10;
      AppendLoad load{cluster.master_address(), fmt::format("/append-{}-{}", size, i++)};
      load.writers = row.writers;
      load.in_flight = static_cast<unsigned>(std::min<std::uint64_t>(row.in_flight, size == 1 * MiB ? 16 : 1024));
      std::uint64_t lanes = std::uint64_t{row.processes} * row.writers * load.in_flight;
      load.size = size;
      load.count = std::max<std::uint64_t>(count / lanes, 1) * lanes;
      appends(cluster, row.name, row.processes, load);
    }
  }
}

int run(int count, char** arguments) {
  Options options;
  options.binaries = std::filesystem::canonical("/proc/self/exe").parent_path();
  for (int i = 1; i < count; ++i) {
    std::string argument = arguments[i];
    auto value = [&]() -> std::string { return i + 1 < count ? arguments[++i] : ""; };
    if (argument == "--bin") {
      options.binaries = value();
    } else if (argument == "--dir") {
      options.directory = value();
    } else if (argument == "--size") {
      options.size = must(parse_size(value()), "--size");
    } else if (argument == "--count") {
      options.count = must(parse_size(value()), "--count");
    } else if (argument == "--repeat") {
      options.repeat = static_cast<unsigned>(must(parse_size(value()), "--repeat"));
    } else if (argument == "--record") {
      options.records = {must(parse_size(value()), "--record")};
    } else if (argument == "--row") {
      options.row = value();
    } else {
      options.only.insert(argument);
    }
  }
  log::set_level(log::Level::warn);
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  if (options.wants("write") || options.wants("read")) bulk(options);
  if (options.wants("meta")) meta(options);
  if (options.wants("mix")) mix(options);
  if (options.wants("small")) small(options);
  if (options.wants("append")) append(options);
  return 0;
}

}  // namespace
}  // namespace gfs::bench

int main(int count, char** arguments) {
  gfs::bus::tune_memory();  // as gfs-cli does
  gfs::bus::raise_descriptor_limit();
  if (count > 1 && std::string(arguments[1]) == "append-writer") return gfs::bench::append_writer(count, arguments);
  return gfs::bench::run(count, arguments);
}
