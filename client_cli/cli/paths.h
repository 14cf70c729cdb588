// Names of files, here and there. Pure.
#pragma once

#include <string>
#include <string_view>

namespace gfs::cli {

// "/a/b" -> "b"; "/" -> "". Trailing slashes do not count.
std::string_view base_name(std::string_view path);
// "/a/b" -> "/a"; "/a" -> "/"; "b" -> ".".
std::string parent_of(std::string_view path);
std::string join(std::string_view directory, std::string_view name);

// A hidden name beside `path` that nobody else uses: ".b.gfs-0123456789abcdef".
std::string temporary_beside(std::string_view path);

// The part of `path` below `root` ("/a/b/c" below "/a" is "b/c"); "" for the root itself.
std::string_view below(std::string_view root, std::string_view path);
// Whether a relative path from the cluster stays below where it is put: no "", ".", "..", no leading slash.
bool stays_below(std::string_view relative);

}  // namespace gfs::cli
