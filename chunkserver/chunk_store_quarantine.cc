// ChunkStore, the part that puts replicas away, takes them back, and unlinks them in the end.
//
//   put away    its metadata file gets everything, bytes on the disk first; nobody else uses it; then the data file is
//               moved, and then the metadata file, each name forced: with the second one it is put away
//   take back   the same two the other way round: with the second one it is held again
//   unlink      not before the journal has nothing about it any more; the metadata file first
//
// A crash between the two moves is undone at the next start (recovery_quarantine.cc).
#include <algorithm>

#include "base/log.h"
#include "chunkserver/chunk_store.h"
#include "chunkserver/chunk_use.h"

namespace gfs::chunkserver {

namespace {

// Nobody gets at the chunk meanwhile.
struct Leaving {
  explicit Leaving(Chunk* of) : chunk(of) { chunk->leaving = true; }
  Leaving(const Leaving&) = delete;
  Leaving& operator=(const Leaving&) = delete;
  ~Leaving() { chunk->leaving = false; }
  Chunk* chunk;
};

}  // namespace

Result<> ChunkStore::may_leave(const Chunk& chunk, Version version, Version fence) const {
  if (chunk.version.value == 0) return fail(Code::not_found, "chunk {}: not held here", chunk.handle);
  const bool newer = chunk.version != version || chunk.fence > std::max(version, fence);
  if (newer && settings_.mutant != "collect_any_version") {
    return fail(Code::stale_version, "chunk {} version {} is to go: version {} is held here, {} promised", chunk.handle,
                version, chunk.version, chunk.fence);
  }
  if (chunk.copy) return fail(Code::conflict, "chunk {}: it is being copied here", chunk.handle);
  return {};
}

Task<> ChunkStore::quarantine_now(ChunkHandle handle, Version version, Version fence, Garbage why, WallMs now) {
  co_await usable();
  std::unique_ptr<Chunk> gone;  // outlives those below, who use it
  Chunk* chunk = co_await held(handle);
  Use use(chunk);
  co_await may_leave(*chunk, version, fence);
  if (chunk->dirty()) co_await write_meta(handle);
  Semaphore::Held turn = co_await chunk->activity->gate.take(1);
  co_await usable();
  co_await drained(chunk);
  co_await may_leave(*chunk, version, fence);
  if (chunk->dirty() || chunk->activity->users > 1) co_await fail(Code::conflict, "chunk {}: it is in use", handle);
  Leaving leaving(chunk);
  files_.close(handle);
  const Quarantined entry{.handle = handle,
                          .version = chunk->version,
                          .lsn = journal_.last(),
                          .since = now,
                          .why = why,
                          .bytes = chunk->length};
  std::string target = entry.path();
  co_await put_away(handle, target);
  auto place = chunks_.find(handle);
  gone = std::move(place->second);
  chunks_.erase(place);
  if (gone->loaded) --loaded_;
  quarantine_.add(entry);
  log::info("chunk_quarantined", {{"chunk", handle},
                                  {"version", entry.version},
                                  {"bytes", entry.bytes},
                                  {"why", why == Garbage::orphan ? "orphan" : "stale"}});
}

Task<> ChunkStore::put_away(ChunkHandle handle, std::string target) {
  std::string data = data_path(handle);
  std::string meta = meta_path(handle);
  std::string folder = chunk_folder(handle);
  std::string data_target = target + ".data";
  const bool has_data = co_await disk_.exists(data);
  if (has_data) co_await move(data, data_target, folder);
  Result<> moved = co_await move(std::move(meta), target + ".meta", folder).outcome();
  if (moved) co_return;
  // Held as before, then.
  Result<> back;
  if (has_data) back = co_await move(data_target, data, folder).outcome();
  if (!back) log::error("quarantine_half_done", {{"chunk", handle}, {"reason", back.error().text()}});
  co_await std::move(moved);
}

Task<> ChunkStore::move(std::string source, std::string target, std::string folder) {
  co_await disk_.rename(std::move(source), std::move(target));
  co_await sync_folders(std::move(folder));
}

Task<> ChunkStore::sync_folders(std::string folder) {
  Result<> synced = co_await disk_.sync_directory(std::move(folder)).outcome();
  if (synced) synced = co_await disk_.sync_directory(kQuarantineFolder).outcome();
  if (synced) co_return;
  break_down(synced.error());
  co_await fail(std::move(synced).error());
}

Task<ChunkInfo> ChunkStore::restore_now(ChunkHandle handle, Version at_least) {
  co_await usable();
  Semaphore::Held turn = co_await moving_back_.take(1);
  const std::optional<Quarantined> last = quarantine_.newest(handle);
  if (!last) co_await fail(Code::not_found, "chunk {}: nothing of it is in quarantine here", handle);
  if (last->version < at_least) {
    co_await fail(Code::refused, "chunk {}: version {} is in quarantine, and version {} has been acknowledged since",
                  handle, last->version, at_least);
  }
  auto there = chunks_.find(handle);
  if (there != chunks_.end()) {
    const Chunk& chunk = *there->second;
    if (chunk.known() || chunk.activity || chunk.copy || chunk.leaving) {
      co_await fail(Code::already_exists, "chunk {}: version {} is held here, {} promised", handle, chunk.version,
                    chunk.fence);
    }
    if (chunk.loaded) --loaded_;
    chunks_.erase(there);
  }
  // Keeps the place: an order for the chunk may come meanwhile.
  entry(handle)->leaving = true;
  Result<ChunkMeta> meta = co_await take_back(*last).outcome();
  if (chunks_[handle]->loaded) --loaded_;
  chunks_.erase(handle);
  ChunkMeta back = co_await std::move(meta);
  chunks_[handle] = chunk_of(back);
  quarantine_.remove(*last);
  log::info("chunk_restored", {{"chunk", handle}, {"version", back.version}, {"bytes", last->bytes}});
  co_return info_of(*chunks_[handle]);
}

Task<ChunkMeta> ChunkStore::take_back(Quarantined entry) {
  const ChunkHandle handle = entry.handle;
  std::string source = entry.path();
  std::string meta_source = source + ".meta";
  std::string data_source = source + ".data";
  std::string meta_target = meta_path(handle);
  std::string data_target = data_path(handle);
  const bool taken = co_await disk_.exists(meta_target);
  if (taken)
    co_await fail(Code::already_exists, "chunk {}: {} is there, and damaged: move it away", handle, meta_target);
  std::shared_ptr<File> file = co_await disk_.open(meta_source, Disk::Mode::read);
  Bytes bytes = co_await file->read(0, kMetaSizeMax + 1);
  file.reset();
  ChunkMeta meta = co_await decode_meta(bytes, handle);
  const bool has_data = co_await disk_.exists(data_source);
  if (!has_data && meta.length > 0 && !meta.damaged) {
    co_await fail(Code::corrupt, "chunk {}: {} is missing", handle, data_source);
  }
  std::string folder = chunk_folder(handle);
  co_await disk_.make_directories(folder);
  // Left behind by a chunk whose metadata file was lost; nothing is thrown away here.
  const bool stray = co_await disk_.exists(data_target);
  if (stray) co_await move(data_target, data_target + ".stray", folder);
  if (has_data) co_await move(data_source, data_target, folder);
  Result<> synced = co_await disk_.sync_directory("chunks").outcome();
  if (!synced) {
    break_down(synced.error());
    co_await fail(std::move(synced).error());
  }
  Result<> moved = co_await move(meta_source, meta_target, folder).outcome();
  if (!moved) {
    if (has_data) (void)co_await move(data_target, data_source, folder).outcome();
    co_await std::move(moved);
  }
  co_return meta;
}

Task<ChunkStore::Purged> ChunkStore::purge_now(WallMs before, std::size_t limit) {
  co_await usable();
  Semaphore::Held turn = co_await moving_back_.take(1);
  const std::vector<Quarantined> due = quarantine_.older_than(before, limit);
  const bool remembered =
      std::ranges::any_of(due, [this](const Quarantined& entry) { return entry.lsn > checkpointed_; });
  if (remembered) co_await checkpoint_now();
  Purged purged;
  for (const Quarantined& entry : due) {
    for (const char* suffix : {".meta", ".data"}) {
      std::string path = entry.path() + suffix;
      Result<> removed = co_await disk_.remove(path).outcome();
      if (!removed && removed.error().code != Code::not_found) co_await std::move(removed);
    }
    quarantine_.remove(entry);
    ++purged.chunks;
    purged.bytes += entry.bytes;
    log::info("chunk_purged", {{"chunk", entry.handle}, {"version", entry.version}, {"bytes", entry.bytes}});
  }
  if (purged.chunks > 0) co_await sync_folders("chunks");
  co_return purged;
}

}  // namespace gfs::chunkserver
