// ProbeService: "who is there?", and "can you dial this address?" The master asks a member when a server joins: an
// address that only works on the joining machine must not get into layouts.
//
// Owned by ChunkServer; lives on its executor's thread.
#pragma once

#include "bus/endpoint.h"
#include "bus/messages/chunk_master.h"
#include "bus/messages/client_master.h"

namespace gfs::chunkserver {

class ProbeService {
 public:
  ProbeService(bus::Endpoint& endpoint, std::uint64_t chunk_size) : endpoint_(endpoint), chunk_size_(chunk_size) {}

  Task<bus::Hello::Reply> hello(bus::Hello ask, bus::Caller caller);
  // unreachable, with the address and the reason.
  Task<bus::Done> probe(bus::ProbeAddress ask, bus::Caller caller);

 private:
  bus::Endpoint& endpoint_;
  const std::uint64_t chunk_size_;
};

}  // namespace gfs::chunkserver
