#include "client_cli/cli/walk.h"

#include <vector>

namespace gfs::cli {

Result<FileInfo> stat(Session& session, const std::string& path) {
  return session.run<FileInfo>([path](Filesystem& filesystem) { return filesystem.stat(path); });
}

Result<FileInfo> stat_for_change(Session& session, const std::string& path) {
  return session.run<FileInfo>([path](Filesystem& filesystem) { return filesystem.stat_at_master(path); });
}

Result<std::vector<FileInfo>> list(Session& session, const std::string& path) {
  return session.run<std::vector<FileInfo>>([path](Filesystem& filesystem) { return filesystem.list(path); });
}

Result<> walk(Session& session, FileInfo root, const std::function<Result<>(const Visit&)>& visitor) {
  struct Level {
    std::vector<FileInfo> entries;
    std::size_t next = 0;
  };
  std::vector<Level> levels(1);
  levels.back().entries.push_back(std::move(root));
  while (!levels.empty()) {
    Level& level = levels.back();
    if (level.next == level.entries.size()) {
      levels.pop_back();
      continue;
    }
    const FileInfo& info = level.entries[level.next++];
    Result<> visited = visitor({info, static_cast<unsigned>(levels.size() - 1), level.next == level.entries.size()});
    if (!visited) return visited;
    if (info.type != FileType::directory) continue;
    Result<std::vector<FileInfo>> below = list(session, info.path);
    if (!below && below.error().code == Code::not_found && levels.size() > 1) continue;
    if (!below) return fail(std::move(below));
    levels.push_back({std::move(*below), 0});
  }
  return {};
}

}  // namespace gfs::cli
