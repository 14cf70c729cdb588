// ChunkStore, the part that changes chunks: adoption of versions, and mutations from plan to commit.
#include <algorithm>

#include "base/log.h"
#include "chunkserver/chunk_store.h"
#include "chunkserver/chunk_use.h"

namespace gfs::chunkserver {

namespace {

// Up to this size a mutation's bytes ride in the journal: many small files share one fdatasync.
constexpr std::uint64_t kCarriedMax = 64u << 10;

}  // namespace

Task<> ChunkStore::adopt_now(ChunkHandle handle, Version version, ServerId primary, bool create) {
  Chunk* chunk = co_await held(handle);
  Use use(chunk);
  Activity& activity = *chunk->activity;
  Semaphore::Held turn = co_await activity.gate.take(1);
  co_await drained(chunk);
  const bool creates = chunk->version.value == 0;  // its creation did not succeed, or is this
  if (creates && !create) co_await fail(Code::not_found, "chunk {}: not held here", handle);
  if (version < chunk->version) {
    co_await fail(Code::stale_version, "chunk {} version {}: version {} is held here", handle, version, chunk->version);
  }
  if (version > chunk->version) {
    MutationJournal::Appended appended = journal_.append(AdoptRecord{handle, version, primary, creates});
    chunk->lsn = appended.lsn;
    dirty_.insert(handle);
    co_await std::move(appended.written);
    Result<> synced = co_await journal_.sync().outcome();
    if (!synced) {
      if (journal_.broken()) break_down(*journal_.broken());
      co_await fail(std::move(synced).error());
    }
    chunk->version = version;
    chunk->primary = primary;
    chunk->serial = Serial{};
    activity.plan_serial = Serial{};
    checkpoint_if_due();
  }
}

Task<std::uint64_t> ChunkStore::write_now(Mutation mutation) {
  Chunk* chunk = co_await held(mutation.handle);
  Use use(chunk);
  Activity& activity = *chunk->activity;
  const std::uint64_t size = mutation.bytes.size();
  if (size == 0 || size > kFragmentMax || mutation.offset > kChunkSize - size) {
    co_await fail(Code::invalid_argument, "chunk {}: a write of {} bytes at {}", mutation.handle, size,
                  mutation.offset);
  }
  Semaphore::Held turn = co_await activity.gate.take(1);
  co_await usable();
  if (activity.failing) co_await drained(chunk);
  const std::uint64_t failures = activity.failures;
  if (mutation.version != chunk->version || mutation.version < chunk->fence) {
    co_await fail(Code::stale_version, "chunk {} version {}: version {} is held here", mutation.handle,
                  mutation.version, std::max(chunk->version, chunk->fence));
  }
  if (mutation.in_order && mutation.serial != activity.plan_serial.next()) {
    co_await fail(Code::out_of_order, "chunk {} version {}: serial {} came, {} is expected", mutation.handle,
                  mutation.version, mutation.serial, activity.plan_serial.next());
  }
  co_await room_for(size);
  co_await load(chunk);
  if (activity.in_flight.empty()) {
    activity.plan_length = chunk->length;
    activity.plan_tail = chunk->tail();
  }
  const bool overwrites = mutation.offset < activity.plan_length;
  if (overwrites) {
    co_await drained(chunk);
    activity.plan_length = chunk->length;
    activity.plan_tail = chunk->tail();
    if (chunk->bulk_unsynced()) co_await sync_data(chunk);
  }
  if (activity.tail_garbage) {
    co_await drained(chunk);
    std::shared_ptr<File> file = co_await files_.open(mutation.handle, true);
    co_await file->truncate(chunk->length);
    activity.tail_garbage = false;
  }
  BlockChange change = co_await plan(chunk, mutation.offset, mutation.bytes, mutation.checksums);
  if (activity.failures != failures) {
    co_await fail(Code::out_of_order, "chunk {} version {}: the mutation before serial {} failed", mutation.handle,
                  mutation.version, mutation.serial);
  }

  IntentRecord intent;
  intent.handle = mutation.handle;
  intent.version = mutation.version;
  intent.serial = mutation.serial;
  intent.id = mutation.id;
  intent.previous = activity.plan_lsn;
  intent.offset = mutation.offset;
  intent.size = size;
  intent.digest = mutation.digest;
  intent.length = change.length;
  intent.first_block = change.first;
  intent.checksums = change.checksums;
  intent.carries_bytes = overwrites || size <= kCarriedMax;
  MutationJournal::Appended appended = journal_.append(intent, intent.carries_bytes ? mutation.bytes : Bytes{});

  auto entry = std::make_shared<InFlight>();
  entry->serial = mutation.serial;
  entry->lsn = appended.lsn;
  entry->bulk = !intent.carries_bytes;
  entry->change = std::move(change);
  Future<std::uint64_t> outcome = entry->outcome.future();
  activity.in_flight.push_back(entry);
  activity.plan_serial = mutation.serial;
  activity.plan_length = entry->change.length;
  activity.plan_tail = entry->change.length % kBlockSize == 0 ? 0 : activity.plan_tail;
  if (entry->change.first + entry->change.checksums.size() == blocks_of(entry->change.length) &&
      entry->change.length % kBlockSize != 0) {
    activity.plan_tail = entry->change.checksums.back();
  }
  activity.plan_lsn = appended.lsn;
  chunk->lsn = appended.lsn;
  dirty_.insert(chunk->handle);
  if (overwrites) {
    activity.overwriting = true;
    ++activity.overwrites;
  } else {
    turn.release();
  }

  Result<> done = co_await std::move(appended.written).outcome();
  if (done && overwrites && mutation.offset < chunk->durable_length) {
    done = co_await journal_.sync().outcome();
    if (journal_.broken()) break_down(*journal_.broken());
  }
  bool touched = false;
  if (done && !activity.failing) {
    touched = true;
    done = co_await put_bytes(chunk, mutation.offset, mutation.bytes).outcome();
  }
  if (!done) entry->failed = done.error();
  entry->finished = true;
  if (overwrites) activity.overwriting = false;
  settle(chunk);
  Result<std::uint64_t> length = co_await std::move(outcome).outcome();
  if (!length && overwrites && touched) {
    // The old bytes may be torn now: look, so that the damage is known before somebody needs them.
    (void)co_await read(mutation.handle, mutation.offset, size).outcome();
  }
  space_.available -= std::min(space_.available, size);
  written_since_checkpoint_ += size;
  checkpoint_if_due();
  co_return co_await std::move(length);
}

Task<BlockChange> ChunkStore::plan(Chunk* chunk, std::uint64_t offset, Bytes bytes,
                                   std::vector<std::uint32_t> checksums) {
  const std::uint64_t length = chunk->activity->plan_length;
  std::map<std::uint32_t, Bytes> old;
  for (std::uint32_t block : blocks_to_merge(length, offset, bytes.size())) {
    Verified verified = co_await verified_blocks(chunk, block, block, length);
    old[block] = std::move(verified.bytes);
  }
  co_return change_of(length, chunk->activity->plan_tail, offset, bytes, checksums, old);
}

Task<> ChunkStore::put_bytes(Chunk* chunk, std::uint64_t offset, Bytes bytes) {
  std::shared_ptr<File> file = co_await files_.open(chunk->handle, true);
  co_await file->write(offset, std::move(bytes));
}

// Until nothing of the chunk is in flight; the caller holds the gate, so nothing comes after.
Task<> ChunkStore::drained(Chunk* chunk) {
  if (chunk->activity->in_flight.empty()) co_return;
  Promise<void> promise;
  Future<void> future = promise.future();
  chunk->activity->drain_waiters.push_back(std::move(promise));
  co_await std::move(future);
}

void ChunkStore::settle(Chunk* chunk) {
  Activity& activity = *chunk->activity;
  while (!activity.in_flight.empty() && !activity.failing && activity.in_flight.front()->finished) {
    std::shared_ptr<InFlight> entry = activity.in_flight.front();
    if (entry->failed) {
      activity.failing = true;
      ++activity.failures;
      break;
    }
    activity.in_flight.pop_front();
    commit(chunk, *entry);
    entry->outcome.set(chunk->length);
  }
  if (activity.failing) {
    for (const std::shared_ptr<InFlight>& entry : activity.in_flight) {
      if (!entry->finished) return;
    }
    Error cause = *activity.in_flight.front()->failed;
    roll_back(chunk, cause);
  }
  if (activity.in_flight.empty()) {
    std::vector<Promise<void>> waiters = std::move(activity.drain_waiters);
    activity.drain_waiters.clear();
    for (Promise<void>& waiter : waiters) waiter.set({});
  }
}

void ChunkStore::commit(Chunk* chunk, InFlight& entry) {
  const BlockChange& change = entry.change;
  if (chunk->checksums.size() < change.first + change.checksums.size()) {
    chunk->checksums.resize(change.first + change.checksums.size());
  }
  std::copy(change.checksums.begin(), change.checksums.end(), chunk->checksums.begin() + change.first);
  chunk->length = change.length;
  chunk->serial = entry.serial;
  chunk->committed_lsn = entry.lsn;
  if (entry.bulk) chunk->bulk_lsn = entry.lsn;
}

void ChunkStore::roll_back(Chunk* chunk, const Error& cause) {
  Activity& activity = *chunk->activity;
  std::deque<std::shared_ptr<InFlight>> failed = std::move(activity.in_flight);
  activity.in_flight.clear();
  activity.failing = false;
  activity.tail_garbage = true;
  activity.plan_serial = chunk->serial;
  activity.plan_lsn = chunk->committed_lsn;
  activity.plan_length = chunk->length;
  activity.plan_tail = chunk->tail();
  log::warn("mutation_failed",
            {{"chunk", chunk->handle}, {"serial", failed.front()->serial}, {"reason", cause.text()}});
  for (const std::shared_ptr<InFlight>& entry : failed)
    entry->outcome.set(fail(entry->failed ? *entry->failed : cause));
}

}  // namespace gfs::chunkserver
