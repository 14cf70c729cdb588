#include "chunkserver/chunk_store.h"

#include <algorithm>

#include "base/log.h"
#include "chunkserver/chunk_use.h"
#include "chunkserver/detached.h"
#include "chunkserver/recovery.h"

namespace gfs::chunkserver {

std::unique_ptr<Chunk> chunk_of(const ChunkMeta& meta) {
  auto chunk = std::make_unique<Chunk>();
  chunk->handle = meta.handle;
  chunk->version = meta.version;
  chunk->primary = meta.primary;
  chunk->fence = chunk->promised = meta.fence;
  chunk->fenced_primary = chunk->promised_to = meta.fenced_primary;
  chunk->serial = meta.serial;
  chunk->length = chunk->durable_length = meta.length;
  chunk->damaged = meta.damaged;
  chunk->distrusted = meta.distrusted;
  chunk->sealed = meta.sealed;
  chunk->suspect = meta.suspect;
  chunk->appended = !meta.records.empty();
  chunk->name_durable = meta.length > 0;  // an empty chunk may have no data file yet
  chunk->lsn = chunk->meta_lsn = chunk->committed_lsn = chunk->data_synced_lsn = chunk->mark_after = meta.lsn;
  return chunk;
}

ChunkStore::ChunkStore(Executor& executor, Disk& disk, StoreSettings settings)
    : executor_(executor),
      disk_(disk),
      settings_(settings),
      journal_(executor, disk, settings.journal_segment),
      files_(disk, std::max<std::size_t>(settings.open_files, 2)) {}

Task<> ChunkStore::open() {
  co_await disk_.make_directories("chunks");
  co_await disk_.make_directories("journal");
  co_await disk_.make_directories(kQuarantineFolder);
  co_await disk_.sync_directory("");
  co_await measure_space();
  Recovery recovery(*this);
  co_await recovery.run();
}

Task<> ChunkStore::close() {
  if (!broken_) co_await checkpoint_now();
}

std::optional<ChunkInfo> ChunkStore::find(ChunkHandle handle) const {
  auto found = chunks_.find(handle);
  if (found == chunks_.end() || !found->second->known() || found->second->leaving) return std::nullopt;
  return info_of(*found->second);
}

std::optional<ChunkInfo> ChunkStore::known(ChunkHandle handle) const {
  auto found = chunks_.find(handle);
  if (found == chunks_.end() || !found->second->known()) return std::nullopt;
  return info_of(*found->second);
}

std::vector<ChunkInfo> ChunkStore::page(ChunkHandle after, std::size_t limit) const {
  std::vector<ChunkInfo> out;
  for (auto it = chunks_.upper_bound(after); it != chunks_.end() && out.size() < limit; ++it) {
    if (it->second->version.value != 0 && !it->second->leaving) out.push_back(info_of(*it->second));
  }
  return out;
}

ChunkInfo ChunkStore::info_of(const Chunk& chunk) const {
  return {.handle = chunk.handle,
          .version = chunk.version,
          .primary = chunk.primary,
          .serial = chunk.serial,
          .length = chunk.length,
          .damaged = chunk.damaged,
          .sealed = chunk.sealed,
          .suspect = chunk.suspect,
          .appended = chunk.appended,
          .fence = chunk.promised,
          .fenced_primary = chunk.promised_to};
}

Result<Chunk*> ChunkStore::held(ChunkHandle handle) {
  auto found = chunks_.find(handle);
  if (found == chunks_.end()) return fail(Code::not_found, "chunk {}: not held here", handle);
  Result<> stays = staying(handle);
  if (!stays) return fail(std::move(stays));
  return found->second.get();
}

Result<> ChunkStore::staying(ChunkHandle handle) const {
  auto found = chunks_.find(handle);
  if (found == chunks_.end() || !found->second->leaving) return {};
  return fail(Code::unavailable, "chunk {}: its files are being moved into quarantine, or back", handle);
}

Chunk* ChunkStore::entry(ChunkHandle handle) {
  std::unique_ptr<Chunk>& chunk = chunks_[handle];
  if (!chunk) {
    chunk = std::make_unique<Chunk>();
    chunk->handle = handle;
    chunk->loaded = true;
    ++loaded_;
  }
  return chunk.get();
}

Result<> ChunkStore::usable() const {
  if (broken_) return fail(Code::read_only, "the disk is no longer trusted: {}", broken_->message);
  return {};
}

Result<> ChunkStore::room_for(std::uint64_t bytes) const {
  const std::uint64_t reserve = std::min(settings_.space_reserve, space_.capacity / 100);
  if (space_.available < bytes + reserve) {
    const std::string freed =
        quarantine_.bytes() == 0
            ? ""
            : fmt::format("; {} bytes are in quarantine: gfs-cli gc purge unlinks them", quarantine_.bytes());
    return fail(Code::no_space, "disk full: {} bytes free, {} of them kept in reserve{}", space_.available, reserve,
                freed);
  }
  return {};
}

Task<Disk::Space> ChunkStore::measure_space() {
  space_ = co_await disk_.space();
  co_return space_;
}

Task<> ChunkStore::load(Chunk* chunk) {
  if (chunk->loaded) co_return;
  make_room_for_checksums();
  std::string path = meta_path(chunk->handle);
  std::shared_ptr<File> file = co_await disk_.open(path, Disk::Mode::read);
  Bytes bytes = co_await file->read(0, kMetaSizeMax + 1);
  Result<ChunkMeta> meta = decode_meta(bytes, chunk->handle);
  if (chunk->loaded) co_return;  // somebody else was quicker
  if (!meta || meta->length != chunk->length) {
    std::string reason = meta ? "its metadata file is of another time" : meta.error().message;
    damage(chunk, 0, reason);
    co_await fail(Code::corrupt, "chunk {}: {}", chunk->handle, reason);
  }
  chunk->checksums = std::move(meta->checksums);
  chunk->records = std::move(meta->records);
  chunk->loaded = true;
  ++loaded_;
}

// Round and round through the chunks, dropping checksums and records of those that rest and have a metadata file.
void ChunkStore::make_room_for_checksums() {
  std::size_t looked = 0;
  auto it = chunks_.upper_bound(evict_from_);
  while (loaded_ >= settings_.loaded_chunks && looked++ < chunks_.size()) {
    if (it == chunks_.end()) it = chunks_.begin();
    Chunk& chunk = *it->second;
    if (chunk.loaded && !chunk.dirty() && !chunk.activity && !chunk.copy) {
      chunk.checksums = {};
      chunk.records = {};
      chunk.loaded = false;
      --loaded_;
    }
    evict_from_ = chunk.handle;
    ++it;
  }
}

void ChunkStore::damage(Chunk* chunk, std::uint32_t block, std::string reason) {
  ++chunk->damages;
  if (chunk->damaged) return;
  chunk->damaged = true;
  if (!broken_) {
    MutationJournal::Appended appended = journal_.append(DamageRecord{chunk->handle});
    chunk->lsn = appended.lsn;
    dirty_.insert(chunk->handle);
  }
  if (on_damage) on_damage(chunk->handle, block, reason);
}

// Until it has been made equal.
void ChunkStore::suspect(Chunk* chunk) {
  chunk->suspect = true;
  if (broken_) return;
  MutationJournal::Appended appended = journal_.append(SuspectRecord{chunk->handle});
  chunk->lsn = appended.lsn;
  dirty_.insert(chunk->handle);
}

void ChunkStore::break_down(Error error) {
  // It was not tried: nothing is known to be lost, and it is done again.
  if (broken_ || error.code == Code::overloaded) return;
  broken_ = std::move(error);
  log::error("disk_not_trusted", {{"reason", broken_->message}});
  if (on_broken) on_broken(*broken_);
}

Task<std::uint64_t> ChunkStore::write(Mutation mutation) { return detached(tasks_, write_now(std::move(mutation))); }

Task<bus::ReplicaState> ChunkStore::state(ChunkHandle handle) {
  Chunk* chunk = co_await held(handle);
  if (!chunk->known()) co_await fail(Code::not_found, "chunk {}: not held here", handle);
  Use use(chunk);
  co_await load(chunk);
  bus::ReplicaState state;
  state.version = chunk->version;
  state.serial = chunk->serial;
  state.length = chunk->length;
  state.sealed = chunk->sealed;
  state.digest = state_digest(chunk->length, chunk->sealed, chunk->checksums, chunk->records.digest());
  state.suspect = chunk->suspect;
  state.damaged = chunk->damaged;
  co_return state;
}

Task<std::vector<std::uint32_t>> ChunkStore::checksums(ChunkHandle handle) {
  Chunk* chunk = co_await held(handle);
  Use use(chunk);
  co_await load(chunk);
  co_return chunk->checksums;
}

Task<AppendRecords> ChunkStore::records(ChunkHandle handle) {
  Chunk* chunk = co_await held(handle);
  Use use(chunk);
  co_await load(chunk);
  co_return chunk->records;
}

Task<std::optional<AppendRecord>> ChunkStore::judge_append(ChunkHandle handle, AppendRecords::Ask ask,
                                                           std::uint64_t pending_last) {
  Chunk* chunk = co_await held(handle);
  Use use(chunk);
  co_await load(chunk);
  co_return co_await chunk->records.judge(ask, pending_last);
}

Task<std::vector<ChunkStore::AtHand>> ChunkStore::begin_copy(ChunkHandle handle) {
  return detached(tasks_, begin_copy_now(handle));
}

Task<> ChunkStore::copy_blocks(ChunkHandle handle, std::uint32_t first, Bytes bytes,
                               std::vector<std::uint32_t> checksums) {
  return detached(tasks_, copy_blocks_now(handle, first, std::move(bytes), std::move(checksums)));
}

Task<> ChunkStore::install_copy(ChunkHandle handle, Version promised, CopyTarget target) {
  return detached(tasks_, install_copy_now(handle, promised, std::move(target)));
}

Task<bus::ReplicaState> ChunkStore::fork(ChunkHandle source, Version version, ChunkHandle handle) {
  return detached(tasks_, fork_now(source, version, handle));
}

Task<> ChunkStore::quarantine(ChunkHandle handle, Version version, Version fence, Garbage why, WallMs now) {
  return detached(tasks_, quarantine_now(handle, version, fence, why, now));
}

Task<ChunkInfo> ChunkStore::restore(ChunkHandle handle, Version at_least) {
  return detached(tasks_, restore_now(handle, at_least));
}

Task<ChunkStore::Purged> ChunkStore::purge(WallMs before, std::size_t limit) {
  return detached(tasks_, purge_now(before, limit));
}

Task<std::uint64_t> ChunkStore::sync(ChunkHandle handle) { return detached(tasks_, sync_now(handle)); }

}  // namespace gfs::chunkserver
