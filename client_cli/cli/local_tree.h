// A directory of this machine, read before it is stored: what is in it, in an order that is always the same.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace gfs::cli {

struct LocalKind {
  enum Type { file, directory, skipped } type = file;
  std::uint64_t size = 0;
  std::string what;  // "a symbolic link: PATH"
};
// Of one path; a link is skipped if `links_skipped`, else followed. Errors as for opening it.
Result<LocalKind> local_kind(const std::string& path, bool links_skipped);

// The last name of a local path, also of "." and "..".
std::string local_base_name(const std::string& path);

struct LocalTree {
  struct File {
    std::string path;  // below the top
    std::uint64_t size = 0;
  };
  std::vector<std::vector<std::string>> directories;  // below the top, by level
  std::vector<File> files;                            // by path
  std::vector<std::string> skipped;                   // links and special files: "a fifo: PATH"
  std::vector<Error> failed;                          // directories that cannot be read
  std::uint64_t bytes = 0;

  static Result<LocalTree> read(const std::string& top);
};

}  // namespace gfs::cli
