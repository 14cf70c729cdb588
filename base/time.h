// Instants and durations of a node's own clock.
//
// An Instant is monotonic and runs through suspend (CLOCK_BOOTTIME); it means nothing to another node, so it never
// travels: deadlines travel as remaining time. Wall time (milliseconds since 1970, UTC) is for people: mtimes, logs.
#pragma once

#include <chrono>
#include <cstdint>

namespace gfs {

using Duration = std::chrono::nanoseconds;

struct NodeClock {
  using duration = Duration;
  using rep = Duration::rep;
  using period = Duration::period;
  using time_point = std::chrono::time_point<NodeClock, Duration>;
  static constexpr bool is_steady = true;
};

using Instant = NodeClock::time_point;

using namespace std::chrono_literals;

inline std::int64_t to_ms(Duration d) { return std::chrono::duration_cast<std::chrono::milliseconds>(d).count(); }
inline double to_seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

using WallMs = std::int64_t;

}  // namespace gfs
