#include "chunkserver/read_service.h"

#include <algorithm>

#include "base/probe.h"

namespace gfs::chunkserver {

namespace {

constexpr Duration kAskTime = 1s;

}  // namespace

Task<bus::ReadChunk::Reply> ReadService::read(bus::ReadChunk ask, bus::Caller) {
  if (ask.size > kFragmentMax)
    co_await fail(Code::too_large, "a read of {} bytes ({} are allowed)", ask.size, kFragmentMax);
  if (ask.offset > kChunkSize)
    co_await fail(Code::invalid_argument, "a read at {}, past the end of any chunk", ask.offset);
  ChunkInfo held = co_await readable(ask.handle, ask.version, ask.stale_ok);
  const std::uint64_t length = co_await committed_length(held);
  const std::uint64_t size = ask.offset >= length ? 0 : std::min(ask.size, length - ask.offset);
  Result<ReadBytes> got = co_await store_.read(ask.handle, ask.offset, size).outcome();
  if (!got) {
    Error error = std::move(got).error();
    error.message = fmt::format("server {}: {}", self_, error.message);
    co_await fail(std::move(error));
  }
  bus::ReadChunk::Reply reply;
  reply.crcs = std::move(got->checksums);
  reply.length = length;
  reply.version = got->version;
  reply.sealed = held.sealed;
  reply.payload = std::move(got->bytes);
  co_return reply;
}

Task<bus::ChunkLength::Reply> ReadService::length(bus::ChunkLength ask, bus::Caller) {
  ChunkInfo held = co_await readable(ask.handle, ask.version, ask.stale_ok);
  bus::ChunkLength::Reply reply;
  reply.length = co_await committed_length(held);
  reply.version = held.version;
  reply.sealed = held.sealed;
  co_return reply;
}

Result<ChunkInfo> ReadService::readable(ChunkHandle handle, Version version, bool stale_ok) const {
  Result<> session = session_.check(endpoint_.executor().now());
  if (!session && !stale_ok) return fail(std::move(session));
  std::optional<ChunkInfo> held = store_.find(handle);
  if (!held || held->version.value == 0) {
    return fail(Code::not_found, "server {}: chunk {} is not held here", self_, handle);
  }
  if (held->version < version) {
    return fail(Code::stale_version, "server {}: chunk {} version {}: version {} is held here", self_, handle, version,
                held->version);
  }
  if (held->suspect) {
    return fail(Code::suspect, "server {}: chunk {} may have lost bytes in a power cut", self_, handle);
  }
  return *held;
}

Task<std::uint64_t> ReadService::committed_length(ChunkInfo held) {
  // A seal comes behind everything that is committed; only appends may still be undone.
  if (!held.appended || held.sealed || mutant_ == "read_uncommitted") co_return held.length;
  std::optional<std::uint64_t> known = marks_.readable(held.handle, held.version, held.serial, held.length);
  if (known && (*known == held.length || held.primary == self_)) co_return *known;
  const std::string primary = held.primary == self_ ? "" : marks_.primary(held.handle);
  if (primary.empty()) {
    co_await fail(Code::unavailable, "server {}: how far chunk {} version {} is committed is not known here", self_,
                  held.handle, held.version);
  }
  PROBE("a secondary asked how far a chunk is committed");
  bus::AskCommitted ask{held.handle, held.version};
  bus::CallOptions options;
  options.deadline = kAskTime;
  Result<bus::AskCommitted::Reply> told =
      co_await endpoint_.call(bus::Peer::at(primary), std::move(ask), options).outcome();
  if (!told) {
    co_await fail(Code::unavailable, "server {}: how far chunk {} version {} is committed: {}", self_, held.handle,
                  held.version, told.error().text());
  }
  marks_.committed(held.handle, held.version, told->serial);
  known = marks_.readable(held.handle, held.version, held.serial, held.length);
  if (!known) {
    co_await fail(Code::unavailable, "server {}: chunk {} version {}: another version is held by now", self_,
                  held.handle, held.version);
  }
  co_return *known;
}

}  // namespace gfs::chunkserver
