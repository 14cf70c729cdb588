// DecisionLog: what was decided about chunks and servers lately, and why; for `gfs-cli why`.
//
// Bounded: the oldest give way; placements and deferrals, which may be very many, to their like only. Nothing depends
// on it.
//
// Owned by Master; lives on its loop.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>

#include "base/executor.h"
#include "base/id.h"

namespace gfs::master {

enum class Decided : std::uint8_t {
  placed,    // a new chunk; `server`: its primary
  dropped,   // a member, from a configuration
  joined,    // a member
  ordered,   // a copy; `server`: where to
  copied,    // it is there
  failed,    // to be copied, settled, or moved
  deferred,  // a copy
  marked,    // a server, by an operator
  limited,   // repair, by an operator
  moved,     // a replica, for balance; `server`: where to
};

struct DecisionRecord {
  WallMs time = 0;
  Decided what{};
  ChunkHandle chunk;  // 0: of none
  ServerId server;    // nil: of none
  std::string text;
};

class DecisionLog {
 public:
  static constexpr std::size_t kKept = 4096;  // placements, as many deferrals, and as many others
  static constexpr std::size_t kTextMax = 400;

  explicit DecisionLog(Executor& executor) : executor_(executor) {}

  void note(Decided what, ChunkHandle chunk, ServerId server, std::string text);
  // Newest first, until `visit` says that it is enough (false).
  void visit(const std::function<bool(const DecisionRecord&)>& visit) const;

 private:
  Executor& executor_;
  std::array<std::deque<DecisionRecord>, 3> kept_;
};

std::string_view name_of(Decided what);

}  // namespace gfs::master
