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
  explicit ProbeService(bus::Endpoint& endpoint) : endpoint_(endpoint) {}

  Task<bus::Hello::Reply> hello(bus::Hello ask, bus::Caller caller);
  // unreachable, with the address and the reason.
  Task<bus::Done> probe(bus::ProbeAddress ask, bus::Caller caller);

 private:
  bus::Endpoint& endpoint_;
};

}  // namespace gfs::chunkserver
