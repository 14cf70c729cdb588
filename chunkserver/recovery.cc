#include "chunkserver/recovery.h"

#include <algorithm>

#include "base/crc32c.h"
#include "base/log.h"
#include "chunkserver/chunk_use.h"

namespace gfs::chunkserver {

Task<> Recovery::run() {
  co_await read_metas();
  co_await read_journal();
  co_await store_.journal_.open(last_lsn_ + 1, segments_);
  for (auto& [handle, tail] : tails_) co_await settle(handle);
  for (auto& [handle, chunk] : store_.chunks_) {
    if (chunk->dirty()) store_.dirty_.insert(handle);
  }
  log::info("store_recovered",
            {{"chunks", store_.chunks_.size()}, {"settled_chunks", tails_.size()}, {"last_lsn", last_lsn_}});
}

Task<> Recovery::read_metas() {
  std::vector<Disk::Entry> folders = co_await store_.disk_.list("chunks");
  for (const Disk::Entry& folder : folders) {
    const bool ours = folder.is_directory && folder.name.size() == 2 &&
                      folder.name.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (!ours) {
      log::warn("foreign_file_ignored", {{"path", "chunks/" + folder.name}});
      continue;
    }
    co_await read_folder("chunks/" + folder.name);
  }
}

Task<> Recovery::read_folder(std::string folder) {
  std::vector<Disk::Entry> entries = co_await store_.disk_.list(folder);
  std::vector<ChunkHandle> handles;
  for (const Disk::Entry& entry : entries) {
    std::optional<ChunkHandle> handle = handle_in_name(entry.name, ".meta");
    if (handle && !entry.is_directory && chunk_folder(*handle) == folder) {
      handles.push_back(*handle);
    } else if (std::optional<ChunkHandle> rest = handle_in_name(entry.name, ".meta.tmp"); rest && !entry.is_directory) {
      std::string path = folder + "/" + entry.name;
      co_await store_.disk_.remove(path);
    } else if (!handle_in_name(entry.name, ".data") || entry.is_directory) {
      log::warn("foreign_file_ignored", {{"path", folder + "/" + entry.name}});
    }
  }
  constexpr std::size_t kAtOnce = 16;
  for (std::size_t i = 0; i < handles.size(); i += kAtOnce) {
    std::vector<Task<>> batch;
    for (std::size_t j = i; j < std::min(handles.size(), i + kAtOnce); ++j) batch.push_back(read_meta(handles[j]));
    std::vector<Result<>> done = co_await all_of(std::move(batch));
    for (Result<>& one : done) co_await std::move(one);
  }
}

// A metadata file that does not check out costs its chunk (the journal may still know it), not the server.
Task<> Recovery::read_meta(ChunkHandle handle) {
  std::string path = meta_path(handle);
  std::shared_ptr<File> file = co_await store_.disk_.open(path, Disk::Mode::read);
  Result<Bytes> bytes = co_await file->read(0, kMetaSizeMax + 1).outcome();
  Result<ChunkMeta> meta = bytes ? decode_meta(*bytes, handle) : Result<ChunkMeta>(fail(bytes.error()));
  if (!meta && meta.error().code == Code::wrong_version) co_await fail(std::move(meta).error());
  if (!meta) {
    lose(handle, meta.error());
    co_return;
  }
  auto chunk = std::make_unique<Chunk>();
  chunk->handle = handle;
  chunk->version = chunk->fence = meta->version;
  chunk->primary = meta->primary;
  chunk->serial = meta->serial;
  chunk->length = chunk->durable_length = meta->length;
  chunk->damaged = meta->damaged;
  chunk->name_durable = meta->length > 0;  // an empty chunk may have no data file yet
  chunk->lsn = chunk->meta_lsn = chunk->committed_lsn = chunk->data_synced_lsn = meta->lsn;
  last_lsn_ = std::max(last_lsn_, meta->lsn);
  if (store_.loaded_ < store_.settings_.loaded_chunks) {
    chunk->checksums = std::move(meta->checksums);
    chunk->checksums_loaded = true;
    ++store_.loaded_;
  }
  store_.chunks_[handle] = std::move(chunk);
}

Task<> Recovery::list_segments() {
  std::vector<Disk::Entry> entries = co_await store_.disk_.list("journal");
  for (const Disk::Entry& entry : entries) {
    std::optional<ChunkHandle> number = handle_in_name(entry.name, ".log");
    if (number && !entry.is_directory) {
      if (entry.size <= kSegmentHeaderSize) {
        std::string path = journal_path(number->value);
        std::shared_ptr<File> file = co_await store_.disk_.open(path, Disk::Mode::read);
        Bytes bytes = co_await file->read(0, kSegmentHeaderSize);
        file.reset();
        if (never_begun(number->value, bytes)) {
          // Wherever it stands in the row: the end of the one before may be the end of the journal.
          last_lsn_ = std::max(last_lsn_, number->value - 1);
          co_await store_.disk_.remove(path);
          continue;
        }
      }
      segments_.push_back(number->value);
    } else {
      log::warn("foreign_file_ignored", {{"path", "journal/" + entry.name}});
    }
  }
}

Task<> Recovery::read_journal() {
  co_await list_segments();
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    const Lsn first = segments_[i];
    std::string path = journal_path(first);
    std::shared_ptr<File> file = co_await store_.disk_.open(path, Disk::Mode::read);
    const std::uint64_t size = co_await file->size();
    Bytes bytes = co_await file->read(0, size);
    SegmentContents contents =
        co_await read_segment(path, first, bytes, store_.disk_.boot_id(), i + 1 == segments_.size());
    if (contents.torn) log::warn("journal_end_torn", {{"path", path}, {"offset", contents.end}});
    last_lsn_ = std::max(last_lsn_, first - 1);
    if (!contents.entries.empty()) last_lsn_ = std::max(last_lsn_, contents.entries.back().lsn);
    if (i + 1 == segments_.size()) {
      if (contents.torn && contents.entries.empty()) {
        file.reset();
        co_await store_.disk_.remove(path);
        segments_.pop_back();
        break;
      }
      // The process may have ended before it synced what is here; from now on all of it counts as durable, and a
      // segment that another one follows must not have a torn end.
      std::shared_ptr<File> end = co_await store_.disk_.open(path, Disk::Mode::write);
      if (contents.torn) co_await end->truncate(contents.end);
      co_await end->sync();
    }
    take(std::move(contents));
  }
}

void Recovery::take(SegmentContents contents) {
  for (SegmentContents::Entry& entry : contents.entries) {
    if (auto* adopt = std::get_if<AdoptRecord>(&entry.record)) {
      if (broken_meta_.contains(adopt->handle)) continue;
      if (!adopt->created && !store_.chunks_.contains(adopt->handle)) {
        const Error missing{Code::corrupt, "its metadata file is missing", {}};
        lose(adopt->handle, missing);
        continue;
      }
      std::unique_ptr<Chunk>& chunk = store_.chunks_[adopt->handle];
      if (!chunk) {
        chunk = std::make_unique<Chunk>();
        chunk->handle = adopt->handle;
        chunk->checksums_loaded = true;
        ++store_.loaded_;
      }
      if (entry.lsn <= chunk->lsn || adopt->version <= chunk->fence) continue;
      chunk->lsn = entry.lsn;
      chunk->fence = adopt->version;
      tails_[adopt->handle].push_back({entry.lsn, *adopt, {}});
    } else if (auto* intent = std::get_if<IntentRecord>(&entry.record)) {
      auto found = store_.chunks_.find(intent->handle);
      if (found == store_.chunks_.end() || entry.lsn <= found->second->lsn) continue;
      std::vector<Tail>& tail = tails_[intent->handle];
      std::erase_if(tail, [intent](const Tail& before) { return !before.adopt && before.lsn > intent->previous; });
      found->second->lsn = entry.lsn;
      tail.push_back({entry.lsn, std::nullopt, std::move(*intent)});
    } else if (auto* durable = std::get_if<DurableRecord>(&entry.record)) {
      durable_[durable->handle] = std::max(durable_[durable->handle], durable->through);
    } else if (auto* damage = std::get_if<DamageRecord>(&entry.record)) {
      auto found = store_.chunks_.find(damage->handle);
      if (found == store_.chunks_.end() || entry.lsn <= found->second->lsn) continue;
      found->second->damaged = true;
      found->second->lsn = entry.lsn;
    }
  }
}

void Recovery::lose(ChunkHandle handle, const Error& error) {
  broken_meta_.insert(handle);
  store_.chunks_.erase(handle);
  store_.dirty_.erase(handle);
  log::error("metadata_damaged", {{"path", meta_path(handle)}, {"reason", error.text()}});
}

void Recovery::apply(Chunk* chunk, const Tail& tail) {
  InFlight entry;
  entry.serial = tail.intent.serial;
  entry.lsn = tail.lsn;
  entry.bulk = !tail.intent.carries_bytes;
  entry.change = {tail.intent.first_block, tail.intent.checksums, tail.intent.length};
  store_.commit(chunk, entry);
}

Task<> Recovery::settle(ChunkHandle handle) {
  Chunk* chunk = store_.chunks_.find(handle)->second.get();
  std::vector<Tail>& tails = tails_[handle];
  const Lsn durable = durable_.contains(handle) ? durable_[handle] : 0;
  Result<> loaded = co_await store_.load(chunk).outcome();
  if (!loaded) {  // readable a moment ago; without it the records have nothing to stand on
    lose(handle, loaded.error());
    co_return;
  }
  std::set<std::uint32_t> touched;
  std::size_t lost = 0;
  for (const Tail& tail : tails) {
    const IntentRecord& intent = tail.intent;
    if (tail.adopt) {
      chunk->version = tail.adopt->version;
      chunk->primary = tail.adopt->primary;
      chunk->serial = Serial{};
      continue;
    }
    const bool grounded = intent.offset <= chunk->length || intent.first_block <= chunk->length / kBlockSize;
    if (tail.lsn <= durable) {
      apply(chunk, tail);
      chunk->data_synced_lsn = std::max(chunk->data_synced_lsn, tail.lsn);
      chunk->durable_length = chunk->length;
      continue;
    }
    if (lost > 0 || !grounded) {
      ++lost;
      continue;
    }
    if (intent.carries_bytes) {
      co_await store_.put_bytes(chunk, intent.offset, intent.bytes);
    } else if (!co_await append_is_there(chunk, intent)) {
      ++lost;
      continue;
    }
    apply(chunk, tail);
    for (std::uint32_t i = 0; i < intent.checksums.size(); ++i) touched.insert(intent.first_block + i);
  }
  if (lost > 0) log::warn("intents_not_applied", {{"chunk", handle}, {"count", lost}, {"length", chunk->length}});
  Result<std::shared_ptr<File>> file = co_await store_.files_.open(handle, false).outcome();
  if (file) {
    const std::uint64_t size = co_await (*file)->size();
    if (size > chunk->length) co_await (*file)->truncate(chunk->length);
  }
  // What only the page cache may hold is not durable: the next sync makes it so.
  if (chunk->committed_lsn > chunk->data_synced_lsn) chunk->bulk_lsn = chunk->committed_lsn;
  ChunkStore::Use use(chunk);
  for (std::uint32_t block : touched) {
    if (block >= blocks_of(chunk->length)) continue;
    // Damage is noted by the check itself; the chunk is held all the same.
    (void)co_await store_.verified_blocks(chunk, block, block, chunk->length).outcome();
  }
}

Task<bool> Recovery::append_is_there(Chunk* chunk, const IntentRecord& intent) {
  Result<std::shared_ptr<File>> file = co_await store_.files_.open(chunk->handle, false).outcome();
  if (!file) co_return false;
  for (std::uint32_t i = 0; i < intent.checksums.size(); ++i) {
    const std::uint32_t block = intent.first_block + i;
    const std::uint32_t size = bytes_in_block(intent.length, block);
    Result<Bytes> bytes = co_await (*file)->read(std::uint64_t{block} * kBlockSize, size).outcome();
    if (!bytes || bytes->size() < size || crc32c(bytes->data(), size) != intent.checksums[i]) co_return false;
  }
  co_return true;
}

}  // namespace gfs::chunkserver
