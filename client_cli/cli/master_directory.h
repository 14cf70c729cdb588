// A master's directory on this machine, looked at without a master.
#pragma once

#include "master/directory_view.h"

namespace gfs::cli {

// not_found, not_formatted, corrupt, read_only (no permission).
Result<master::DirectoryView> view_master_directory(const std::string& directory, master::VisitRecord visit = {});

}  // namespace gfs::cli
