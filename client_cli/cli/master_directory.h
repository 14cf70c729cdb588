// A master's directory on this machine, looked at without a master.
#pragma once

#include "master/directory_view.h"
#include "master/log_repair.h"

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

// Cuts the directory's log behind the index, if `sure`; else only finds out what that would do. in_use, and what
// plan_log_cut says. refused: checkpoints would go, and `checkpoints_too` is not set.
Result<master::LogCut> cut_master_log(const std::string& directory, std::uint64_t at, bool checkpoints_too, bool sure);

}  // namespace gfs::cli
