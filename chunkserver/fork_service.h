// ForkService: the master's order to hold what is held of one chunk under another handle, too: before a file is written
// to that shares its chunks with a snapshot (ChunkStore::fork).
//
// Owned by ChunkServer; lives on its executor's thread. A copy goes on when the order's connection is lost.
#pragma once

#include "bus/endpoint.h"
#include "bus/messages/chunk_master.h"
#include "chunkserver/disk_set.h"

namespace gfs::chunkserver {

class ForkService {
 public:
  explicit ForkService(DiskSet& store) : store_(store) {}

  Task<bus::CopyChunk::Reply> copy(bus::CopyChunk ask, bus::Caller caller);

 private:
  DiskSet& store_;
};

}  // namespace gfs::chunkserver
