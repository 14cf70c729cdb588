// Placement: which servers get a new chunk.
//
// Spreads over racks first, then prefers servers with more free space and fewer chunks placed since their last
// heartbeat (their figures are as old as that), with enough chance that equals share. Never a server without room.
//
// Pure, but for the random source given.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/id.h"
#include "base/random.h"

namespace gfs::master {

struct Candidate {
  ServerId server;
  std::string rack;
  std::uint64_t capacity = 0;
  std::uint64_t free = 0;
  std::uint64_t recent = 0;
};

struct PlacementWish {
  std::size_t copies = 3;
  std::uint64_t room = 64ull << 20;  // what a server must have free: one chunk
  std::vector<Candidate> present;    // members the chunk has already
};

// Up to `copies` of the candidates that have room, best first (it becomes primary). Fewer if there are not enough.
std::vector<ServerId> place(std::vector<Candidate> candidates, const PlacementWish& wish, Random& random);

}  // namespace gfs::master
