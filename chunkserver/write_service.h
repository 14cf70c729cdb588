// WriteService: what clients and the master ask of a primary about bytes at places they name: write, sync, truncate.
//
//   request id known?    a repeat joins the one in flight, or is answered from its record
//   given up?            a write below the floor its client has raised is never begun (expired)
//   bytes staged?        waits for them; a serial is taken only when all of them are here
//   then                 ordered (PrimaryOrder), and answered when all members have it
//
// Appends are the neighbour's: append_service.h.
//
// Owned by ChunkServer; lives on its executor's thread.
#pragma once

#include "bus/endpoint.h"
#include "bus/messages/chunk_master.h"
#include "bus/messages/client_chunk.h"
#include "chunkserver/primary_order.h"

namespace gfs::chunkserver {

class WriteService {
 public:
  WriteService(bus::Endpoint& endpoint, DiskSet& store, Staging& staging, PrimaryOrder& order)
      : endpoint_(endpoint), store_(store), staging_(staging), order_(order) {}

  Task<bus::WriteChunk::Reply> write(bus::WriteChunk ask, bus::Caller caller);
  Task<bus::SyncChunk::Reply> sync(bus::SyncChunk ask, bus::Caller caller);
  Task<bus::Done> truncate(bus::TruncateChunk ask, bus::Caller caller);
  Task<bus::Done> release(bus::ReleaseChunk ask, bus::Caller caller);

 private:
  Result<> may_begin(const bus::WriteChunk& ask, const PrimaryChunk& chunk, const RequestId& id) const;
  void raise_floor(PrimaryChunk& chunk, ClientId client, std::uint64_t floor) const;
  Task<> sync_there(bus::Member member, bus::SyncReplica ask, Instant deadline);

  bus::Endpoint& endpoint_;
  DiskSet& store_;
  Staging& staging_;
  PrimaryOrder& order_;
};

}  // namespace gfs::chunkserver
