// Trash: what was removed and can still be had back: the inode that heads each removed tree, where it was, and when it
// goes for good, in that order.
//
// Rows in an EntryMap, which packs them and can be frozen:
//   {until, item as 8 bytes}                           -> item      the order
//   {item with the highest bit, 0, removed, path}      -> until     where it was; a path of more than 246 bytes goes
//   {item with the highest bit, 1, more of the path}   -> until     on in the rows behind
//
// Pure: part of the state that the log rebuilds. Namespace owns it: the trees are made of its inodes and entries.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/id.h"
#include "base/result.h"
#include "base/time.h"
#include "master/entry_map.h"

namespace gfs::master {

struct TrashItem {
  InodeId inode;
  std::string path;  // as it was
  WallMs removed = 0;
  WallMs until = 0;  // 1: it goes now
};

class Trash {
 public:
  static constexpr WallMs kNow = 1;

  // `until` counts as kNow if it is less.
  void add(TrashItem item);
  std::optional<TrashItem> find(InodeId inode) const;
  void erase(InodeId inode);

  // By `until`, then inode, behind {until, inode} of `after`; false ends the walk.
  using Visit = std::function<bool(const TrashItem& item)>;
  void walk(WallMs until, InodeId after, const Visit& visit) const;
  // The next to go.
  std::optional<TrashItem> first() const;
  std::size_t size() const { return size_; }

  EntryMap::Frozen freeze() const { return rows_.freeze(); }
  Result<> load(std::string_view piece) { return rows_.load(piece); }
  // That rows belong to each other; malformed.
  Result<> check_loaded();
  std::string dump() const;

 private:
  EntryMap rows_;
  std::size_t size_ = 0;
};

}  // namespace gfs::master
