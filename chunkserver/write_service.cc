#include "chunkserver/write_service.h"

#include <algorithm>

#include "base/probe.h"
#include "chunkserver/block_checksums.h"
#include "chunkserver/staged_bytes.h"

namespace gfs::chunkserver {

namespace {

Result<> same(ChunkHandle handle, const bus::WriteChunk& ask, std::uint64_t offset, std::uint64_t size,
              std::uint32_t digest) {
  if (offset == ask.offset && size == ask.size && digest == ask.digest) return {};
  return fail(Code::invalid_argument, "chunk {}: this request id was used for another write", handle);
}

// An answer that was given before, if there is one.
Result<std::optional<bus::WriteChunk::Reply>> recorded(const PrimaryChunk& chunk, const RequestId& id,
                                                       const bus::WriteChunk& ask) {
  auto found = chunk.done.find(id);
  if (found == chunk.done.end()) return std::nullopt;
  const WriteRecord& record = found->second;
  Result<> fits = same(chunk.handle, ask, record.offset, record.size, record.digest);
  if (!fits) return fail(std::move(fits));
  return record.reply;
}

}  // namespace

void WriteService::raise_floor(PrimaryChunk& chunk, ClientId client, std::uint64_t floor) const {
  if (floor == 0 || order_.settings().mutant == "floor_ignored") return;
  std::uint64_t& known = chunk.floors[client];
  known = std::max(known, floor);
  if (chunk.floors.size() > PrimaryChunk::kFloorsMax) {
    auto other = chunk.floors.begin();
    if (other->first == client) ++other;
    chunk.floors.erase(other);
  }
}

Result<> WriteService::may_begin(const bus::WriteChunk& ask, const PrimaryChunk& chunk, const RequestId& id) const {
  auto floor = chunk.floors.find(id.client);
  if (floor != chunk.floors.end() && id.sequence < floor->second) {
    PROBE("a write from the grave was refused");
    return fail(Code::expired, "chunk {}: request {} was given up by its client", ask.handle, id);
  }
  const bool grows = ask.offset + ask.size > chunk.end;
  if (chunk.sealed && grows) return fail(Code::sealed, "chunk {}: it is sealed at {} bytes", ask.handle, chunk.end);
  if (chunk.closed > 0 || (chunk.sealing && grows)) {
    return fail(Code::overloaded, "chunk {}: it is being sealed or cut", ask.handle);
  }
  return order_.room(chunk);
}

Task<bus::WriteChunk::Reply> WriteService::write(bus::WriteChunk ask, bus::Caller caller) {
  const RequestId id = caller.request;
  if (id.client.nil()) co_await fail(Code::invalid_argument, "chunk {}: a write without a request id", ask.handle);
  if (ask.size == 0 || ask.size > kFragmentMax || ask.offset > order_.settings().chunk_size - ask.size) {
    co_await fail(Code::invalid_argument, "chunk {}: a write of {} bytes at {}", ask.handle, ask.size, ask.offset);
  }
  PrimaryOrder::Chunk chunk = co_await order_.primary_of(ask.handle, ask.version);
  raise_floor(*chunk, id.client, ask.floor);
  std::optional<bus::WriteChunk::Reply> before = co_await recorded(*chunk, id, ask);
  if (before) co_return *before;
  if (!chunk->pending_ids.contains(id)) {
    co_await may_begin(ask, *chunk, id);
    Executor& executor = endpoint_.executor();
    const Instant until = std::min(executor.now() + order_.settings().data_wait, caller.deadline);
    StagedBytes staged = co_await staged_bytes(staging_, id, ask.handle, ask.offset, ask.size, until);
    if (digest_of(staged.checksums) != ask.digest) {
      co_await fail(Code::invalid_argument, "chunk {}: the bytes pushed under request {} are not those of the write",
                    ask.handle, id);
    }
    co_await order_.stand(chunk);
    co_await order_.clear_the_way(chunk);
    // All of it again: time has passed.
    chunk = co_await order_.primary_of(ask.handle, ask.version);
    before = co_await recorded(*chunk, id, ask);
    if (before) co_return *before;
    if (!chunk->pending_ids.contains(id)) {
      co_await may_begin(ask, *chunk, id);
      co_await store_.room_for(ask.handle, ask.size);
      Mutation mutation;
      mutation.id = id;
      mutation.offset = ask.offset;
      mutation.digest = ask.digest;
      mutation.bytes = std::move(staged.bytes);
      mutation.checksums = staged.checksums;
      Result<std::shared_ptr<OrderedWrite>> ordered =
          order_.order(chunk, std::move(mutation), std::move(staged.checksums), false);
      co_await std::move(ordered);
    }
  }
  std::shared_ptr<OrderedWrite> write = chunk->pending.at(chunk->pending_ids.at(id));
  co_await same(ask.handle, ask, write->mutation.offset, write->mutation.bytes.size(), write->mutation.digest);
  co_await order_.done(chunk, write);
  co_return bus::WriteChunk::Reply{write->mutation.serial, write->length};
}

Task<bus::SyncChunk::Reply> WriteService::sync(bus::SyncChunk ask, bus::Caller caller) {
  PrimaryOrder::Chunk chunk = co_await order_.primary_of(ask.handle, ask.version);
  co_await order_.stand(chunk);
  const Serial through = chunk->last;
  // What is in flight first; a mutation that cannot come to its end makes the sync fail.
  co_await order_.settled(chunk);
  std::vector<Task<>> syncs;
  for (const bus::Member& other : chunk->others) {
    bus::SyncReplica there{ask.handle, ask.version, through};
    syncs.push_back(sync_there(other, std::move(there), caller.deadline));
  }
  Task<std::vector<Result<>>> all = all_of(std::move(syncs));
  TaskGroup group;
  Promise<std::vector<Result<>>> promise;
  Future<std::vector<Result<>>> others = promise.future();
  group.spawn(std::move(all), [&promise](Result<std::vector<Result<>>> results) { promise.set(std::move(results)); });
  Result<std::uint64_t> here = co_await store_.sync(ask.handle).outcome();
  std::vector<Result<>> there = co_await std::move(others);
  bus::SyncChunk::Reply reply;
  reply.length = co_await std::move(here);
  for (std::size_t i = 0; i < there.size(); ++i) {
    if (there[i]) continue;
    const std::string name = order_.name_of(*chunk, i);
    Error error{Code::replica_failed,
                fmt::format("chunk {} version {}: a member could not sync: {}: {}", ask.handle, ask.version, name,
                            there[i].error().text()),
                {{name, there[i].error().text()}}};
    co_await fail(std::move(error));
  }
  co_return reply;
}

Task<> WriteService::sync_there(bus::Member member, bus::SyncReplica ask, Instant deadline) {
  bus::CallOptions options;
  options.deadline = std::max<Duration>(deadline - endpoint_.executor().now(), 1ms) * 9 / 10;
  (void)co_await endpoint_.call(bus::Peer::at(member.control), std::move(ask), options);
}

Task<bus::Done> WriteService::truncate(bus::TruncateChunk ask, bus::Caller) {
  if (ask.length > order_.settings().chunk_size)
    co_await fail(Code::invalid_argument, "chunk {}: cut to {} bytes", ask.handle, ask.length);
  PrimaryOrder::Chunk chunk = co_await order_.primary_of(ask.handle, ask.version);
  co_await order_.stand(chunk);
  if (chunk->closed > 0) co_await fail(Code::overloaded, "chunk {}: it is being sealed or cut", ask.handle);
  const auto late = [&] { return ask.number != 0 && ask.number <= chunk->last_cut; };
  if (late() && ask.length >= chunk->end) co_return bus::Done{};
  if (late()) {
    co_await fail(Code::conflict, "chunk {}: an order to cut, number {}, comes after number {}", ask.handle, ask.number,
                  chunk->last_cut);
  }
  if (ask.length < chunk->end) co_await order_.unfrozen(*chunk);
  ++chunk->closed;
  struct Open {
    PrimaryOrder::Chunk chunk;
    ~Open() { --chunk->closed; }
  };
  Open open{chunk};
  co_await order_.settled(chunk);
  if (ask.length >= chunk->end) {
    chunk->last_cut = ask.number;
    co_return bus::Done{};
  }
  Mutation mutation;
  mutation.what = MutationKind::truncate;
  mutation.offset = ask.length;
  Result<std::shared_ptr<OrderedWrite>> ordered = order_.order(chunk, std::move(mutation), {}, false);
  if (ordered) chunk->last_cut = ask.number;
  std::shared_ptr<OrderedWrite> write = co_await std::move(ordered);
  co_await order_.done(chunk, write);
  co_return bus::Done{};
}

Task<bus::Done> WriteService::release(bus::ReleaseChunk ask, bus::Caller) {
  order_.release(ask.handle, ask.version);
  co_return bus::Done{};
}

}  // namespace gfs::chunkserver
