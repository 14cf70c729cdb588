// Paths as clients send them: absolute ("/a/b"), at most 4096 bytes, components at most 255, no ".", "..", empty
// components or NUL. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace gfs::master {

inline constexpr std::size_t kPathMax = 4096;
inline constexpr std::size_t kComponentMax = 255;

// The components of a valid path, pointing into it ("/" has none); invalid_argument says what is wrong with it.
Result<std::vector<std::string_view>> split_path(std::string_view path);

// "/a" + "b" -> "/a/b"; "/" + "b" -> "/b".
std::string join_path(std::string_view directory, std::string_view name);

}  // namespace gfs::master
