// Namespace: every name in the file system, and what it names.
//
// Inodes (master/inode_table.h) hold what belongs to a file or directory whatever it is called; entries
// (master/entry_map.h) map (directory, name) to an inode, in order. So renaming a directory moves one entry, listing is
// a walk from one key to the next, and no directory is ever scanned.
//
// Pure: part of the state that the log rebuilds. Changes come from MasterState::apply only.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/id.h"
#include "base/result.h"
#include "base/time.h"
#include "master/entry_map.h"
#include "master/inode_table.h"

namespace gfs::master {

class Namespace {
 public:
  static constexpr InodeId kRoot{1};

  Namespace();

  // not_found names the component that is missing, not_a_directory the one that is a file.
  Result<InodeId> find(std::string_view path) const;
  const Inode* inode(InodeId id) const { return inodes_.find(id); }
  // To change it.
  Inode* change(InodeId id) { return inodes_.change(id); }

  // The errors that create, make_directory with parents, rename or remove would give at once.
  Result<> check_create(std::string_view path) const;
  Result<> check_directory(std::string_view path) const;
  Result<> check_exists(std::string_view path) const;

  // The new entry's parent must exist. already_exists.
  Result<InodeId> create(std::string_view path, Inode inode, WallMs now);
  // Makes what is missing; already_exists if the last (without parents: any) component is there, unless parents is set
  // and it is a directory.
  Result<InodeId> make_directory(std::string_view path, bool parents, WallMs now);

  struct Renamed {
    InodeId inode;
    std::vector<InodeId> dropped;  // the file or empty directory that was replaced
  };
  Result<Renamed> rename(std::string_view source, std::string_view target, bool replace, WallMs now);

  struct Removed {
    std::vector<InodeId> files;  // whose chunks are nobody's now
    std::uint64_t directories = 0;
  };
  Result<Removed> remove(std::string_view path, bool recursive, WallMs now);

  // The entries of a directory with names greater than `after`, by name, until `visit` says false.
  using Visit = std::function<bool(std::string_view name, InodeId inode)>;
  void list(InodeId directory, std::string_view after, const Visit& visit) const;

  std::uint64_t files() const { return files_; }
  std::uint64_t directories() const { return inodes_.size() - files_; }

  EntryMap::Frozen freeze_entries() const { return entries_.freeze(); }
  InodeTable::Frozen freeze_inodes() const { return inodes_.freeze(); }
  InodeId last_inode() const { return inodes_.last(); }
  // Numbers up to this one are given to nobody any more.
  void skip_inodes(InodeId last) { inodes_.skip(last); }
  // A namespace without anything, to load such pieces into: all inodes, then all entries, then check_loaded().
  struct Empty {};
  explicit Namespace(Empty) {}
  Result<> load_inodes(std::string_view piece, InodeId last) { return inodes_.load(piece, last); }
  Result<> load_entries(std::string_view piece) { return entries_.load(piece); }
  Result<> check_loaded();

  // The whole tree as text, one entry a line: equal trees, equal text.
  std::string dump() const;

 private:
  struct Place {  // where a path's last component is or would be
    InodeId parent;
    std::string_view name;  // points into the path
  };

  Result<Place> place(std::string_view path) const;
  InodeId add(const Place& place, Inode inode, WallMs now);
  void touch(InodeId directory, std::int64_t entries, WallMs now);
  void collect(InodeId directory, Removed& removed);

  EntryMap entries_;
  InodeTable inodes_;
  std::uint64_t files_ = 0;
};

}  // namespace gfs::master
