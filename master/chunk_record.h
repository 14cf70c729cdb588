// How a chunk stands in a page of ChunkTable, and in a checkpoint: about 20 bytes for a usual one.
//
//   flags u8, ack u8, goal, inode, index, version, members, primary
//   kLength   sealed length
//   kJoining  joining
//   kLone     lone
//   kSettled  settled version, settled members       (else: this version and these members)
//   kShared   references, frozen version             (else: 1, 0)
//
// Numbers are varints. A list of servers is {count, slot...}, a server is its slot in ServerSlots. What few chunks have
// at a time costs nothing where it is not.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "master/chunk.h"
#include "master/server_slots.h"

namespace gfs::master {

// Gives slots to servers that have none.
std::string encode_chunk(const Chunk& chunk, ServerSlots& slots);
// Into a chunk that may have been something else before. malformed for anything that encode_chunk does not give.
Result<> decode_chunk(std::string_view record, const ServerSlots::Ids& servers, Chunk& chunk);
// Of a record that encode_chunk gave, without decoding the rest.
bool is_sealed(std::string_view record);

}  // namespace gfs::master
