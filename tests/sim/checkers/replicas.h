// Replicas: the members of a chunk's version hold the same bytes wherever a write was acknowledged and no failed or
// unknown one overlaps. Asked of each member directly, after the calm.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/task.h"
#include "bus/endpoint.h"
#include "bus/messages/client_chunk.h"
#include "bus/messages/client_master.h"
#include "tests/sim/history.h"

namespace gfs::sim {

// Those that count: a chunk's list names servers, too, that hold an old copy and are no members any more ("stale", as
// is a member that has not taken the version yet).
std::vector<bus::ListChunks::Holder> members_of(const bus::ListChunks::Chunk& chunk);

// A read of one member. One that restarted, or whose primary did, needs a moment until it knows what is committed.
Task<bus::ReadChunk::Reply> read_member(bus::Endpoint& endpoint, std::string address, bus::ReadChunk ask);

Task<> check_replicas(History& history, bus::Endpoint& endpoint, std::size_t file,
                      std::vector<bus::ListChunks::Chunk> chunks);

// The parts of a file that every member must agree on, as offset -> end.
std::map<std::uint64_t, std::uint64_t> agreed_ranges(const History& history, std::size_t file);

}  // namespace gfs::sim
