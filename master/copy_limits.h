// How many copies of chunks there may be at once, for repair and for balance together.
#pragma once

#include <algorithm>
#include <cstddef>

namespace gfs::master {

struct CopyLimits {
  static constexpr std::size_t kPerServer = 2;  // into it, and out of it
  static constexpr std::size_t kAtOnceLeast = 4, kAtOnceMost = 32;
  // In the whole cluster.
  static constexpr std::size_t at_once(std::size_t servers_up) {
    return std::clamp(servers_up, kAtOnceLeast, kAtOnceMost);
  }
};

}  // namespace gfs::master
