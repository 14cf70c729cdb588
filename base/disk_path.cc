#include "base/disk_path.h"

#include <fmt/format.h>

#include "base/check.h"

namespace gfs {

std::vector<std::string> disk_path_parts(std::string_view path) {
  CHECK(path.find('\0') == std::string_view::npos, "a path has no NUL");
  CHECK(path.empty() || path.front() != '/', "paths are relative to the disk's root");
  std::vector<std::string> parts;
  while (!path.empty()) {
    std::size_t end = path.find('/');
    std::string_view part = path.substr(0, end);
    CHECK(part != "..", "a path never leaves the disk's root");
    if (!part.empty() && part != ".") parts.emplace_back(part);
    path = end == std::string_view::npos ? std::string_view{} : path.substr(end + 1);
  }
  return parts;
}

std::string disk_path(std::string_view path) {
  std::vector<std::string> parts = disk_path_parts(path);
  return fmt::format("{}", fmt::join(parts, "/"));
}

}  // namespace gfs
