// Snapshots: which trees are read-only pictures of others: the directory they stand in, /.snapshots, and, by the inode
// that heads each, of what it was made and when.
//
// Pure: part of the state that the log rebuilds. Namespace owns it: the trees are made of its inodes and entries.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "base/id.h"
#include "base/result.h"
#include "base/time.h"

namespace gfs::master {

inline constexpr std::string_view kSnapshotsName = ".snapshots";  // in the root

class Snapshots {
 public:
  static constexpr std::size_t kMax = 1000;
  struct Origin {
    std::string path;  // as it was
    WallMs time = 0;
  };

  // The directory; {0}: none was ever made.
  InodeId directory() const { return directory_; }
  void begin(InodeId directory) { directory_ = directory; }
  bool full() const { return origins_.size() >= kMax; }
  void add(InodeId head, Origin origin) { origins_[head] = std::move(origin); }
  void erase(InodeId head) { origins_.erase(head); }
  // nullptr: it heads none.
  const Origin* find(InodeId head) const;
  std::size_t size() const { return origins_.size(); }

  std::string freeze() const;
  // What freeze() gave; malformed.
  Result<> load(std::string_view piece);
  std::string dump() const;

 private:
  InodeId directory_;
  std::map<InodeId, Origin> origins_;
};

}  // namespace gfs::master
