#include "client_cli/client/layout_cache.h"

namespace gfs::client {

std::optional<bus::ChunkLayout> LayoutCache::find(InodeId inode, std::uint32_t index, Use use, Instant now) {
  auto found = entries_.find({inode, index});
  if (found == entries_.end()) return std::nullopt;
  Entry& entry = found->second;
  if (now - entry.since >= age_) {
    forget(found);
    return std::nullopt;
  }
  if (use == Use::write && entry.use != Use::write) return std::nullopt;
  recent_.splice(recent_.end(), recent_, entry.recent);
  return entry.layout;
}

void LayoutCache::put(InodeId inode, const bus::ChunkLayout& layout, Use use, Question asked, Instant now) {
  if (overtaken(inode, asked)) return;
  Key key{inode, layout.index};
  auto found = entries_.find(key);
  if (found != entries_.end()) {
    Entry& entry = found->second;
    if (version_of(entry.layout) > version_of(layout)) return;
    if (version_of(entry.layout) == version_of(layout) && entry.use == Use::write) use = Use::write;
    forget(found);
  }
  while (!recent_.empty() && entries_.size() >= entries_max_) forget(entries_.find(recent_.front()));
  recent_.push_back(key);
  entries_.emplace(key, Entry{layout, use, now, std::prev(recent_.end())});
}

void LayoutCache::note_sealed(InodeId inode, std::uint32_t index, ChunkVersion version, std::uint64_t length) {
  auto found = entries_.find({inode, index});
  if (found == entries_.end() || version_of(found->second.layout) != version) return;
  found->second.layout.sealed = true;
  found->second.layout.length = length;
}

void LayoutCache::drop(InodeId inode, std::uint32_t index, ChunkVersion failed) {
  auto found = entries_.find({inode, index});
  if (found == entries_.end() || version_of(found->second.layout) > failed) return;
  forget(found);
  note_dropped(inode);
}

void LayoutCache::drop_file(InodeId inode) {
  auto first = entries_.lower_bound({inode, 0});
  while (first != entries_.end() && first->first.first == inode) forget(first++);
  note_dropped(inode);
}

void LayoutCache::note_dropped(InodeId inode) {
  if (dropped_.size() >= kDroppedMax) {
    dropped_.clear();
    forgotten_ = drops_;
  }
  dropped_[inode] = ++drops_;
}

bool LayoutCache::overtaken(InodeId inode, Question asked) const {
  auto dropped = dropped_.find(inode);
  return asked.value < forgotten_ || (dropped != dropped_.end() && dropped->second > asked.value);
}

void LayoutCache::forget(std::map<Key, Entry>::iterator entry) {
  recent_.erase(entry->second.recent);
  entries_.erase(entry);
}

}  // namespace gfs::client
