// InspectService: what lies here of a chunk, for whoever compares replicas (`chunk verify`, MakeEqual) or copies one.
// Says what is so whatever the version: it is no reading of the file.
//
// Owned by ChunkServer; lives on its executor's thread.
#pragma once

#include "bus/endpoint.h"
#include "bus/messages/chunk_chunk.h"
#include "bus/messages/client_chunk.h"
#include "chunkserver/disk_set.h"

namespace gfs::chunkserver {

class InspectService {
 public:
  InspectService(DiskSet& store, ServerId self) : store_(store), self_(self) {}

  Task<bus::InspectChunk::Reply> inspect(bus::InspectChunk ask, bus::Caller caller);
  Task<bus::ReadReplica::Reply> read(bus::ReadReplica ask, bus::Caller caller);

 private:
  DiskSet& store_;
  ServerId self_;
};

}  // namespace gfs::chunkserver
