// Of which chunks this server is primary, and whether it still is: from the version's activation to its end.
#include <algorithm>

#include "base/log.h"
#include "base/probe.h"
#include "chunkserver/primary_order.h"

namespace gfs::chunkserver {

namespace {

constexpr std::size_t kReleasedMax = 4096;
constexpr Duration kStandTime = 1s;

}  // namespace

void PrimaryOrder::watch_stalls() {
  const Instant now = endpoint_.executor().now();
  if (now - turn_ > settings_.stall) stalled_ = now;
  turn_ = now;
  watch_ = endpoint_.executor().after(settings_.stall / 4, [this] { watch_stalls(); });
}

Result<PrimaryOrder::Chunk> PrimaryOrder::primary_of(ChunkHandle handle, Version version) {
  if (settings_.mutant != "lease_never_checked") {
    Result<> session = session_.check(endpoint_.executor().now());
    if (!session) return fail(std::move(session));
  }
  if (released_.contains(handle)) return fail(Code::not_found, "chunk {}: it is of no file any more", handle);
  auto found = chunks_.find(handle);
  if (found == chunks_.end() || found->second->ended) {
    std::optional<ChunkInfo> held = store_.find(handle);
    if (held && std::max(held->version, held->fence) > version) {
      return fail(Code::stale_version, "chunk {} version {}: version {} is held here, {} promised", handle, version,
                  held->version, held->fence);
    }
    return fail(Code::not_primary, "chunk {}: server {} is not its active primary", handle, self_);
  }
  const PrimaryChunk& chunk = *found->second;
  if (chunk.version < version) {
    return fail(Code::not_primary, "chunk {} version {}: server {} has version {} active", handle, version, self_,
                chunk.version);
  }
  if (chunk.version > version) {
    return fail(Code::stale_version, "chunk {} version {}: version {} is active", handle, version, chunk.version);
  }
  return found->second;
}

bool PrimaryOrder::doubtful(const PrimaryChunk& chunk) {
  const Instant now = endpoint_.executor().now();
  if (now - turn_ > settings_.stall) {
    stalled_ = now;
    turn_ = now;
  }
  return chunk.stood < stalled_;
}

Task<> PrimaryOrder::stand(Chunk chunk) {
  if (!doubtful(*chunk)) co_return;
  PROBE("a primary that stood still asked whether it is still one");
  const Instant asked = endpoint_.executor().now();
  std::vector<Task<>> questions;
  for (const bus::Member& other : chunk->others) {
    bus::PrepareVersion ask{chunk->handle, chunk->version, self_};
    questions.push_back(ask_standing(other, std::move(ask)));
  }
  std::vector<Result<>> answers = co_await all_of(std::move(questions));
  for (Result<>& answer : answers) {
    if (answer) continue;
    if (answer.error().code == Code::stale_version) {
      end_below(chunk->handle, chunk->version.next());
      co_await fail(Code::stale_version, "chunk {} version {}: a newer version was made meanwhile", chunk->handle,
                    chunk->version);
    }
    co_await fail(Code::replica_failed, "chunk {} version {}: whether it is still current is not known: {}",
                  chunk->handle, chunk->version, answer.error().text());
  }
  chunk->stood = std::max(chunk->stood, asked);
}

Task<> PrimaryOrder::ask_standing(bus::Member member, bus::PrepareVersion ask) {
  bus::CallOptions options;
  options.deadline = kStandTime;
  (void)co_await endpoint_.call(bus::Peer::at(member.control), std::move(ask), options);
}

Task<> PrimaryOrder::answer_standing(Chunk chunk, std::vector<Promise<void>> waiters) {
  std::vector<Promise<void>> told = std::move(waiters);
  Result<> standing = co_await stand(chunk).outcome();
  if (standing) {
    for (Promise<void>& waiter : told) waiter.set({});
    co_return;
  }
  PROBE("a primary that stood still does not acknowledge");
  const Error error{Code::replica_failed, standing.error().message, standing.error().why};
  for (Promise<void>& waiter : told) waiter.set(fail(error));
}

Task<bus::AskCommitted::Reply> PrimaryOrder::ask_committed(bus::AskCommitted ask, bus::Caller) {
  Chunk chunk = co_await primary_of(ask.handle, ask.version);
  co_await stand(chunk);
  co_return bus::AskCommitted::Reply{chunk->committed};
}

void PrimaryOrder::activate(bus::Configure configuration, Instant ordered) {
  const ChunkHandle handle = configuration.handle;
  end_below(handle, configuration.version);
  auto chunk = std::make_shared<PrimaryChunk>();
  chunk->handle = handle;
  chunk->version = configuration.version;
  for (const bus::Member& member : configuration.members) {
    if (member.server != self_) chunk->others.push_back(member);
  }
  chunk->imported = configuration.before.value == 0;
  chunk->frozen = configuration.frozen;
  chunk->configuration = std::move(configuration);
  if (std::optional<ChunkInfo> held = store_.find(handle)) {
    chunk->end = held->length;
    chunk->sealed = held->sealed;
    // Nothing is appended before the import, so a chunk that has append records has had it.
    chunk->imported = chunk->imported || held->appended;
  }
  chunk->ordered = chunk->stood = ordered;
  chunk->used = endpoint_.executor().now();
  chunks_[handle] = chunk;
  released_.erase(handle);
  replica_.marks().committed(handle, chunk->version, Serial{});
  announce(std::move(chunk));
}

bool PrimaryOrder::active(ChunkHandle handle, Version version) const {
  auto found = chunks_.find(handle);
  return found != chunks_.end() && !found->second->ended && found->second->version == version;
}

bool PrimaryOrder::frozen(ChunkHandle handle, Version version) const {
  return active(handle, version) && chunks_.at(handle)->frozen;
}

Result<> PrimaryOrder::unfrozen(const PrimaryChunk& chunk) const {
  if (!chunk.frozen || settings_.mutant == "frozen_takes_serials") return {};
  return fail(Code::not_primary, "chunk {} version {}: it is frozen, nothing more is taken in this version",
              chunk.handle, chunk.version);
}

Task<> PrimaryOrder::freeze(ChunkHandle handle, Version version) {
  if (!active(handle, version)) {
    co_await fail(Code::stale_version, "chunk {} version {}: it is not active here", handle, version);
  }
  Chunk chunk = chunks_.at(handle);
  if (!std::exchange(chunk->frozen, true)) log::debug("version_frozen", {{"chunk", handle}, {"version", version}});
  wake_arrivals(*chunk);  // the batches they wait for are not coming
  if (chunk->pending.empty()) co_return;
  PROBE("mutations were in flight when their version was frozen");
  Executor& executor = endpoint_.executor();
  const Instant until = executor.now() + settings_.freeze_time;
  (void)co_await with_deadline(executor, until, "freezing", settled(chunk)).outcome();
  if (chunk->ended) co_await fail(Code::stale_version, "chunk {} version {}: the version ended", handle, version);
  if (!chunk->pending.empty()) co_await fail(unconfirmed(*chunk));
}

Error PrimaryOrder::unconfirmed(const PrimaryChunk& chunk) const {
  Error error{Code::replica_failed, {}, {}};
  for (std::size_t member = 0; member <= chunk.others.size(); ++member) {
    std::size_t missing = 0;
    std::optional<Error> refused;
    for (const auto& [serial, pending] : chunk.pending) {
      const OrderedWrite::Confirmation& confirmation = pending->members[member];
      if (confirmation.confirmed) continue;
      ++missing;
      if (!refused) refused = confirmation.refused;
    }
    if (missing == 0) continue;
    const std::string late = fmt::format("{} mutations are not confirmed yet", missing);
    error.why.push_back({name_of(chunk, member), refused ? refused->text() : late});
  }
  error.message =
      fmt::format("chunk {} version {} is frozen, but not the same everywhere", chunk.handle, chunk.version);
  if (!error.why.empty()) error.message += ": " + error.why.front().server + ": " + error.why.front().reason;
  return error;
}

void PrimaryOrder::end_below(ChunkHandle handle, Version version) {
  auto found = chunks_.find(handle);
  if (found == chunks_.end() || found->second->version >= version) return;
  Chunk chunk = found->second;
  chunks_.erase(found);
  chunk->ended = true;
  std::vector<Promise<void>> waiters = std::move(chunk->progress_waiters);
  chunk->progress_waiters.clear();
  for (Promise<void>& arrival : chunk->arrivals) waiters.push_back(std::move(arrival));
  chunk->arrivals.clear();
  std::map<Serial, std::shared_ptr<OrderedWrite>> pending = std::move(chunk->pending);
  chunk->pending.clear();
  chunk->pending_ids.clear();
  chunk->tasks.cancel();  // they hold the chunk: the circle ends here
  for (auto& [serial, write] : pending) {
    staging_.unpin(write->mutation.id);
    fail_waiters(*chunk, *write);
  }
  for (Promise<void>& waiter : waiters) waiter.set({});
}

void PrimaryOrder::release(ChunkHandle handle, Version version) {
  std::optional<ChunkInfo> held = store_.find(handle);
  if (held && std::max(held->version, held->fence) > version) {
    PROBE("a late release was ignored");
    return;
  }
  auto found = chunks_.find(handle);
  if (found != chunks_.end()) end_below(handle, found->second->version.next());
  if (!released_.insert(handle).second) return;
  released_order_.push_back(handle);
  if (released_order_.size() > kReleasedMax) {
    released_.erase(released_order_.front());
    released_order_.pop_front();
  }
}

}  // namespace gfs::chunkserver
