// master_bench [memory|checkpoint|snapshot] [--files N] [--chunks N] [--dir DIR] [--in-flight N]: what the master's
// state costs, in this process and on a real disk, without the bus. Prints one line per figure; nothing is asserted.
//
//   memory      resident bytes per file (names of 16 characters, 1000 to a directory) and per chunk of three members
//   checkpoint  (cat:M21) creates in a closed loop, their latency and how late the loop's timers are: without a checkpoint, and
//               while one is written; memory during it; then a restart from it
//   snapshot    how long the loop stands still for a snapshot of trees of 1,000, 10,000 and as many files as are
//   possible,
//               one chunk each, and for its end; bytes for each chunk that is shared
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/event_loop.h"
#include "base/log.h"
#include "base/posix_disk.h"
#include "base/task_group.h"
#include "base/units.h"
#include "master/checkpointer.h"
#include "master/journal.h"
#include "tests/bench/processes.h"

namespace gfs::bench {
namespace {

using namespace gfs::master;

struct Options {
  std::string directory = "/var/tmp";
  std::uint64_t files = 1000000;
  std::uint64_t chunks = 1000000;
  unsigned in_flight = 64;
  std::set<std::string> only;
  bool wants(const std::string& name) const { return only.empty() || only.contains(name); }
};

template <class T>
T must(Result<T> result, const char* what) {
  if (!result) {
    std::fprintf(stderr, "%s: %s\n", what, result.error().text().c_str());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::string directory_of(std::uint64_t file) { return fmt::format("/d{:07}", file / 1000); }
std::string path_of(std::uint64_t file) { return fmt::format("{}/file-{:011}", directory_of(file), file); }

void apply(MasterState& state, OpBody body) {
  Op op{{{}, 1, static_cast<WallMs>(state.index())}, std::move(body)};
  state.apply(op);
}

// Files [first, end), with their directories.
void add_files(MasterState& state, std::uint64_t first, std::uint64_t end) {
  for (std::uint64_t file = first; file < end; ++file) {
    if (file % 1000 == 0) apply(state, MakeDirectoryOp{directory_of(file), false});
    apply(state, CreateFileOp{path_of(file), 3});
  }
}

ServerId server(std::uint64_t number) {
  ServerId id;
  id.bytes[0] = static_cast<std::uint8_t>(1 + number % 30);
  return id;
}

// One for each of the first files, written to once.
void add_chunks(MasterState& state, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    const InodeId inode = must(state.names().find(path_of(i % state.names().files())), "finding a file");
    const ChunkHandle handle{state.last_handle().value + 1};
    std::vector<ServerId> members{server(i), server(i + 7), server(i + 13)};
    apply(state,
          AllocateChunkOp{inode, static_cast<std::uint32_t>(i / state.names().files()), handle, members, members[0]});
    apply(state, ActivateOp{handle, Version{1}});
  }
}

std::uint64_t resident() {
  malloc_trim(0);
  return resident_memory(getpid());
}

void memory(const Options& options) {
  MasterState state;
  add_files(state, 0, 1000);
  const std::uint64_t before = resident();
  auto start = std::chrono::steady_clock::now();
  add_files(state, 1000, options.files);
  const std::uint64_t with_files = resident();
  std::printf("memory     %llu files: %.1f bytes each, %.2f us each to apply\n",
              static_cast<unsigned long long>(options.files),
              static_cast<double>(with_files - before) / static_cast<double>(options.files - 1000),
              1e6 * seconds_since(start) / static_cast<double>(options.files));
  start = std::chrono::steady_clock::now();
  add_chunks(state, options.chunks);
  std::printf("           %llu chunks of three members: %.1f bytes each, %.2f us each to allocate and activate\n",
              static_cast<unsigned long long>(options.chunks),
              static_cast<double>(resident() - with_files) / static_cast<double>(options.chunks),
              1e6 * seconds_since(start) / static_cast<double>(options.chunks));
  start = std::chrono::steady_clock::now();
  FrozenState frozen(state);
  std::printf("           frozen in %.1f ms\n", 1e3 * seconds_since(start));
}

// One node's master, as far as its state goes.
struct Node {
  Node(EventLoop& loop, Random& random, const std::string& directory)
      : disk(must(PosixDisk::open(directory, loop, {.create = true}), "opening the directory")),
        log(*disk, random, {}),
        store(loop, *disk, random),
        checkpointer(loop, store, log, state, {.after_bytes = std::uint64_t{1} << 60}),
        journal(loop, log, state, [](const Error& error) {
          std::fprintf(stderr, "the log failed: %s\n", error.text().c_str());
          std::exit(1);
        }) {}
  std::unique_ptr<PosixDisk> disk;
  MasterState state;
  LogStore log;
  CheckpointStore store;
  Checkpointer checkpointer;
  Journal journal;
};

class Histogram {
 public:
  void add(Duration value) { values_.push_back(1e3 * to_seconds(value)); }
  std::string text() {
    if (values_.empty()) return "nothing";
    std::sort(values_.begin(), values_.end());
    auto at = [&](double part) {
      return values_[static_cast<std::size_t>(part * static_cast<double>(values_.size() - 1))];
    };
    return fmt::format("p50 {:.2f}  p90 {:.2f}  p99 {:.2f}  p99.9 {:.2f}  max {:.2f} ms ({})", at(0.5), at(0.9),
                       at(0.99), at(0.999), values_.back(), values_.size());
  }

 private:
  std::vector<double> values_;
};

struct Load {
  std::uint64_t next = 0;
  bool stop = false;
  Histogram latency;
  Histogram lateness;
};

Task<> creator(EventLoop& loop, Node& node, Load& load) {
  while (!load.stop) {
    const std::uint64_t file = load.next++;
    const Instant began = loop.now();
    OpBody body = CreateFileOp{fmt::format("/new/file-{:011}", file), 3};
    co_await node.journal.commit(std::move(body));
    load.latency.add(loop.now() - began);
  }
}

Task<> timekeeper(EventLoop& loop, Load& load) {
  while (!load.stop) {
    const Instant due = loop.now() + 1ms;
    co_await loop.sleep(1ms);
    load.lateness.add(loop.now() - due);
  }
}

// Until `done`; the load goes on from where it is.
Task<> run_load(EventLoop& loop, Node& node, const Options& options, std::uint64_t& next, std::string name,
                Task<> done) {
  Load load;
  load.next = next;
  const Instant began = loop.now();
  std::vector<Task<>> tasks;
  for (unsigned i = 0; i < options.in_flight; ++i) tasks.push_back(creator(loop, node, load));
  tasks.push_back(timekeeper(loop, load));
  (void)loop.take_longest_stall();
  TaskGroup group;
  bool ended = false;
  group.spawn(all_of(std::move(tasks)), [&ended](auto) { ended = true; });
  co_await std::move(done);
  const Duration took = loop.now() - began;
  const std::uint64_t count = load.next - next;
  load.stop = true;
  while (!ended) co_await loop.sleep(1ms);
  next = load.next;
  std::printf(
      "checkpoint %s: %.0f creates/s, %u in flight\n             creates  %s\n             timers late by  %s\n"
      "             longest stall of the loop %.1f ms\n",
      name.c_str(), static_cast<double>(count) / to_seconds(took), options.in_flight, load.latency.text().c_str(),
      load.lateness.text().c_str(), 1e3 * to_seconds(loop.take_longest_stall()));
}

Task<> rest(EventLoop& loop, Duration time) { co_await loop.sleep(time); }

Task<> write_checkpoints(Node& node, int count, std::uint64_t& peak) {
  for (int i = 0; i < count; ++i) {
    Checkpointer::Written written = co_await node.checkpointer.now();
    std::printf("             written: index %llu, %.1f MiB in %.0f ms\n",
                static_cast<unsigned long long>(written.index),
                static_cast<double>(written.bytes) / static_cast<double>(MiB), 1e3 * to_seconds(written.took));
  }
  peak = peak_memory(getpid());
}

// Under load: three seconds without, then as long as three checkpoints take.
Task<> serve(EventLoop& loop, Node& node, const Options& options) {
  OpBody body = MakeDirectoryOp{"/new", false};
  co_await node.journal.commit(std::move(body));
  std::uint64_t next = 0;
  co_await run_load(loop, node, options, next, "none", rest(loop, 3s));
  const std::uint64_t before = resident_memory(getpid());
  reset_peak_memory(getpid());
  std::uint64_t peak = 0;
  co_await run_load(loop, node, options, next, "three, one after the other", write_checkpoints(node, 3, peak));
  const std::uint64_t after = std::max(before, resident_memory(getpid()));
  std::printf("             memory during it at most %.2f times that after it (the files made meanwhile are in both)\n",
              static_cast<double>(peak) / static_cast<double>(after));
}

Task<> set_up(Node& node, ClusterId cluster) {
  co_await node.log.format(cluster, 1);
  co_await node.checkpointer.recover(cluster, 1);
}

void checkpoint(const Options& options) {
  std::string directory = options.directory + "/gfs-bench-XXXXXX";
  if (mkdtemp(directory.data()) == nullptr) std::exit(1);
  EventLoop loop;
  Random random(1);
  const ClusterId cluster = ClusterId::random(random);
  {
    Node node(loop, random, directory);
    must(loop.run(set_up(node, cluster)), "formatting");
    add_files(node.state, 0, options.files);
    add_chunks(node.state, options.chunks);
    // What the state came from is not in the log of this directory: it begins behind a checkpoint of it.
    must(loop.run(serve(loop, node, options)), "serving");
  }
  auto start = std::chrono::steady_clock::now();
  Node again(loop, random, directory);
  must(loop.run(again.checkpointer.recover(cluster, 1)), "restarting");
  std::printf("restart    %llu files, %llu chunks: %.2f s\n",
              static_cast<unsigned long long>(again.state.names().files()),
              static_cast<unsigned long long>(again.state.chunks().size()), seconds_since(start));
  std::filesystem::remove_all(directory);
}

void snapshot(const Options&) {
  for (std::uint64_t files : {std::uint64_t{1000}, std::uint64_t{10'000}, Namespace::kCopiedAtOnce / 1001 * 1000}) {
    MasterState state;
    apply(state, MakeDirectoryOp{"/all", false});
    add_files(state, 0, files);
    add_chunks(state, files);
    for (std::uint64_t i = 0; i < files; i += 1000) {
      const std::string directory = directory_of(i);
      apply(state, RenameOp{directory, "/all" + directory, false});
    }
    const std::uint64_t before = resident();
    const InodeId head = must(state.names().find("/all"), "finding it");
    const std::uint64_t frozen = must(state.tree_chunks(head), "its digest").digest;
    auto start = std::chrono::steady_clock::now();
    apply(state, SnapshotOp{"/all", "s", true, frozen});
    const double made = seconds_since(start);
    const std::uint64_t with = resident();
    start = std::chrono::steady_clock::now();
    apply(state, RemoveSnapshotOp{"s"});
    const double removed = seconds_since(start);
    start = std::chrono::steady_clock::now();
    std::size_t purges = 0;
    for (; state.names().trash().size() > 0; ++purges) apply(state, PurgeOp{1000});
    std::printf(
        "snapshot   %llu files and chunks: made in %.1f ms (%.2f us each), %.1f bytes each; its end %.2f ms and %zu "
        "steps of %.2f ms\n",
        static_cast<unsigned long long>(files), 1e3 * made, 1e6 * made / static_cast<double>(files),
        static_cast<double>(with - before) / static_cast<double>(files), 1e3 * removed, purges,
        purges > 0 ? 1e3 * seconds_since(start) / static_cast<double>(purges) : 0.0);
  }
}

int run(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; ++i) {
    std::string argument = arguments[i];
    auto value = [&]() -> std::string { return i + 1 < count ? arguments[++i] : ""; };
    if (argument == "--files") {
      options.files = must(parse_size(value()), "--files");
    } else if (argument == "--chunks") {
      options.chunks = must(parse_size(value()), "--chunks");
    } else if (argument == "--dir") {
      options.directory = value();
    } else if (argument == "--in-flight") {
      options.in_flight = static_cast<unsigned>(must(parse_size(value()), "--in-flight"));
    } else {
      options.only.insert(argument);
    }
  }
  options.files = std::max<std::uint64_t>(options.files, 2000);
  log::set_level(log::Level::warn);
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  if (options.wants("memory")) memory(options);
  if (options.wants("checkpoint")) checkpoint(options);
  if (options.wants("snapshot")) snapshot(options);
  return 0;
}

}  // namespace
}  // namespace gfs::bench

int main(int count, char** arguments) { return gfs::bench::run(count, arguments); }
