// ChunkStore, the part that changes chunks: mutations from plan to commit.
#include <algorithm>

#include "base/log.h"
#include "chunkserver/chunk_store.h"
#include "chunkserver/chunk_use.h"

namespace gfs::chunkserver {

namespace {

// Up to this size a mutation's bytes ride in the journal: many small files share one fdatasync.
constexpr std::uint64_t kCarriedMax = 64u << 10;
constexpr std::uint64_t kPutTogetherMax = 256u << 10;  // small appends in one write to the data file

// What is wrong with it wherever it comes.
Result<> check_form(const Mutation& mutation) {
  const std::uint64_t size = mutation.bytes.size();
  const std::uint64_t last = mutation.id.sequence + mutation.count - 1;
  bool good = mutation.time_ms >= 0;
  switch (mutation.what) {
    case MutationKind::write:
      good = good && size > 0 && size <= kFragmentMax && mutation.offset <= kChunkSize - size;
      break;
    case MutationKind::append:
      good = good && size > 0 && size <= kAppendMax && mutation.offset <= kChunkSize - size && mutation.count > 0 &&
             !mutation.id.client.nil() && mutation.id.sequence > 0 && last >= mutation.id.sequence;
      break;
    case MutationKind::truncate:
      good = good && size == 0 && mutation.offset <= kChunkSize;
      break;
    case MutationKind::seal:
      good = good && size == 0;
      break;
    case MutationKind::import_records:
      break;
    default:
      good = false;
  }
  if (good) return {};
  return fail(Code::invalid_argument, "chunk {}: a mutation of kind {} with {} bytes at {}", mutation.handle,
              static_cast<int>(mutation.what), size, mutation.offset);
}

}  // namespace

void fill(InFlight& entry, const IntentRecord& intent, Lsn lsn) {
  entry.what = intent.what;
  entry.serial = intent.serial;
  entry.lsn = lsn;
  entry.bulk = intent.size > 0 && !intent.carries_bytes;
  entry.client = intent.id.client;
  entry.record = {.first = intent.id.sequence,
                  .count = intent.count,
                  .index = intent.index,
                  .offset = intent.offset,
                  .size = static_cast<std::uint32_t>(intent.size),
                  .digest = intent.digest,
                  .time_ms = intent.time_ms};
}

Result<> ChunkStore::check_order(const Chunk& chunk, const Mutation& mutation) const {
  const Activity& activity = *chunk.activity;
  if (chunk.version.value == 0) return fail(Code::not_found, "chunk {}: not held here", mutation.handle);
  if (mutation.version != chunk.version || mutation.version < chunk.fence) {
    return fail(Code::stale_version, "chunk {} version {}: version {} is held here", mutation.handle, mutation.version,
                std::max(chunk.version, chunk.fence));
  }
  if (chunk.suspect) {
    return fail(Code::suspect, "chunk {} version {}: it may have lost bytes in a power cut", mutation.handle,
                mutation.version);
  }
  if (mutation.in_order && mutation.serial != activity.plan_serial.next()) {
    return fail(Code::out_of_order, "chunk {} version {}: serial {} came, {} is expected", mutation.handle,
                mutation.version, mutation.serial, activity.plan_serial.next());
  }
  return {};
}

// A seal is alone, so whoever holds the gate sees it in the chunk.
Result<> ChunkStore::check_place(const Chunk& chunk, const Mutation& mutation) const {
  const std::uint64_t length = chunk.activity->plan_length;
  const bool append = mutation.what == MutationKind::append;
  const bool grows =
      append || (mutation.what == MutationKind::write && mutation.offset + mutation.bytes.size() > length);
  if (chunk.sealed && grows) {
    return fail(Code::sealed, "chunk {} version {}: sealed at {} bytes", mutation.handle, mutation.version, length);
  }
  if (append && mutation.offset != length) {
    return fail(Code::conflict, "chunk {} version {}: an append at {}, the chunk ends at {}", mutation.handle,
                mutation.version, mutation.offset, length);
  }
  return {};
}

Task<std::uint64_t> ChunkStore::write_now(Mutation mutation) {
  Chunk* chunk = co_await held(mutation.handle);
  Use use(chunk);
  Activity& activity = *chunk->activity;
  const std::uint64_t size = mutation.bytes.size();
  co_await check_form(mutation);
  std::unique_ptr<AppendRecords> imported;
  if (mutation.what == MutationKind::import_records) {
    imported = std::make_unique<AppendRecords>(co_await AppendRecords::decode(mutation.bytes.view()));
  }
  Semaphore::Held turn = co_await activity.gate.take(1);
  co_await usable();
  if (activity.failing) co_await drained(chunk);
  const std::uint64_t failures = activity.failures;
  co_await check_order(*chunk, mutation);
  co_await room_for(size);
  co_await load(chunk);
  if (activity.in_flight.empty()) {
    activity.plan_length = chunk->length;
    activity.plan_tail = chunk->tail();
  }
  co_await check_place(*chunk, mutation);
  const bool cuts = mutation.what == MutationKind::truncate;
  const bool puts = mutation.what == MutationKind::write || mutation.what == MutationKind::append;
  const bool overwrites = mutation.what == MutationKind::write && mutation.offset < activity.plan_length;
  const bool alone = overwrites || !puts;
  if (alone) {
    co_await drained(chunk);
    activity.plan_length = chunk->length;
    activity.plan_tail = chunk->tail();
    // What recovery could not settle any more once these bytes have changed.
    if ((overwrites || cuts) && chunk->bulk_unsynced()) co_await sync_data(chunk);
  }
  if (activity.tail_garbage) {
    co_await drained(chunk);
    std::shared_ptr<File> file = co_await files_.open(mutation.handle, true);
    co_await file->truncate(chunk->length);
    activity.tail_garbage = false;
  }
  BlockChange change;
  if (puts) {
    change = co_await plan(chunk, mutation.offset, mutation.bytes, mutation.checksums);
  } else if (cuts) {
    change = co_await plan_cut(chunk, mutation.offset);
  } else {
    change.length = activity.plan_length;
  }
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
  intent.what = mutation.what;
  intent.offset = mutation.offset;
  intent.size = size;
  intent.digest = mutation.digest;
  intent.count = mutation.count;
  intent.index = mutation.index;
  intent.time_ms = mutation.time_ms;
  intent.length = change.length;
  intent.first_block = change.first;
  intent.checksums = change.checksums;
  intent.carries_bytes = size > 0 && (alone || size <= kCarriedMax);
  MutationJournal::Appended appended = journal_.append(intent, intent.carries_bytes ? mutation.bytes : Bytes{});

  auto entry = std::make_shared<InFlight>();
  fill(*entry, intent, appended.lsn);
  entry->change = std::move(change);
  entry->imported = std::move(imported);
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
  const std::uint64_t length_before = chunk->length;
  if (overwrites || cuts) {
    activity.overwriting = true;
    ++activity.overwrites;
  }
  if (!alone) turn.release();

  Result<> done = co_await std::move(appended.written).outcome();
  const bool destroys = cuts || (overwrites && mutation.offset < chunk->durable_length);
  if (done && (destroys || !chunk->marked())) done = co_await sync_journal(chunk, appended.lsn).outcome();
  bool touched = false;
  if (done && !activity.failing) {
    touched = true;
    const bool small = mutation.what == MutationKind::append && size <= kCarriedMax;
    if (puts && small) done = co_await put_appended(chunk, mutation.offset, mutation.bytes).outcome();
    if (puts && !small) done = co_await put_bytes(chunk, mutation.offset, mutation.bytes).outcome();
    if (cuts) done = co_await cut_file(chunk, entry->change.length, appended.lsn).outcome();
  }
  if (!done) entry->failed = done.error();
  entry->finished = true;
  if (overwrites || cuts) activity.overwriting = false;
  settle(chunk);
  Result<std::uint64_t> length = co_await std::move(outcome).outcome();
  if (!length && (overwrites || cuts) && touched) {
    // The old bytes may be torn or gone now: look, so that the damage is known before somebody needs them.
    const std::uint64_t last = length_before == 0 ? 0 : length_before - 1;
    (void)co_await read(mutation.handle, overwrites ? mutation.offset : last, overwrites ? size : 1).outcome();
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

Task<BlockChange> ChunkStore::plan_cut(Chunk* chunk, std::uint64_t length) {
  length = std::min(length, chunk->length);
  Bytes last;
  if (length % kBlockSize != 0) {
    const auto block = static_cast<std::uint32_t>(length / kBlockSize);
    Verified verified = co_await verified_blocks(chunk, block, block, chunk->length);
    last = std::move(verified.bytes);
  }
  co_return cut_of(length, last);
}

Task<> ChunkStore::put_bytes(Chunk* chunk, std::uint64_t offset, Bytes bytes) {
  std::shared_ptr<File> file = co_await files_.open(chunk->handle, true);
  co_await file->write(offset, std::move(bytes));
}

Task<> ChunkStore::put_appended(Chunk* chunk, std::uint64_t offset, Bytes bytes) {
  Activity& activity = *chunk->activity;
  Promise<void> promise;
  Future<void> done = promise.future();
  activity.puts.push_back({offset, std::move(bytes), std::move(promise)});
  if (!std::exchange(activity.putting, true)) tasks_.spawn(put_waiting(chunk));
  co_await std::move(done);
}

Task<> ChunkStore::put_waiting(Chunk* chunk) {
  Use use(chunk);
  Activity& activity = *chunk->activity;
  while (!activity.puts.empty()) {
    std::vector<PendingPut> together;
    std::uint64_t size = 0;
    while (!activity.puts.empty() && size < kPutTogetherMax) {
      PendingPut& next = activity.puts.front();
      if (!together.empty() && next.offset != together.front().offset + size) break;
      size += next.bytes.size();
      together.push_back(std::move(next));
      activity.puts.pop_front();
    }
    Bytes bytes = together.front().bytes;
    if (together.size() > 1) {
      std::string joined;
      joined.reserve(size);
      for (const PendingPut& put : together) joined.append(put.bytes.view());
      bytes = Bytes::of(std::move(joined));
    }
    Result<> put = co_await put_bytes(chunk, together.front().offset, std::move(bytes)).outcome();
    for (PendingPut& one : together) one.done.set(put);
  }
  activity.putting = false;
}

// On the disk before anything comes after it: when recovery finds a later change of the chunk it need not cut again,
// and must not, because the bytes behind the cut may be the later change's.
Task<> ChunkStore::cut_file(Chunk* chunk, std::uint64_t length, Lsn lsn) {
  std::shared_ptr<File> file = co_await files_.open(chunk->handle, true);
  co_await file->truncate(length);
  co_await sync_data_file(chunk, lsn);
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
  chunk->checksums.resize(blocks_of(change.length));
  std::copy(change.checksums.begin(), change.checksums.end(), chunk->checksums.begin() + change.first);
  chunk->length = change.length;
  chunk->durable_length = std::min(chunk->durable_length, change.length);
  chunk->serial = entry.serial;
  chunk->committed_lsn = entry.lsn;
  if (entry.bulk) chunk->bulk_lsn = entry.lsn;
  if (chunk->copy) chunk->copy->own.clear();
  if (entry.what == MutationKind::append) {
    chunk->records.expire(entry.record.time_ms);
    chunk->records.add(entry.client, entry.record);
    chunk->appended = true;
  } else if (entry.what == MutationKind::import_records) {
    chunk->records.import(*entry.imported);
    chunk->records.expire(entry.record.time_ms);
    chunk->appended = true;
  } else if (entry.what == MutationKind::seal) {
    chunk->sealed = true;
  }
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
  if (chunk->copy) chunk->copy->own.clear();
  log::warn("mutation_failed",
            {{"chunk", chunk->handle}, {"serial", failed.front()->serial}, {"reason", cause.text()}});
  for (const std::shared_ptr<InFlight>& entry : failed)
    entry->outcome.set(fail(entry->failed ? *entry->failed : cause));
}

}  // namespace gfs::chunkserver
