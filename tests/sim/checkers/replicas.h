// Replicas: the members of a chunk's version hold the same bytes wherever a write was acknowledged and no failed or
// unknown one overlaps. Asked of each member directly, after the calm.
#pragma once

#include <map>
#include <string>

#include "base/task.h"
#include "bus/endpoint.h"
#include "bus/messages/client_master.h"
#include "tests/sim/history.h"

namespace gfs::sim {

Task<> check_replicas(History& history, bus::Endpoint& endpoint, std::size_t file,
                      std::vector<bus::ListChunks::Chunk> chunks);

// The parts of a file that every member must agree on, as offset -> end.
std::map<std::uint64_t, std::uint64_t> agreed_ranges(const History& history, std::size_t file);

}  // namespace gfs::sim
