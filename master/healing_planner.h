// HealingPlanner: which chunks need something done, and which of them first.
//
//   settle  the configuration is not as it should be, or not active: a member is lost, damaged, missing or suspect, the
//           primary restarted, joining members were never made equal; or it has more members than it needs
//   copy    fewer members that count, and stay, than there could be, for `heal_after`: somebody is to join. It waits
//   for
//           servers that are away (repair_clock.h), and while an operator paused it
//
// The table is walked a piece at a time, so that a tick costs the same whatever it holds; when servers were lost or
// came back, once around with shorter pauses, so that those who suffer by it are known soon. Those in need wait in a
// list of bounded length: the most endangered first, of them files before trash, of them the oldest; what a member that
// drains leaves is last. Who did not get better (does not need less than before, whatever the order came to) waits
// longer each time.
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

#include "master/copy_limits.h"
#include "master/repair_clock.h"
#include "master/server_table.h"
#include "master/state.h"

namespace gfs::master {

class HealingPlanner {
 public:
  static constexpr std::size_t kPiece = 1000;        // chunks looked at in one tick
  static constexpr std::size_t kPatientsMax = 4096;  // chunks known to be in need

  enum class Cure : std::uint8_t { settle, copy };
  struct Order {
    ChunkHandle handle;
    Cure cure;
  };
  // A copy has to wait: said once for each chunk in need.
  using Deferred = std::function<void(ChunkHandle, const RepairClock::Wait&)>;
  void on_deferred(Deferred deferred) { deferred_ = std::move(deferred); }

  // The primary is another process than the one that made the version active.
  using Restarted = std::function<bool(ChunkHandle, const Chunk&)>;

  struct Settings {
    Duration heal_after = 1s;
    RepairClock::Rules clock;
  };
  HealingPlanner(const MasterState& state, const ServerTable& servers, Settings settings, Restarted restarted)
      : state_(state),
        servers_(servers),
        settings_(settings),
        restarted_(std::move(restarted)),
        clock_(settings.clock) {}

  // What is to be begun now. Each order is under way until done() says otherwise. `wall`: the master's time.
  std::vector<Order> plan(Instant now, WallMs wall);
  enum class Outcome : std::uint8_t { carried_out, failed, postponed };  // postponed: others are busy, soon again
  void done(ChunkHandle handle, Outcome outcome, Instant now);

  struct Need {
    Cure cure = Cure::settle;
    std::size_t sound = 0;    // members that count and can be had
    std::size_t staying = 0;  // of them, those that do not drain
    std::size_t heard = 0;    // of them, those that are not silent
  };
  // What this chunk needs, if anything.
  std::optional<Need> examine(ChunkHandle handle, const Chunk& chunk, Instant now) const;
  // Why a copy of it is not begun; nothing: it may be. As of the last plan().
  std::optional<RepairClock::Wait> wait(ChunkHandle handle, const Need& need) const;

  // One in need, as of the last plan().
  struct Patient {
    Need need, ordered;    // now, and when the last order was begun
    bool removed = false;  // its file is in the trash
    Instant since{}, not_before{};
    std::uint32_t tries = 0;
    std::uint32_t postponed = 0;  // so often in a row
    bool under_way = false;
    bool deferred = false;  // it waits, and that was said
    // There is nothing to be done for it at the moment: it gives its place to others.
    bool idle() const { return !under_way && (deferred || (need.sound == 0 && tries > 0)); }
  };
  const std::map<ChunkHandle, Patient>& patients() const { return patients_; }
  std::size_t under_way() const { return under_way_; }
  // Not all chunks have been looked at since servers were lost or came back: the next plan() is due soon.
  bool hurries() const { return hurries_; }
  // It drains, and as of the last whole walk no chunk that was ever written to has it as a member. Nothing: it drains,
  // and has some, or that is not known yet.
  std::optional<bool> drained(ServerId server) const {
    if (!state_.directives().drains(server)) return false;
    return drained_.contains(server) ? std::optional(true) : std::nullopt;
  }
  // A copy is under way, or could be begun now.
  bool copies() const;
  const RepairClock& clock() const { return clock_; }

 private:
  void visit(ChunkHandle handle, const Chunk& chunk, Instant now);
  // Takes out one for whom nothing can be done now, or else the least endangered one, if it is less so than `sound`.
  bool make_room(std::size_t sound);
  void note_losses(Instant now);
  bool is_removed(InodeId file) const;

  // Set once.
  const MasterState& state_;
  const ServerTable& servers_;
  const Settings settings_;
  const Restarted restarted_;
  Deferred deferred_;

  // State.
  RepairClock clock_;
  WallMs wall_ = 0;             // of the last plan()
  ChunkHandle at_;              // walked up to here
  std::vector<ServerId> gone_;  // servers, at the last plan()
  bool hurries_ = false;
  ChunkHandle hurried_from_;               // until the walk has come round to it
  bool wrapped_ = true;                    // it has been at the end since then
  std::set<ServerId> drained_, draining_;  // draining_: since this walk began, and no chunk was met there
  std::size_t no_room_ = SIZE_MAX;         // for those with so many sound members, in this turn
  std::map<ChunkHandle, Patient> patients_;
  std::size_t under_way_ = 0;
};

}  // namespace gfs::master
