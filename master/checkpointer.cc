#include "master/checkpointer.h"

#include <utility>

#include "base/log.h"
#include "base/probe.h"

namespace gfs::master {

namespace {

constexpr Duration kAfterFailure = 60s;
constexpr std::size_t kAskedMax = 1024;  // who gave up waiting counts until the next one is there

}  // namespace

Task<> Checkpointer::recover(ClusterId cluster, std::uint64_t epoch, std::string mutant) {
  cluster_ = cluster;
  epoch_ = epoch;
  others_ = co_await store_.open();
  std::string broken;
  const std::uint64_t behind = co_await load_newest(others_, std::move(mutant), &broken);
  // One that is damaged says all the same how far the log went.
  if (!others_.empty()) log_.must_reach(others_.front());
  std::erase(others_, behind);
  last_.index = behind;
  if (behind != 0) log_.must_join(state_.epoch());
  LogStore::Replay replay = [this](std::uint64_t index, const Bytes& bytes) -> Result<> {
    Result<Op> op = decode_op(bytes);
    if (!op) return fail(std::move(op));
    state_.apply(*op, index);
    if (state_.epoch() == log_.segment_epoch()) return {};
    return fail(Code::corrupt, "an entry of epoch {} follows a state of epoch {}", log_.segment_epoch(),
                state_.epoch());
  };
  Result<> opened = co_await log_.open(cluster, epoch, behind, std::move(replay)).outcome();
  if (!opened) opened.error().message += broken;
  co_await std::move(opened);
}

Task<std::uint64_t> Checkpointer::load_newest(std::vector<std::uint64_t> indices, std::string mutant,
                                              std::string* broken) {
  for (std::uint64_t index : indices) {
    Result<MasterState> loaded = co_await store_.load(index, cluster_, epoch_, mutant, state_.chunk_size()).outcome();
    if (loaded) {
      state_ = std::move(*loaded);
      co_return index;
    }
    const bool damaged = loaded.error().code == Code::corrupt || loaded.error().code == Code::io_error;
    if (!damaged) co_await std::move(loaded);
    PROBE("a damaged checkpoint was passed over");
    log::error("checkpoint_broken", {{"index", index}, {"why", loaded.error().text()}});
    *broken += "; " + loaded.error().text();
  }
  co_return 0;
}

void Checkpointer::tick() {
  if (running_ || executor_.now() < not_before_) return;
  if (log_.bytes_read_and_written() - bytes_at_last_ < settings_.after_bytes) return;
  begin();
}

Task<Checkpointer::Written> Checkpointer::now() {
  if (asked_.size() >= kAskedMax)
    co_await fail(Code::overloaded, "{} wait for the next checkpoint already", asked_.size());
  Future<Written> written = asked_.emplace_back().future();
  begin();
  co_return co_await std::move(written);
}

Task<> Checkpointer::stop() {
  store_.give_up();
  co_await group_.idle();
}

void Checkpointer::begin() {
  if (std::exchange(running_, true)) return;
  group_.spawn(run(), [this](Result<>) { running_ = false; });
}

Task<> Checkpointer::run() {
  do {
    std::vector<Promise<Written>> told = std::exchange(asked_, {});
    Result<Written> written = co_await write().outcome();
    for (Promise<Written>& one : told) one.set(written);
  } while (!asked_.empty());
}

Task<Checkpointer::Written> Checkpointer::write() {
  const Instant began = executor_.now();
  const std::uint64_t bytes_before = log_.bytes_read_and_written();
  Written written;
  written.index = state_.index();
  if (written.index == last_.index) co_return last_;
  CheckpointHeader header{cluster_, state_.epoch(), log_.term(), written.index, 0};
  FrozenState frozen(state_);
  Result<std::uint64_t> size = co_await store_.write(header, std::move(frozen)).outcome();
  if (!size) {
    ++failures_;
    others_.push_back(written.index);  // it may be there all the same, if only its name could not be made durable
    not_before_ = executor_.now() + kAfterFailure;
    log::warn("checkpoint_failed", {{"index", written.index}, {"why", size.error().text()}});
    co_await std::move(size);
  }
  PROBE("the master wrote a checkpoint");
  written.bytes = *size;
  written.took = executor_.now() - began;
  bytes_at_last_ = bytes_before;
  log::info("checkpoint", {{"index", written.index}, {"bytes", written.bytes}, {"ms", to_ms(written.took)}});
  const std::uint64_t before = last_.index;
  last_ = written;
  Result<> cleared = co_await clear_away(before).outcome();
  if (!cleared) log::warn("checkpoint_not_cleared", {{"why", cleared.error().text()}});
  co_return written;
}

// `before`: the checkpoint before this one (0: none); it stays, and the log behind it.
Task<> Checkpointer::clear_away(std::uint64_t before) {
  std::vector<std::uint64_t> go = std::exchange(others_, {});
  if (before != 0) others_.push_back(before);  // goes with the next one
  Result<> cleared;
  for (std::uint64_t index : go) {
    if (index == last_.index) continue;  // a damaged one that the new one took the place of
    Result<> gone = co_await store_.remove(index).outcome();
    if (gone) continue;
    others_.push_back(index);
    cleared = std::move(gone);
  }
  if (before != 0) co_await log_.trim(before);
  co_await std::move(cleared);
}

}  // namespace gfs::master
