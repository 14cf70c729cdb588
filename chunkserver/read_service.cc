#include "chunkserver/read_service.h"

namespace gfs::chunkserver {

Task<bus::ReadChunk::Reply> ReadService::read(bus::ReadChunk ask, bus::Caller) {
  if (ask.size > kFragmentMax)
    co_await fail(Code::too_large, "a read of {} bytes ({} are allowed)", ask.size, kFragmentMax);
  if (ask.offset > kChunkSize)
    co_await fail(Code::invalid_argument, "a read at {}, past the end of any chunk", ask.offset);
  co_await readable(ask.handle, ask.version);
  Result<ReadBytes> got = co_await store_.read(ask.handle, ask.offset, ask.size).outcome();
  if (!got) {
    Error error = std::move(got).error();
    error.message = fmt::format("server {}: {}", self_, error.message);
    co_await fail(std::move(error));
  }
  bus::ReadChunk::Reply reply;
  reply.crcs = std::move(got->checksums);
  reply.length = got->length;
  reply.version = got->version;
  reply.payload = std::move(got->bytes);
  co_return reply;
}

Task<bus::ChunkLength::Reply> ReadService::length(bus::ChunkLength ask, bus::Caller) {
  ChunkInfo held = co_await readable(ask.handle, ask.version);
  bus::ChunkLength::Reply reply;
  reply.length = held.length;
  reply.version = held.version;
  co_return reply;
}

Result<ChunkInfo> ReadService::readable(ChunkHandle handle, Version version) const {
  Result<> session = session_.check(executor_.now());
  if (!session) return fail(std::move(session));
  std::optional<ChunkInfo> held = store_.find(handle);
  if (!held) return fail(Code::not_found, "server {}: chunk {} is not held here", self_, handle);
  if (held->version < version) {
    return fail(Code::stale_version, "server {}: chunk {} version {}: version {} is held here", self_, handle, version,
                held->version);
  }
  return *held;
}

}  // namespace gfs::chunkserver
