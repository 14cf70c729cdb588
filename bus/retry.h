// Retry: when to try again, as a plain value, so that a policy stands where it is declared and a test can print it.
//
//   constexpr Retry kJoin{Retry::Kind::jittered, 100ms, 2s, 0};
//   for (int attempt = 0; kJoin.again(attempt); ++attempt) { ...; co_await executor.sleep(kJoin.delay(attempt,
//   random)); }
//
// Whether an error may be tried again at all is the caller's knowledge: see Error::outcome().
#pragma once

#include <algorithm>

#include "base/random.h"
#include "base/time.h"

namespace gfs::bus {

struct Retry {
  enum class Kind {
    fixed,        // first, first, first
    exponential,  // first, twice that, four times, up to longest
    jittered,     // as exponential, each somewhere between its half and itself: many who failed together come apart
  };

  Kind kind = Kind::jittered;
  Duration first = 100ms;
  Duration longest = 5s;
  int tries = 0;  // 0: for as long as the caller's deadline lets it

  // Whether attempt number `attempt` (the first is 0) may be made.
  bool again(int attempt) const { return tries == 0 || attempt < tries; }

  // Between attempt number `attempt` and the next.
  Duration delay(int attempt, Random& random) const {
    if (kind == Kind::fixed) return first;
    Duration pause = first;
    for (int i = 0; i < attempt && pause < longest; ++i) pause *= 2;
    pause = std::min(pause, longest);
    return kind == Kind::jittered ? random.jitter(pause) : pause;
  }
};

}  // namespace gfs::bus
