// InspectService: what lies here of a chunk, for whoever compares replicas (`chunk verify`, MakeEqual) or copies one.
// Says what is so whatever the version: it is no reading of the file.
//
// Owned by ChunkServer; lives on its executor's thread.
#pragma once

#include "bus/endpoint.h"
#include "bus/messages/chunk_chunk.h"
#include "bus/messages/client_chunk.h"
#include "chunkserver/chunk_store.h"

namespace gfs::chunkserver {

class InspectService {
 public:
  InspectService(ChunkStore& store, ServerId self) : store_(store), self_(self) {}

  Task<bus::InspectChunk::Reply> inspect(bus::InspectChunk ask, bus::Caller caller);
  Task<bus::ReadReplica::Reply> read(bus::ReadReplica ask, bus::Caller caller);

 private:
  ChunkStore& store_;
  ServerId self_;
};

}  // namespace gfs::chunkserver
