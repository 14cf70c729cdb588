// ReadService: bytes out. Every block touched is verified before anything is sent; reads never wait for writes
// elsewhere.
//
// Refused: by a replica older than the version asked for, by one that may have lost bytes (suspect), and by a server
// that has not heard from its master for longer than the lease (it may have been replaced without knowing), unless the
// reader takes what may be old. What was appended is read only up to the committed length; a replica that has applied
// more than it knows to be committed asks the primary, and says unavailable if that cannot tell.
//
// Owned by ChunkServer; lives on its executor's thread.
#pragma once

#include <string>

#include "bus/endpoint.h"
#include "bus/messages/chunk_chunk.h"
#include "bus/messages/client_chunk.h"
#include "chunkserver/commit_marks.h"
#include "chunkserver/disk_set.h"
#include "chunkserver/session.h"

namespace gfs::chunkserver {

class ReadService {
 public:
  ReadService(bus::Endpoint& endpoint, DiskSet& store, CommitMarks& marks, Session& session, ServerId self,
              std::string mutant)
      : endpoint_(endpoint), store_(store), marks_(marks), session_(session), self_(self), mutant_(std::move(mutant)) {}

  Task<bus::ReadChunk::Reply> read(bus::ReadChunk ask, bus::Caller caller);
  Task<bus::ChunkLength::Reply> length(bus::ChunkLength ask, bus::Caller caller);

 private:
  Result<ChunkInfo> readable(ChunkHandle handle, Version version, bool stale_ok) const;
  // How far the chunk may be read.
  Task<std::uint64_t> committed_length(ChunkInfo held);

  bus::Endpoint& endpoint_;
  DiskSet& store_;
  CommitMarks& marks_;
  Session& session_;
  ServerId self_;
  const std::string mutant_;
};

}  // namespace gfs::chunkserver
