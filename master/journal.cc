#include "master/journal.h"

#include <algorithm>
#include <iterator>

#include "base/log.h"

namespace gfs::master {

Journal::Journal(Executor& executor, LogStore& log, MasterState& state, std::function<void(Error)> fatal)
    : executor_(executor), log_(log), state_(state), fatal_(std::move(fatal)) {}

Task<Decision> Journal::commit(OpBody body, RequestId request) {
  Op op{{request, 0, executor_.wall_now()}, std::move(body)};
  std::string text = encode_op(op);
  std::optional<Decision> settled;
  const OutcomeTable::Record* before = settled_.find(request);
  if (before != nullptr && before->digest == op.header.digest) {
    settled = before->decision;
  } else if ((settled = state_.check(op))) {
    settled_.add(request, op.header.digest, *settled, op.header.time);
  }
  if (settled) {
    if (!settled->ok()) co_await fail(settled->error());
    co_return *std::move(settled);
  }
  if (closed_) co_await fail(Code::shutting_down, "the master is stopping");
  if (waiting_.size() >= kWaitingMax)
    co_await fail(Code::overloaded, "{} changes wait for the log already", waiting_.size());
  Waiting& waiting = waiting_.emplace_back(Waiting{std::move(op), std::move(text), {}});
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
    std::vector<std::string> texts;
    texts.reserve(batch.size());
    for (Waiting& one : batch) texts.push_back(std::move(one.text));
    Result<> durable = co_await log_.append(std::move(texts)).outcome();
    ++batches_;
    if (!durable && durable.error().code != Code::no_space) {
      lost_ = std::move(batch);
      closed_ = true;
      log::error("log_failed", {{"index", log_.last_index()}, {"why", durable.error().text()}});
      fatal_(std::move(durable).error());
      co_return;
    }
    if (!durable) log::write_limited(log::Level::error, "log_disk_full", {{"why", durable.error().text()}});
    for (Waiting& one : batch) {
      if (!durable) {
        one.promise.set(fail(Error(durable.error())));
        continue;
      }
      Decision decision = state_.apply(one.op);
      if (decision.ok()) {
        one.promise.set(std::move(decision));
      } else {
        one.promise.set(fail(decision.error()));
      }
    }
  }
  writing_ = false;
}

Task<> Journal::close() {
  closed_ = true;
  if (lost_.empty()) co_await group_.idle();
}

}  // namespace gfs::master
