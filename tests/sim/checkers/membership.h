// Membership: while chunkservers do their work nobody takes one of them out of a chunk. Judged by the master's log, of
// runs in which nothing but the master and clients came to harm.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "base/sim_disk.h"

namespace gfs::sim {

// Whether nothing among these faults lets anybody believe that a chunkserver failed.
bool spares_servers(const std::set<std::string>& faults);

// Who was taken out, and when; empty: nobody. Of a virgin chunk anybody may go, and of others who merely joins.
std::string check_membership(const SimDisk& master, std::uint64_t chunk_size);

}  // namespace gfs::sim
