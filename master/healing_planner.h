// HealingPlanner: which chunks need something done, and which of them first.
//
//   settle  the configuration is not as it should be, or not active: a member is lost, damaged, missing or suspect, the
//           primary restarted, joining members were never made equal
//   copy    fewer members that count than there could be, for `heal_after`: somebody is to join
//
// The table is walked a piece at a time, so that a tick costs the same whatever it holds. Those in need wait in a list
// of bounded length, the most endangered first; who did not get better (does not need less than before, whatever the
// order came to) waits longer each time.
//
// Owned by HealingLoop; pure: `now` is an argument, nothing is done here.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "master/server_table.h"
#include "master/state.h"

namespace gfs::master {

class HealingPlanner {
 public:
  static constexpr std::size_t kPiece = 2000;        // chunks looked at in one tick
  static constexpr std::size_t kPatientsMax = 4096;  // chunks known to be in need
  static constexpr std::size_t kAtOnce = 4;

  enum class Cure : std::uint8_t { settle, copy };
  struct Order {
    ChunkHandle handle;
    Cure cure;
  };
  // The primary is another process than the one that made the version active.
  using Restarted = std::function<bool(ChunkHandle, const Chunk&)>;

  HealingPlanner(const MasterState& state, const ServerTable& servers, Duration heal_after, Restarted restarted)
      : state_(state), servers_(servers), heal_after_(heal_after), restarted_(std::move(restarted)) {}

  // What is to be begun now. Each order is under way until done() says otherwise.
  std::vector<Order> plan(Instant now);
  void done(ChunkHandle handle, bool carried_out, Instant now);

  struct Need {
    Cure cure = Cure::settle;
    std::size_t sound = 0;  // members that count and can be had
  };
  // What this chunk needs, if anything.
  std::optional<Need> examine(ChunkHandle handle, const Chunk& chunk, Instant now) const;

  std::size_t patients() const { return patients_.size(); }

 private:
  struct Patient {
    Need need, ordered;  // now, and when the last order was begun
    Instant since{}, not_before{};
    std::uint32_t tries = 0;
    bool under_way = false;
  };

  void visit(ChunkHandle handle, const Chunk& chunk, Instant now);
  // Takes the least endangered one out, if it is less so than `sound`.
  bool make_room(std::size_t sound);

  // Set once.
  const MasterState& state_;
  const ServerTable& servers_;
  const Duration heal_after_;
  const Restarted restarted_;

  // State.
  ChunkHandle at_;  // walked up to here
  std::map<ChunkHandle, Patient> patients_;
  std::size_t under_way_ = 0;
};

}  // namespace gfs::master
