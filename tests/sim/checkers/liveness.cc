#include "tests/sim/checkers/liveness.h"

#include <fmt/format.h>

namespace gfs::sim {

namespace {

constexpr std::uint64_t kNewRecord = 64;

Task<> write_and_sync(History& history, Executor& executor, client::Filesystem& filesystem, std::size_t file,
                      std::uint64_t offset) {
  std::shared_ptr<client::File> open = co_await filesystem.open(data_path(file), client::Filesystem::Open::create);
  const std::uint64_t id = history.begin(file, offset, kCell, executor.now());
  Result<> written = co_await open->write(offset, content_of(id, offset, kCell)).outcome();
  Fate fate = Fate::ok;
  if (!written) fate = written.error().outcome() == Outcome::may_have_happened ? Fate::unknown : Fate::failed;
  history.end(id, fate, executor.now());
  co_await std::move(written);
  co_await open->close();
  history.synced_size[file] = std::max(history.synced_size[file], offset + kCell);
}

}  // namespace

Task<> check_new_writes(History& history, Executor& executor, client::Filesystem& filesystem, std::size_t file) {
  for (std::uint64_t offset : {std::uint64_t{0}, history.chunk_size}) {
    const Instant until = executor.now() + kNewWork;
    while (true) {
      Result<> done = co_await write_and_sync(history, executor, filesystem, file, offset).outcome();
      if (done) break;
      if (executor.now() >= until) {
        history.found("liveness", fmt::format("a new write at {} of {} does not succeed: {}", offset, data_path(file),
                                              done.error().text()));
        break;
      }
      co_await executor.sleep(500ms);
    }
  }
}

Task<> check_new_append(History& history, AppendHistory& appends, Executor& executor, client::Filesystem& filesystem,
                        std::size_t file) {
  const Instant until = executor.now() + kNewWork;
  for (std::uint64_t number = 1;; ++number) {
    const RecordName name{file, kVerifier, number};
    appends.begin(name, kNewRecord, kVerifier, executor.now());
    Result<client::Appended> done = fail(Code::unavailable, "not tried yet");
    Result<std::shared_ptr<client::Appender>> appender = co_await filesystem.open_appender(append_path(file)).outcome();
    Fate fate = Fate::failed;
    if (appender) {
      done = co_await (*appender)->append(record_of(name, kNewRecord)).outcome();
      if (done) fate = Fate::ok;
      if (!done && done.error().outcome() == Outcome::may_have_happened) fate = Fate::unknown;
    } else {
      done = fail(std::move(appender).error());
    }
    appends.end(name, fate, done ? done->offset : 0, executor.now());
    if (done) co_return;
    if (executor.now() >= until) {
      history.found("liveness",
                    fmt::format("a new append to {} does not succeed: {}", append_path(file), done.error().text()));
      co_return;
    }
    co_await executor.sleep(500ms);
  }
}

}  // namespace gfs::sim
