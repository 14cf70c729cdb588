#include "chunkserver/inspect_service.h"

namespace gfs::chunkserver {

Task<bus::InspectChunk::Reply> InspectService::inspect(bus::InspectChunk ask, bus::Caller) {
  if (!store_.find(ask.handle))
    co_await fail(Code::not_found, "server {}: chunk {} is not held here", self_, ask.handle);
  bus::InspectChunk::Reply reply;
  if (ask.verify) reply.bad = co_await store_.verify(ask.handle);
  // What follows is of one moment: nothing is awaited that takes time once the chunk's metadata is in memory.
  while (true) {
    AppendRecords records = co_await store_.records(ask.handle);
    reply.checksums = co_await store_.checksums(ask.handle);
    std::optional<ChunkInfo> held = store_.find(ask.handle);
    if (!held) co_await fail(Code::not_found, "server {}: chunk {} is not held here", self_, ask.handle);
    if (reply.serial == held->serial && reply.version == held->version && reply.length == held->length) {
      reply.fence = held->fence;
      reply.sealed = held->sealed;
      reply.suspect = held->suspect;
      reply.damaged = held->damaged;
      reply.records_digest = records.digest();
      if (ask.records) reply.payload = Bytes::of(records.encode());
      co_return reply;
    }
    reply.serial = held->serial;
    reply.version = held->version;
    reply.length = held->length;
  }
}

Task<bus::ReadReplica::Reply> InspectService::read(bus::ReadReplica ask, bus::Caller) {
  if (ask.size == 0 || ask.size > kFragmentMax || ask.offset > kChunkSize - ask.size) {
    co_await fail(Code::invalid_argument, "chunk {}: a read of {} bytes at {}", ask.handle, ask.size, ask.offset);
  }
  Result<ReadBytes> got = co_await store_.read(ask.handle, ask.offset, ask.size).outcome();
  if (!got) {
    Error error = std::move(got).error();
    error.message = fmt::format("server {}: {}", self_, error.message);
    co_await fail(std::move(error));
  }
  bus::ReadReplica::Reply reply;
  reply.crcs = std::move(got->checksums);
  reply.length = got->length;
  reply.payload = std::move(got->bytes);
  co_return reply;
}

}  // namespace gfs::chunkserver
