// Client -> master: trees as they were at a moment, and what became of them.
//
// A snapshot of a file or a tree shares every chunk with it; a chunk is copied when one of those who share it is
// written to. A named one is read-only and stands in /.snapshots; any other is a tree like every other.
#pragma once

#include "bus/messages/types.h"

namespace gfs::bus {

// Freezes what is being written below `source`, and logs the copy. Takes as long as the primaries need to be heard; who
// writes there waits so long.
//   already_exists · invalid_argument (into itself; a name that is none) · quota_exceeded · too_large (more names and
//   chunks than one entry of the log copies) · unavailable: a chunk's primary cannot be heard, nothing was done
struct CreateSnapshot {
  static constexpr std::string_view kind = "master.create_snapshot";
  static constexpr Roles senders = kWriters;
  struct Reply {
    FileInfo info;  // of the copy
    std::uint64_t files = 0, directories = 0, chunks = 0;
    GFS_FIELDS(info, files, directories, chunks);
  };
  std::string source;
  std::string target;  // a path; without a slash in front: the name of a read-only one
  GFS_FIELDS(source, target);
};

// A page of the named ones, by name.
struct ListSnapshots {
  static constexpr std::string_view kind = "master.list_snapshots";
  static constexpr Roles senders = kAnyClient;
  struct Snapshot {
    std::string name;
    std::string source;
    std::int64_t time_ms = 0;
    FileType type = FileType::directory;
    std::uint64_t files = 0, directories = 0, bytes = 0;
    GFS_FIELDS(name, source, time_ms, type, files, directories, bytes);
  };
  struct Reply {
    std::vector<Snapshot> snapshots;
    bool more = false;  // ask again after the last name
    GFS_FIELDS(snapshots, more);
  };
  std::string after;
  std::uint32_t limit = 1000;  // at most 1000
  GFS_FIELDS(after, limit);
};

// For good; chunks that nobody else has go with it. not_found.
struct RemoveSnapshot {
  static constexpr std::string_view kind = "master.remove_snapshot";
  static constexpr Roles senders = kWriters;
  struct Reply {
    std::uint64_t files = 0, directories = 0;
    GFS_FIELDS(files, directories);
  };
  std::string name;
  GFS_FIELDS(name);
};

// How two files or trees differ, by path. Files count as equal only if they have the same chunks and size as of the
// last fsync: nothing is read. A page at a time.
struct CompareTrees {
  static constexpr std::string_view kind = "master.compare_trees";
  static constexpr Roles senders = kAnyClient;
  enum class Change : std::uint8_t { added = 1, removed = 2, changed = 3 };  // from left to right
  struct Difference {
    std::string path;  // below both; empty: they themselves
    Change change = Change::changed;
    FileType left = FileType::file, right = FileType::file;  // of what there is
    std::uint64_t left_size = 0, right_size = 0;             // of files
    GFS_FIELDS(path, change, left, right, left_size, right_size);
  };
  struct Reply {
    std::vector<Difference> differences;
    std::string next;  // ask again with it as `after`; empty: that was all. A page may be empty, and not the last
    GFS_FIELDS(differences, next);
  };
  std::string left, right;
  std::string after;
  std::uint32_t limit = 1000;  // at most 1000
  GFS_FIELDS(left, right, after, limit);
};

// A reader's: nobody who holds the chunk knows how much of it is committed, so it has to be active. As it is: a shared
// chunk stays shared. not_found: the file has none there.
struct MakeReadable {
  static constexpr std::string_view kind = "master.make_readable";
  static constexpr Roles senders = kAnyClient;
  using Reply = Done;
  InodeId inode;
  std::uint32_t index = 0;
  GFS_FIELDS(inode, index);
};

}  // namespace gfs::bus

MSGPACK_ADD_ENUM(gfs::bus::CompareTrees::Change)
