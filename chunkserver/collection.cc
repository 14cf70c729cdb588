#include "chunkserver/collection.h"

#include <algorithm>
#include <limits>

#include "base/log.h"
#include "base/probe.h"
#include "chunkserver/detached.h"

namespace gfs::chunkserver {

namespace {

constexpr Duration kTurn = 1s;
constexpr Duration kJump = 10min;
constexpr std::size_t kItemsMax = 64;
constexpr std::size_t kPurgedPerTurn = 64;
constexpr std::size_t kPurgedWhenFull = 4;
constexpr std::uint32_t kHeldMax = 4096;
constexpr std::uint32_t kListedMax = 1024;
constexpr std::uint32_t kPurgedMax = 256;
constexpr std::size_t kRestoredMax = 4096;
constexpr std::uint64_t kAllowedForMax = 7ull * 24 * 3600 * 1000;

}  // namespace

void Collection::serve(bus::Endpoint& endpoint) {
  endpoint.serve<&Collection::list_held>(*this);
  endpoint.serve<&Collection::collect>(*this);
  endpoint.serve<&Collection::allow>(*this);
  endpoint.serve<&Collection::restore>(*this);
  endpoint.serve<&Collection::purge>(*this);
  endpoint.serve<&Collection::list_quarantine>(*this);
}

Task<> Collection::run() {
  while (true) {
    co_await executor_.sleep(kTurn);
    Result<> done = co_await turn().outcome();
    if (!done) log::write_limited(log::Level::warn, "quarantine_not_purged", {{"reason", done.error().text()}});
  }
}

Task<> Collection::turn() {
  if (on_turn) on_turn();
  std::erase_if(restored_, [this](const auto& one) { return one.second <= executor_.now(); });
  const std::int64_t now_ms = master_now();
  if (now_ms == 0) co_return;
  if (jumped_ahead(now_ms)) {
    put_off_until_ = executor_.now() + settings_.quarantine;
    log::warn("purge_put_off", {{"reason", "the master's time jumped ahead"}});
  }
  const bool new_epoch = epoch_since && now_ms < epoch_since() + to_ms(settings_.quarantine);
  if (executor_.now() >= put_off_until_ && !new_epoch) {
    (void)co_await store_.purge(now_ms - to_ms(settings_.quarantine), kPurgedPerTurn);
  }
  if (settings_.purge_when_full && store_.short_of(kFragmentMax)) {
    PROBE("a full disk's quarantine was purged");
    (void)co_await store_.purge(std::numeric_limits<WallMs>::max(), kPurgedWhenFull, kFragmentMax);
    co_await store_.measure_space();
  }
}

bool Collection::jumped_ahead(std::int64_t now_ms) {
  const Instant now = executor_.now();
  const bool jumped = seen_ms_ != 0 && now_ms - seen_ms_ > to_ms(now - seen_at_ + kJump);
  seen_ms_ = now_ms;
  seen_at_ = now;
  return jumped;
}

// Clients send these to the master, which knows what is needed, and hands them on.
Result<> Collection::check_sender(const bus::Caller& caller) {
  if (caller.role == bus::kMaster) return {};
  return fail(Code::not_allowed, "only a master may order that: ask there");
}

Result<std::int64_t> Collection::time() const {
  const std::int64_t now_ms = master_now();
  if (now_ms == 0) return fail(Code::unavailable, "the master's time is not known here yet");
  return now_ms;
}

Task<bus::ListHeld::Reply> Collection::list_held(bus::ListHeld ask, bus::Caller) {
  const std::size_t limit = std::clamp<std::uint32_t>(ask.limit, 1, kHeldMax);
  bus::ListHeld::Reply reply;
  for (const ChunkInfo& chunk : store_.page(ask.after, limit)) {
    reply.chunks.push_back({chunk.handle, chunk.version, chunk.fence});
  }
  reply.last = reply.chunks.size() < limit;
  co_return reply;
}

Task<bus::CollectChunks::Reply> Collection::collect(bus::CollectChunks ask, bus::Caller) {
  if (ask.items.size() > kItemsMax) {
    co_await fail(Code::invalid_argument, "{} replicas to collect: at most {} in one order", ask.items.size(),
                  kItemsMax);
  }
  co_return co_await detached(tasks_, collect_now(std::move(ask)));
}

Task<bus::CollectChunks::Reply> Collection::collect_now(bus::CollectChunks ask) {
  Semaphore::Held turn = co_await orders_.take(1);
  bus::CollectChunks::Reply reply;
  for (const bus::CollectChunks::Item& item : ask.items) {
    const Done done = co_await collect_one(item, ask.index);
    reply.done.push_back(done);
  }
  co_return reply;
}

Task<Collection::Done> Collection::collect_one(bus::CollectChunks::Item item, std::uint64_t index) {
  const std::int64_t now_ms = co_await time();
  if (!store_.find(item.handle)) co_return Done::gone;
  if (restored_.contains(item.handle)) co_return Done::busy;
  remember_earlier_lives(now_ms);
  if (limit_.left(store_.count(), store_.quarantined().size(), executor_.now()) == 0) {
    PROBE("a server refused to collect more");
    log::write_limited(
        log::Level::warn, "collection_refused",
        {{"chunk", item.handle},
         {"reason", "more than its limit within a while: an operator has to allow it (gfs-cli gc allow)"}});
    co_return Done::refused;
  }
  Result<> done = co_await store_.quarantine(item.handle, item.version, item.fence, item.why, now_ms).outcome();
  if (done) {
    limit_.took(1, executor_.now());
    const std::optional<Quarantined> away = store_.quarantined().newest(item.handle);
    if (on_collected && away) on_collected(item.handle, away->version, item.why, index);
    co_return Done::quarantined;
  }
  switch (done.error().code) {
    case Code::not_found:
      co_return Done::gone;
    case Code::stale_version:
      PROBE("a late order to collect a replica was refused");
      co_return Done::newer;
    case Code::conflict:
    case Code::unavailable:
      co_return Done::busy;
    default:
      log::write_limited(log::Level::warn, "chunk_not_quarantined",
                         {{"chunk", item.handle}, {"reason", done.error().text()}});
      co_return Done::failed;
  }
}

void Collection::remember_earlier_lives(std::int64_t now_ms) {
  if (std::exchange(remembered_, true)) return;
  limit_.took(store_.quarantined().count_since(now_ms - to_ms(settings_.limit.window)), executor_.now());
}

Task<bus::AllowCollection::Reply> Collection::allow(bus::AllowCollection ask, bus::Caller caller) {
  co_await check_sender(caller);
  if (ask.for_ms > kAllowedForMax) {
    co_await fail(Code::invalid_argument, "collection cannot be allowed for longer than 7 days");
  }
  remember_earlier_lives(co_await time());
  limit_.allow(ask.up_to, executor_.now() + std::chrono::milliseconds(ask.for_ms));
  log::info("collection_allowed", {{"up_to", ask.up_to}, {"for_ms", ask.for_ms}});
  co_return bus::AllowCollection::Reply{1};
}

Task<bus::RestoreChunk::Reply> Collection::restore(bus::RestoreChunk ask, bus::Caller caller) {
  co_await check_sender(caller);
  const ChunkInfo chunk = co_await store_.restore(ask.handle, ask.at_least);
  if (restored_.size() >= kRestoredMax) restored_.erase(restored_.begin());
  restored_[ask.handle] = executor_.now() + settings_.quarantine;
  co_return bus::RestoreChunk::Reply{chunk.version, chunk.length};
}

Task<bus::PurgeQuarantine::Reply> Collection::purge(bus::PurgeQuarantine ask, bus::Caller caller) {
  co_await check_sender(caller);
  const std::int64_t now_ms = co_await time();
  const std::int64_t age = static_cast<std::int64_t>(std::min<std::uint64_t>(ask.older_than_ms, now_ms));
  const std::size_t limit = std::clamp<std::uint32_t>(ask.limit, 1, kPurgedMax);
  // What was put away this millisecond counts, too, where nothing has to be older.
  const std::int64_t before = now_ms - age + 1;
  const ChunkStore::Purged purged = co_await store_.purge(before, limit);
  co_return bus::PurgeQuarantine::Reply{purged.chunks, purged.bytes, store_.quarantined().any_older_than(before)};
}

Task<bus::ListQuarantine::Reply> Collection::list_quarantine(bus::ListQuarantine ask, bus::Caller) {
  const std::size_t limit = std::clamp<std::uint32_t>(ask.limit, 1, kListedMax);
  bus::ListQuarantine::Reply reply;
  for (const Quarantined& one : store_.quarantined().page(ask.after, ask.after_number, limit)) {
    reply.entries.push_back({one.handle, one.lsn, one.version, one.since, one.bytes, one.why});
  }
  reply.last = reply.entries.size() < limit;
  reply.now_ms = master_now();
  reply.quarantine_ms = static_cast<std::uint64_t>(to_ms(settings_.quarantine));
  co_return reply;
}

}  // namespace gfs::chunkserver
