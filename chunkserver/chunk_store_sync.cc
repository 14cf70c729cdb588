// ChunkStore, the part that makes things durable: syncs of chunks, and checkpoints that empty the journal.
#include <algorithm>

#include "base/log.h"
#include "chunkserver/chunk_store.h"
#include "chunkserver/chunk_use.h"

namespace gfs::chunkserver {

Task<std::uint64_t> ChunkStore::sync_now(ChunkHandle handle) {
  co_await usable();
  Chunk* chunk = co_await held(handle);
  Use use(chunk);
  const std::uint64_t length = chunk->length;
  const Lsn through = chunk->committed_lsn;
  if (chunk->bulk_unsynced()) co_await sync_data(chunk);
  // The journal has the bytes of everything else, and the checksums of all.
  co_await sync_journal(chunk, through);
  chunk->durable_length = std::max(chunk->durable_length, std::min(length, chunk->length));
  co_return length;
}

// Everything appended so far is on the disk: with it the chunk's record `lsn`, which is in the file already.
Task<> ChunkStore::sync_journal(Chunk* chunk, Lsn lsn) {
  Result<> synced = co_await journal_.sync().outcome();
  if (journal_.broken()) {
    Error error = *journal_.broken();
    if (error.code == Code::overloaded) error.code = Code::io_error;  // for good, whatever it was
    break_down(std::move(error));
  }
  co_await std::move(synced);
  chunk->marked_lsn = std::max(chunk->marked_lsn, lsn);
}

// Data file and its name. Calls that come while one sync runs share the next one.
Task<> ChunkStore::sync_data(Chunk* chunk) {
  Activity& activity = *chunk->activity;
  if (activity.syncing) {
    Promise<void> promise;
    Future<void> future = promise.future();
    activity.sync_waiters.push_back(std::move(promise));
    co_await std::move(future);
    co_return;
  }
  activity.syncing = true;
  Result<> result = co_await sync_data_once(chunk).outcome();
  while (!activity.sync_waiters.empty()) {
    std::vector<Promise<void>> waiters = std::move(activity.sync_waiters);
    activity.sync_waiters.clear();
    Result<> next = co_await sync_data_once(chunk).outcome();
    for (Promise<void>& waiter : waiters) waiter.set(next);
  }
  activity.syncing = false;
  co_await std::move(result);
}

Task<> ChunkStore::sync_data_once(Chunk* chunk) {
  co_await usable();
  const std::uint64_t length = chunk->length;
  co_await sync_data_file(chunk, chunk->committed_lsn);
  chunk->durable_length = std::max(chunk->durable_length, std::min(length, chunk->length));
}

// The data file, which has everything through that record, and its name.
Task<> ChunkStore::sync_data_file(Chunk* chunk, Lsn through) {
  std::shared_ptr<File> file = co_await files_.open(chunk->handle, true);
  Result<> synced = co_await file->sync().outcome();
  if (!synced) {
    break_down(synced.error());
    co_await fail(std::move(synced).error());
  }
  if (!chunk->name_durable) co_await sync_names(chunk);
  chunk->name_durable = true;
  chunk->data_synced_lsn = std::max(chunk->data_synced_lsn, through);
  // Losing this record costs a comparison at the next start, nothing else: nobody waits for it.
  journal_.append(DurableRecord{chunk->handle, through});
}

Task<> ChunkStore::sync_names(Chunk* chunk) {
  std::string folder = chunk_folder(chunk->handle);
  Result<> synced = co_await disk_.sync_directory(folder).outcome();
  if (synced) synced = co_await disk_.sync_directory("chunks").outcome();
  if (!synced) {
    break_down(synced.error());
    co_await fail(std::move(synced).error());
  }
}

void ChunkStore::checkpoint_if_due() {
  if (checkpointing_ || broken_ || executor_.now() < checkpoint_not_before_) return;
  const bool due = journal_.bytes_in_segments() > settings_.journal_segment ||
                   written_since_checkpoint_ > settings_.checkpoint_bytes;
  if (!due) return;
  checkpointing_ = true;
  tasks_.spawn(checkpoint(), [this](Result<void> done) {
    checkpointing_ = false;
    if (done) return;
    checkpoint_not_before_ = executor_.now() + 5s;
    log::warn("checkpoint_failed", {{"reason", done.error().text()}});
  });
}

Task<> ChunkStore::checkpoint_now() {
  while (checkpointing_) co_await executor_.sleep(1ms);
  checkpointing_ = true;
  Result<> done = co_await checkpoint().outcome();
  checkpointing_ = false;
  co_await std::move(done);
}

// Everything recorded so far goes to data and metadata files; then the segments that held it can go. If anything fails
// they stay.
Task<> ChunkStore::checkpoint() {
  written_since_checkpoint_ = 0;
  const Lsn through = co_await journal_.roll();
  co_await write_metas();
  // Those of an earlier checkpoint that failed halfway too: their chunks are not dirty any more.
  while (!unsynced_folders_.empty()) {
    std::string folder = *unsynced_folders_.begin();
    Result<> synced = co_await disk_.sync_directory(folder).outcome();
    if (!synced) {
      break_down(synced.error());
      co_await fail(std::move(synced).error());
    }
    unsynced_folders_.erase(folder);
  }
  Result<> synced = co_await disk_.sync_directory("chunks").outcome();
  if (!synced) {
    break_down(synced.error());
    co_await fail(std::move(synced).error());
  }
  co_await journal_.remove_through(through);
  checkpointed_ = through;
  make_room_for_checksums();
}

Task<> ChunkStore::write_metas() {
  constexpr std::size_t kAtOnce = 8;
  auto next = [this](ChunkHandle after) {
    auto it = dirty_.upper_bound(after);
    return it == dirty_.end() ? ChunkHandle{} : *it;
  };
  std::optional<Error> failed;
  ChunkHandle at;
  while (!failed) {
    std::vector<Task<>> batch;
    for (ChunkHandle handle = next(at); handle.value != 0 && batch.size() < kAtOnce; handle = next(handle)) {
      batch.push_back(write_meta(handle));
      at = handle;
    }
    if (batch.empty()) break;
    std::vector<Result<>> done = co_await all_of(std::move(batch));
    for (Result<>& one : done) {
      if (!one && !failed) failed = one.error();
    }
  }
  if (failed) co_await fail(std::move(*failed));
}

Task<> ChunkStore::write_meta(ChunkHandle handle) {
  auto found = chunks_.find(handle);
  if (found == chunks_.end() || found->second->leaving) co_return;  // its files have everything
  Chunk* chunk = found->second.get();
  Use use(chunk);
  Activity& activity = *chunk->activity;
  Semaphore::Held alone = co_await activity.meta.take(1);
  ChunkMeta meta;
  {
    Semaphore::Held turn = co_await activity.gate.take(1);
    co_await drained(chunk);
    if (!chunk->dirty()) co_return;
    Result<> loaded = co_await load(chunk).outcome();
    if (!loaded && loaded.error().code == Code::overloaded) co_await fail(std::move(loaded));  // no verdict
    if (!loaded) {
      // Its metadata file is lost, and its copy with it: told, and no reason to keep everybody's journal for ever.
      damage(chunk, 0, loaded.error().text());
      dirty_.erase(handle);
      co_return;
    }
    meta = ChunkMeta{.handle = handle,
                     .version = chunk->version,
                     .primary = chunk->primary,
                     .serial = chunk->serial,
                     .length = chunk->length,
                     .lsn = chunk->lsn,
                     .fence = chunk->promised,
                     .fenced_primary = chunk->promised_to,
                     .damaged = chunk->damaged,
                     .distrusted = chunk->distrusted,
                     .sealed = chunk->sealed,
                     .suspect = chunk->suspect,
                     .checksums = chunk->checksums,
                     .records = chunk->records};
    if (meta.fence.value == 0) co_return;
    chunk->mark_after = meta.lsn;  // what comes from here on is news
  }
  if (meta.length > 0 && chunk->committed_lsn > chunk->data_synced_lsn) co_await sync_data(chunk);
  std::string target = meta_path(handle);
  std::string temporary = target + ".tmp";
  std::string folder = chunk_folder(handle);
  co_await disk_.make_directories(folder);
  std::shared_ptr<File> file = co_await disk_.open(temporary, Disk::Mode::write);
  Bytes bytes = Bytes::of(encode_meta(meta));
  const std::uint64_t size = bytes.size();
  co_await file->write(0, std::move(bytes));
  co_await file->truncate(size);
  Result<> synced = co_await file->sync().outcome();
  if (!synced) {
    break_down(synced.error());
    co_await fail(std::move(synced).error());
  }
  file.reset();
  unsynced_folders_.insert(folder);
  co_await disk_.rename(temporary, target);
  chunk->meta_lsn = meta.lsn;
  if (!chunk->dirty()) dirty_.erase(handle);
}

}  // namespace gfs::chunkserver
