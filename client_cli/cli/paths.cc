#include "client_cli/cli/paths.h"

#include "base/id.h"
#include "base/random.h"

namespace gfs::cli {

namespace {

std::string_view without_trailing(std::string_view path) {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  return path;
}

}  // namespace

std::string_view base_name(std::string_view path) {
  path = without_trailing(path);
  std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string parent_of(std::string_view path) {
  path = without_trailing(path);
  std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return slash == 0 ? "/" : std::string(path.substr(0, slash));
}

std::string join(std::string_view directory, std::string_view name) {
  if (name.empty()) return std::string(directory);
  std::string path(directory);
  if (path.empty() || path.back() != '/') path += '/';
  return path + std::string(name);
}

std::string temporary_beside(std::string_view path) {
  constexpr std::size_t kKept = 200;  // of 255: room for what is added
  std::string name = "." + std::string(base_name(path).substr(0, kKept)) + ".gfs-" + hex(Random::seed_from_machine());
  return join(parent_of(path), name);
}

std::string_view below(std::string_view root, std::string_view path) {
  if (path == root) return "";
  return path.substr(root == "/" ? 1 : root.size() + 1);
}

bool stays_below(std::string_view relative) {
  while (true) {
    std::size_t slash = relative.find('/');
    std::string_view part = relative.substr(0, slash);
    if (part.empty() || part == "." || part == "..") return false;
    if (slash == std::string_view::npos) return true;
    relative.remove_prefix(slash + 1);
  }
}

}  // namespace gfs::cli
