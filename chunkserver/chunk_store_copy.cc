// ChunkStore, the part that makes a chunk equal to another server's: blocks are gathered in the copy's own file, and
// take effect together by one record of the journal.
//
//   gather    <handle>.copy, each block at its place; the chunk itself is not touched
//   install   what the chunk keeps is on the disk; what was gathered, too; then the record: the chunk is the target
//   bring     the gathered blocks into the data file, which is cut and forced; a record says so; the copy's file goes.
//             If every block was gathered, nothing is written a second time: the copy's file takes the data file's
//             place
//
// Before the record a failure or a crash leaves the chunk as it was. After it recovery brings the blocks over (again).
#include <algorithm>

#include "base/crc32c.h"
#include "base/hash64.h"
#include "base/log.h"
#include "chunkserver/chunk_store.h"
#include "chunkserver/chunk_use.h"

namespace gfs::chunkserver {

namespace {

constexpr std::uint64_t kSyncedEvery = 1ull << 20;
constexpr std::uint32_t kAtOnce = kFragmentMax / kBlockSize;

struct Installing {
  explicit Installing(std::shared_ptr<Copy> of) : copy(std::move(of)) { copy->installing = true; }
  Installing(const Installing&) = delete;
  Installing& operator=(const Installing&) = delete;
  ~Installing() { copy->installing = false; }
  std::shared_ptr<Copy> copy;
};

bool same(const std::map<std::uint32_t, BlockAtHand>& blocks, std::uint32_t block, const BlockAtHand& wanted) {
  auto found = blocks.find(block);
  return found != blocks.end() && found->second == wanted;
}

}  // namespace

Task<std::vector<ChunkStore::AtHand>> ChunkStore::begin_copy_now(ChunkHandle handle) {
  co_await usable();
  co_await staying(handle);
  if (!chunks_.contains(handle)) co_await room_for(0);
  Chunk* chunk = entry(handle);
  Use use(chunk);
  co_await open_copy(chunk);
  std::shared_ptr<Copy> copy = chunk->copy;
  Result<> loaded = co_await load(chunk).outcome();  // without its checksums the chunk's own bytes are worth nothing
  for (std::uint32_t first = 0; loaded && first < blocks_of(chunk->length); first += kAtOnce) {
    // Not damage: that it may have lost bytes is why it is being made equal.
    Result<Seen> looked = co_await look_at(chunk, first, first + kAtOnce - 1).outcome();
    if (!looked) continue;
    for (std::uint32_t i = 0; i < looked->checksums.size(); ++i) {
      const std::uint32_t block = first + i;
      const bool current = block < chunk->checksums.size() && chunk->checksums[block] == looked->checksums[i];
      if (!current || std::ranges::binary_search(looked->bad, block)) continue;
      copy->own[block] = {looked->checksums[i], bytes_in_block(looked->length, block), hash_of(*looked, first, i)};
    }
  }
  std::vector<AtHand> at_hand;
  for (const auto* blocks : {&copy->own, &copy->gathered}) {
    for (const auto& [block, here] : *blocks) {
      if (at_hand.size() <= block) at_hand.resize(block + 1);
      at_hand[block] = here;
    }
  }
  co_return at_hand;
}

// The file of a copy that was dropped is not there for the next one before nobody writes to it any more.
Task<> ChunkStore::open_copy(Chunk* chunk) {
  Semaphore::Held turn = co_await chunk->activity->gate.take(1);
  if (chunk->copy && !chunk->copy->dropped) co_return;
  if (chunk->copy) co_await quiet(chunk->copy);
  std::string folder = chunk_folder(chunk->handle);
  co_await disk_.make_directories(folder);
  std::string path = copy_path(chunk->handle);
  auto copy = std::make_shared<Copy>();
  copy->file = co_await disk_.open(path, Disk::Mode::write);
  co_await copy->file->truncate(0);
  chunk->copy = std::move(copy);
}

Task<> ChunkStore::copy_blocks_now(ChunkHandle handle, std::uint32_t first, Bytes bytes,
                                   std::vector<std::uint32_t> checksums) {
  co_await usable();
  Chunk* chunk = co_await held(handle);
  std::shared_ptr<Copy> copy = chunk->copy;
  if (!copy || copy->dropped) co_await fail(Code::not_found, "chunk {}: no copy is under way", handle);
  if (copy->installing) co_await fail(Code::conflict, "chunk {}: its copy is being installed", handle);
  const std::uint64_t size = bytes.size();
  const std::uint64_t offset = std::uint64_t{first} * kBlockSize;
  if (size == 0 || size > kFragmentMax || first >= kBlocks || offset > kChunkSize - size) {
    co_await fail(Code::invalid_argument, "chunk {}: {} bytes of a copy at block {}", handle, size, first);
  }
  co_await verify_wire(offset, bytes, checksums);
  co_await room_for(size);
  for (std::uint32_t i = 0; i < checksums.size(); ++i) copy->gathered.erase(first + i);
  ++copy->writing;
  Result<> written = co_await copy->file->write(offset, bytes).outcome();
  // Again and again, so that little is left to be synced when it takes effect, and mutations wait for that.
  copy->unsynced += size;
  Result<> synced;
  if (written && copy->unsynced >= kSyncedEvery) {
    copy->unsynced = 0;
    synced = co_await copy->file->sync().outcome();
    if (!synced) break_down(synced.error());
  }
  if (--copy->writing == 0) {
    std::vector<Promise<void>> waiters = std::move(copy->quiet_waiters);
    copy->quiet_waiters.clear();
    for (Promise<void>& waiter : waiters) waiter.set({});
  }
  co_await std::move(written);
  co_await std::move(synced);
  space_.available -= std::min(space_.available, size);
  for (std::uint32_t i = 0; i < checksums.size(); ++i) {
    const std::uint32_t has = bytes_in_block(offset + size, first + i);
    copy->gathered[first + i] = {checksums[i], has, hash64(bytes.data() + std::uint64_t{i} * kBlockSize, has)};
  }
}

Task<> ChunkStore::quiet(std::shared_ptr<Copy> copy) {
  while (copy->writing > 0) {
    Promise<void> promise;
    Future<void> future = promise.future();
    copy->quiet_waiters.push_back(std::move(promise));
    co_await std::move(future);
  }
}

Task<> ChunkStore::install_copy_now(ChunkHandle handle, Version promised, CopyTarget target) {
  Chunk* chunk = co_await held(handle);
  Use use(chunk);
  Activity& activity = *chunk->activity;
  const std::uint64_t length = target.state.length;
  if (length > kChunkSize || target.checksums.size() != blocks_of(length) ||
      target.hashes.size() != blocks_of(length)) {
    co_await fail(Code::invalid_argument, "chunk {}: a copy of {} bytes with {} checksums and {} hashes", handle,
                  length, target.checksums.size(), target.hashes.size());
  }
  Semaphore::Held turn = co_await activity.gate.take(1);
  co_await usable();
  co_await drained(chunk);
  std::shared_ptr<Copy> copy = chunk->copy;
  if (!copy || copy->dropped) co_await fail(Code::conflict, "chunk {}: no copy is under way", handle);
  if (promised != chunk->fence || promised != chunk->promised || target.state.version > promised) {
    co_await fail(Code::stale_version, "chunk {}: a copy of version {} for {}, version {} is promised here", handle,
                  target.state.version, promised, chunk->fence);
  }
  // A late copy of an order: the version may be active, and this replica would lose or gain what it has confirmed or
  // not; or fall back behind the version it has adopted.
  const bool adopted = chunk->version == promised;
  const bool backwards = adopted && (chunk->serial.value > 0 || target.state.version < promised);
  if (backwards || (target.state.version == promised && target.state.serial.value > 0)) {
    co_await fail(Code::stale_version, "chunk {}: a late copy for version {}, which is held already", handle, promised);
  }
  const std::uint32_t digest = state_digest(length, target.state.sealed, target.checksums, target.records.digest());
  if (digest != target.state.digest) {
    co_await fail(Code::conflict, "chunk {}: the copy's digest is {:08x}, its source's {:08x}", handle, digest,
                  target.state.digest);
  }
  Installing installing(copy);
  co_await quiet(copy);  // what is still on its way into the file must not come after what is counted here
  InstallRecord install;
  install.copied.resize(target.checksums.size());
  std::uint64_t moved = 0;
  for (std::uint32_t block = 0; block < target.checksums.size(); ++block) {
    const AtHand wanted{target.checksums[block], bytes_in_block(length, block), target.hashes[block]};
    if (same(copy->own, block, wanted)) continue;
    if (!same(copy->gathered, block, wanted)) {
      co_await fail(Code::conflict, "chunk {}: block {} of the copy is not at hand", handle, block);
    }
    install.copied[block] = true;
    moved += wanted.size;
  }
  const bool whole = is_whole(install);
  if (whole) {
    // What was gathered of a longer state is of no use any more.
    copy->gathered.erase(copy->gathered.lower_bound(blocks_of(length)), copy->gathered.end());
    co_await copy->file->truncate(length);
    moved = 0;
  }
  co_await room_for(moved);
  // What it keeps of its own must not depend on records that this one makes void.
  if (chunk->committed_lsn > chunk->data_synced_lsn && chunk->length > 0) co_await sync_data(chunk);
  if (whole || moved > 0) co_await sync_copy(chunk);
  Bytes records = Bytes::of(target.records.encode());
  install.handle = handle;
  install.version = target.state.version;
  install.serial = target.state.serial;
  if (target.state.version == promised) install.primary = chunk->promised_to;
  install.previous = chunk->committed_lsn;
  install.length = length;
  install.sealed = target.state.sealed;
  install.checksums = std::move(target.checksums);
  install.records_size = static_cast<std::uint32_t>(records.size());
  MutationJournal::Appended appended = journal_.append(install, records);
  chunk->lsn = appended.lsn;
  dirty_.insert(handle);  // a checkpoint that lets go of the record waits until it has taken effect
  co_await std::move(appended.written);
  activity.overwriting = true;
  ++activity.overwrites;
  Result<> done = co_await sync_journal(chunk, appended.lsn).outcome();
  if (!done) {
    activity.overwriting = false;
    co_await std::move(done);
  }
  done =
      whole ? co_await put_copy_in_place(chunk).outcome() : co_await bring_over(chunk, copy->file, install).outcome();
  if (done) done = co_await sync_data_file(chunk, appended.lsn).outcome();
  commit_install(chunk, install, std::move(target.records), appended.lsn);
  activity.tail_garbage = !done;
  activity.plan_serial = chunk->serial;
  activity.plan_lsn = appended.lsn;
  if (!done) suspect(chunk);  // it is the target by what is on record; not all of its bytes are there
  activity.overwriting = false;
  if (!done) {
    co_await fail(Code::io_error, "chunk {}: its copy could not be brought over: {}", handle, done.error().message);
  }
  chunk->durable_length = length;
  written_since_checkpoint_ += moved;
  // The copy's file is needed until the disk knows that the data file has its blocks.
  co_await sync_journal(chunk, appended.lsn);
  if (whole) {
    chunk->copy.reset();
  } else {
    chunk->copy->dropped = true;
    turn.release();
    (void)co_await remove_copy(handle).outcome();  // what stays is removed at the next start
  }
  checkpoint_if_due();
}

// The copy's file and its name.
Task<> ChunkStore::sync_copy(Chunk* chunk) {
  std::shared_ptr<Copy> copy = chunk->copy;
  co_await quiet(copy);
  Result<> synced = co_await copy->file->sync().outcome();
  if (!synced) {
    break_down(synced.error());
    co_await fail(std::move(synced).error());
  }
  co_await sync_names(chunk);
}

bool ChunkStore::is_whole(const InstallRecord& install) {
  return !install.copied.empty() && std::ranges::all_of(install.copied, [](bool copied) { return copied; });
}

// Its bytes are on the disk. Its new name is before anything is written to it: after a power cut a file with the old
// one has nothing of what came later.
Task<> ChunkStore::put_copy_in_place(Chunk* chunk) {
  std::string copy = copy_path(chunk->handle);
  std::string data = data_path(chunk->handle);
  Result<> renamed = co_await disk_.rename(copy, data).outcome();
  // Even if that failed: which file has the name is not certain then.
  files_.replaced(chunk->handle);
  if (chunk->copy) chunk->copy->dropped = true;
  co_await std::move(renamed);
  co_await sync_names(chunk);
}

// Whether the copy's file is what the record says, to the last block.
Task<bool> ChunkStore::copy_verifies(std::shared_ptr<File> file, const InstallRecord* install) {
  const std::uint64_t size = co_await file->size();
  if (size != install->length) co_return false;
  const std::uint32_t blocks = blocks_of(install->length);
  for (std::uint32_t first = 0; first < blocks; first += kAtOnce) {
    Bytes bytes = co_await file->read(std::uint64_t{first} * kBlockSize, std::size_t{kAtOnce} * kBlockSize);
    for (std::uint32_t block = first; block < std::min(blocks, first + kAtOnce); ++block) {
      Bytes one = bytes.slice(std::uint64_t{block - first} * kBlockSize, kBlockSize);
      if (one.size() != bytes_in_block(install->length, block)) co_return false;
      if (crc32c(one.data(), one.size()) != install->checksums[block]) co_return false;
    }
  }
  co_return true;
}

// Again after a crash. Blocks that do not verify in the copy's file (corrupt) are left alone: they will be found bad.
Task<> ChunkStore::bring_over(Chunk* chunk, std::shared_ptr<File> from, InstallRecord install) {
  const std::uint32_t blocks = blocks_of(install.length);
  std::optional<std::uint32_t> bad;
  for (std::uint32_t first = 0; first < blocks;) {
    std::uint32_t end = first;
    while (end < blocks && end - first < kAtOnce && install.copied[end]) ++end;
    if (end == first) {
      ++first;
      continue;
    }
    const std::uint64_t offset = std::uint64_t{first} * kBlockSize;
    Bytes bytes =
        co_await from->read(offset, std::min<std::uint64_t>(install.length, std::uint64_t{end} * kBlockSize) - offset);
    for (std::uint32_t block = first; block < end; ++block) {
      const std::uint64_t at = std::uint64_t{block - first} * kBlockSize;
      Bytes one = bytes.slice(at, kBlockSize);
      const bool good = one.size() == bytes_in_block(install.length, block) &&
                        crc32c(one.data(), one.size()) == install.checksums[block];
      if (good) {
        co_await put_bytes(chunk, offset + at, std::move(one));
      } else if (!bad) {
        bad = block;
      }
    }
    first = end;
  }
  std::shared_ptr<File> file = co_await files_.open(chunk->handle, true);
  co_await file->truncate(install.length);
  if (bad) co_await fail(Code::corrupt, "block {} in the copy's file does not match its checksum", *bad);
}

void ChunkStore::commit_install(Chunk* chunk, const InstallRecord& install, AppendRecords records, Lsn lsn) {
  chunk->version = install.version;
  chunk->primary = install.primary;
  chunk->serial = install.serial;
  chunk->length = install.length;
  chunk->sealed = install.sealed;
  chunk->suspect = false;
  chunk->damaged = chunk->distrusted = false;
  chunk->checksums = install.checksums;
  chunk->records = std::move(records);
  chunk->appended = !chunk->records.empty();
  if (!chunk->loaded) ++loaded_;
  chunk->loaded = true;
  chunk->lsn = std::max(chunk->lsn, lsn);
  chunk->committed_lsn = lsn;
  chunk->durable_length = std::min(chunk->durable_length, chunk->length);
  if (chunk->copy) chunk->copy->own.clear();
  dirty_.insert(chunk->handle);
}

void ChunkStore::drop_copy(ChunkHandle handle) {
  auto found = chunks_.find(handle);
  if (found == chunks_.end() || !found->second->copy) return;
  found->second->copy->dropped = true;
  tasks_.spawn(remove_copy(handle));
}

// Unless another copy has begun meanwhile, with the same file.
Task<> ChunkStore::remove_copy(ChunkHandle handle) {
  Chunk* chunk = co_await held(handle);
  Use use(chunk);
  Semaphore::Held turn = co_await chunk->activity->gate.take(1);
  if (!chunk->copy || !chunk->copy->dropped) co_return;
  co_await quiet(chunk->copy);
  std::string path = copy_path(handle);
  Result<> removed = co_await disk_.remove(path).outcome();
  if (!removed) log::warn("copy_not_removed", {{"path", path}, {"reason", removed.error().text()}});
  chunk->copy.reset();
}

}  // namespace gfs::chunkserver
