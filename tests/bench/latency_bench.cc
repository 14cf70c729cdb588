// latency_bench MASTER [--files N] [--file SIZE] [--size SIZE] [--rate N]: how long single reads, writes and synced
// writes of one client take, while somebody else does something to the cluster (tests/bench/repair_bench.py).
//
// Makes its files first (FILES of SIZE to read, and one to write to per writer), says "ready", then takes a line
// "LABEL SECONDS" from standard input for each phase, and answers with one of JSON. The load is paced: RATE requests a
// second of each kind, two workers each, so that what is measured is not a queue of our own making; a worker that is
// late goes on at once.
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <set>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/task_group.h"
#include "base/units.h"
#include "bus/zmq_context.h"
#include "client_cli/client/blocking.h"
#include "client_cli/client/filesystem.h"

namespace gfs::bench {
namespace {

struct Options {
  std::string master;
  std::uint64_t files = 32, file = 16 * MiB, size = 64 * KiB, rate = 100;
};

enum class Kind { read, write, sync };
constexpr const char* kNames[] = {"read", "write", "sync"};
constexpr unsigned kWorkers = 2;  // of each kind

struct Load {
  const Options& options;
  Random random{1};
  Bytes piece;
  std::vector<std::shared_ptr<client::File>> files;    // read from
  std::vector<std::shared_ptr<client::File>> written;  // one for each worker
  std::vector<Duration> took[3];
  unsigned failed = 0;

  std::uint64_t offset() { return random.below(options.file / options.size) * options.size; }
};

Task<> one(Load& load, Kind kind, unsigned worker) {
  const std::uint64_t offset = load.offset();
  if (kind == Kind::read) {
    std::shared_ptr<client::File> file = load.files[load.random.below(load.files.size())];
    (void)co_await file->read(offset, load.options.size);
    co_return;
  }
  std::shared_ptr<client::File> file = load.written[(kind == Kind::write ? 0 : kWorkers) + worker];
  co_await file->write(offset, load.piece);
  if (kind == Kind::sync) co_await file->sync();
}

Task<> work(Load& load, Executor& executor, Kind kind, unsigned worker, Instant end) {
  const Duration between = Duration(1s) * kWorkers / static_cast<long>(load.options.rate);
  Instant next = executor.now() + between * (2 * static_cast<long>(kind) + worker) / 7;
  while (next < end) {
    const Instant now = executor.now();
    if (now < next) co_await executor.sleep(next - now);
    const Instant begun = executor.now();
    Result<> done = co_await one(load, kind, worker).outcome();
    load.took[static_cast<int>(kind)].push_back(executor.now() - begun);
    if (!done && load.failed++ == 0) std::fprintf(stderr, "%s\n", done.error().text().c_str());
    next = std::max(next + between, executor.now());
  }
}

Task<> make(Load& load, client::Filesystem& fs) {
  (void)co_await fs.make_directory("/latency").outcome();
  for (unsigned i = 0; i < load.options.files + 2 * kWorkers; ++i) {
    std::string path = fmt::format("/latency/{}", i);
    std::shared_ptr<client::File> file = co_await fs.open(std::move(path), client::Filesystem::Open::create);
    for (std::uint64_t at = 0; at < load.options.file; at += load.piece.size()) co_await file->append(load.piece);
    co_await file->sync();
    (i < load.options.files ? load.files : load.written).push_back(std::move(file));
  }
}

Task<> phase(Load& load, Executor& executor, Duration time) {
  const Instant end = executor.now() + time;
  std::vector<Task<>> workers;
  for (Kind kind : {Kind::read, Kind::write, Kind::sync}) {
    for (unsigned i = 0; i < kWorkers; ++i) workers.push_back(work(load, executor, kind, i, end));
  }
  (void)co_await all_of(std::move(workers));
}

void tell(const std::string& label, Load& load) {
  std::string line = fmt::format("{{\"label\":\"{}\",\"failed\":{}", label, std::exchange(load.failed, 0));
  for (int kind = 0; kind < 3; ++kind) {
    std::vector<Duration> took = std::exchange(load.took[kind], {});
    std::ranges::sort(took);
    line += fmt::format(",\"{}_ms\":[", kNames[kind]);
    for (std::size_t i = 0; i < took.size(); ++i)
      line += fmt::format("{}{:.3f}", i ? "," : "", 1e3 * to_seconds(took[i]));
    line += "]";
  }
  std::printf("%s}\n", line.c_str());
  std::fflush(stdout);
}

int run(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; ++i) {
    std::string argument = arguments[i];
    auto number = [&] {
      Result<std::uint64_t> value = parse_size(i + 1 < count ? arguments[++i] : "");
      if (!value || *value == 0) {
        std::fprintf(stderr, "%s: not a number\n", argument.c_str());
        std::exit(2);
      }
      return *value;
    };
    if (argument == "--files") {
      options.files = number();
    } else if (argument == "--file") {
      options.file = number();
    } else if (argument == "--size") {
      options.size = number();
    } else if (argument == "--rate") {
      options.rate = number();
    } else {
      options.master = argument;
    }
  }
  log::set_level(log::Level::warn);
  client::Settings settings;
  settings.master = options.master;
  client::Blocking client(settings);
  Load load{options};
  std::string text(options.size, '\0');
  for (char& byte : text) byte = static_cast<char>(load.random.next());
  load.piece = Bytes::of(std::move(text));
  Result<> made = client.run<void>([&](client::Filesystem& fs) { return make(load, fs); });
  if (!made) {
    std::fprintf(stderr, "%s\n", made.error().text().c_str());
    return 1;
  }
  std::puts("ready");
  std::fflush(stdout);
  std::string label;
  double seconds = 0;
  while (std::cin >> label >> seconds) {
    const auto time = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
    Result<> done = client.run<void>([&](client::Filesystem&) { return phase(load, client.executor(), time); });
    if (!done) std::fprintf(stderr, "%s\n", done.error().text().c_str());
    tell(label, load);
  }
  Result<> let_go = client.run<void>([&](client::Filesystem&) -> Task<> {
    load.files.clear();
    load.written.clear();
    co_return;
  });
  return let_go ? 0 : 1;
}

}  // namespace
}  // namespace gfs::bench

int main(int count, char** arguments) {
  gfs::bus::tune_memory();
  gfs::bus::raise_descriptor_limit();
  return gfs::bench::run(count, arguments);
}
