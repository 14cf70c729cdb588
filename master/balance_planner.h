// BalancePlanner: which replicas are better off elsewhere.
//
//   spread  the members of a chunk are in fewer racks than they could be: one moves into a rack that has none
//   fill    servers differ in how full they are: chunks go from those above the mean to those below it
//
// Filling begins when a server is further from the mean than `threshold`, and goes on until all are within half of it;
// a newcomer is filled like that, at the speed of single moves, whatever new chunks it gets meanwhile. What was moved
// away takes space until it is unlinked (it is in quarantine first), and does not count. A chunk moves only if it needs
// nothing, is on no server that is in doubt, and spreads over no fewer racks afterwards; filling never makes a target
// fuller than its source would be.
//
// The table is walked a piece at a time. Owned by BalanceLoop; pure: `now` is an argument, nothing is done here.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "master/server_table.h"
#include "master/state.h"

namespace gfs::master {

class BalancePlanner {
 public:
  static constexpr std::size_t kPiece = 2000;  // chunks looked at in one tick
  static constexpr std::size_t kMovesMost = 8;
  static constexpr Duration kAvoided = 10min;     // a chunk that could not be moved
  static constexpr Duration kLeavingFor = 15min;  // from a move until what it left is surely in quarantine
  static constexpr std::size_t kAvoidedMax = 4096;

  struct Settings {
    double threshold = 0.1;                  // of a server's capacity
    std::uint64_t chunk_size = 64ull << 20;  // a target has room for one more than it takes
  };
  struct Move {
    ChunkHandle handle;
    ServerId from, to;
    std::string why;
  };
  // How full a server is.
  struct Fill {
    std::size_t rack = 0;                  // its number
    std::uint64_t capacity = 0, free = 0;  // free: once what was moved away is unlinked
    std::uint64_t room = 0;                // free now
    double share = 0;                      // of the capacity: 0 empty, 1 full
    bool takes = false;                    // may get chunks
  };

  // The chunk needs nothing that repair would do.
  using Whole = std::function<bool(ChunkHandle, const Chunk&)>;

  BalancePlanner(const MasterState& state, const ServerTable& servers, Settings settings, Whole whole)
      : state_(state), servers_(servers), settings_(settings), whole_(std::move(whole)) {}

  // What is to be begun now, if anything `may` be; each is under way until done() is called.
  std::vector<Move> plan(Instant now, WallMs wall, bool may = true);
  enum class Ended : std::uint8_t { moved, failed, not_tried };
  void done(const Move& move, Ended how, Instant now);

  // As of the last plan().
  const std::map<ServerId, Fill>& fills() const { return fills_; }
  double mean() const { return mean_; }
  bool filling() const { return filling_; }
  const std::map<ChunkHandle, Move>& under_way() const { return moves_; }

 private:
  struct Leaving {
    Instant since{};
    std::uint64_t bytes = 0;  // that did not show in its quarantine yet
  };

  void measure(Instant now, WallMs wall);
  std::optional<Move> consider(ChunkHandle handle, const Chunk& chunk, Instant now) const;
  std::optional<Move> spread(ChunkHandle handle, const Chunk& chunk) const;
  std::optional<Move> fill(ChunkHandle handle, const Chunk& chunk) const;
  std::uint64_t still_leaving(ServerId id, const Server& server, Instant now);
  bool busy(ServerId server) const;
  bool avoided(ChunkHandle handle, Instant now) const;
  // May take this chunk, and does not at the moment take another.
  bool takes(ServerId server, const Fill& fill, const Chunk& chunk, std::uint64_t length) const;
  // So much it may be: what is known of lengths may be old.
  std::uint64_t size_of(ServerId member, ChunkHandle handle) const;
  std::size_t in_rack(const Chunk& chunk, std::size_t rack) const;  // members
  std::size_t racks_of(const Chunk& chunk) const;

  // Set once.
  const MasterState& state_;
  const ServerTable& servers_;
  const Settings settings_;
  const Whole whole_;

  // State.
  std::map<ServerId, Fill> fills_;
  double mean_ = 0;
  bool filling_ = false;
  std::size_t racks_ = 0;  // with a server that takes chunks
  ChunkHandle at_;         // walked up to here
  std::map<ChunkHandle, Move> moves_;
  std::map<ChunkHandle, Instant> avoided_;
  std::map<ServerId, std::deque<Leaving>> leaving_;
  std::map<ServerId, std::uint64_t> quarantined_;  // as it said last
};

}  // namespace gfs::master
