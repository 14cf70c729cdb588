// CHECK(condition, why): what cannot happen. It stops the process, in release builds too: a wrong server is worse than
// a missing one. Never for bytes from outside (bus, disk, user): those are validated and become errors.
#pragma once

#include <string_view>

namespace gfs {

[[noreturn]] void check_failed(std::string_view condition, std::string_view why, const char* file, int line);

}  // namespace gfs

#define CHECK(condition, why) \
  do { \
    if (!(condition)) [[unlikely]] \
      ::gfs::check_failed(#condition, why, __FILE__, __LINE__); \
  } while (false)
