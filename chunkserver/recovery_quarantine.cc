// Recovery, the part that looks into the quarantine: what is there is listed, and moves that were cut off are undone.
//
//   both metadata files, or only one in the chunks' folder   it was on its way in, or came back: the chunk is held
//   only the one in quarantine                               it is in quarantine; its data file is brought there
//   a data file alone in quarantine                          the rest of a replica that was being unlinked
#include "base/log.h"
#include "chunkserver/recovery.h"

namespace gfs::chunkserver {

Task<> Recovery::read_quarantine() {
  std::vector<Disk::Entry> entries = co_await store_.disk_.list(kQuarantineFolder);
  std::map<std::string, std::uint64_t> data;  // by the path of both, without suffix
  std::vector<Quarantined> found;
  for (const Disk::Entry& entry : entries) {
    if (entry.is_directory) continue;
    if (std::optional<Quarantined> one = quarantined_of(entry.name, ".meta")) {
      found.push_back(*one);
    } else if (std::optional<Quarantined> of = quarantined_of(entry.name, ".data")) {
      data[of->path()] = entry.size;
    } else {
      log::warn("foreign_file_ignored", {{"path", kQuarantineFolder + "/" + entry.name}});
    }
  }
  for (Quarantined& entry : found) {
    last_lsn_ = std::max(last_lsn_, entry.lsn);
    auto file = data.find(entry.path());
    const bool has_data = file != data.end();
    auto held = store_.chunks_.find(entry.handle);
    if (held != store_.chunks_.end() && held->second->meta_lsn <= entry.lsn) {
      co_await undo_quarantine(entry, has_data);
    } else {
      if (has_data) entry.bytes = file->second;
      if (!has_data) without_data_.push_back(entry);
      store_.quarantine_.add(entry);
    }
    if (has_data) data.erase(file);
  }
  for (const auto& [path, size] : data) {
    Quarantined alone = *quarantined_of(path.substr(kQuarantineFolder.size() + 1), "");
    auto held = store_.chunks_.find(alone.handle);
    if (held != store_.chunks_.end() && held->second->meta_lsn <= alone.lsn) {
      co_await undo_quarantine(alone, true);
    } else if (broken_meta_.contains(alone.handle)) {
      log::warn("foreign_file_ignored", {{"path", path + ".data"}});
    } else {
      std::string rest = path + ".data";
      co_await store_.disk_.remove(rest);
    }
  }
}

Task<> Recovery::undo_quarantine(Quarantined entry, bool has_data) {
  std::string meta = entry.path() + ".meta";
  std::string data = entry.path() + ".data";
  std::string place = data_path(entry.handle);
  if (has_data) {
    const bool there = co_await store_.disk_.exists(place);
    // Half a move may have left the file two names.
    if (there) {
      co_await store_.disk_.remove(data);
    } else {
      co_await store_.disk_.rename(data, place);
    }
  }
  Result<> removed = co_await store_.disk_.remove(meta).outcome();
  if (!removed && removed.error().code != Code::not_found) co_await std::move(removed);
  std::string folder = chunk_folder(entry.handle);
  co_await store_.sync_folders(folder);
}

// Those whose way back was cut off: their data files are where the chunk would be, which nobody holds.
Task<> Recovery::finish_quarantine() {
  for (Quarantined& entry : without_data_) {
    if (store_.chunks_.contains(entry.handle) || broken_meta_.contains(entry.handle)) continue;
    if (store_.quarantine_.void_through(entry.handle) != entry.lsn) continue;
    std::string place = data_path(entry.handle);
    const bool there = co_await store_.disk_.exists(place);
    if (!there) continue;
    std::string data = entry.path() + ".data";
    std::string folder = chunk_folder(entry.handle);
    co_await store_.move(place, data, folder);
    std::shared_ptr<File> file = co_await store_.disk_.open(data, Disk::Mode::read);
    store_.quarantine_.remove(entry);
    entry.bytes = co_await file->size();
    store_.quarantine_.add(entry);
  }
}

}  // namespace gfs::chunkserver
