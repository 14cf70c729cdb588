// A master's directory on this machine, looked at without a master.
#pragma once

#include "master/directory_view.h"

namespace gfs::cli {

// not_found, not_formatted, corrupt, read_only (no permission).
Result<master::DirectoryView> view_master_directory(const std::string& directory, master::VisitRecord visit = {});

// The state a master would start with there, if its chunks are of the usual size.
struct DirectoryState {
  std::uint64_t index = 0;
  std::uint64_t hash = 0;  // equal states, equal hashes
  std::uint64_t files = 0, directories = 0, chunks = 0;
};
Result<DirectoryState> state_of_directory(const std::string& directory);

}  // namespace gfs::cli
