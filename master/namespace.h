// Namespace: every name in the file system, and what it names.
//
// Inodes (master/inode_table.h) hold what belongs to a file or directory whatever it is called; entries
// (master/entry_map.h) map (directory, name) to an inode, in order. So renaming a directory moves one entry, listing is
// a walk from one key to the next, and no directory is ever scanned. Every directory knows how much is below it: each
// change tells those on the way up.
//
// What is removed may be kept: then its tree hangs in the trash (master/trash.h) instead of under a name, and is taken
// apart later, leaf by leaf.
//
//   namespace.cc   finding, making, moving        namespace_trash.cc   removing, keeping, restoring, purging
//   namespace_quota.cc   usage, rules, quotas     namespace_load.cc    from pieces, and as text
//   namespace_snapshots.cc   copies of trees
//
// Pure: part of the state that the log rebuilds. Changes come from MasterState::apply only.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/id.h"
#include "base/result.h"
#include "base/time.h"
#include "master/directory_policies.h"
#include "master/entry_map.h"
#include "master/inode_table.h"
#include "master/snapshots.h"
#include "master/trash.h"

namespace gfs::master {

// What a tree holds. The bytes of files that are mostly holes may sum up to more than 64 bits hold: they wrap, and are
// right again once such files are gone.
struct Usage {
  std::uint64_t files = 0, directories = 0, bytes = 0;
  std::uint64_t names() const { return files + directories; }
  Usage& operator+=(const Usage& more);
  Usage& operator-=(const Usage& less);
  bool operator==(const Usage&) const = default;
};

class Namespace {
 public:
  static constexpr InodeId kRoot{1};

  Namespace();

  // not_found names the component that is missing, not_a_directory the one that is a file.
  Result<InodeId> find(std::string_view path) const;
  // {0}: the directory has no such entry.
  InodeId child(InodeId directory, std::string_view name) const { return entries_.find(directory, name); }
  const Inode* inode(InodeId id) const { return inodes_.find(id); }
  // To change it; not its size.
  Inode* change(InodeId id) { return inodes_.change(id); }
  void resize(InodeId file, std::uint64_t size);
  // "/a/b", for people; "inode 17" if it is in the trash, or in a directory of very many entries.
  std::string name_of(InodeId id) const;

  // The errors that create, make_directory with parents, rename or remove would give at once.
  Result<> check_create(std::string_view path) const;
  Result<> check_directory(std::string_view path) const;
  Result<> check_exists(std::string_view path) const;

  // The new entry's parent must exist. already_exists, quota_exceeded.
  Result<InodeId> create(std::string_view path, Inode inode, WallMs now);
  // Makes what is missing; already_exists if the last (without parents: any) component is there, unless parents is set
  // and it is a directory. quota_exceeded.
  Result<InodeId> make_directory(std::string_view path, bool parents, WallMs now);

  struct Renamed {
    InodeId inode;
    std::vector<InodeId> dropped;  // the file or empty directory that was replaced
  };
  Result<Renamed> rename(std::string_view source, std::string_view target, bool replace, WallMs now);

  // Below a directory, without itself.
  Usage usage(InodeId directory) const;
  // Of all that is in the trash.
  Usage trashed() const { return usage(InodeId{}); }
  // The rules for what is in a directory, each from the nearest directory on the way up that has it; kInherit: none
  // has. The quotas are its own.
  bus::Policy effective(InodeId directory) const;
  const DirectoryPolicies& policies() const { return policies_; }
  // not_a_directory, too_large, and what check_policy says.
  Result<> change_policy(InodeId directory, const bus::Policy& change);
  // quota_exceeded, naming the directory, if `more` does not fit in below one, after `less` has gone from below it.
  // Those above `from` have it all already.
  Result<> check_quota(InodeId directory, const Usage& more, const Usage& less = {}, InodeId from = {}) const;

  struct Removed {
    std::vector<InodeId> files;  // whose chunks are nobody's now
    Usage what;                  // the named one included
    InodeId item;                // {0}: it is not kept
  };
  // Kept in the trash until then; 0: not kept, though what has more than kRemovedAtOnce names, or chunks, takes the way
  // through the trash too, where it cannot be had back. So does what rename() replaces.
  static constexpr std::uint64_t kRemovedAtOnce = 1000;
  Result<Removed> remove(std::string_view path, bool recursive, WallMs until, WallMs now);
  const Trash& trash() const { return trash_; }
  // Out of the trash, to a name that is free. With `parents` the directories above it are made. not_found: it is not
  // there, or on its way out.
  Result<InodeId> restore(InodeId item, std::string_view path, bool parents, WallMs now);
  // It cannot be had back any more. False: it is not there.
  bool expire(InodeId item);
  // A file, or an empty directory, of an item; perhaps the item itself.
  InodeId leaf_of(InodeId item) const;
  // Takes such a leaf away. How many directories were told.
  std::size_t erase_leaf(InodeId leaf, InodeId item);
  // Nothing that is kept goes before that.
  void keep_trash(WallMs until);

  // A copy of a tree under another name: at a path that is free, or, with `named`, as the read-only snapshot of that
  // name. It keeps what is said of each inode, times too, but not the rules of directories.
  struct Copied {
    InodeId head;
    std::vector<InodeId> files;  // of the copy, as files_below() gives those of the source
    Usage what;
  };
  static constexpr std::uint64_t kCopiedAtOnce = 50'000;  // names
  Result<Copied> copy(std::string_view source, std::string_view target, bool named, WallMs now);
  // The error that it would give: not_found, already_exists, invalid_argument (into itself; no name), quota_exceeded,
  // too_large.
  Result<> check_copy(std::string_view source, std::string_view target, bool named) const;
  // All files that a copy of it has, in an order that is the same for both.
  std::vector<InodeId> files_below(InodeId head) const;
  Result<Removed> remove_snapshot(std::string_view name, WallMs now);
  const Snapshots& snapshots() const { return snapshots_; }
  // It is in a read-only snapshot, or the directory of them.
  bool is_in_snapshot(InodeId id) const;
  // refused, if so.
  Result<> check_changeable(InodeId id) const;

  // The entries of a directory with names greater than `after`, by name, until `visit` says false.
  using Visit = std::function<bool(std::string_view name, InodeId inode)>;
  void list(InodeId directory, std::string_view after, const Visit& visit) const;

  // Those with names.
  std::uint64_t files() const { return usage(kRoot).files; }
  std::uint64_t directories() const { return usage(kRoot).directories + 1; }

  EntryMap::Frozen freeze_entries() const { return entries_.freeze(); }
  InodeTable::Frozen freeze_inodes() const { return inodes_.freeze(); }
  EntryMap::Frozen freeze_trash() const { return trash_.freeze(); }
  InodeId last_inode() const { return inodes_.last(); }
  // Numbers up to this one are given to nobody any more.
  void skip_inodes(InodeId last) { inodes_.skip(last); }
  // A namespace without anything, to load such pieces into: all inodes, then all entries, the rest, then
  // check_loaded().
  struct Empty {};
  explicit Namespace(Empty) {}
  Result<> load_inodes(std::string_view piece, InodeId last) { return inodes_.load(piece, last); }
  Result<> load_entries(std::string_view piece) { return entries_.load(piece); }
  Result<> load_trash(std::string_view piece) { return trash_.load(piece); }
  Result<> load_policies(std::string_view piece) { return policies_.load(piece); }
  Result<> load_snapshots(std::string_view piece) { return snapshots_.load(piece); }
  Result<> check_loaded();

  // The whole tree as text, one entry a line: equal trees, equal text.
  std::string dump() const;

 private:
  struct Place {  // where a path's last component is or would be
    InodeId parent;
    std::string_view name;  // points into the path
  };

  // The nearest directory on the way that is there, and how many names of the path are not.
  struct Nearest {
    InodeId directory;
    std::uint64_t missing = 0;
  };

  Result<Place> place(std::string_view path) const;
  Nearest nearest(const std::vector<std::string_view>& components) const;
  InodeId add(const Place& place, Inode inode, WallMs now);
  // Gives an inode that nobody has a name there, and takes it away.
  void attach(const Place& place, InodeId id, WallMs now);
  void detach(const Place& place, InodeId id, WallMs now);
  void touch(InodeId directory, std::int64_t entries, WallMs now);
  Usage whole(InodeId id) const;
  // Tells a directory, and those above it. {0}: the trash.
  void grow(InodeId directory, const Usage& more);
  std::size_t shrink(InodeId directory, const Usage& less);
  // Gone for good, in one step if that is a small one.
  void drop(InodeId id, std::string_view path, std::vector<InodeId>& files, WallMs now);
  bool is_small(InodeId id) const;
  void erase(InodeId id);

  // {0} for a parent that is yet to be made.
  Result<Place> place_of_copy(std::string_view target, bool named) const;
  Usage copied_usage(InodeId source) const;

  Result<> check_entries();
  Result<> check_snapshots() const;
  Result<> add_up();

  EntryMap entries_;
  InodeTable inodes_;
  Trash trash_;
  DirectoryPolicies policies_;
  Snapshots snapshots_;
  // Follows from the rest, as each inode's parent does.
  std::unordered_map<std::uint64_t, Usage> usage_;  // by directory, those that hold something; looked up only
};

}  // namespace gfs::master
