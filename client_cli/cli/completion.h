// Completion: what Tab offers. Pure: directories are asked of the caller.
//
//   "ls /lo|"   ->  inserts "gs/" (the only one), or what all candidates share
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace gfs::cli {

struct Completion {
  std::string insert;                   // at the cursor, quoted as needed
  std::vector<std::string> candidates;  // to show, if there are several
};

// Names in a directory, those of directories with a slash at the end.
using Names = std::function<std::vector<std::string>(const std::string& directory)>;
struct Directories {
  Names remote;  // paths as typed: relative ones are the callee's business
  Names local;
};

Completion complete(std::string_view line_to_cursor, const Directories& directories);

}  // namespace gfs::cli
