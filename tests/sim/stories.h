// Stories: what operators see, with fifteen servers in three racks, while clients write and read all the time.
//
//   rack      five of the fifteen are lost at once, and come back later
//   newcomer  the fifteenth server comes to fourteen that are half full
//   gray      a server's link falls back to 1 Mbit/s, and its heartbeats are perfect
//   drain     a server is told to drain, asked about until it may stop, stopped and forgotten
//
// Whatever happens, every file reads as it was written last, and in the end everything is as it should be.
#pragma once

#include <set>
#include <string>

#include "tests/sim/seeds.h"

namespace gfs::sim {

inline const std::set<std::string> kStories = {"drain", "gray", "newcomer", "rack"};

// `tell`: prints what happens when. faults_found: what did not come true.
SeedResult run_story(const std::string& name, std::uint64_t seed, bool tell);

}  // namespace gfs::sim
