#include "chunkserver/recovery.h"

#include <algorithm>

#include "base/check.h"
#include "base/crc32c.h"
#include "base/log.h"
#include "chunkserver/chunk_use.h"

namespace gfs::chunkserver {

Task<> Recovery::run() {
  co_await read_metas();
  co_await read_quarantine();
  co_await read_journal();
  co_await finish_quarantine();
  co_await store_.journal_.open(last_lsn_ + 1, segments_);
  for (auto& [handle, tail] : tails_) co_await settle(handle);
  co_await note_suspects();
  co_await remove_copies();
  for (auto& [handle, chunk] : store_.chunks_) {
    if (chunk->dirty()) store_.dirty_.insert(handle);
    if (store_.settings_.mutant == "records_not_persisted") chunk->records = {};
  }
  log::info("store_recovered", {{"chunks", store_.chunks_.size()},
                                {"settled_chunks", tails_.size()},
                                {"suspect_chunks", suspects_.size()},
                                {"last_lsn", last_lsn_}});
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
    } else if (std::optional<ChunkHandle> copy = handle_in_name(entry.name, ".copy"); copy && !entry.is_directory) {
      if (chunk_folder(*copy) == folder) copies_.insert(*copy);
    } else if (std::optional<ChunkHandle> fork = handle_in_name(entry.name, ".fork"); fork && !entry.is_directory) {
      if (chunk_folder(*fork) == folder) forks_.insert(*fork);
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
  // Of a newer program, or nothing is known of it: not a loss.
  if (!meta && (meta.error().code == Code::wrong_version || meta.error().code == Code::overloaded))
    co_await fail(std::move(meta).error());
  if (!meta) {
    lose(handle, meta.error());
    co_return;
  }
  std::unique_ptr<Chunk> chunk = chunk_of(*meta);
  last_lsn_ = std::max(last_lsn_, meta->lsn);
  if (store_.loaded_ < store_.settings_.loaded_chunks) {
    chunk->checksums = std::move(meta->checksums);
    chunk->records = std::move(meta->records);
    chunk->loaded = true;
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
    const ChunkHandle handle = std::visit([](const auto& record) { return record.handle; }, entry.record);
    if (entry.lsn <= store_.quarantine_.void_through(handle)) continue;
    if (auto* adopt = std::get_if<AdoptRecord>(&entry.record)) {
      take_version(entry.lsn, *adopt, contents.this_boot);
    } else if (auto* promise = std::get_if<PromiseRecord>(&entry.record)) {
      take_version(entry.lsn, *promise, true);  // bytes change after an adoption only, which is on record, too
    } else if (auto* intent = std::get_if<IntentRecord>(&entry.record)) {
      if (take_change(intent->handle, entry.lsn, intent->previous, contents.this_boot) == nullptr) continue;
      tails_[intent->handle].push_back({entry.lsn, std::move(*intent)});
    } else if (auto* fork = std::get_if<InstallRecord>(&entry.record); fork && fork->created) {
      take_fork(entry.lsn, std::move(*fork));
    } else if (auto* install = std::get_if<InstallRecord>(&entry.record)) {
      Chunk* chunk = take_change(install->handle, entry.lsn, install->previous, contents.this_boot);
      if (chunk == nullptr) continue;
      chunk->damaged = chunk->distrusted = false;
      if (contents.this_boot) chunk->suspect = false;
      if (contents.this_boot) suspects_.erase(chunk->handle);
      tails_[install->handle].push_back({entry.lsn, std::move(*install)});
    } else if (auto* durable = std::get_if<DurableRecord>(&entry.record)) {
      durable_[durable->handle] = std::max(durable_[durable->handle], durable->through);
    } else if (auto* damage = std::get_if<DamageRecord>(&entry.record)) {
      auto found = store_.chunks_.find(damage->handle);
      if (found == store_.chunks_.end() || entry.lsn <= found->second->lsn) continue;
      found->second->damaged = true;
      found->second->lsn = entry.lsn;
    } else if (auto* distrust = std::get_if<DistrustRecord>(&entry.record)) {
      auto found = store_.chunks_.find(distrust->handle);
      if (found == store_.chunks_.end() || entry.lsn <= found->second->lsn) continue;
      found->second->damaged = found->second->distrusted = true;
      found->second->lsn = entry.lsn;
    } else if (auto* mend = std::get_if<MendRecord>(&entry.record)) {
      auto found = store_.chunks_.find(mend->handle);
      if (found == store_.chunks_.end() || entry.lsn <= found->second->lsn) continue;
      found->second->damaged = false;
      found->second->lsn = entry.lsn;
    } else if (auto* suspect = std::get_if<SuspectRecord>(&entry.record)) {
      auto found = store_.chunks_.find(suspect->handle);
      if (found == store_.chunks_.end() || entry.lsn <= found->second->lsn) continue;
      found->second->suspect = true;
      found->second->lsn = entry.lsn;
    }
  }
}

template <class Record>
void Recovery::take_version(Lsn lsn, const Record& record, bool this_boot) {
  if (broken_meta_.contains(record.handle)) return;
  if (!record.created && !store_.chunks_.contains(record.handle)) {
    const Error missing{Code::corrupt, "its metadata file is missing", {}};
    lose(record.handle, missing);
    return;
  }
  store_.entry(record.handle);
  Chunk* chunk = take_change(record.handle, lsn, record.previous, this_boot);
  if (chunk == nullptr) return;
  chunk->fence = chunk->promised = record.version;
  chunk->fenced_primary = chunk->promised_to = record.primary;
  tails_[record.handle].push_back({lsn, record});
}

// Everything of it was on the disk before its record. As with a metadata file, what comes next says so on the disk
// first.
void Recovery::take_fork(Lsn lsn, InstallRecord fork) {
  if (broken_meta_.contains(fork.handle)) return;
  store_.entry(fork.handle);
  Chunk* chunk = take_change(fork.handle, lsn, 0, true);
  if (chunk == nullptr) return;
  chunk->mark_after = lsn;
  chunk->fence = chunk->promised = fork.version;
  tails_[fork.handle].push_back({lsn, std::move(fork)});
}

// The chunk, if this is news of it. Mutations that the change does not build upon came to nothing.
Chunk* Recovery::take_change(ChunkHandle handle, Lsn lsn, Lsn previous, bool this_boot) {
  auto found = store_.chunks_.find(handle);
  if (found == store_.chunks_.end() || lsn <= found->second->lsn) return nullptr;
  Chunk* chunk = found->second.get();
  std::erase_if(tails_[handle], [previous](const Tail& before) {
    return before.lsn > previous && std::holds_alternative<IntentRecord>(before.record);
  });
  chunk->lsn = chunk->marked_lsn = lsn;
  if (!this_boot) {
    chunk->suspect = true;
    suspects_.insert(handle);
  }
  return chunk;
}

void Recovery::lose(ChunkHandle handle, const Error& error) {
  broken_meta_.insert(handle);
  store_.chunks_.erase(handle);
  store_.dirty_.erase(handle);
  log::error("metadata_damaged", {{"path", meta_path(handle)}, {"reason", error.text()}});
}

void Recovery::apply(Chunk* chunk, Lsn lsn, const IntentRecord& intent) {
  InFlight entry;
  fill(entry, intent, lsn);
  entry.change = {intent.first_block, intent.checksums, intent.length};
  if (intent.what == MutationKind::import_records) {
    Result<AppendRecords> imported = AppendRecords::decode(intent.bytes.view());
    CHECK(imported, "an import was decoded when its record was read");
    entry.imported = std::make_unique<AppendRecords>(std::move(*imported));
  }
  store_.commit(chunk, entry);
}

Task<> Recovery::settle(ChunkHandle handle) {
  auto found = store_.chunks_.find(handle);
  if (found == store_.chunks_.end()) co_return;
  Chunk* chunk = found->second.get();
  std::vector<Tail>& tails = tails_[handle];
  Lsn durable = durable_.contains(handle) ? durable_[handle] : 0;
  for (std::size_t i = 0; i + 1 < tails.size(); ++i) {
    const auto* intent = std::get_if<IntentRecord>(&tails[i].record);
    const bool cut = intent != nullptr && intent->what == MutationKind::truncate;
    // Nothing of what came before it is in the file that took the data file's place.
    const auto* install = std::get_if<InstallRecord>(&tails[i + 1].record);
    const bool replaced = install != nullptr && !install->created && ChunkStore::is_whole(*install);
    if (cut || replaced || std::holds_alternative<InstallRecord>(tails[i].record))
      durable = std::max(durable, tails[i].lsn);
  }
  Result<> loaded = co_await store_.load(chunk).outcome();
  if (!loaded && loaded.error().code == Code::overloaded) co_await std::move(loaded);
  if (!loaded) {  // readable a moment ago; without it the records have nothing to stand on
    lose(handle, loaded.error());
    co_return;
  }
  ChunkStore::Use use(chunk);
  std::size_t lost = 0;
  for (Tail& tail : tails) {
    if (auto* adopt = std::get_if<AdoptRecord>(&tail.record)) {
      chunk->version = adopt->version;
      chunk->primary = adopt->primary;
      chunk->serial = Serial{};
    } else if (auto* install = std::get_if<InstallRecord>(&tail.record)) {
      lost = 0;
      if (install->created) {
        co_await settle_fork(chunk, tail.lsn, std::move(*install));
        continue;
      }
      co_await settle_install(chunk, tail.lsn, std::move(*install), tail.lsn <= durable);
    } else if (auto* intent = std::get_if<IntentRecord>(&tail.record)) {
      if (lost > 0 || !co_await settle_intent(chunk, tail.lsn, std::move(*intent), tail.lsn <= durable)) ++lost;
    }
  }
  if (lost > 0) log::warn("intents_not_applied", {{"chunk", handle}, {"count", lost}, {"length", chunk->length}});
  Result<std::shared_ptr<File>> file = co_await store_.files_.open(handle, false).outcome();
  if (file) {
    const std::uint64_t size = co_await (*file)->size();
    if (size > chunk->length) co_await (*file)->truncate(chunk->length);
  }
  // What only the page cache may hold is not durable: the next sync makes it so.
  if (chunk->committed_lsn > chunk->data_synced_lsn) chunk->bulk_lsn = chunk->committed_lsn;
  for (std::uint32_t block : touched_[handle]) {
    if (block >= blocks_of(chunk->length)) continue;
    // Damage is noted by the check itself; the chunk is held all the same.
    (void)co_await store_.verified_blocks(chunk, block, block, chunk->length).outcome();
  }
}

// False: it is lost, and what follows with it.
Task<bool> Recovery::settle_intent(Chunk* chunk, Lsn lsn, IntentRecord intent, bool durable) {
  if (durable) {
    apply(chunk, lsn, intent);
    chunk->data_synced_lsn = std::max(chunk->data_synced_lsn, lsn);
    chunk->durable_length = chunk->length;
    co_return true;
  }
  const bool puts = intent.what == MutationKind::write || intent.what == MutationKind::append;
  const bool grounded = intent.offset <= chunk->length || intent.first_block <= chunk->length / kBlockSize;
  if (puts && !grounded) co_return false;
  if (puts && intent.carries_bytes) {
    co_await store_.put_bytes(chunk, intent.offset, intent.bytes);
  } else if (puts && !co_await append_is_there(chunk, intent)) {
    co_return false;
  } else if (intent.what == MutationKind::truncate) {
    co_await store_.cut_file(chunk, intent.length, lsn);
  }
  apply(chunk, lsn, intent);
  for (std::uint32_t i = 0; i < intent.checksums.size(); ++i) {
    touched_[chunk->handle].insert(intent.first_block + i);
  }
  co_return true;
}

Task<> Recovery::settle_install(Chunk* chunk, Lsn lsn, InstallRecord install, bool durable) {
  Result<AppendRecords> records = AppendRecords::decode(install.records.view());
  CHECK(records, "an install's append records were decoded when its record was read");
  const bool suspect = chunk->suspect;
  const bool damaged = chunk->damaged, distrusted = chunk->distrusted;
  Result<> done;
  if (!durable) {
    std::string path = copy_path(chunk->handle);
    Result<std::shared_ptr<File>> from = co_await store_.disk_.open(path, Disk::Mode::read).outcome();
    // It goes only when the data file has everything, so without it there is nothing to bring.
    const bool whole = ChunkStore::is_whole(install);
    Result<bool> verifies = false;
    if (from && whole) verifies = co_await store_.copy_verifies(*from, &install).outcome();
    if (verifies && *verifies) {
      done = co_await store_.put_copy_in_place(chunk).outcome();
      if (!done) copies_.erase(chunk->handle);  // its bytes are there: not to be removed
    } else if (from) {
      done = co_await store_.bring_over(chunk, std::move(*from), install).outcome();
    } else if (whole) {
      // The process before may have died between the rename and the sync of the folder.
      done = co_await store_.sync_names(chunk).outcome();
    }
    if (!from && from.error().code != Code::not_found) done = fail(from.error());
    if (done) done = co_await store_.sync_data_file(chunk, lsn).outcome();
    for (std::uint32_t block = 0; block < install.copied.size(); ++block) {
      if (install.copied[block]) touched_[chunk->handle].insert(block);
    }
  }
  store_.commit_install(chunk, install, std::move(*records), lsn);
  chunk->suspect = suspect;
  chunk->damaged = damaged;
  chunk->distrusted = distrusted;
  if (done) {
    chunk->data_synced_lsn = std::max(chunk->data_synced_lsn, lsn);
    chunk->durable_length = chunk->length;
  } else {
    log::warn("copy_not_brought_over", {{"chunk", chunk->handle}, {"reason", done.error().text()}});
    chunk->suspect = true;
    suspects_.insert(chunk->handle);
  }
}

// Once more if a power cut took the name: the file is the same one whatever was written to it since.
Task<> Recovery::settle_fork(Chunk* chunk, Lsn lsn, InstallRecord fork) {
  Result<AppendRecords> records = AppendRecords::decode(fork.records.view());
  CHECK(records, "a fork's append records were decoded when its record was read");
  const bool suspect = chunk->suspect;
  const bool damaged = chunk->damaged, distrusted = chunk->distrusted;
  Result<> named;
  if (forks_.contains(chunk->handle)) named = co_await store_.name_fork(chunk->handle).outcome();
  store_.commit_install(chunk, fork, std::move(*records), lsn);
  chunk->durable_length = chunk->length;
  chunk->suspect = suspect;
  chunk->damaged = damaged;
  chunk->distrusted = distrusted;
  if (named) co_return;
  log::warn("fork_not_named", {{"chunk", chunk->handle}, {"reason", named.error().text()}});
  forks_.erase(chunk->handle);  // its bytes are there: not to be removed
  chunk->suspect = true;
  suspects_.insert(chunk->handle);
}

Task<bool> Recovery::append_is_there(Chunk* chunk, const IntentRecord& intent) {
  Result<std::shared_ptr<File>> file = co_await store_.files_.open(chunk->handle, false).outcome();
  if (!file && file.error().code == Code::not_found) co_return false;
  if (!file && file.error().code == Code::io_error) co_return true;  // as below
  const std::shared_ptr<File> data = co_await std::move(file);
  for (std::uint32_t i = 0; i < intent.checksums.size(); ++i) {
    const std::uint32_t block = intent.first_block + i;
    const std::uint32_t size = bytes_in_block(intent.length, block);
    Result<Bytes> bytes = co_await data->read(std::uint64_t{block} * kBlockSize, size).outcome();
    // What cannot be read now may well be there, and have been acknowledged: whoever reads it finds it damaged.
    if (!bytes && bytes.error().code == Code::io_error) continue;
    if (!bytes) co_await fail(std::move(bytes));
    if (bytes->size() < size || crc32c(bytes->data(), size) != intent.checksums[i]) co_return false;
  }
  co_return true;
}

// On the disk before anybody may ask. Where nothing was ever held nothing was lost: what makes a chunk is synced.
Task<> Recovery::note_suspects() {
  for (ChunkHandle handle : suspects_) {
    auto found = store_.chunks_.find(handle);
    if (found == store_.chunks_.end()) continue;
    Chunk* chunk = found->second.get();
    if (chunk->version.value == 0 || store_.settings_.mutant == "ignore_suspect") {
      chunk->suspect = false;
    } else {
      store_.suspect(chunk);
    }
  }
  co_await store_.journal_.sync();
}

// Those of copies and forks that did not take effect, and of those that are in their data files now.
Task<> Recovery::remove_copies() {
  for (ChunkHandle handle : copies_) {
    std::string path = copy_path(handle);
    Result<> removed = co_await store_.disk_.remove(path).outcome();
    if (!removed && removed.error().code != Code::not_found) co_await std::move(removed);
  }
  for (ChunkHandle handle : forks_) {
    std::string path = fork_path(handle);
    Result<> removed = co_await store_.disk_.remove(path).outcome();
    if (!removed && removed.error().code != Code::not_found) co_await std::move(removed);
  }
}

}  // namespace gfs::chunkserver
