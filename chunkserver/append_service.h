// AppendService: record append, at the primary: each batch once, in its writer's order, at the chunk's end.
//
//   in flight, or known?   a repeat joins it, or is answered from the records that are part of the chunk
//   (append_records.h) previous here?         a batch whose writer's previous one has not been ordered waits for it a
//   while fits?                  else the chunk is sealed on every member, the master logs it, and the answer is
//   `sealed` then                   its place is the chunk's end; ordered as any mutation
//
// What the file's previous chunk remembers is imported, as an ordered mutation, before the first append here is judged.
//
// Owned by ChunkServer; lives on its executor's thread.
#pragma once

#include <functional>

#include "bus/endpoint.h"
#include "bus/messages/chunk_master.h"
#include "bus/messages/client_chunk.h"
#include "chunkserver/primary_order.h"

namespace gfs::chunkserver {

class AppendService {
 public:
  AppendService(bus::Endpoint& endpoint, DiskSet& store, Staging& staging, PrimaryOrder& order)
      : endpoint_(endpoint), store_(store), staging_(staging), order_(order) {}

  Task<bus::AppendChunk::Reply> append(bus::AppendChunk ask, bus::Caller caller);
  // The master's order.
  Task<bus::SealChunk::Reply> seal_chunk(bus::SealChunk ask, bus::Caller caller);

  // The master logs that the chunk is sealed; must be set.
  std::function<Task<>(ChunkHandle, Version, std::uint64_t length)> report_sealed;
  // The master's time; must be set.
  std::function<std::int64_t()> master_now;

 private:
  struct Batch {
    std::uint64_t size = 0;
    Bytes bytes;
    std::vector<std::uint32_t> wire;  // checksums of its pieces
  };

  static Result<std::uint64_t> size_of(const bus::AppendChunk& ask);
  Task<Batch> gather(bus::AppendChunk ask, RequestId id, std::uint64_t size, Instant until);
  // Until another batch has been ordered, or `until`.
  Task<> arrival(PrimaryOrder::Chunk chunk, Instant until);

  Task<> import(PrimaryOrder::Chunk chunk);
  Task<> import_now(PrimaryOrder::Chunk chunk);
  Task<bus::InspectChunk::Reply> ask_for_records(PrimaryOrder::Chunk chunk, bus::Member member);
  // On every member, and the master knows.
  Task<> seal(PrimaryOrder::Chunk chunk);
  Task<> sync(PrimaryOrder::Chunk chunk);
  Task<> sync_there(bus::Member member, bus::SyncReplica ask);
  Task<> seal_now(PrimaryOrder::Chunk chunk);
  using Step = Task<> (AppendService::*)(PrimaryOrder::Chunk);
  // One runs it; whoever else wants the same waits for that.
  Task<> together(PrimaryOrder::Chunk chunk, SharedFlow PrimaryChunk::*flow, Step step);

  bus::Endpoint& endpoint_;
  DiskSet& store_;
  Staging& staging_;
  PrimaryOrder& order_;
  TaskGroup tasks_;
};

}  // namespace gfs::chunkserver
