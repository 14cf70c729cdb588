#include "master/path.h"

namespace gfs::master {

namespace {

// For messages: not more of it than a person wants to see.
std::string shown(std::string_view path) {
  return path.size() <= 128 ? std::string(path) : std::string(path.substr(0, 125)) + "...";
}

}  // namespace

Result<std::vector<std::string_view>> split_path(std::string_view path) {
  if (path.empty()) return fail(Code::invalid_argument, "the path is empty");
  if (path.size() > kPathMax) {
    return fail(Code::invalid_argument, "path {} is {} bytes long: at most {} are allowed", shown(path), path.size(),
                kPathMax);
  }
  if (path.find('\0') != std::string_view::npos)
    return fail(Code::invalid_argument, "a path may not contain a NUL byte");
  if (path.front() != '/')
    return fail(Code::invalid_argument, "path {} is not absolute: it must begin with /", shown(path));
  std::vector<std::string_view> components;
  if (path == "/") return components;
  std::size_t begin = 1;
  while (begin <= path.size()) {
    std::size_t end = std::min(path.find('/', begin), path.size());
    std::string_view component = path.substr(begin, end - begin);
    if (component.empty()) return fail(Code::invalid_argument, "path {} has an empty component", shown(path));
    if (component == "." || component == "..") {
      return fail(Code::invalid_argument, "path {} has the component {}", shown(path), component);
    }
    if (component.size() > kComponentMax) {
      return fail(Code::invalid_argument, "path {} has a component of {} bytes: at most {} are allowed", shown(path),
                  component.size(), kComponentMax);
    }
    components.push_back(component);
    begin = end + 1;
  }
  return components;
}

std::string join_path(std::string_view directory, std::string_view name) {
  std::string path(directory);
  if (path != "/") path += '/';
  path += name;
  return path;
}

}  // namespace gfs::master
