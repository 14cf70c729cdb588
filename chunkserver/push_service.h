// PushService: what comes down the pipeline. Hands it on, verifies it, stages it, in this order: the next server works
// while this one checks, and nothing is copied.
//
// Not answered: what is refused here is missed by the order that names it. Bounds are checked before anything else.
//
// Owned by ChunkServer; lives on its executor's thread.
#pragma once

#include "bus/endpoint.h"
#include "bus/messages/client_chunk.h"
#include "chunkserver/staging.h"

namespace gfs::chunkserver {

class PushService {
 public:
  PushService(bus::Endpoint& endpoint, Staging& staging) : endpoint_(endpoint), staging_(staging) {}

  void push(bus::PushFragment fragment);

 private:
  bus::Endpoint& endpoint_;
  Staging& staging_;
};

}  // namespace gfs::chunkserver
