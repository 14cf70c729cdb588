// Handing a fragment's bytes to the members of a chunk: to the first of the chain, which hands them on. Not answered;
// WriteChunk, sent right behind, is.
#pragma once

#include <vector>

#include "bus/endpoint.h"
#include "bus/messages/client_chunk.h"

namespace gfs::client {

// `chain` in the order the bytes shall travel. Errors name the first hop.
Result<> push(bus::Endpoint& endpoint, const std::vector<bus::Member>& chain, bus::PushFragment fragment);

}  // namespace gfs::client
