#include "chunkserver/write_service.h"

#include <algorithm>

#include "base/log.h"

namespace gfs::chunkserver {

WriteService::WriteService(bus::Endpoint& endpoint, ChunkStore& store, Staging& staging, Replica& replica,
                           Session& session, ServerId self, WriteSettings settings)
    : endpoint_(endpoint),
      store_(store),
      staging_(staging),
      replica_(replica),
      session_(session),
      self_(self),
      settings_(settings) {}

WriteService::~WriteService() {
  for (auto& [handle, chunk] : chunks_) chunk->tasks.cancel();
}

Task<bus::WriteChunk::Reply> WriteService::write(bus::WriteChunk ask, bus::Caller caller) {
  const RequestId id = caller.request;
  if (id.client.nil()) co_await fail(Code::invalid_argument, "chunk {}: a write without a request id", ask.handle);
  if (ask.size == 0 || ask.size > kFragmentMax || ask.offset > kChunkSize - ask.size) {
    co_await fail(Code::invalid_argument, "chunk {}: a write of {} bytes at {}", ask.handle, ask.size, ask.offset);
  }
  std::shared_ptr<PrimaryChunk> chunk = co_await primary_of(ask.handle, ask.version);
  const auto same = [&ask](std::uint64_t offset, std::uint64_t size, std::uint32_t digest) -> Result<> {
    if (offset == ask.offset && size == ask.size && digest == ask.digest) return {};
    return fail(Code::invalid_argument, "chunk {}: this request id was used for another write", ask.handle);
  };
  const auto recorded = [&]() -> const WriteRecord* {
    auto found = chunk->done.find(id);
    return found == chunk->done.end() ? nullptr : &found->second;
  };
  if (const WriteRecord* record = recorded()) {
    co_await same(record->offset, record->size, record->digest);
    co_return record->reply;
  }
  if (!chunk->pending_ids.contains(id)) {
    Executor& executor = endpoint_.executor();
    const Instant until = std::min(executor.now() + settings_.data_wait, caller.deadline);
    StagedFragment fragment = co_await staging_.wait(id, until);
    if (fragment.handle != ask.handle || fragment.offset != ask.offset || fragment.bytes.size() != ask.size ||
        fragment.digest != ask.digest) {
      co_await fail(Code::invalid_argument, "chunk {}: the bytes pushed under request {} are not those of the write",
                    ask.handle, id);
    }
    co_await clear_the_way(chunk);
    // All of it again: time has passed.
    chunk = co_await primary_of(ask.handle, ask.version);
    if (const WriteRecord* record = recorded()) {
      co_await same(record->offset, record->size, record->digest);
      co_return record->reply;
    }
    if (!chunk->pending_ids.contains(id)) {
      co_await store_.room_for(ask.size);
      if (chunk->pending.size() >= settings_.pending_max) {
        co_await fail(Code::overloaded, "chunk {}: {} writes are under way", ask.handle, chunk->pending.size());
      }
      Mutation mutation;
      mutation.handle = ask.handle;
      mutation.version = ask.version;
      mutation.id = id;
      mutation.offset = ask.offset;
      mutation.digest = ask.digest;
      mutation.bytes = fragment.bytes;
      mutation.checksums = std::move(fragment.checksums);
      order(chunk, std::move(mutation));
    }
  }
  if (const WriteRecord* record = recorded()) co_return record->reply;
  auto serial = chunk->pending_ids.find(id);
  if (serial == chunk->pending_ids.end()) {
    co_await fail(Code::replica_failed, "chunk {} version {}: the version ended", ask.handle, ask.version);
  }
  std::shared_ptr<OrderedWrite> write = chunk->pending.at(serial->second);
  co_await same(write->mutation.offset, write->mutation.bytes.size(), write->mutation.digest);
  Promise<bus::WriteChunk::Reply> promise;
  Future<bus::WriteChunk::Reply> reply = promise.future();
  write->waiters.push_back(std::move(promise));
  // The ones before it first: a member takes serials in order.
  std::vector<std::shared_ptr<OrderedWrite>> stuck;
  for (const auto& [number, pending] : chunk->pending) {
    if (number <= write->mutation.serial && pending->stuck()) stuck.push_back(pending);
  }
  for (const std::shared_ptr<OrderedWrite>& pending : stuck) drive(chunk, pending);
  co_return co_await std::move(reply);
}

Result<std::shared_ptr<PrimaryChunk>> WriteService::primary_of(ChunkHandle handle, Version version) {
  Result<> session = session_.check(endpoint_.executor().now());
  if (!session) return fail(std::move(session));
  auto found = chunks_.find(handle);
  if (found == chunks_.end() || found->second->ended) {
    std::optional<ChunkInfo> held = store_.find(handle);
    if (held && held->version > version) {
      return fail(Code::stale_version, "chunk {} version {}: version {} is held here", handle, version, held->version);
    }
    return fail(Code::not_primary, "chunk {}: server {} is not its active primary", handle, self_);
  }
  const PrimaryChunk& chunk = *found->second;
  if (chunk.version < version) {
    return fail(Code::not_primary, "chunk {} version {}: server {} has version {} active", handle, version, self_,
                chunk.version);
  }
  if (chunk.version > version) {
    return fail(Code::stale_version, "chunk {} version {}: version {} is active", handle, version, chunk.version);
  }
  return found->second;
}

// Writes that some member refused are driven again before a new serial is taken.
Task<> WriteService::clear_the_way(std::shared_ptr<PrimaryChunk> chunk) {
  std::shared_ptr<OrderedWrite> last;
  std::vector<std::shared_ptr<OrderedWrite>> stuck;
  for (const auto& [serial, pending] : chunk->pending) {
    if (pending->stuck()) stuck.push_back(pending);
  }
  if (stuck.empty()) co_return;
  Promise<bus::WriteChunk::Reply> promise;
  Future<bus::WriteChunk::Reply> reply = promise.future();
  stuck.back()->waiters.push_back(std::move(promise));
  for (const std::shared_ptr<OrderedWrite>& pending : stuck) drive(chunk, pending);
  co_await std::move(reply);
}

void WriteService::order(std::shared_ptr<PrimaryChunk> chunk, Mutation mutation) {
  auto write = std::make_shared<OrderedWrite>();
  chunk->last = chunk->last.next();
  mutation.serial = chunk->last;
  forget_idle();
  staging_.pin(mutation.id);
  write->mutation = std::move(mutation);
  write->members.resize(chunk->others.size() + 1);
  chunk->pending_ids[write->mutation.id] = write->mutation.serial;
  chunk->pending[write->mutation.serial] = write;
  drive(chunk, write);
}

void WriteService::drive(std::shared_ptr<PrimaryChunk> chunk, std::shared_ptr<OrderedWrite> write) {
  for (std::size_t member = 0; member < write->members.size(); ++member) {
    OrderedWrite::Confirmation& confirmation = write->members[member];
    if (confirmation.confirmed || confirmation.under_way) continue;
    confirmation.under_way = true;
    confirmation.refused.reset();
    if (member == chunk->others.size()) {
      chunk->tasks.spawn(apply_here(chunk, write));
    } else {
      chunk->tasks.spawn(apply_there(chunk, write, member));
    }
  }
}

Task<> WriteService::apply_here(std::shared_ptr<PrimaryChunk> chunk, std::shared_ptr<OrderedWrite> write) {
  const std::size_t member = chunk->others.size();
  const Instant until = endpoint_.executor().now() + settings_.try_time * settings_.tries;
  Mutation mutation = write->mutation;
  Result<std::uint64_t> length =
      co_await replica_.apply(std::move(mutation), until, Replica::StagedFor::primary).outcome();
  if (length) {
    write->length = *length;
    confirmed(*chunk, *write, member);
  } else {
    refused(*chunk, *write, member, std::move(length).error());
  }
}

Task<> WriteService::apply_there(std::shared_ptr<PrimaryChunk> chunk, std::shared_ptr<OrderedWrite> write,
                                 std::size_t member) {
  const Mutation& mutation = write->mutation;
  const bus::Member other = chunk->others[member];
  bool with_bytes = false;
  std::optional<Error> error;
  for (int attempt = 0; attempt < settings_.tries; ++attempt) {
    bus::ApplyWrite ask;
    ask.handle = mutation.handle;
    ask.version = mutation.version;
    ask.primary = self_;
    ask.serial = mutation.serial;
    ask.committed = chunk->committed;
    ask.id = mutation.id;
    ask.offset = mutation.offset;
    ask.size = mutation.bytes.size();
    ask.digest = mutation.digest;
    if (with_bytes) {
      ask.crcs = mutation.checksums;
      ask.payload = mutation.bytes;
    }
    bus::CallOptions options;
    options.deadline = settings_.try_time;
    Result<bus::ApplyWrite::Reply> reply =
        co_await endpoint_.call(bus::Peer::at(other.control), std::move(ask), options).outcome();
    if (reply) {
      confirmed(*chunk, *write, member);
      co_return;
    }
    error = std::move(reply).error();
    const Code code = error->code;
    if (code == Code::missing_data) {
      with_bytes = true;
    } else if (code == Code::out_of_order || code == Code::overloaded) {
      co_await endpoint_.executor().sleep(endpoint_.random().jitter(50ms));
    } else if (code == Code::lost_link || code == Code::cancelled) {
      co_await endpoint_.executor().sleep(endpoint_.random().jitter(20ms));
    } else if (code != Code::deadline && code != Code::expired) {
      break;  // a definite refusal, or nobody there
    }
  }
  refused(*chunk, *write, member, std::move(*error));
}

void WriteService::confirmed(PrimaryChunk& chunk, OrderedWrite& write, std::size_t member) {
  write.members[member].confirmed = true;
  write.members[member].under_way = false;
  const bool here = write.members.back().confirmed;
  const bool answers = settings_.wait_for_secondaries ? write.everywhere() : here;
  bus::WriteChunk::Reply reply;
  reply.serial = write.mutation.serial;
  reply.length = write.length;
  if (answers) {
    std::vector<Promise<bus::WriteChunk::Reply>> waiters = std::move(write.waiters);
    write.waiters.clear();
    for (Promise<bus::WriteChunk::Reply>& waiter : waiters) waiter.set(reply);
  }
  if (!write.everywhere()) {
    if (write.stuck()) fail_waiters(chunk, write);
    return;
  }
  const Mutation& mutation = write.mutation;
  chunk.record(mutation.id, {mutation.offset, mutation.bytes.size(), mutation.digest, reply});
  chunk.used = endpoint_.executor().now();
  staging_.release(mutation.id);
  chunk.pending_ids.erase(mutation.id);
  chunk.pending.erase(mutation.serial);
  chunk.committed = chunk.pending.empty() ? chunk.last : Serial{chunk.pending.begin()->first.value - 1};
  std::vector<Promise<void>> waiters = std::move(chunk.progress_waiters);
  chunk.progress_waiters.clear();
  for (Promise<void>& waiter : waiters) waiter.set({});
}

// Memory is for chunks in use, not for all that ever were.
void WriteService::forget_idle() {
  const Instant now = endpoint_.executor().now();
  if (now < forget_next_) return;
  forget_next_ = now + settings_.records_age / 4;
  for (auto& [handle, chunk] : chunks_) {
    if (!chunk->pending.empty() || chunk->used + settings_.records_age > now) continue;
    chunk->done.clear();
    chunk->done_order.clear();
  }
}

void WriteService::refused(PrimaryChunk& chunk, OrderedWrite& write, std::size_t member, Error error) {
  log::write_limited(log::Level::warn, "replica_failed",
                     {{"chunk", chunk.handle},
                      {"serial", write.mutation.serial},
                      {"member", name_of(chunk, member)},
                      {"reason", error.text()}});
  write.members[member].under_way = false;
  write.members[member].refused = std::move(error);
  fail_waiters(chunk, write);
}

// The order stands; only those who wait for it are told that it has not come to its end.
void WriteService::fail_waiters(PrimaryChunk& chunk, OrderedWrite& write) {
  Error error{Code::replica_failed,
              fmt::format("chunk {} version {}: a member did not confirm the write", chunk.handle, chunk.version),
              {}};
  for (std::size_t member = 0; member < write.members.size(); ++member) {
    if (write.members[member].refused)
      error.why.push_back({name_of(chunk, member), write.members[member].refused->text()});
  }
  if (!error.why.empty()) error.message += ": " + error.why.front().server + ": " + error.why.front().reason;
  std::vector<Promise<bus::WriteChunk::Reply>> waiters = std::move(write.waiters);
  write.waiters.clear();
  for (Promise<bus::WriteChunk::Reply>& waiter : waiters) waiter.set(fail(error));
  std::vector<Promise<void>> progress = std::move(chunk.progress_waiters);
  chunk.progress_waiters.clear();
  for (Promise<void>& waiter : progress) waiter.set({});
}

Task<bus::SyncChunk::Reply> WriteService::sync(bus::SyncChunk ask, bus::Caller caller) {
  std::shared_ptr<PrimaryChunk> chunk = co_await primary_of(ask.handle, ask.version);
  const Serial through = chunk->last;
  // What is in flight first; a write that cannot come to its end makes the sync fail.
  while (!chunk->ended && chunk->committed < through) {
    const std::shared_ptr<OrderedWrite> first = chunk->pending.begin()->second;
    if (first->mutation.serial > through) break;
    if (first->stuck()) {
      co_await clear_the_way(chunk);
      continue;
    }
    Promise<void> promise;
    Future<void> progress = promise.future();
    chunk->progress_waiters.push_back(std::move(promise));
    co_await std::move(progress);
  }
  if (chunk->ended)
    co_await fail(Code::stale_version, "chunk {} version {}: the version ended", ask.handle, ask.version);
  std::vector<Task<>> syncs;
  for (const bus::Member& other : chunk->others) {
    bus::SyncReplica there;
    there.handle = ask.handle;
    there.version = ask.version;
    there.serial = through;
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
    Error error{Code::replica_failed,
                fmt::format("chunk {} version {}: a member could not sync: {}: {}", ask.handle, ask.version,
                            name_of(*chunk, i), there[i].error().text()),
                {{name_of(*chunk, i), there[i].error().text()}}};
    co_await fail(std::move(error));
  }
  co_return reply;
}

Task<> WriteService::sync_there(bus::Member member, bus::SyncReplica ask, Instant deadline) {
  bus::CallOptions options;
  options.deadline = std::max<Duration>(deadline - endpoint_.executor().now(), 1ms) * 9 / 10;
  (void)co_await endpoint_.call(bus::Peer::at(member.control), std::move(ask), options);
}

void WriteService::activate(ChunkHandle handle, Version version, std::vector<bus::Member> others) {
  end_below(handle, version);
  auto chunk = std::make_shared<PrimaryChunk>();
  chunk->handle = handle;
  chunk->version = version;
  chunk->others = std::move(others);
  chunks_[handle] = std::move(chunk);
}

bool WriteService::active(ChunkHandle handle, Version version) const {
  auto found = chunks_.find(handle);
  return found != chunks_.end() && !found->second->ended && found->second->version == version;
}

void WriteService::end_below(ChunkHandle handle, Version version) {
  auto found = chunks_.find(handle);
  if (found == chunks_.end() || found->second->version >= version) return;
  std::shared_ptr<PrimaryChunk> chunk = found->second;
  chunks_.erase(found);
  chunk->ended = true;
  for (auto& [serial, write] : chunk->pending) {
    fail_waiters(*chunk, *write);
    staging_.unpin(write->mutation.id);
  }
  std::vector<Promise<void>> waiters = std::move(chunk->progress_waiters);
  chunk->progress_waiters.clear();
  for (Promise<void>& waiter : waiters) waiter.set({});
  chunk->tasks.cancel();  // they hold the chunk: the circle ends here
  chunk->pending.clear();
  chunk->pending_ids.clear();
}

std::string WriteService::name_of(const PrimaryChunk& chunk, std::size_t member) const {
  if (member >= chunk.others.size()) return fmt::format("server {} (the primary)", self_);
  return fmt::format("server {} at {}", chunk.others[member].server, chunk.others[member].control);
}

}  // namespace gfs::chunkserver
