// ChunkStore, the part that knows versions: promises, which fence, and adoptions.
#include <algorithm>

#include "chunkserver/chunk_store.h"
#include "chunkserver/chunk_use.h"
#include "chunkserver/detached.h"

namespace gfs::chunkserver {

// At once, so that nothing older slips in while the promise is on its way to the disk.
Result<> ChunkStore::fence(Chunk* chunk, Version version, ServerId primary) {
  if (version.value == 0) return fail(Code::invalid_argument, "chunk {}: no version", chunk->handle);
  const bool older = version < chunk->fence || version < chunk->version;
  const bool other = version == chunk->fence && !chunk->fenced_primary.nil() && primary != chunk->fenced_primary;
  if (older || other) {
    return fail(Code::stale_version, "chunk {} version {} of primary {}: version {} of {} is promised here",
                chunk->handle, version, primary, chunk->fence, chunk->fenced_primary);
  }
  chunk->fence = version;
  chunk->fenced_primary = primary;
  return {};
}

Task<> ChunkStore::promise(ChunkHandle handle, Version version, ServerId primary) {
  co_await usable();
  co_await staying(handle);
  if (!chunks_.contains(handle)) co_await room_for(0);
  co_await fence(entry(handle), version, primary);
  co_await detached(tasks_, promise_now(handle, version, primary));
}

Task<> ChunkStore::promise_now(ChunkHandle handle, Version version, ServerId primary) {
  Chunk* chunk = co_await held(handle);
  Use use(chunk);
  Activity& activity = *chunk->activity;
  Semaphore::Held turn = co_await activity.gate.take(1);
  co_await drained(chunk);
  co_await fence(chunk, version, primary);  // a newer one may have come while we waited
  if (version == chunk->promised) co_return;
  PromiseRecord record{handle, version, primary, chunk->committed_lsn,
                       chunk->version.value + chunk->promised.value == 0};
  MutationJournal::Appended appended = journal_.append(record);
  chunk->lsn = appended.lsn;
  dirty_.insert(handle);
  co_await std::move(appended.written);
  if (settings_.mutant != "adopt_not_durable") co_await sync_journal(chunk, appended.lsn);
  chunk->promised = version;
  chunk->promised_to = primary;
  checkpoint_if_due();
}

Task<> ChunkStore::adopt(ChunkHandle handle, Version version, ServerId primary, bool create) {
  co_await usable();
  co_await staying(handle);
  if (!chunks_.contains(handle)) {
    if (!create) co_await fail(Code::not_found, "chunk {}: not held here", handle);
    co_await room_for(0);
  }
  co_await fence(entry(handle), version, primary);
  co_await detached(tasks_, adopt_now(handle, version, primary, create));
}

Task<> ChunkStore::adopt_now(ChunkHandle handle, Version version, ServerId primary, bool create) {
  Chunk* chunk = co_await held(handle);
  Use use(chunk);
  Activity& activity = *chunk->activity;
  Semaphore::Held turn = co_await activity.gate.take(1);
  co_await drained(chunk);
  if (chunk->version.value == 0 && !create) co_await fail(Code::not_found, "chunk {}: not held here", handle);
  if (chunk->suspect) {
    co_await fail(Code::suspect, "chunk {} version {}: it may have lost bytes in a power cut", handle, version);
  }
  co_await fence(chunk, version, primary);
  if (version == chunk->version) co_return;
  AdoptRecord record{handle, version, primary, chunk->committed_lsn, chunk->version.value + chunk->promised.value == 0};
  MutationJournal::Appended appended = journal_.append(record);
  chunk->lsn = appended.lsn;
  dirty_.insert(handle);
  co_await std::move(appended.written);
  if (settings_.mutant != "adopt_not_durable") co_await sync_journal(chunk, appended.lsn);
  chunk->version = chunk->promised = version;
  chunk->primary = chunk->promised_to = primary;
  chunk->serial = Serial{};
  activity.plan_serial = Serial{};
  checkpoint_if_due();
}

}  // namespace gfs::chunkserver
