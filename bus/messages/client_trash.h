// Client -> master: what was removed and can be had back.
#pragma once

#include "bus/messages/types.h"

namespace gfs::bus {

// A page of the trash, what goes first first.
struct ListTrash {
  static constexpr std::string_view kind = "master.list_trash";
  static constexpr Roles senders = kAnyClient;
  struct Item {
    InodeId item;
    std::string path;  // as it was
    FileType type = FileType::file;
    std::uint64_t files = 0, directories = 0, bytes = 0;
    std::int64_t removed_ms = 0, until_ms = 0;
    GFS_FIELDS(item, path, type, files, directories, bytes, removed_ms, until_ms);
  };
  struct Reply {
    std::vector<Item> items;
    bool more = false;        // ask again with the last item and its time
    std::int64_t now_ms = 0;  // the master's time
    GFS_FIELDS(items, more, now_ms);
  };
  std::int64_t after_ms = 0;
  InodeId after;
  std::uint32_t limit = 1000;  // at most 1000
  GFS_FIELDS(after_ms, after, limit);
};

// Gives it a name again. already_exists; not_found: it is not there any more, or (without `parents`) the directory
// above the name is not.
struct RestoreTrash {
  static constexpr std::string_view kind = "master.restore_trash";
  static constexpr Roles senders = kWriters;
  using Reply = FileInfo;
  InodeId item;
  std::string path;
  bool parents = false;
  GFS_FIELDS(item, path, parents);
};

// These cannot be had back any more; the master takes them apart. Those that are not there are left out.
struct PurgeTrash {
  static constexpr std::string_view kind = "master.purge_trash";
  static constexpr Roles senders = kWriters;
  struct Reply {
    std::uint64_t items = 0;
    GFS_FIELDS(items);
  };
  std::vector<InodeId> items;  // at most 1000
  GFS_FIELDS(items);
};

}  // namespace gfs::bus
