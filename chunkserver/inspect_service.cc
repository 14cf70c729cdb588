#include "chunkserver/inspect_service.h"

namespace gfs::chunkserver {

namespace {

constexpr int kTries = 3;  // to see all bytes while nothing changes

bool same_moment(const ChunkInfo& one, const ChunkInfo& other) {
  return one.version == other.version && one.serial == other.serial && one.length == other.length;
}

}  // namespace

Task<bus::InspectChunk::Reply> InspectService::inspect(bus::InspectChunk ask, bus::Caller) {
  if (!store_.find(ask.handle))
    co_await fail(Code::not_found, "server {}: chunk {} is not held here", self_, ask.handle);
  bus::InspectChunk::Reply reply;
  for (int attempt = 0; ask.verify && attempt < kTries && reply.hashes.empty(); ++attempt) {
    const std::optional<ChunkInfo> before = store_.find(ask.handle);
    BlocksSeen seen = co_await store_.verify(ask.handle);
    const std::optional<ChunkInfo> after = store_.find(ask.handle);
    reply.bad = std::move(seen.bad);
    if (before && after && same_moment(*before, *after)) reply.hashes = std::move(seen.hashes);
  }
  // What follows is of one moment: nothing is awaited that takes time once the chunk's metadata is in memory.
  std::optional<ChunkInfo> held = store_.find(ask.handle);
  while (true) {
    AppendRecords records = co_await store_.records(ask.handle);
    reply.checksums = co_await store_.checksums(ask.handle);
    std::optional<ChunkInfo> now = store_.find(ask.handle);
    if (!held || !now) co_await fail(Code::not_found, "server {}: chunk {} is not held here", self_, ask.handle);
    const bool settled = same_moment(*held, *now);
    held = now;
    if (!settled) continue;
    reply.version = now->version;
    reply.fence = now->fence;
    reply.serial = now->serial;
    reply.length = now->length;
    reply.sealed = now->sealed;
    reply.suspect = now->suspect;
    reply.damaged = now->damaged;
    reply.records_digest = records.digest();
    if (ask.records) reply.payload = Bytes::of(records.encode());
    if (reply.hashes.size() != reply.checksums.size()) reply.hashes.clear();
    co_return reply;
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
