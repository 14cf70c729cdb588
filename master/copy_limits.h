// How many copies of chunks there may be at once, for repair and for balance together.
#pragma once

#include <algorithm>
#include <cstddef>

namespace gfs::master {

struct CopyLimits {
  static constexpr std::size_t kPerServer = 2;  // into it, and out of it
  static constexpr std::size_t kAtOnceLeast = 4, kAtOnceMost = 64;
  // In the whole cluster: as many as there can be into all servers that are up. Fewer, and they would not reach what
  // each of them may take a second, as a copy has only its share of that.
  static constexpr std::size_t at_once(std::size_t servers_up) {
    return std::clamp(kPerServer * servers_up, kAtOnceLeast, kAtOnceMost);
  }
};

}  // namespace gfs::master
