// The tries of a batch: where to, the bytes, the request, and what a failure means for the next one.
#include <algorithm>

#include "client_cli/client/append_flight.h"
#include "client_cli/client/fragments.h"
#include "client_cli/client/push.h"

namespace gfs::client {

namespace {

constexpr Duration kLookAfter = 1s;  // between two questions to the master about a primary that has not answered

Task<> told(Future<void> future) { co_await std::move(future); }

}  // namespace

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
    bus::AppendChunk question{flight->at->layout.handle, flight->at->layout.version, batch.sizes, batch.digest};
    if (batch.bytes.size() <= kAppendInlineMax || flight->along) {
      question.crcs = batch.crcs;
      question.payload = batch.bytes;
    } else {
      Result<> pushed = co_await push_parts(flight).outcome();
      if (!pushed) {
        Error not_pushed = std::move(pushed).error();
        co_await recover(flight, std::move(not_pushed), flight->unreachable);
        continue;
      }
    }
    const Flight* earlier = before(*flight);
    question.previous = flight->previous = earlier == nullptr ? 0 : earlier->id.sequence;
    question.asked_ms = *flight->asked_ms;
    Result<bus::AppendChunk::Reply> reply = co_await ask(flight, *primary, std::move(question)).outcome();
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

Task<bus::AppendChunk::Reply> FileAppender::ask(std::shared_ptr<Flight> flight, bus::Member primary,
                                                bus::AppendChunk question) {
  const bool repeat = std::exchange(flight->bound, true);
  bus::CallOptions options = context_.one_try(flight->batch.deadline, flight->id);
  if (repeat && context_.settings.mutant == "retry_with_new_id") options.request = context_.master.next_request();
  std::optional<Promise<bus::AppendChunk::Reply>> promise(std::in_place);
  Future<bus::AppendChunk::Reply> reply = promise->future();
  const auto end = [&promise](Result<bus::AppendChunk::Reply> result) {
    if (!promise) return;
    Promise<bus::AppendChunk::Reply> first = std::move(*promise);
    promise.reset();
    first.set(std::move(result));
  };
  TaskGroup group;  // whichever is second ends with this frame
  bus::Peer to = bus::Peer::at(primary.control);
  group.spawn(context_.endpoint.call(std::move(to), std::move(question), std::move(options)), end);
  group.spawn(replaced(flight, primary.server), [&end, &primary](Result<>) {
    end(fail(Code::lost_link, "{} did not answer, and the chunk has a newer version", server_text(primary)));
  });
  co_return co_await std::move(reply);
}

// The master hears the servers, and so it may give a primary up before its answer is overdue here. Asking costs a slow
// one nothing: it is given up only if the master does not hear it either.
Task<> FileAppender::replaced(std::shared_ptr<Flight> flight, ServerId primary) {
  const bus::ChunkLayout layout = flight->at->layout;
  while (true) {
    co_await context_.executor.sleep(kLookAfter);
    bus::LocateForAppend question{info_.inode, Version{}, primary};
    std::string what = "looking after the primary of " + info_.path;
    Result<bus::LocateForAppend::Reply> there =
        co_await context_.master.change_aside(std::move(question), std::move(what), flight->batch.deadline).outcome();
    const bool same_place = there && there->layout.index == layout.index;
    if (same_place && version_of(there->layout) > version_of(layout)) co_return;
  }
}

Task<> FileAppender::locate(std::shared_ptr<Flight> flight) {
  const ChunkVersion before = flight->at ? version_of(flight->at->layout) : ChunkVersion{};
  Result<> located;
  if (flight->bound) located = co_await locate_again(flight).outcome();
  bool gone_on = !located && located.error().code == Code::sealed;
  if (gone_on) {
    // The master gives it no new configuration. What it remembers of appends was taken over by the next one.
    flight->bound = false;
    flight->sealed = flight->at->layout.index;
    located = {};
  }
  if (!flight->bound && located) located = co_await locate_next(flight).outcome();
  if (!located) {
    flight->attempts.failed("master", located.error());
    co_await fail(flight->attempts.give_up(located.error()));
  }
  if (version_of(flight->at->layout) > before) flight->in_a_row.forward();
}

Task<> FileAppender::locate_again(std::shared_ptr<Flight> flight) {
  const ChunkVersion failed = std::exchange(flight->failed, {});
  const ServerId unreachable = std::exchange(flight->unreachable, {});
  if (target_ && target_->layout.handle == flight->at->layout.handle && version_of(target_->layout) > failed) {
    flight->at = target_;
    co_return;
  }
  // Locating it for writing would make one that was cut off anew.
  std::optional<bus::ChunkLayout> there = co_await writer_.look(flight->chunk(info_), flight->batch.deadline);
  if (!there || there->handle != flight->at->layout.handle) {
    flight->bound = false;
    flight->sealed.reset();
    if (target_ && target_->layout.handle == flight->at->layout.handle) target_.reset();
    co_return;
  }
  auto found = std::make_shared<Target>(*flight->at);
  found->layout = co_await writer_.locate(flight->chunk(info_), failed, unreachable, flight->batch.deadline);
  const bool same_place = target_ && target_->layout.index == found->layout.index;
  if (same_place && version_of(target_->layout) < version_of(found->layout)) target_ = found;
  flight->at = std::move(found);
}

Task<> FileAppender::locate_next(std::shared_ptr<Flight> flight) {
  for (bool asked = false;; asked = true) {
    const ChunkVersion failed = std::exchange(flight->failed, {});
    const ServerId unreachable = std::exchange(flight->unreachable, {});
    std::shared_ptr<const Target> last = co_await locate_last(failed, unreachable, flight->batch.deadline);
    const bool full = flight->sealed == last->layout.index && flight->at->layout.handle == last->layout.handle;
    if (!full || asked) {
      flight->at = std::move(last);
      if (!flight->asked_ms) flight->asked_ms = flight->at->now_ms;
      co_return;
    }
    // Answered from before the seal was known there; or it was cut since, and takes more: asked again, it knows.
    target_.reset();
    Duration wait = flight->backoff.next(context_.random);
    if (context_.executor.now() + wait >= flight->batch.deadline) {
      co_await fail(Code::unavailable, "chunk {} is sealed and has no successor yet", *flight->sealed);
    }
    co_await context_.executor.sleep(wait);
  }
}

Task<std::shared_ptr<const FileAppender::Target>> FileAppender::locate_last(ChunkVersion failed, ServerId unreachable,
                                                                            Instant deadline) {
  const std::string what = "locating the end of " + info_.path + " for appending";
  while (true) {
    bool fresh = target_ && context_.executor.now() - target_->since < context_.settings.layout_age;
    if (fresh && version_of(target_->layout) > failed) co_return target_;
    bus::LocateForAppend ask{info_.inode, failed.version, unreachable};
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
    bool older =
        target_ && (target_->layout.index > layout.index ||
                    (target_->layout.index == layout.index && version_of(target_->layout) > version_of(layout)));
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
      flight->failed = version_of(flight->at->layout);
      flight->unreachable = server;
      break;
    case Change::layout:
    case Change::room:
      flight->failed = version_of(flight->at->layout);
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
  if (flight->failed.handle.value != 0) {
    const bus::ChunkLayout& layout = flight->at->layout;
    context_.layouts.drop(info_.inode, layout.index, flight->failed);
    bool used = target_ && target_->layout.index == layout.index && version_of(target_->layout) <= flight->failed;
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

}  // namespace gfs::client
