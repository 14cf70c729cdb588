#include "client_cli/cli/transfer.h"

#include <algorithm>

#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/paths.h"

namespace gfs::cli {

namespace {

// Of all transfers of a tree together; one file's own window is 8 MiB.
constexpr std::uint64_t kBytesInFlight = 64 << 20;
constexpr std::uint64_t kBytesPerFile = 8 << 20;
constexpr Duration kPatience = 5s;  // of a clean-up
constexpr std::uint64_t kUnavailableMax = 16;

Task<bool> remove_one(Filesystem& filesystem, std::string path) {
  Result<bus::Remove::Reply> removed = co_await filesystem.remove_now(std::move(path)).outcome();
  co_return removed.has_value() || removed.error().code == Code::not_found;
}

Task<> work_off(std::shared_ptr<std::size_t> next, std::size_t count, const std::function<Task<>(std::size_t)>& work) {
  while (*next < count) {
    std::size_t index = (*next)++;
    (void)co_await work(index).outcome();
  }
}

struct JobsState {
  Session& session;
  std::string_view verb;
  std::vector<Job> jobs;
  JobsDone done;
  std::uint64_t unavailable = 0;
  std::vector<std::pair<std::string, Error>> failures;
  Semaphore bytes{kBytesInFlight};
};

Task<> run_job(JobsState& state, Filesystem& filesystem, std::size_t index) {
  Job& job = state.jobs[index];
  if (state.unavailable >= kUnavailableMax) {
    ++state.done.failed;
    co_return;
  }
  std::uint64_t weight = std::clamp<std::uint64_t>(job.size, 1, kBytesPerFile);
  Semaphore::Held held = co_await state.bytes.take(weight);
  Result<std::uint64_t> moved = co_await job.work(filesystem).outcome();
  if (moved) {
    ++state.done.files;
    state.done.bytes += *moved;
    co_return;
  }
  if (state.done.failed++ == 0) state.done.first_failure = moved.error().code;
  if (exit_code(moved.error().code) == kUnavailable) ++state.unavailable;
  state.failures.emplace_back(job.name, std::move(moved).error());
}

Task<> run_all(JobsState& state, Filesystem& filesystem) {
  auto one = [&state, &filesystem](std::size_t index) { return run_job(state, filesystem, index); };
  co_await for_each(state.jobs.size(), kInFlight, one);
}

}  // namespace

void remove_leftovers(Session& session, Leftovers& leftovers) {
  bool was_interrupted = interrupted();
  for (const std::string& path : leftovers) {
    auto remove = [&session, path](Filesystem& filesystem) {
      Executor& executor = session.executor();
      return with_deadline<bool>(executor, executor.now() + kPatience, "removing " + path,
                                 remove_one(filesystem, path));
    };
    Result<bool> removed = session.run_to_end<bool>(remove);
    if (!removed || !*removed) session.warn("left behind, incomplete: " + path);
  }
  leftovers.clear();
  set_interrupted(was_interrupted || interrupted());
}

Task<std::shared_ptr<RemoteTarget>> RemoteTarget::begin(Filesystem& filesystem, Leftovers& leftovers,
                                                        Settings settings) {
  std::shared_ptr<RemoteTarget> target(new RemoteTarget(filesystem, leftovers, std::move(settings)));
  target->written_ = target->settings_.path;
  if (target->settings_.replace) {
    Result<FileInfo> old = co_await filesystem.stat(target->settings_.path).outcome();
    if (!old && old.error().code != Code::not_found) co_await fail(std::move(old));
    if (old && old->type == FileType::directory) {
      co_await fail(Code::is_a_directory, "{} is a directory", target->settings_.path);
    }
    if (old) target->written_ = temporary_beside(target->settings_.path);
  }
  Filesystem::Open how = Filesystem::Open::create_new;
  target->file_ = co_await filesystem.open(target->written_, how, target->settings_.replicas);
  leftovers.insert(target->written_);
  co_return target;
}

Task<> RemoteTarget::finish() {
  co_await file_->close();
  if (written_ != settings_.path) {
    co_await filesystem_.rename(written_, settings_.path, true);
  }
  leftovers_.erase(written_);
}

Task<std::uint64_t> upload(Filesystem& filesystem, Leftovers& leftovers, Progress& progress, std::string local,
                           bool follow_links, RemoteTarget::Settings settings) {
  LocalSource source = co_await LocalSource::open(local, follow_links);
  std::shared_ptr<RemoteTarget> target = co_await RemoteTarget::begin(filesystem, leftovers, std::move(settings));
  std::uint64_t moved = 0;
  while (true) {
    std::string piece = co_await source.read();
    std::uint64_t size = piece.size();
    if (size == 0) break;
    Bytes bytes = Bytes::of(std::move(piece));
    co_await target->file().append(std::move(bytes));
    moved += size;
    progress.add(size);
  }
  co_await target->finish();
  co_return moved;
}

Task<std::uint64_t> download(Filesystem& filesystem, Progress& progress, std::string remote, std::string local,
                             bool replace) {
  Filesystem::Open how = Filesystem::Open::read;
  std::shared_ptr<client::File> file = co_await filesystem.open(std::move(remote), how);
  LocalTarget target = co_await LocalTarget::begin(std::move(local), replace);
  std::uint64_t moved = 0;
  while (true) {
    Bytes bytes = co_await file->next();
    if (bytes.empty()) break;
    co_await target.write(bytes.view());
    moved += bytes.size();
    progress.add(bytes.size());
  }
  co_await target.finish();
  co_return moved;
}

Task<std::uint64_t> copy(Filesystem& filesystem, Leftovers& leftovers, Progress& progress, std::string source,
                         RemoteTarget::Settings settings) {
  Filesystem::Open how = Filesystem::Open::read;
  std::shared_ptr<client::File> file = co_await filesystem.open(std::move(source), how);
  std::shared_ptr<RemoteTarget> target = co_await RemoteTarget::begin(filesystem, leftovers, std::move(settings));
  std::uint64_t moved = 0;
  while (true) {
    Bytes bytes = co_await file->next();
    if (bytes.empty()) break;
    moved += bytes.size();
    progress.add(bytes.size());
    co_await target->file().append(std::move(bytes));
  }
  co_await target->finish();
  co_return moved;
}

Task<> for_each(std::size_t count, std::size_t limit, std::function<Task<>(std::size_t)> work) {
  auto next = std::make_shared<std::size_t>(0);
  std::vector<Task<>> workers;
  for (std::size_t i = 0; i < std::min(count, limit); ++i) workers.push_back(work_off(next, count, work));
  co_await all_of<void>(std::move(workers));
}

int JobsDone::exit() const {
  if (failed == 0) return kOk;
  return files > 0 ? kPartly : exit_code(first_failure);
}

Result<JobsDone> run_jobs(Session& session, std::string_view verb, std::vector<Job> jobs) {
  JobsState state{session, verb, std::move(jobs)};
  Result<> ran = session.run<void>([&state](Filesystem& filesystem) { return run_all(state, filesystem); });
  for (const auto& [name, error] : state.failures) session.tell(verb, error);
  if (!ran) return fail(std::move(ran));
  if (state.done.failed > state.failures.size()) {
    session.warn(
        fmt::format("{} more were not tried: the cluster is not available", state.done.failed - state.failures.size()));
  }
  return state.done;
}

}  // namespace gfs::cli
