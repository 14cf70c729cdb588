// How long a suspected member has to contradict. Pure arithmetic.
//
// Long at first, in case the accuser is the one with the trouble; every further member that finds the suspect silent by
// itself shortens it, down to a minimum that grows with the logarithm of the cluster's size, as the news does.
// (Lifeguard, section IV-B: Min + (Max - Min) * (1 - log(C + 1) / log(K + 1)).)
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "base/time.h"

namespace gfs::gossip {

struct SuspicionTimes {
  Duration period = 500ms;   // between two probes of a member
  double minimum = 4;        // periods, times log10 of the number of members
  double maximum = 6;        // times the minimum
  std::size_t accusers = 3;  // so many besides the first, and it is the minimum
};

inline Duration shortest_suspicion(const SuspicionTimes& times, std::size_t members) {
  const double scale = std::max(1.0, std::log10(static_cast<double>(std::max<std::size_t>(members, 1))));
  return std::chrono::duration_cast<Duration>(times.period * (times.minimum * scale));
}

// `accusers`: besides the first one. With fewer members than it takes there is nobody to wait for.
inline Duration suspicion_time(const SuspicionTimes& times, std::size_t members, std::size_t accusers) {
  const Duration shortest = shortest_suspicion(times, members);
  const std::size_t others = members > 2 ? members - 2 : 0;  // neither the suspect nor the first accuser
  const std::size_t wanted = std::min(times.accusers, others);
  if (wanted == 0 || accusers >= wanted) return shortest;
  const double share = std::log(static_cast<double>(accusers) + 1) / std::log(static_cast<double>(wanted) + 1);
  return std::chrono::duration_cast<Duration>(shortest * (times.maximum - (times.maximum - 1) * share));
}

}  // namespace gfs::gossip
