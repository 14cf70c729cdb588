#include "tests/bench/append_load.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "base/task_group.h"
#include "tests/bench/processes.h"

namespace gfs::bench {

namespace {

void must(const Result<>& result, const char* what) {
  if (result) return;
  std::fprintf(stderr, "%s: %s\n", what, result.error().text().c_str());
  std::exit(1);
}

// One after the other.
Task<> append_some(std::shared_ptr<client::Appender> log, Bytes record, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    Bytes bytes = record;
    (void)co_await log->append(std::move(bytes));
  }
}

Task<> writer(client::Filesystem& fs, AppendLoad load, Bytes record) {
  std::shared_ptr<client::Appender> log = co_await fs.open_appender(load.path);
  std::vector<Task<>> lanes;
  std::uint64_t each = load.count / load.writers / load.in_flight;
  for (unsigned i = 0; i < load.in_flight; ++i) lanes.push_back(append_some(log, record, each));
  std::vector<Result<>> results = co_await all_of(std::move(lanes));
  for (Result<>& result : results) co_await std::move(result);
}

Task<> all_writers(client::Filesystem& fs, AppendLoad load) {
  Bytes record = Bytes::of(std::string(load.size, 'r'));
  std::vector<Task<>> writers;
  for (unsigned i = 0; i < load.writers; ++i) writers.push_back(writer(fs, load, record));
  std::vector<Result<>> results = co_await all_of(std::move(writers));
  for (Result<>& result : results) co_await std::move(result);
}

}  // namespace

void run_appends(client::Blocking& client, const AppendLoad& load) {
  must(client.run<void>([&](client::Filesystem& fs) { return all_writers(fs, load); }), "appending");
}

AppendProcess::AppendProcess(const AppendLoad& load) {
  int to[2], from[2];
  if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) std::abort();
  process_ = fork();
  if (process_ == 0) {
    dup2(to[0], 0);
    dup2(from[1], 1);
    execl("/proc/self/exe", "cluster_bench", "append-writer", load.master.c_str(), load.path.c_str(),
          std::to_string(load.writers).c_str(), std::to_string(load.in_flight).c_str(),
          std::to_string(load.size).c_str(), std::to_string(load.count).c_str(), nullptr);
    _exit(1);
  }
  close(to[0]);
  close(from[1]);
  to_ = to[1];
  from_ = from[0];
}

AppendProcess::~AppendProcess() {
  close(to_);
  close(from_);
  waitpid(process_, nullptr, 0);
}

void AppendProcess::wait() {
  char said = 0;
  if (read(from_, &said, 1) != 1) std::exit(1);  // it has told why
}

void AppendProcess::go() {
  if (write(to_, "g", 1) != 1) std::exit(1);
}

double AppendProcess::cpu() const { return cpu_seconds(process_); }

int append_writer(int count, char** arguments) {
  if (count != 8) return 2;
  AppendLoad load{arguments[2], arguments[3]};
  load.writers = static_cast<unsigned>(std::atoi(arguments[4]));
  load.in_flight = static_cast<unsigned>(std::atoi(arguments[5]));
  load.size = std::strtoull(arguments[6], nullptr, 10);
  load.count = std::strtoull(arguments[7], nullptr, 10);
  client::Settings settings;
  settings.master = load.master;
  client::Blocking client(settings);
  AppendLoad warm = load;
  warm.count = warm.writers = warm.in_flight = 1;
  run_appends(client, warm);
  char told = 0;
  if (write(1, "r", 1) != 1 || read(0, &told, 1) != 1) return 1;
  run_appends(client, load);
  if (write(1, "d", 1) != 1) return 1;
  while (read(0, &told, 1) > 0) continue;
  return 0;
}

}  // namespace gfs::bench
