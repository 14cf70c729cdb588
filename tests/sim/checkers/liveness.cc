#include "tests/sim/checkers/liveness.h"

#include <fmt/format.h>

namespace gfs::sim {

namespace {

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
  for (std::uint64_t offset : {std::uint64_t{0}, kChunk}) {
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

}  // namespace gfs::sim
