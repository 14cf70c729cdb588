#include "chunkserver/scrubber.h"

#include <algorithm>

#include "base/log.h"
#include "base/probe.h"
#include "chunkserver/block_checksums.h"

namespace gfs::chunkserver {

namespace {

constexpr const char* kPath = "scrub";
constexpr const char* kTemporaryPath = "scrub.tmp";
constexpr std::size_t kPage = 1024;
constexpr Duration kAskTime = 5s;

}  // namespace

Task<> Scrubber::run() {
  if (settings_.pass <= Duration::zero()) co_return;
  co_await load();
  measure();
  while (true) {
    const bool done = co_await step();
    if (!done) co_await endpoint_.executor().sleep(kBetween);
    if (cursor_ == saved_ || endpoint_.executor().now() < save_at_) continue;
    save_at_ = endpoint_.executor().now() + kSaveEvery;
    measure();  // it grows
    Result<> saved = co_await save().outcome();
    if (!saved) log::write_limited(log::Level::warn, "scrub_cursor_not_written", {{"why", saved.error().text()}});
  }
}

Task<> Scrubber::load() {
  Result<bool> exists = co_await disk_.exists(kPath).outcome();
  if (exists && *exists) {
    Result<std::shared_ptr<File>> file = co_await disk_.open(kPath, Disk::Mode::read).outcome();
    Result<Bytes> bytes;
    if (file) bytes = co_await (*file)->read(0, 4096).outcome();
    Result<ScrubCursor> cursor = fail(Code::corrupt, "scrub: it cannot be read");
    if (file && bytes) cursor = decode_scrub_cursor(*bytes);
    if (cursor) {
      cursor_ = *cursor;
    } else {
      log::warn("scrub_cursor_damaged", {{"why", cursor.error().text()}, {"then", "the pass begins anew"}});
    }
  }
  saved_ = cursor_;
  loaded_ = true;
}

Task<> Scrubber::save() {
  auto write = [](Disk& disk, ScrubCursor cursor) -> Task<> {
    std::shared_ptr<File> file = co_await disk.open(kTemporaryPath, Disk::Mode::write);
    Bytes bytes = Bytes::of(encode_scrub_cursor(cursor));
    const std::uint64_t size = bytes.size();
    co_await file->write(0, std::move(bytes));
    co_await file->truncate(size);
    co_await file->sync();
    file.reset();
    co_await disk.rename(kTemporaryPath, kPath);
    co_await disk.sync_directory("");
  };
  Semaphore::Held turn = co_await saving_.take(1);
  const ScrubCursor saving = cursor_;
  co_await write(disk_, saving);
  saved_ = saving;
}

void Scrubber::measure() {
  bytes_held_ = 0;
  for (ChunkHandle at;;) {
    const std::vector<ChunkInfo> page = store_.page(at, kPage);
    if (page.empty()) return;
    for (const ChunkInfo& one : page) bytes_held_ += one.length;
    at = page.back().handle;
  }
}

void Scrubber::begin_pass() {
  cursor_.at = {};
  cursor_.begun = std::max<WallMs>(wall(), 1);
  cursor_.chunks = cursor_.bytes = cursor_.bad = cursor_.differing = 0;
  measure();
}

std::uint64_t Scrubber::rate() const {
  if (cursor_.hurried) return settings_.rate_max;
  // What is left in the time that is left; a tenth of it is for what comes meanwhile.
  const std::int64_t pass = to_ms(settings_.pass);
  const std::int64_t left_ms = std::max(pass * 9 / 10 - (wall() - cursor_.begun), pass / 100);
  const auto seconds = static_cast<std::uint64_t>(std::max<std::int64_t>(left_ms / 1000, 1));
  const std::uint64_t left = bytes_held_ - std::min(bytes_held_, cursor_.bytes);
  const std::uint64_t even = std::max(left / seconds, kRateLeast);
  return settings_.rate_max == 0 ? even : std::min(even, settings_.rate_max);
}

Task<bool> Scrubber::step() {
  if (cursor_.paused) co_return false;
  if (cursor_.begun == 0) {
    // A clock that went back begins a pass early, which harms nobody.
    const bool due = cursor_.ended == 0 || cursor_.hurried || wall() < cursor_.ended ||
                     wall() - cursor_.ended >= to_ms(settings_.pass) / 10;
    if (!due || store_.count() == 0) co_return false;
    begin_pass();
  }
  const std::vector<ChunkInfo> next = store_.page(cursor_.at, 1);
  if (next.empty()) {
    log::info(
        "scrub_pass_ended",
        {{"chunks", cursor_.chunks}, {"bytes", cursor_.bytes}, {"bad", cursor_.bad}, {"differing", cursor_.differing}});
    cursor_.ended = wall();
    cursor_.begun = 0;
    cursor_.hurried = false;
    cursor_.last_bad = cursor_.bad;
    cursor_.last_differing = cursor_.differing;
    cursor_.chunks = cursor_.bytes = cursor_.bad = cursor_.differing = 0;
    save_at_ = {};
    co_return true;
  }
  const ChunkHandle handle = next.front().handle;
  const WallMs pass = cursor_.begun;
  if (!next.front().damaged) co_await read_all(handle);
  // Begun anew meanwhile; or paused: then this chunk is read again.
  if (cursor_.begun != pass || cursor_.paused) co_return true;
  cursor_.at = handle;
  ++cursor_.chunks;
  co_return true;
}

Task<> Scrubber::read_all(ChunkHandle handle) {
  const WallMs pass = cursor_.begun;
  for (std::uint32_t first = 0;;) {
    Result<ChunkStore::Part> part = co_await store_.verify_part(handle, first).outcome();
    if (!part) {
      // It has gone, or is of no use anyway: then others know.
      if (part.error().code != Code::not_found)
        log::write_limited(log::Level::warn, "scrub_not_read", {{"chunk", handle}, {"why", part.error().text()}});
      co_return;
    }
    if (cursor_.begun != pass || cursor_.paused) co_return;
    cursor_.bytes += part->bytes;
    const bool bad = !part->bad.empty();
    if (bad) {
      PROBE("the scrubber found a bad block");
      ++cursor_.bad;
    }
    co_await pace(std::max<std::uint64_t>(part->bytes, kBlockSize));
    if (bad) co_return;  // all of it is read when it is made good
    first = part->next;
    if (part->last) break;
  }
  Result<> compared = co_await compare(handle).outcome();
  if (!compared) {
    log::write_limited(log::Level::debug, "scrub_not_compared", {{"chunk", handle}, {"why", compared.error().text()}});
  }
}

Task<std::optional<Scrubber::Difference>> Scrubber::difference(ChunkHandle handle) {
  const bus::ReplicaState here = co_await store_.state(handle);
  bus::FindChunk::Reply found = co_await find_chunk(handle);
  Difference seen;
  seen.own = {here.version, here.serial, here.digest};
  bool member = false;
  for (const bus::ListChunks::Holder& holder : found.chunk.members) {
    if (!holder.member || holder.state != "ok") continue;
    if (holder.server == self_) {
      member = true;
      continue;
    }
    bus::InspectChunk ask{handle, false};
    bus::CallOptions options;
    options.deadline = kAskTime;
    bus::InspectChunk::Reply there = co_await endpoint_.call(bus::Peer::at(holder.address), std::move(ask), options);
    const std::uint32_t digest = state_digest(there.length, there.sealed, there.checksums, there.records_digest);
    seen.others.push_back({there.version, there.serial, digest});
  }
  const bool differs = std::ranges::any_of(seen.others, [&](const Content& one) { return one != seen.own; });
  if (!member || !differs) co_return std::nullopt;
  co_return seen;
}

// What is under way is seen at different moments: whoever differs has to do so twice, and not have changed.
Task<> Scrubber::compare(ChunkHandle handle) {
  if (!find_chunk) co_return;
  const std::optional<Difference> first = co_await difference(handle);
  if (!first) co_return;
  co_await endpoint_.executor().sleep(kIdle);
  const std::optional<Difference> again = co_await difference(handle);
  if (!again || again->own != first->own || again->others != first->others) co_return;
  const Content& other = again->others.front();
  if (other.version != again->own.version) co_return;  // a newer configuration is on its way
  PROBE("the scrubber found a replica that is other than the others");
  ++cursor_.differing;
  const bool alike = std::ranges::all_of(again->others, [&](const Content& one) { return one == other; });
  log::error("replica_differs", {{"chunk", handle},
                                 {"version", again->own.version},
                                 {"serial", again->own.serial},
                                 {"others", again->others.size()},
                                 {"others_alike", alike}});
  // Who is ahead of the others has what they lack. And nothing has changed here since it was looked at.
  const bool lacks =
      other.serial > again->own.serial || (other.serial == again->own.serial && again->others.size() > 1);
  const bus::ReplicaState here = co_await store_.state(handle);
  if (alike && lacks && Content{here.version, here.serial, here.digest} == again->own) {
    store_.distrust(handle, "it verifies, but the other replicas agree on something else: a write was lost");
  }
}

Task<> Scrubber::pace(std::uint64_t bytes) {
  const std::uint64_t rate = this->rate();
  if (rate == 0) co_return;
  const Instant now = endpoint_.executor().now();
  const Instant turn = std::max(now, next_);
  next_ = turn + std::chrono::nanoseconds(bytes * 1'000'000'000 / rate);
  if (next_ > now) co_await endpoint_.executor().sleep(next_ - now);
}

Task<bus::ScrubStatus::Reply> Scrubber::status(bus::ScrubStatus, bus::Caller) {
  bus::ScrubStatus::Reply reply;
  reply.off = settings_.pass <= Duration::zero();
  reply.paused = cursor_.paused;
  reply.hurried = cursor_.hurried;
  reply.at = cursor_.at;
  reply.begun_ms = cursor_.begun;
  reply.chunks = cursor_.chunks;
  reply.bytes = cursor_.bytes;
  reply.bad = cursor_.bad;
  reply.differing = cursor_.differing;
  reply.chunks_held = store_.count();
  reply.bytes_held = bytes_held_;
  reply.ended_ms = cursor_.ended;
  reply.last_bad = cursor_.last_bad;
  reply.last_differing = cursor_.last_differing;
  reply.rate = reply.off || reply.paused ? 0 : rate();
  co_return reply;
}

Task<bus::Done> Scrubber::control(bus::ControlScrub ask, bus::Caller) {
  if (settings_.pass <= Duration::zero())
    co_await fail(Code::refused, "server {}: scrubbing is off by its settings (scrub_pass)", self_);
  if (!loaded_) co_await fail(Code::unavailable, "server {}: it has only just begun", self_);
  switch (ask.order) {
    case bus::ScrubOrder::start:
      cursor_.paused = false;
      cursor_.hurried = true;
      begin_pass();
      break;
    case bus::ScrubOrder::pause:
      cursor_.paused = true;
      break;
    case bus::ScrubOrder::resume:
      cursor_.paused = false;
      break;
    default:
      co_await fail(Code::invalid_argument, "{} is no order to the scrubber", static_cast<int>(ask.order));
  }
  // What was said holds over restarts: it is on the disk before that is answered.
  co_await save();
  log::info("scrub_ordered", {{"order", static_cast<int>(ask.order)}});
  co_return bus::Done{};
}

}  // namespace gfs::chunkserver
