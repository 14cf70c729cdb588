// ChunkCensus: how many chunks have all their replicas, too few, none, or damaged ones.
//
// Counted by walking the table a piece at a time, so that no question costs more than one piece: a table that fits into
// one is counted on the spot, a larger one shows the last complete walk.
//
// Owned by Master; pure: `now` is an argument.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "master/server_table.h"
#include "master/state.h"

namespace gfs::master {

struct ChunkCounts {
  std::uint64_t total = 0;  // full + under + lost
  std::uint64_t full = 0;
  std::uint64_t under = 0;
  std::uint64_t lost = 0;                   // no replica that could be read
  std::uint64_t corrupt = 0;                // of them: with at least one damaged replica
  std::array<std::uint64_t, 4> by_sound{};  // with 0, 1, 2, 3 and more sound replicas
  std::uint64_t suspect = 0;                // of them: with at least one that may have lost bytes in a power cut
};

class ChunkCensus {
 public:
  static constexpr std::size_t kPiece = 2000;

  ChunkCensus(const MasterState& state, const ServerTable& servers) : state_(state), servers_(servers) {}

  // Walks one piece further.
  void advance(Instant now);
  // Exact for a small table.
  const ChunkCounts& counts(Instant now);

 private:
  void count(ChunkHandle handle, const Chunk& chunk);

  const MasterState& state_;
  const ServerTable& servers_;
  ChunkHandle at_;              // walked up to here
  std::vector<ServerId> here_;  // servers that are heard, or may be; in order
  ChunkCounts walking_;
  ChunkCounts complete_;
};

}  // namespace gfs::master
