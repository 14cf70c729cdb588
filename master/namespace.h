// Namespace: every name in the file system, and what it names.
//
// Inodes hold what belongs to a file or directory whatever it is called; entries map (directory, name) to an inode, in
// order. So renaming a directory moves one entry, listing is a walk from one key to the next, and no directory is ever
// scanned.
//
// Pure: part of the state that the log rebuilds. Changes come from MasterState::apply only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/id.h"
#include "base/result.h"
#include "base/time.h"
#include "bus/messages/types.h"

namespace gfs::master {

using bus::FileType;

struct Inode {
  FileType type = FileType::file;
  std::uint32_t replicas = 0;  // files: goal
  std::uint32_t chunks = 0;    // files: highest chunk index + 1
  std::uint64_t size = 0;      // files: as of the last fsync or close; directories: number of entries
  WallMs mtime = 0;
  bool operator==(const Inode&) const = default;
};

class Namespace {
 public:
  static constexpr InodeId kRoot{1};

  Namespace();

  // not_found names the component that is missing, not_a_directory the one that is a file.
  Result<InodeId> find(std::string_view path) const;
  const Inode* inode(InodeId id) const;
  Inode* inode(InodeId id);

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

  // The whole tree as text, one entry a line: equal trees, equal text.
  std::string dump() const;

 private:
  struct Place {  // where a path's last component is or would be
    InodeId parent;
    std::string name;
  };
  using Key = std::pair<InodeId, std::string>;
  struct KeyLess {
    using is_transparent = void;
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return a.first != b.first ? a.first < b.first : std::string_view(a.second) < std::string_view(b.second);
    }
  };
  using View = std::pair<InodeId, std::string_view>;

  Result<Place> place(std::string_view path) const;
  const InodeId* entry(InodeId directory, std::string_view name) const;
  InodeId add(const Place& place, Inode inode, WallMs now);
  void touch(InodeId directory, std::int64_t entries, WallMs now);
  void collect(InodeId directory, Removed& removed);

  std::map<Key, InodeId, KeyLess> entries_;
  std::unordered_map<std::uint64_t, Inode> inodes_;  // looked up only
  std::uint64_t files_ = 0;
  InodeId last_inode_ = kRoot;
};

}  // namespace gfs::master
