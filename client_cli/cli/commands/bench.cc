// bench read|write|append|meta: how fast this cluster is from here, in a directory of its own that is removed
// afterwards.
#include <algorithm>

#include "base/units.h"
#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/paths.h"
#include "client_cli/cli/table.h"
#include "client_cli/cli/transfer.h"

namespace gfs::cli {

namespace {

struct Bench {
  Session& session;
  std::string directory;
  std::uint64_t count = 0;
  std::uint64_t size = 0;
  std::uint64_t in_flight = 0;
  std::uint64_t writers = 0;
  Bytes piece;
  Progress* progress = nullptr;
  std::vector<Error> failures;

  std::string path(std::size_t i) const { return fmt::format("{}/{:06}", directory, i); }
};

using Step = Task<> (*)(Bench&, Filesystem&, std::size_t);

Task<> write_file(Bench& bench, Filesystem& filesystem, std::size_t i) {
  Filesystem::Open how = Filesystem::Open::create_new;
  std::shared_ptr<client::File> file = co_await filesystem.open(bench.path(i), how);
  for (std::uint64_t at = 0; at < bench.size; at += bench.piece.size()) {
    Bytes bytes = bench.piece.slice(0, bench.size - at);
    co_await file->append(bytes);
    if (bench.progress != nullptr) bench.progress->add(bytes.size());
  }
  co_await file->close();
}

Task<> read_file(Bench& bench, Filesystem& filesystem, std::size_t i) {
  Filesystem::Open how = Filesystem::Open::read;
  std::shared_ptr<client::File> file = co_await filesystem.open(bench.path(i), how);
  std::uint64_t got = 0;
  while (true) {
    Bytes bytes = co_await file->next();
    if (bytes.empty()) break;
    got += bytes.size();
    bench.progress->add(bytes.size());
  }
  if (got != bench.size) co_await fail(Code::corrupt, "{}: {} bytes read of {}", bench.path(i), got, bench.size);
}

Task<> create_one(Bench& bench, Filesystem& filesystem, std::size_t i) {
  (void)co_await filesystem.create(bench.path(i));
}
Task<> stat_one(Bench& bench, Filesystem& filesystem, std::size_t i) { (void)co_await filesystem.stat(bench.path(i)); }
Task<> remove_one(Bench& bench, Filesystem& filesystem, std::size_t i) {
  (void)co_await filesystem.remove_now(bench.path(i));
}

Task<> one_step(Bench& bench, Filesystem& filesystem, Step step, std::size_t i) {
  if (!bench.failures.empty()) co_return;
  Result<> done = co_await step(bench, filesystem, i).outcome();
  if (!done) bench.failures.push_back(std::move(done).error());
}

Task<> all_steps(Bench& bench, Filesystem& filesystem, Step step) {
  auto one = [&bench, &filesystem, step](std::size_t i) { return one_step(bench, filesystem, step, i); };
  co_await for_each(bench.count, bench.in_flight, one);
}

// Seconds.
Result<double> time(Bench& bench, Step step) {
  auto started = std::chrono::steady_clock::now();
  Result<> done = bench.session.run<void>([&](Filesystem& filesystem) { return all_steps(bench, filesystem, step); });
  if (!done) return fail(std::move(done));
  if (!bench.failures.empty()) return fail(std::move(bench.failures.front()));
  return std::max(1e-9, std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count());
}

void tell(Bench& bench, std::string_view what, double seconds, bool bytes) {
  Output& out = bench.session.out();
  auto count = static_cast<double>(bench.count);
  double rate = bytes ? count * static_cast<double>(bench.size) / seconds : count / seconds;
  if (out.json()) {
    Json json{{"bench", what},
              {"count", bench.count},
              {"size", bench.size},
              {"in_flight", bench.in_flight},
              {"seconds", seconds}};
    json[bytes ? "bytes_per_second" : "per_second"] = rate;
    json["files_per_second"] = count / seconds;
    out.object(std::move(json));
    return;
  }
  std::string speed =
      bytes ? fmt::format("{}/s  {:.1f} files/s", format_size(static_cast<std::uint64_t>(rate)), count / seconds)
            : fmt::format("{:.0f}/s", rate);
  std::string amount =
      bytes ? fmt::format("{} x {}", bench.count, format_size(bench.size)) : std::to_string(bench.count);
  out.line(fmt::format("{:<7} {}  {}  in {:.2f} s, {} in flight", what, speed, amount, seconds, bench.in_flight));
}

Result<> write_or_read(Bench& bench, bool read) {
  std::string pattern(std::min<std::uint64_t>(kPiece, bench.size), '\0');
  Random random(1);
  for (char& c : pattern) c = static_cast<char>(random.next());
  bench.piece = Bytes::of(std::move(pattern));
  Result<double> seconds = 0.0;
  for (Step step : {&write_file, &read_file}) {
    if (step == &read_file && !read) break;
    Progress progress(bench.session.out(), step == &read_file ? "reading" : "writing", bench.count * bench.size);
    bench.progress = &progress;
    seconds = time(bench, step);
    if (!seconds) return fail(std::move(seconds));
  }
  tell(bench, read ? "read" : "write", *seconds, true);
  return {};
}

Result<> names(Bench& bench) {
  struct Phase {
    std::string_view name;
    Step step;
  };
  for (Phase phase : {Phase{"create", create_one}, Phase{"stat", stat_one}, Phase{"remove", remove_one}}) {
    Result<double> seconds = time(bench, phase.step);
    if (!seconds) return fail(std::move(seconds));
    tell(bench, phase.name, *seconds, false);
  }
  return {};
}

// One writer with an appender of its own; in_flight records of it under way at a time.
Task<> append_some(Bench& bench, Filesystem& filesystem, std::size_t writer) {
  if (!bench.failures.empty()) co_return;
  Result<std::shared_ptr<client::Appender>> log = co_await filesystem.open_appender(bench.path(0)).outcome();
  if (!log) {
    bench.failures.push_back(std::move(log).error());
    co_return;
  }
  struct One {
    static Task<> append(Bench& of, std::shared_ptr<client::Appender> to, std::size_t) {
      if (!of.failures.empty()) co_return;
      Bytes record = of.piece;
      Result<client::Appended> done = co_await to->append(std::move(record)).outcome();
      if (!done) of.failures.push_back(std::move(done).error());
      if (of.progress != nullptr) of.progress->add(of.size);
    }
  };
  std::uint64_t count = bench.count / bench.writers + (writer < bench.count % bench.writers ? 1 : 0);
  auto one = [&bench, to = *log](std::size_t i) { return One::append(bench, to, i); };
  co_await for_each(count, bench.in_flight, one);
  Result<> closed = co_await (*log)->close().outcome();
  if (!closed) bench.failures.push_back(std::move(closed).error());
}

Task<> append_all(Bench& bench, Filesystem& filesystem) {
  std::vector<Task<>> writers;
  for (std::size_t i = 0; i < bench.writers; ++i) writers.push_back(append_some(bench, filesystem, i));
  co_await all_of(std::move(writers));
}

Result<> appends(Bench& bench) {
  bench.piece = Bytes::of(std::string(bench.size, 'r'));
  Progress progress(bench.session.out(), "appending", bench.count * bench.size);
  bench.progress = &progress;
  auto started = std::chrono::steady_clock::now();
  Result<> done = bench.session.run<void>([&](Filesystem& filesystem) { return append_all(bench, filesystem); });
  if (!done) return done;
  if (!bench.failures.empty()) return fail(std::move(bench.failures.front()));
  double seconds = std::max(1e-9, std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count());
  double rate = static_cast<double>(bench.count) / seconds;
  Output& out = bench.session.out();
  if (out.json()) {
    out.object({{"bench", "append"},
                {"count", bench.count},
                {"size", bench.size},
                {"writers", bench.writers},
                {"in_flight", bench.in_flight},
                {"seconds", seconds},
                {"per_second", rate}});
    return {};
  }
  out.line(fmt::format("append  {:.0f} records/s of {}  {} in {:.2f} s, {} writers, {} in flight each", rate,
                       format_size(bench.size), bench.count, seconds, bench.writers, bench.in_flight));
  return {};
}

enum class What { read, write, append, meta };

Result<int> bench(Session& session, const Arguments& arguments, What what) {
  bool meta = what == What::meta;
  bool append = what == What::append;
  Result<std::uint64_t> count = arguments.number("count", meta || append ? 10000 : 4, 1, 1'000'000);
  Result<std::uint64_t> size = append ? arguments.size("size", 4 * KiB, 16 * MiB)
                               : meta ? 0
                                      : arguments.size("size", 64 * MiB, 1024 * GiB);
  Result<std::uint64_t> in_flight = arguments.number("in-flight", append ? 1 : meta ? 16 : 4, 1, 1024);
  Result<std::uint64_t> writers = arguments.number("writers", 16, 1, 256);
  for (auto* number : {&count, &size, &in_flight, &writers}) {
    if (!*number) return fail(std::move(*number));
  }
  Bench bench{session, "/.gfs-bench-" + hex(Random::seed_from_machine()), *count, *size, *in_flight, *writers};
  auto make = [path = bench.directory](Filesystem& filesystem) { return filesystem.make_directory(path); };
  Result<FileInfo> made = session.run<FileInfo>(make);
  if (!made) return fail(std::move(made));
  Result<> done = meta ? names(bench) : append ? appends(bench) : write_or_read(bench, what == What::read);
  auto clean = [path = bench.directory](Filesystem& filesystem) { return filesystem.remove_now(path, true); };
  Result<bus::Remove::Reply> cleaned = session.run_to_end<bus::Remove::Reply>(clean);
  if (!cleaned) session.warn("left behind: " + bench.directory);
  if (!done) return fail(std::move(done));
  return kOk;
}

Result<int> run_read(Session& session, const Arguments& arguments) { return bench(session, arguments, What::read); }
Result<int> run_write(Session& session, const Arguments& arguments) { return bench(session, arguments, What::write); }
Result<int> run_append(Session& session, const Arguments& arguments) { return bench(session, arguments, What::append); }
Result<int> run_meta(Session& session, const Arguments& arguments) { return bench(session, arguments, What::meta); }

const std::vector<Option> kDataOptions{{0, "size", "SIZE", "of each file (64MiB)"},
                                       {0, "count", "N", "files (4)"},
                                       {0, "in-flight", "N", "files at once (4)"}};

}  // namespace

const Command kBenchRead{
    .name = "bench read",
    .group = "Cluster",
    .usage = "[--size S] [--count N] ...",
    .summary = "measures reading (of files it writes first)",
    .help = "Example: bench read --size 256MiB --count 2",
    .options = kDataOptions,
    .run = run_read,
};

const Command kBenchWrite{
    .name = "bench write",
    .group = "Cluster",
    .usage = "[--size S] [--count N] ...",
    .summary = "measures writing, until all is on disk",
    .help = "Example: bench write --size 4KiB --count 5000 --in-flight 16",
    .options = kDataOptions,
    .run = run_write,
};

const Command kBenchAppend{
    .name = "bench append",
    .group = "Cluster",
    .usage = "[--size S] [--count N] ...",
    .summary = "measures appending records to one file",
    .help =
        "Each writer waits for its record before the next, or keeps --in-flight of them under way.\n"
        "Example: bench append --size 4KiB --count 100000 --writers 1 --in-flight 512",
    .options = {{0, "size", "SIZE", "of each record (4KiB)"},
                {0, "count", "N", "records of all writers (10000)"},
                {0, "writers", "N", "side by side (16)"},
                {0, "in-flight", "N", "records of one writer at once (1)"}},
    .run = run_append,
};

const Command kBenchMeta{
    .name = "bench meta",
    .group = "Cluster",
    .usage = "[--count N] ...",
    .summary = "measures creating, stating and removing names",
    .help = "Example: bench meta --count 20000 --in-flight 64",
    .options = {{0, "count", "N", "names (10000)"}, {0, "in-flight", "N", "requests at once (16)"}},
    .run = run_meta,
};

}  // namespace gfs::cli
