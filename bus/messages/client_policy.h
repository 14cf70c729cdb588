// Client -> master: how files are kept: acknowledgements, replicas, rules and quotas of directories.
#pragma once

#include "bus/messages/types.h"

namespace gfs::bus {

// How a file's mutations are acknowledged from now on. Its chunks get new configurations.
struct SetPolicy {
  static constexpr std::string_view kind = "master.set_policy";
  static constexpr Roles senders = kWriters;
  using Reply = FileInfo;
  std::string path;
  AckMode ack = AckMode::all;
  GFS_FIELDS(path, ack);
};

// Rules for what is in a directory and below it. invalid_argument, not_a_directory, too_large (ten thousand directories
// have rules already).
struct SetDirectoryPolicy {
  static constexpr std::string_view kind = "master.set_directory_policy";
  static constexpr Roles senders = kWriters;
  using Reply = Done;
  std::string path;
  Policy policy;
  GFS_FIELDS(path, policy);
};

// What holds for a file or in a directory.
struct GetPolicy {
  static constexpr std::string_view kind = "master.get_policy";
  static constexpr Roles senders = kAnyClient;
  struct Reply {
    FileType type = FileType::directory;
    Policy own;                                           // of a directory
    Policy effective;                                     // every rule has a value but the quotas, which are its own
    std::uint64_t files = 0, directories = 0, bytes = 0;  // below it; of a file: itself
    GFS_FIELDS(type, own, effective, files, directories, bytes);
  };
  std::string path;
  GFS_FIELDS(path);
};

// How many replicas a file shall have. Its chunks get more, or fewer, one by one.
struct SetReplicas {
  static constexpr std::string_view kind = "master.set_replicas";
  static constexpr Roles senders = kWriters;
  using Reply = FileInfo;
  std::string path;
  std::uint32_t replicas = 0;
  GFS_FIELDS(path, replicas);
};

}  // namespace gfs::bus
