#include "client_cli/cli/local_tree.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "client_cli/cli/paths.h"

namespace gfs::cli {

namespace {

constexpr std::size_t kDepthMax = 1000;

std::unexpected<Error> failed(const std::string& path, int number) {
  Code code = number == ENOENT                      ? Code::not_found
              : number == ENOTDIR                   ? Code::not_a_directory
              : number == EACCES || number == EPERM ? Code::not_allowed
                                                    : Code::io_error;
  return fail(Error{code, path + ": " + std::strerror(number), {{"this machine", std::strerror(number)}}});
}

std::string_view kind_name(mode_t mode) {
  if (S_ISLNK(mode)) return "a symbolic link";
  if (S_ISFIFO(mode)) return "a fifo";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

Result<std::vector<std::string>> names_in(const std::string& path) {
  std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), ::closedir);
  if (!directory) return failed(path, errno);
  std::vector<std::string> names;
  while (true) {
    errno = 0;
    dirent* entry = ::readdir(directory.get());
    if (entry == nullptr && errno != 0) return failed(path, errno);
    if (entry == nullptr) break;
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(std::move(name));
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace

Result<LocalKind> local_kind(const std::string& path, bool links_skipped) {
  struct stat found{};
  int result = links_skipped ? ::lstat(path.c_str(), &found) : ::stat(path.c_str(), &found);
  if (result != 0) return failed(path, errno);
  if (S_ISREG(found.st_mode)) return LocalKind{LocalKind::file, static_cast<std::uint64_t>(found.st_size), {}};
  if (S_ISDIR(found.st_mode)) return LocalKind{LocalKind::directory, 0, {}};
  std::string what = fmt::format("{}: {}", kind_name(found.st_mode), path);
  if (!links_skipped) return fail(Code::invalid_argument, "not a plain file but {} (put - reads from a pipe)", what);
  return LocalKind{LocalKind::skipped, 0, std::move(what)};
}

std::string local_base_name(const std::string& path) {
  std::string name(base_name(path));
  if (name != "." && name != ".." && !name.empty()) return name;
  std::unique_ptr<char, void (*)(void*)> real(::realpath(path.c_str(), nullptr), std::free);
  return real ? std::string(base_name(real.get())) : name;
}

Result<LocalTree> LocalTree::read(const std::string& top) {
  LocalTree tree;
  std::vector<std::string> level{""};
  while (!level.empty() && tree.directories.size() < kDepthMax) {
    std::vector<std::string> next;
    for (const std::string& directory : level) {
      Result<std::vector<std::string>> names = names_in(join(top, directory));
      if (!names && directory.empty()) return fail(std::move(names));
      if (!names) {
        tree.failed.push_back(std::move(names).error());
        continue;
      }
      for (const std::string& name : *names) {
        std::string path = directory.empty() ? name : join(directory, name);
        Result<LocalKind> kind = local_kind(join(top, path), true);
        if (!kind) {
          tree.failed.push_back(std::move(kind).error());
        } else if (kind->type == LocalKind::directory) {
          next.push_back(std::move(path));
        } else if (kind->type == LocalKind::file) {
          tree.bytes += kind->size;
          tree.files.push_back({std::move(path), kind->size});
        } else {
          tree.skipped.push_back(std::move(kind->what));
        }
      }
    }
    if (!next.empty()) tree.directories.push_back(next);
    level = std::move(next);
  }
  std::ranges::sort(tree.files, {}, &File::path);
  std::ranges::sort(tree.skipped);
  return tree;
}

}  // namespace gfs::cli
