// ChunkStore, the part that puts good bytes where bad ones are, in the same version.
#include "base/crc32c.h"
#include "base/log.h"
#include "chunkserver/chunk_store.h"
#include "chunkserver/chunk_use.h"
#include "chunkserver/detached.h"

namespace gfs::chunkserver {

Task<> ChunkStore::mend_block(ChunkHandle handle, std::uint32_t block, Bytes bytes) {
  return detached(tasks_, mend_block_now(handle, block, std::move(bytes)));
}

Task<bool> ChunkStore::settle_damage(ChunkHandle handle) { return detached(tasks_, settle_damage_now(handle)); }

Task<> ChunkStore::mend_block_now(ChunkHandle handle, std::uint32_t block, Bytes bytes) {
  co_await usable();
  co_await staying(handle);
  Chunk* chunk = co_await held(handle);
  Use use(chunk);
  Activity& activity = *chunk->activity;
  // No mutation begins meanwhile, and none is under way.
  Semaphore::Held turn = co_await activity.gate.take(1);
  co_await drained(chunk);
  co_await load(chunk);
  const bool fits = block < chunk->checksums.size() && bytes.size() == bytes_in_block(chunk->length, block) &&
                    crc32c(bytes.data(), bytes.size()) == chunk->checksums[block];
  if (!fits)
    co_await fail(Code::conflict, "chunk {} block {}: these bytes are not what should be there", handle, block);
  std::shared_ptr<File> file = co_await files_.open(handle, true);
  // Who reads meanwhile looks again.
  activity.overwriting = true;
  ++activity.overwrites;
  Result<> written = co_await file->write(std::uint64_t{block} * kBlockSize, std::move(bytes)).outcome();
  activity.overwriting = false;
  co_await std::move(written);
  Result<> synced = co_await file->sync().outcome();
  if (!synced) break_down(synced.error());
  co_await std::move(synced);
}

void ChunkStore::distrust(ChunkHandle handle, std::string reason) {
  Result<Chunk*> found = held(handle);
  if (!found || (*found)->distrusted) return;
  Chunk* chunk = *found;
  chunk->distrusted = true;
  damage(chunk, 0, std::move(reason));
  if (broken_) return;
  MutationJournal::Appended appended = journal_.append(DistrustRecord{handle});
  chunk->lsn = appended.lsn;
  dirty_.insert(handle);
}

Task<bool> ChunkStore::settle_damage_now(ChunkHandle handle) {
  Chunk* chunk = co_await held(handle);
  Use use(chunk);
  const std::uint64_t damages = chunk->damages;
  BlocksSeen seen = co_await verify(handle);
  co_await usable();
  // What was found meanwhile, by somebody else, may be where it had been looked already.
  if (!seen.bad.empty() || chunk->damages != damages || !chunk->damaged || chunk->distrusted) co_return false;
  chunk->damaged = false;
  // Should a crash take the record, what is damaged no more is looked at once more.
  MutationJournal::Appended appended = journal_.append(MendRecord{handle});
  chunk->lsn = appended.lsn;
  dirty_.insert(handle);
  co_return true;
}

}  // namespace gfs::chunkserver
