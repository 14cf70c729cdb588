#include "master/journal.h"

#include <algorithm>
#include <iterator>

#include "base/log.h"

namespace gfs::master {

namespace {

// At once, or later, here or on the chunkservers.
bool frees_space(const OpBody& body) {
  return std::holds_alternative<RemoveOp>(body) || std::holds_alternative<ExpireOp>(body) ||
         std::holds_alternative<PurgeOp>(body) || std::holds_alternative<TruncateOp>(body) ||
         std::holds_alternative<CloseClientOp>(body) || std::holds_alternative<RemoveSnapshotOp>(body);
}

}  // namespace

Journal::Journal(Executor& executor, LogStore& log, MasterState& state, std::function<void(Error)> fatal)
    : executor_(executor), log_(log), state_(state), fatal_(std::move(fatal)) {}

Task<Decision> Journal::commit(OpBody body, RequestId request, std::uint32_t digest,
                               std::shared_ptr<std::uint64_t> index) {
  Op op{{request, digest, now()}, std::move(body)};
  std::string text = encode_op(op);
  if (std::optional<Decision> settled = state_.check(op)) {
    if (index) *index = settled->index;
    if (!settled->ok()) co_await fail(settled->error());
    co_return *std::move(settled);
  }
  if (guard_) co_await guard_();
  if (reserve_ != nullptr && reserve_->spent() && !frees_space(op.body))
    co_await fail(Code::no_space, "the master's disk is full: until there is room again only what frees space is done");
  // A bigger one could be written, but not be read back.
  if (text.size() > kRecordMax)
    co_await fail(Code::too_large, "a change of {} bytes: at most {} are possible", text.size(), kRecordMax);
  if (closed_) co_await fail(Code::shutting_down, "the master is stopping");
  if (waiting_.size() >= kWaitingMax)
    co_await fail(Code::overloaded, "{} changes wait for the log already", waiting_.size());
  Waiting& waiting = waiting_.emplace_back(Waiting{std::move(op), std::move(text), std::move(index), {}});
  Future<Decision> decided = waiting.promise.future();
  if (!writing_) {
    writing_ = true;
    group_.spawn(write_batches());
  }
  co_return co_await std::move(decided);
}

std::vector<Journal::Waiting> Journal::take_batch() {
  std::size_t bytes = 0;
  auto end = waiting_.begin();
  while (end != waiting_.end() && bytes < kBatchBytesMax) bytes += (end++)->text.size();
  std::vector<Waiting> batch(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
  waiting_.erase(waiting_.begin(), end);
  return batch;
}

Task<> Journal::write_batches() {
  co_await executor_.sleep(Duration::zero());  // whatever else this turn of the loop brings comes along
  while (!waiting_.empty()) {
    std::vector<Waiting> batch = take_batch();
    Result<> durable = co_await write_batch(batch).outcome();
    ++batches_;
    std::uint64_t index = log_.last_index() - batch.size();
    if (!durable && durable.error().code != Code::no_space) {
      lost_ = std::move(batch);
      lose(std::move(durable).error());
      co_return;
    }
    if (!durable) log::write_limited(log::Level::error, "log_disk_full", {{"why", durable.error().text()}});
    for (Waiting& one : batch) {
      if (!durable) {
        one.promise.set(fail(Error(durable.error())));
        continue;
      }
      Decision decision = state_.apply(one.op, ++index);
      if (recent_ != nullptr) recent_->add(index, std::move(one.text));
      if (one.index) *one.index = decision.index;
      if (decision.ok()) {
        one.promise.set(std::move(decision));
      } else {
        one.promise.set(fail(decision.error()));
      }
    }
  }
  writing_ = false;
}

// What cannot be done for want of space is answered and leaves the batch, if the rest can.
Task<> Journal::write_batch(std::vector<Waiting>& batch) {
  auto append = [this, &batch] {
    std::vector<std::string> texts;
    texts.reserve(batch.size());
    for (const Waiting& one : batch) texts.push_back(one.text);
    return log_.append(std::move(texts));
  };
  Result<> durable = co_await append().outcome();
  if (durable || durable.error().code != Code::no_space || reserve_ == nullptr) co_await std::move(durable);
  if (durable) co_return;
  const bool spent = co_await reserve_->spend();
  if (!spent) co_await fail(std::move(durable).error());
  std::vector<Waiting> possible;
  for (Waiting& one : batch) {
    if (frees_space(one.op.body)) {
      possible.push_back(std::move(one));
    } else {
      one.promise.set(fail(Error(durable.error())));
    }
  }
  batch = std::move(possible);
  if (!batch.empty()) co_await append();
}

Task<> Journal::restore_reserve() {
  Result<> restored = co_await reserve_->restore().outcome();
  if (!restored) log::write_limited(log::Level::warn, "log_reserve_not_kept", {{"why", restored.error().text()}});
  restoring_ = false;
}

void Journal::lose(Error error) {
  closed_ = true;
  failed_ = true;
  log::error("log_failed", {{"index", log_.last_index()}, {"why", error.text()}});
  fatal_(std::move(error));
}

void Journal::tick() {
  if (reserve_ != nullptr && reserve_->spent() && !restoring_ && !closed_) {
    restoring_ = true;
    group_.spawn(restore_reserve());
  }
  const bool idle = !writing_ && !closed_ && batches_ == seen_;
  seen_ = batches_;
  if (!idle || batches_ == marked_) return;
  marked_ = batches_;
  writing_ = true;
  group_.spawn(write_mark());
}

Task<> Journal::write_mark() {
  const std::uint64_t before = log_.last_index();
  Result<> marked = co_await log_.mark().outcome();
  if (!marked && marked.error().code != Code::no_space) {
    lose(std::move(marked).error());
    co_return;
  }
  if (recent_ != nullptr && log_.last_index() > before) recent_->add(log_.last_index(), {});
  co_await write_batches();  // what came meanwhile
}

Task<> Journal::close() {
  closed_ = true;
  co_await group_.idle();
  if (failed_) co_await fail(Code::io_error, "the log failed behind index {}", log_.last_index());
}

}  // namespace gfs::master
