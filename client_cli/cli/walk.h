// Walking a tree of the cluster: parents before children, by name. One directory's page list is in memory per level.
#pragma once

#include <functional>
#include <string>

#include "client_cli/cli/session.h"

namespace gfs::cli {

struct Visit {
  const FileInfo& info;
  unsigned depth = 0;  // 0: the root of the walk
  bool last = false;   // of its directory
};

// The root itself comes first. Names that vanish meanwhile are left out; an error of `visitor` ends the walk.
Result<> walk(Session& session, FileInfo root, const std::function<Result<>(const Visit&)>& visitor);

Result<FileInfo> stat(Session& session, const std::string& path);
// What a change is built on: not by a shadow's word.
Result<FileInfo> stat_for_change(Session& session, const std::string& path);
Result<std::vector<FileInfo>> list(Session& session, const std::string& path);

}  // namespace gfs::cli
