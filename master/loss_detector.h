// When a chunkserver that is not heard is suspect, and when it is lost. Pure.
//
//   heard ───── suspect_after ──┬─ 1/7 ─┬── 2/7 ──┬──── 4/7 ────┐ lost_after
//         (nothing is overdue)  probe   probe     probe         └─► lost
//
// Heartbeats come every second. When they have been missing for `suspect_after` (3 s; for 2 s if the members suspect
// the server as well) nothing new is sent there, and the server is dialled anew, in three rounds of 1, 2 and 4 s; who
// has answered none of them by `lost_after` (10 s) is lost.
//
// What others know counts too. A probe that was answered during the silence, or news of the server that came through
// others, show that the trouble may be on the way here: it has 4 s from then on, but is lost in the end without
// heartbeats (`longest`, 20 s). If nobody has news and the members agree that it is dead it is lost in the
// middle of the last round (8 s): never before two rounds, nor for a process that stood still for 5 s.
//
// Verdicts steer availability; nothing is safe or unsafe because of them.
#pragma once

#include <algorithm>
#include <array>

#include "base/time.h"

namespace gfs::master {

struct LossClocks {
  Duration suspect_after = 3s;
  Duration lost_after = 10s;
  Duration doubted_after() const { return suspect_after * 2 / 3; }
  // The end of a round, from the last heartbeat on; round 0 begins with suspicion.
  Duration end_of_round(unsigned round) const {
    constexpr std::array<int, 3> kSevenths = {1, 3, 7};
    return suspect_after + (lost_after - suspect_after) * kSevenths[std::min(round, 2u)] / 7;
  }
  Duration start_of_round(unsigned round) const { return round == 0 ? suspect_after : end_of_round(round - 1); }
  Duration longest() const { return 2 * lost_after; }
  Duration last_round() const { return end_of_round(2) - start_of_round(2); }
};

inline constexpr unsigned kLossRounds = 3;

// Of one server.
struct LossSigns {
  Instant heard{};       // its last heartbeat, or what counts as one
  Instant answered{};    // a probe
  Instant told{};        // it lived then, by news of it from whomever
  bool dead = false;     // the members agree that it is
  bool doubted = false;  // one of them suspects it
};

inline bool is_silent(const LossClocks& clocks, const LossSigns& signs, Instant now) {
  return now - signs.heard > (signs.doubted || signs.dead ? clocks.doubted_after() : clocks.suspect_after);
}

inline bool is_lost(const LossClocks& clocks, const LossSigns& signs, Instant now) {
  const Instant alive = std::max(signs.answered, signs.told);
  Instant end = signs.heard + clocks.lost_after;
  if (alive > signs.heard + clocks.suspect_after) {
    end = std::clamp(alive + clocks.last_round(), end, signs.heard + clocks.longest());
  } else if (signs.dead) {
    end = signs.heard + clocks.end_of_round(1) + clocks.last_round() / 2;
  }
  return now > end;
}

// The round that should have begun by now; kLossRounds and more: the last one goes on, every last_round() anew.
inline unsigned round_at(const LossClocks& clocks, const LossSigns& signs, Instant now) {
  const Duration silent = now - signs.heard;
  for (unsigned round = 0; round < kLossRounds; ++round) {
    if (silent < clocks.end_of_round(round)) return round;
  }
  return kLossRounds + static_cast<unsigned>((silent - clocks.end_of_round(kLossRounds - 1)) /
                                             std::max<Duration>(clocks.last_round(), 1ms));
}

}  // namespace gfs::master
