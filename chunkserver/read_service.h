// ReadService: bytes out. Every block touched is verified before anything is sent; reads never wait for writes
// elsewhere.
//
// Refused: by a replica older than the version asked for, and by a server that has not heard from its master for longer
// than the lease (it may have been replaced without knowing).
//
// Owned by ChunkServer; lives on its executor's thread.
#pragma once

#include "bus/endpoint.h"
#include "bus/messages/client_chunk.h"
#include "chunkserver/chunk_store.h"
#include "chunkserver/session.h"

namespace gfs::chunkserver {

class ReadService {
 public:
  ReadService(Executor& executor, ChunkStore& store, Session& session, ServerId self)
      : executor_(executor), store_(store), session_(session), self_(self) {}

  Task<bus::ReadChunk::Reply> read(bus::ReadChunk ask, bus::Caller caller);
  Task<bus::ChunkLength::Reply> length(bus::ChunkLength ask, bus::Caller caller);

 private:
  Result<ChunkInfo> readable(ChunkHandle handle, Version version) const;

  Executor& executor_;
  ChunkStore& store_;
  Session& session_;
  ServerId self_;
};

}  // namespace gfs::chunkserver
