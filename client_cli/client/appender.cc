#include "client_cli/client/appender.h"

#include <algorithm>

#include "client_cli/client/append_flight.h"
#include "client_cli/client/fragments.h"

namespace gfs::client {

FileAppender::FileAppender(Context& context, ChunkWriter& writer, FileInfo info, const AppendOptions& options)
    : context_(context),
      writer_(writer),
      info_(std::move(info)),
      client_(options.client.nil() ? ClientId::random(context.random) : options.client),
      kept_(!options.client.nil()),
      repeats_to_(options.repeats_to),
      asked_ms_(options.asked_ms),
      in_flight_max_(std::clamp<std::size_t>(options.in_flight, 1, 64)),
      next_sequence_(std::max<std::uint64_t>(options.next_sequence, 1)),
      queue_(std::clamp<std::uint64_t>(options.batch, 1, kFragmentMax)) {}

FileAppender::~FileAppender() { context_.executor.cancel(linger_timer_); }

Task<Appended> FileAppender::append(Bytes record) {
  co_await check(record);
  // Used up even if there is no room: the next record must not be taken for a repeat of this one.
  const std::uint64_t sequence = next_sequence_++;
  Future<Appended> done = co_await enqueue(sequence, std::move(record), kept_);
  co_return co_await std::move(done);
}

Task<Appended> FileAppender::append_as(std::uint64_t sequence, Bytes record) {
  co_await check(record);
  if (sequence == 0) co_await fail(Code::invalid_argument, "append to {}: sequences begin with 1", info_.path);
  if (!kept_ && sequence < next_sequence_) {
    co_await fail(Code::record_expired, "append to {}: {} was used; only a writer that keeps its id can repeat it",
                  info_.path, sequence);
  }
  Future<Appended> done = co_await enqueue(sequence, std::move(record), true);
  next_sequence_ = std::max(next_sequence_, sequence + 1);
  co_return co_await std::move(done);
}

Task<std::int64_t> FileAppender::now_ms() {
  std::shared_ptr<const Target> last =
      co_await locate_last({}, {}, context_.executor.now() + context_.settings.deadline);
  co_return last->now_ms;
}

Result<> FileAppender::check(const Bytes& record) const {
  if (record.empty()) return fail(Code::invalid_argument, "append to {}: a record has at least one byte", info_.path);
  if (record.size() > kAppendMax || record.size() > context_.master.chunk_size()) {
    return fail(Code::too_large, "append to {}: a record of {} bytes; at most {} are appended at once", info_.path,
                record.size(), std::min(kAppendMax, context_.master.chunk_size()));
  }
  return {};
}

Result<Future<Appended>> FileAppender::enqueue(std::uint64_t sequence, Bytes record, bool alone) {
  Result<Future<Appended>> done = queue_.push(sequence, std::move(record), alone, context_.deadline());
  if (done) {
    ++given_;
    pump_soon();
  }
  return done;
}

void FileAppender::pump_soon() {
  if (std::exchange(pump_posted_, true)) return;
  context_.executor.post([weak = weak_from_this()] {
    if (std::shared_ptr<FileAppender> self = weak.lock()) self->pump();
  });
}

void FileAppender::pump() {
  pump_posted_ = false;
  while (!queue_.empty() && flights_.size() < in_flight_max_) {
    if (bytes_in_flight_ > 0 && bytes_in_flight_ + queue_.next_size() > context_.settings.window) return;
    if (!flights_.empty() && batches_ + 1 - flights_.front()->number >= kRememberedBatches) return;
    Instant now = context_.executor.now();
    if (!flights_.empty() && !queue_.full() && now < last_start_ + linger()) {
      return wait_a_little(last_start_ + linger());
    }
    last_start_ = now;
    AppendBatch batch = queue_.take();
    std::string records = batch.sizes.size() > 1 ? fmt::format("{} records, ", batch.sizes.size()) : "";
    std::string what = fmt::format("append of {}{} bytes to {}", records, batch.bytes.size(), info_.path);
    auto flight = std::make_shared<Flight>(Flight{.batch = std::move(batch), .attempts = Attempts(std::move(what))});
    flight->id = {client_, flight->batch.first};
    if (kept_ && flight->batch.first <= repeats_to_) flight->asked_ms = asked_ms_;
    flight->number = ++batches_;
    flight->from = taken_ + 1;
    flight->started = now;
    context_.master.note_request(flight->id);
    taken_ += flight->batch.sizes.size();
    bytes_in_flight_ += flight->batch.bytes.size();
    flights_.push_back(flight);
    group_.spawn(fly(std::move(flight)));
  }
}

void FileAppender::wait_a_little(Instant until) {
  if (linger_timer_ != 0) return;
  linger_timer_ = context_.executor.at(until, [weak = weak_from_this()] {
    std::shared_ptr<FileAppender> self = weak.lock();
    if (!self) return;
    self->linger_timer_ = 0;
    self->pump();
  });
}

Task<> FileAppender::fly(std::shared_ptr<Flight> flight) {
  Result<Landed> landed = co_await tries(flight).outcome();
  land(*flight, std::move(landed));
}

void FileAppender::land(Flight& flight, Result<Landed> result) {
  AppendBatch& batch = flight.batch;
  bytes_in_flight_ -= batch.bytes.size();
  std::shared_ptr<Flight> kept;
  for (auto at = flights_.begin(); at != flights_.end(); ++at) {
    if (at->get() != &flight) continue;
    kept = std::move(*at);
    flights_.erase(at);
    break;
  }
  for (Promise<void>& waiting : flight.waiting) waiting.set({});
  if (result) {
    const std::uint32_t index = result->reply.index;
    if (flight.attempts.tries() == 0) usual_ += (context_.executor.now() - flight.started - usual_) / 8;
    Appended appended{index == result->index ? result->handle : ChunkHandle{},
                      index * context_.master.chunk_size() + result->reply.offset, 0, flight.id, result->reply.repeat};
    unsynced_[index].note(++appended_, appended.handle);
    for (std::size_t i = 0; i < batch.sizes.size(); ++i) {
      appended.length = batch.sizes[i];
      batch.promises[i].set(appended);
      appended.offset += batch.sizes[i];
      ++appended.request.sequence;
    }
  } else {
    context_.master.note_request(flight.id);
    for (Promise<Appended>& promise : batch.promises) promise.set(fail(Error(result.error())));
  }
  std::vector<Promise<void>> settling = std::move(settling_);
  settling_.clear();
  for (Promise<void>& promise : settling) promise.set({});
  pump_soon();
}

Task<> FileAppender::settled() {
  const std::uint64_t last = given_;
  while (true) {
    bool under_way = std::ranges::any_of(flights_, [last](const auto& flight) { return flight->from <= last; });
    if (taken_ >= last && !under_way) co_return;
    Future<void> landed = settling_.emplace_back().future();
    co_await std::move(landed);
  }
}

Task<> FileAppender::sync() {
  Instant deadline = context_.deadline();
  co_await with_deadline(context_.executor, deadline, "sync of " + info_.path, settled());
  const std::map<std::uint32_t, Unsynced> chunks = unsynced_;
  std::vector<Task<std::optional<std::uint64_t>>> syncs;
  for (const auto& [index, batches] : chunks) {
    syncs.push_back(writer_.sync({info_.inode, index, info_.path}, batches.handle, deadline));
  }
  std::vector<Result<std::optional<std::uint64_t>>> synced = co_await all_of(std::move(syncs));
  std::uint64_t size = 0;
  auto length = synced.begin();
  for (const auto& [index, batches] : chunks) {
    std::optional<std::uint64_t> found = co_await std::move(*length++);
    // What was cut off since is no part of it.
    if (found.value_or(0) > 0) size = index * context_.master.chunk_size() + *found;
  }
  if (size > 0) {
    bus::SetSize ask{info_.inode, size};
    co_await context_.master.change_aside(std::move(ask), "saving the size of " + info_.path, deadline);
  }
  for (const auto& [index, batches] : chunks) {
    if (unsynced_[index].latest == batches.latest) unsynced_.erase(index);  // later appends ask for another sync
  }
}

Result<> OpenAppender::usable() const {
  if (closed_) return fail(Code::invalid_argument, "{} is closed", info_.path);
  return {};
}

Task<Appended> OpenAppender::append(Bytes record) {
  co_await usable();
  co_return co_await file_->append(std::move(record));
}

Task<Appended> OpenAppender::append_as(std::uint64_t sequence, Bytes record) {
  co_await usable();
  co_return co_await file_->append_as(sequence, std::move(record));
}

Task<> OpenAppender::sync() {
  co_await usable();
  co_await file_->sync();
}

Task<> OpenAppender::close() {
  if (closed_) co_return;
  co_await file_->sync();
  closed_ = true;
}

}  // namespace gfs::client
