#include "tests/sim/seeds.h"

#include <fmt/format.h>
#include <malloc.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>

#include "base/check.h"

namespace gfs::sim {

namespace {

constexpr std::uint64_t kBatchMax = 8;

// A forked process, and what has come from it.
struct Worker {
  std::uint64_t next = 0, end = 0;  // seeds still to be told
  pid_t process = 0;
  int pipe = -1;
  std::string bytes;
};

void write_all(int to, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t done = write(to, data, size);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) _exit(3);  // nobody listens any more
    data += done;
    size -= static_cast<std::size_t>(done);
  }
}

Worker start(std::uint64_t first, std::uint64_t end, const std::function<SeedResult(std::uint64_t seed)>& run) {
  int ends[2];
  CHECK(pipe(ends) == 0, "cannot make a pipe");
  std::fflush(nullptr);
  const pid_t process = fork();
  CHECK(process >= 0, "cannot fork");
  if (process > 0) {
    close(ends[1]);
    return {first, end, process, ends[0], {}};
  }
  close(ends[0]);
  for (std::uint64_t seed = first; seed < end; ++seed) {
    msgpack::sbuffer buffer;
    msgpack::pack(buffer, run(seed));
    const auto size = static_cast<std::uint32_t>(buffer.size());
    write_all(ends[1], reinterpret_cast<const char*>(&size), sizeof size);
    write_all(ends[1], buffer.data(), buffer.size());
  }
  _exit(0);
}

// The next whole result, if there is one.
bool take(Worker& worker, SeedResult& result) {
  std::uint32_t size = 0;
  if (worker.bytes.size() < sizeof size) return false;
  std::memcpy(&size, worker.bytes.data(), sizeof size);
  if (worker.bytes.size() < sizeof size + size) return false;
  msgpack::object_handle handle = msgpack::unpack(worker.bytes.data() + sizeof size, size);
  handle.get().convert(result);
  worker.bytes.erase(0, sizeof size + size);
  return true;
}

class Crew {
 public:
  Crew(const Seeds& seeds, const std::function<SeedResult(std::uint64_t seed)>& run)
      : run_(run), next_(seeds.first), end_(seeds.first + seeds.count), jobs_(seeds.jobs) {
    batch_ = std::clamp<std::uint64_t>(seeds.count / (4 * std::uint64_t{seeds.jobs}), 1, kBatchMax);
  }
  ~Crew() {
    for (Worker& worker : workers_) {
      kill(worker.process, SIGKILL);
      finish(worker);
    }
  }

  void fill() {
    while (workers_.size() < jobs_ && next_ < end_) {
      const std::uint64_t to = std::min(next_ + batch_, end_);
      workers_.push_back(start(next_, to, run_));
      next_ = to;
    }
  }
  bool busy() const { return !workers_.empty(); }

  // Waits until something comes, and puts it to the results.
  void wait(std::map<std::uint64_t, SeedResult>& results) {
    std::vector<pollfd> polled;
    for (const Worker& worker : workers_) polled.push_back({worker.pipe, POLLIN, 0});
    if (poll(polled.data(), polled.size(), -1) < 0) return;
    for (std::size_t i = polled.size(); i > 0; --i) {
      if (polled[i - 1].revents != 0) hear(i - 1, results);
    }
  }

 private:
  void hear(std::size_t number, std::map<std::uint64_t, SeedResult>& results) {
    Worker& worker = workers_[number];
    char buffer[65536];
    const ssize_t got = read(worker.pipe, buffer, sizeof buffer);
    if (got < 0) return;
    worker.bytes.append(buffer, static_cast<std::size_t>(got));
    for (SeedResult result; take(worker, result); result = {}) {
      worker.next = result.seed + 1;
      results.emplace(result.seed, std::move(result));
    }
    if (got > 0) return;
    const int status = finish(worker);
    if (worker.next < worker.end) {
      SeedResult died;
      died.seed = worker.next;
      died.faults_found.push_back(fmt::format("crash: the process of this seed ended with status {}", status));
      results.emplace(died.seed, std::move(died));
    }
    workers_.erase(workers_.begin() + static_cast<std::ptrdiff_t>(number));
  }
  static int finish(Worker& worker) {
    close(worker.pipe);
    int status = 0;
    waitpid(worker.process, &status, 0);
    return status;
  }

  const std::function<SeedResult(std::uint64_t seed)>& run_;
  std::uint64_t next_, end_;
  const unsigned jobs_;
  std::uint64_t batch_ = 1;
  std::vector<Worker> workers_;
};

}  // namespace

void run_seeds(const Seeds& seeds, const std::function<SeedResult(std::uint64_t seed)>& run,
               const std::function<bool(const SeedResult&)>& told) {
  if (seeds.jobs <= 1) {
    for (std::uint64_t seed = seeds.first; seed < seeds.first + seeds.count; ++seed) {
      if (!told(run(seed))) return;
      malloc_trim(0);  // what one seed needed is in pieces that the next one may not fit into
    }
    return;
  }
  Crew crew(seeds, run);
  std::map<std::uint64_t, SeedResult> results;
  std::uint64_t next = seeds.first;
  for (crew.fill(); crew.busy(); crew.fill()) {
    crew.wait(results);
    for (auto result = results.find(next); result != results.end(); result = results.find(++next)) {
      if (!told(result->second)) return;
      results.erase(result);
    }
  }
}

}  // namespace gfs::sim
