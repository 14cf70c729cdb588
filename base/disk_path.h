// The paths a Disk takes: relative, separated by '/', never out of the disk's root. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gfs {

// Its components; none for the root ("" or "."). Paths are made by our own code, so an impossible one is CHECKed.
std::vector<std::string> disk_path_parts(std::string_view path);

// The same path without doubled, leading-dot or trailing separators.
std::string disk_path(std::string_view path);

}  // namespace gfs
