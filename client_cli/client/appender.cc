#include "client_cli/client/appender.h"

#include <algorithm>

#include "client_cli/client/fragments.h"
#include "client_cli/client/push.h"

namespace gfs::client {

// What is kept of a batch from one try to the next.
struct FileAppender::Flight {
  AppendBatch batch;
  RequestId id;
  std::uint64_t from = 0;  // its first record was so manieth to be given to the appender
  Instant started;
  Attempts attempts;
  Backoff backoff;
  InARow in_a_row;
  std::shared_ptr<const Target> at;      // of the latest try
  bool bound = false;                    // sent to at's chunk, which has not said that it does not have it
  std::optional<std::int64_t> asked_ms;  // by the master's clock, of the first try
  std::optional<std::uint32_t> sealed;   // the chunk that was full: the next one has a higher index
  Version failed;                        // the master shall look again after this version
  ServerId unreachable;                  // and at this server
  std::uint64_t previous = 0;            // of the latest try
  unsigned first_hop = 0;
  bool along = false;                  // the bytes go with the request: pushing did not help
  std::vector<Promise<void>> waiting;  // for its outcome

  ChunkAt chunk(const FileInfo& info) const { return {info.inode, at->layout.index, info.path}; }
};

namespace {

Task<> told(Future<void> future) { co_await std::move(future); }

}  // namespace

FileAppender::FileAppender(Context& context, ChunkWriter& writer, FileInfo info, const AppendOptions& options)
    : context_(context),
      writer_(writer),
      info_(std::move(info)),
      client_(options.client.nil() ? ClientId::random(context.random) : options.client),
      kept_(!options.client.nil()),
      in_flight_max_(std::clamp<std::size_t>(options.in_flight, 1, 64)),
      next_sequence_(std::max<std::uint64_t>(options.next_sequence, 1)),
      queue_(std::clamp<std::uint64_t>(options.batch, 1, kFragmentMax)) {}

FileAppender::~FileAppender() { context_.executor.cancel(linger_timer_); }

Task<Appended> FileAppender::append(Bytes record) {
  co_await check(record);
  Future<Appended> done = co_await enqueue(next_sequence_, std::move(record), kept_);
  ++next_sequence_;
  co_return co_await std::move(done);
}

Task<Appended> FileAppender::append_as(std::uint64_t sequence, Bytes record) {
  co_await check(record);
  if (sequence == 0) co_await fail(Code::invalid_argument, "append to {}: sequences begin with 1", info_.path);
  Future<Appended> done = co_await enqueue(sequence, std::move(record), true);
  next_sequence_ = std::max(next_sequence_, sequence + 1);
  co_return co_await std::move(done);
}

Result<> FileAppender::check(const Bytes& record) const {
  if (closed_) return fail(Code::invalid_argument, "{} is closed", info_.path);
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

Task<FileAppender::Landed> FileAppender::tries(std::shared_ptr<Flight> flight) {
  const AppendBatch& batch = flight->batch;
  while (true) {
    co_await locate(flight);
    Result<bus::Member> primary = primary_of(flight->at->layout);
    if (!primary) {
      flight->attempts.failed("master", primary.error());
      Error no_primary = std::move(primary).error();
      co_await recover(flight, std::move(no_primary), {});
      continue;
    }
    bus::AppendChunk ask{flight->at->layout.handle, flight->at->layout.version, batch.sizes, batch.digest};
    if (batch.bytes.size() <= kAppendInlineMax || flight->along) {
      ask.crcs = batch.crcs;
      ask.payload = batch.bytes;
    } else {
      Result<> pushed = co_await push_parts(flight).outcome();
      if (!pushed) {
        Error not_pushed = std::move(pushed).error();
        co_await recover(flight, std::move(not_pushed), flight->unreachable);
        continue;
      }
    }
    const Flight* earlier = before(*flight);
    ask.previous = flight->previous = earlier == nullptr ? 0 : earlier->id.sequence;
    ask.asked_ms = *flight->asked_ms;
    flight->bound = true;
    bus::Peer to = bus::Peer::at(primary->control);
    bus::CallOptions options = context_.one_try(batch.deadline, flight->id);
    Result<bus::AppendChunk::Reply> reply =
        co_await context_.endpoint.call(std::move(to), std::move(ask), std::move(options)).outcome();
    if (reply) {
      if (reply->offset > context_.master.chunk_size() - batch.bytes.size()) {
        co_await fail(Code::internal, "chunk {}: {} bytes are said to be at {}", flight->at->layout.handle,
                      batch.bytes.size(), reply->offset);
      }
      co_return Landed{*reply, flight->at->layout.handle, flight->at->layout.index};
    }
    flight->attempts.failed_with_effect(server_text(*primary), reply.error());
    Error refused = std::move(reply).error();
    co_await recover(flight, std::move(refused), primary->server);
  }
}

Task<> FileAppender::locate(std::shared_ptr<Flight> flight) {
  const Version failed = std::exchange(flight->failed, {});
  const ServerId unreachable = std::exchange(flight->unreachable, {});
  const Version before = flight->at ? flight->at->layout.version : Version{};
  Result<> located;
  if (flight->bound) {
    const std::shared_ptr<const Target>& known = target_;
    bool same = known && known->layout.handle == flight->at->layout.handle;
    if (same && known->layout.version > failed) {
      flight->at = known;
      co_return;
    }
    Result<bus::ChunkLayout> layout =
        co_await writer_.locate(flight->chunk(info_), failed, unreachable, flight->batch.deadline).outcome();
    if (layout) {
      auto found = std::make_shared<Target>(*flight->at);
      found->layout = std::move(*layout);
      if (target_ && target_->layout.index == found->layout.index && target_->layout.version < found->layout.version) {
        target_ = found;
      }
      flight->at = std::move(found);
    } else {
      located = fail(std::move(layout));
    }
  } else {
    Result<std::shared_ptr<const Target>> last =
        co_await locate_last(failed, unreachable, flight->batch.deadline).outcome();
    while (last && flight->sealed && (*last)->layout.index <= *flight->sealed) {
      // Answered from before the seal was known there.
      target_.reset();
      Error old{Code::unavailable, fmt::format("chunk {} is sealed and has no successor yet", *flight->sealed), {}};
      flight->attempts.failed("master", old);
      co_await recover(flight, std::move(old), {});
      last = co_await locate_last({}, {}, flight->batch.deadline).outcome();
    }
    if (last) {
      flight->at = std::move(*last);
      if (!flight->asked_ms) flight->asked_ms = flight->at->now_ms;
    } else {
      located = fail(std::move(last));
    }
  }
  if (!located) {
    flight->attempts.failed("master", located.error());
    co_await fail(flight->attempts.give_up(located.error()));
  }
  if (flight->at->layout.version > before) flight->in_a_row.forward();
}

Task<std::shared_ptr<const FileAppender::Target>> FileAppender::locate_last(Version failed, ServerId unreachable,
                                                                            Instant deadline) {
  const std::string what = "locating the end of " + info_.path + " for appending";
  while (true) {
    bool fresh = target_ && context_.executor.now() - target_->since < context_.settings.layout_age;
    if (fresh && target_->layout.version > failed) co_return target_;
    bus::LocateForAppend ask{info_.inode, failed, unreachable};
    Task<bus::LocateForAppend::Reply> asking = context_.master.change_aside(std::move(ask), what, deadline);
    auto flight = context_.locating_to_append.join({info_.inode, failed}, std::move(asking));
    std::string waiting = what;
    Result<bus::LocateForAppend::Reply> reply =
        co_await with_deadline(context_.executor, deadline, std::move(waiting), std::move(flight.landing)).outcome();
    if (!reply) {
      if (context_.may_fly_again(flight.own, reply.error().code, deadline)) continue;
      co_await fail(std::move(reply));
    }
    const bus::ChunkLayout& layout = reply->layout;
    if (layout.handle.value == 0 || layout.version.value == 0) {
      co_await fail(Code::malformed, "the master answered handle {} version {} for {}", layout.handle, layout.version,
                    info_.path);
    }
    bool older = target_ && (target_->layout.index > layout.index ||
                             (target_->layout.index == layout.index && target_->layout.version > layout.version));
    if (!older) {
      target_ = std::make_shared<Target>(Target{std::move(reply->layout), reply->now_ms, context_.executor.now()});
    }
    co_return target_;
  }
}

Task<> FileAppender::push_parts(std::shared_ptr<Flight> flight) {
  const AppendBatch& batch = flight->batch;
  std::vector<bus::Member> chain = context_.replicas.order(flight->at->layout, context_.executor.now());
  std::ranges::rotate(chain, chain.begin() + flight->first_hop % static_cast<unsigned>(chain.size()));
  Backoff backoff;
  for (std::uint64_t offset = 0; offset < batch.bytes.size();) {
    bus::PushFragment part;
    part.id = flight->id;
    part.handle = flight->at->layout.handle;
    part.offset = offset;
    part.part = static_cast<std::uint32_t>(offset / kFragmentMax);
    part.payload = batch.bytes.slice(offset, kFragmentMax);
    auto first = batch.crcs.begin() + static_cast<std::ptrdiff_t>(offset / kBlockSize);
    std::size_t pieces = (part.payload.size() + kBlockSize - 1) / kBlockSize;
    part.crcs.assign(first, first + static_cast<std::ptrdiff_t>(pieces));
    offset += part.payload.size();
    while (true) {
      Result<> pushed = push(context_.endpoint, chain, part);
      if (pushed) break;
      Duration wait = backoff.next(context_.random);
      // A long record fills the way to the first hop: the rest follows as it drains.
      if (pushed.error().code == Code::overloaded && context_.executor.now() + wait < batch.deadline) {
        co_await context_.executor.sleep(wait);
        continue;
      }
      flight->attempts.failed(server_text(chain.front()), pushed.error());
      ++flight->first_hop;
      flight->unreachable = chain.front().server;
      co_await fail(std::move(pushed));
    }
  }
}

Task<> FileAppender::recover(std::shared_ptr<Flight> flight, Error error, ServerId server) {
  Rule rule = rule_of(Trying::append, error.code);
  bool no_predecessor = rule.change == Change::predecessor && flight->previous == 0;
  ServerId primary = flight->at && server == flight->at->layout.primary ? server : ServerId{};
  bool again = flight->in_a_row.again(error.code, rule, primary) && !no_predecessor;
  if (error.code == Code::invalid_argument) error.code = Code::conflict;  // the id was used for something else
  flight->unreachable = {};
  switch (rule.change) {
    case Change::first_hop:
      if (flight->first_hop++ > 0 && flight->batch.bytes.size() <= kFragmentMax) flight->along = true;
      break;
    case Change::primary:
      flight->failed = flight->at->layout.version;
      flight->unreachable = server;
      break;
    case Change::layout:
    case Change::room:
      flight->failed = flight->at->layout.version;
      break;
    case Change::chunk:
      flight->attempts.none_happened();
      flight->in_a_row.forward();
      flight->bound = false;
      flight->sealed = flight->at->layout.index;
      if (target_ && target_->layout.index <= *flight->sealed) target_.reset();
      break;
    default:
      break;
  }
  if (flight->failed.value != 0) {
    const bus::ChunkLayout& layout = flight->at->layout;
    context_.layouts.drop(info_.inode, layout.index, flight->failed);
    bool used = target_ && target_->layout.handle == layout.handle && target_->layout.version <= flight->failed;
    if (used) target_.reset();
  }
  Duration wait = flight->backoff.before_next(rule.pause, context_.random);
  if (!again || context_.executor.now() + wait >= flight->batch.deadline) {
    co_await fail(flight->attempts.give_up(error));
  }
  if (wait > Duration::zero()) co_await context_.executor.sleep(wait);
  if (rule.change != Change::predecessor) co_return;
  // Whatever becomes of the one before: afterwards this one may go.
  for (const std::shared_ptr<Flight>& earlier : flights_) {
    if (earlier->id.sequence != flight->previous || earlier == flight) continue;
    Future<void> decided = earlier->waiting.emplace_back().future();
    Task<> waiting = told(std::move(decided));
    (void)co_await with_deadline(context_.executor, flight->batch.deadline, "waiting for the append before",
                                 std::move(waiting))
        .outcome();
    break;
  }
  if (context_.executor.now() >= flight->batch.deadline) co_await fail(flight->attempts.give_up(error));
}

const FileAppender::Flight* FileAppender::before(const Flight& flight) const {
  const Flight* nearest = nullptr;
  for (const std::shared_ptr<Flight>& other : flights_) {
    if (other->id.sequence >= flight.id.sequence) continue;
    if (nearest == nullptr || other->id.sequence > nearest->id.sequence) nearest = other.get();
  }
  return nearest;
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
    unsynced_[index] = ++appended_;
    end_ = std::max(end_, appended.offset + batch.bytes.size());
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
  if (closed_) co_await fail(Code::invalid_argument, "{} is closed", info_.path);
  co_await settled();
  Instant deadline = context_.deadline();
  const std::map<std::uint32_t, std::uint64_t> chunks = unsynced_;
  const std::uint64_t appended = appended_, end = end_;
  std::vector<Task<>> syncs;
  for (const auto& [index, batch] : chunks) syncs.push_back(writer_.sync({info_.inode, index, info_.path}, deadline));
  std::vector<Result<>> synced = co_await all_of(std::move(syncs));
  auto result = synced.begin();
  for (const auto& [index, batch] : chunks) {
    bool done = (result++)->has_value();
    if (done && unsynced_[index] == batch) unsynced_.erase(index);  // later appends ask for another sync
  }
  for (Result<>& one : synced) co_await std::move(one);
  if (saved_ >= appended) co_return;
  bus::SetSize ask{info_.inode, end};
  co_await context_.master.change_aside(std::move(ask), "saving the size of " + info_.path, deadline);
  saved_ = std::max(saved_, appended);
}

Task<> FileAppender::close() {
  if (closed_) co_return;
  co_await sync();
  closed_ = true;
}

}  // namespace gfs::client
