// The order of mutations of the chunks this server is primary of (primary_tenure.cc: of which it is).
#include "chunkserver/primary_order.h"

#include <algorithm>

#include "base/log.h"
#include "base/probe.h"
#include "chunkserver/block_checksums.h"

namespace gfs::chunkserver {

namespace {

constexpr int kPushTries = 100;

// Said by the member of itself: nobody has to weigh whose word counts.
bool confesses(Code code) {
  switch (code) {
    case Code::no_space:
    case Code::read_only:
    case Code::io_error:
    case Code::corrupt:
    case Code::suspect:
    case Code::not_found:
    case Code::out_of_order:
    case Code::shutting_down:
      return true;
    default:
      return false;
  }
}

}  // namespace

PrimaryOrder::PrimaryOrder(bus::Endpoint& endpoint, DiskSet& store, Staging& staging, Replica& replica,
                           Session& session, ServerId self, WriteSettings settings)
    : endpoint_(endpoint),
      store_(store),
      staging_(staging),
      replica_(replica),
      session_(session),
      self_(self),
      settings_(std::move(settings)),
      turn_(endpoint.executor().now()),
      batcher_(endpoint, settings_.try_time) {
  watch_stalls();
}

PrimaryOrder::~PrimaryOrder() {
  endpoint_.executor().cancel(watch_);
  for (auto& [handle, chunk] : chunks_) chunk->tasks.cancel();
}

// By serial. Some may be under way again.
std::vector<std::shared_ptr<OrderedWrite>> PrimaryOrder::refused_ones(const PrimaryChunk& chunk) {
  std::vector<std::shared_ptr<OrderedWrite>> out;
  for (const auto& [serial, pending] : chunk.pending) {
    if (pending->refused) out.push_back(pending);
  }
  return out;
}

Task<> PrimaryOrder::clear_the_way(Chunk chunk) {
  const std::vector<std::shared_ptr<OrderedWrite>> refused = refused_ones(*chunk);
  if (refused.empty()) co_return;
  Promise<void> promise;
  Future<void> through = promise.future();
  refused.back()->waiters.push_back(std::move(promise));
  for (const std::shared_ptr<OrderedWrite>& pending : refused) drive(chunk, pending);
  co_await std::move(through);
}

Result<> PrimaryOrder::room(const PrimaryChunk& chunk) const {
  Result<> open = unfrozen(chunk);
  if (!open) return open;
  if (chunk.pending.size() < settings_.pending_max) return {};
  return fail(Code::overloaded, "chunk {}: {} mutations are under way", chunk.handle, chunk.pending.size());
}

Result<std::shared_ptr<OrderedWrite>> PrimaryOrder::order(Chunk chunk, Mutation mutation,
                                                          std::vector<std::uint32_t> wire, bool with_bytes) {
  Result<> open = unfrozen(*chunk);
  if (!open) return fail(std::move(open));
  auto write = std::make_shared<OrderedWrite>();
  chunk->last = chunk->last.next();
  ++chunk->changes;
  mutation.serial = chunk->last;
  mutation.handle = chunk->handle;
  mutation.version = chunk->version;
  forget_idle();
  const bool named = !mutation.id.client.nil();
  if (named) staging_.pin(mutation.id);
  if (mutation.what == MutationKind::seal) chunk->sealing = true;
  if (mutation.what == MutationKind::truncate) {
    chunk->end = std::min(chunk->end, mutation.offset);
  } else if (!mutation.bytes.empty() && mutation.what != MutationKind::import_records) {
    chunk->end = std::max(chunk->end, mutation.offset + mutation.bytes.size());
  }
  write->mutation = std::move(mutation);
  write->wire = std::move(wire);
  write->with_bytes = with_bytes;
  write->since = endpoint_.executor().now();
  write->members.resize(chunk->others.size() + 1);
  if (named) chunk->pending_ids[write->mutation.id] = write->mutation.serial;
  if (write->mutation.what == MutationKind::append) {
    PrimaryChunk::Appending& client = chunk->appending[write->mutation.id.client];
    ++client.pending;
    client.last = write->mutation.id.sequence + write->mutation.count - 1;
  }
  chunk->pending[write->mutation.serial] = write;
  drive(chunk, write);
  wake_arrivals(*chunk);
  return write;
}

void PrimaryOrder::wake_arrivals(PrimaryChunk& chunk) {
  std::vector<Promise<void>> arrivals = std::move(chunk.arrivals);
  chunk.arrivals.clear();
  for (Promise<void>& arrival : arrivals) arrival.set({});
}

Task<> PrimaryOrder::done(Chunk chunk, std::shared_ptr<OrderedWrite> write) {
  if (write->answered || write->everywhere()) {
    if (!doubtful(*chunk)) co_return;
    co_await stand(chunk);
    co_return;
  }
  if (chunk->ended) {
    co_await fail(Code::replica_failed, "chunk {} version {}: the version ended", chunk->handle, chunk->version);
  }
  Promise<void> promise;
  Future<void> through = promise.future();
  write->waiters.push_back(std::move(promise));
  // The ones before it first: a member takes serials in order.
  std::vector<std::shared_ptr<OrderedWrite>> stuck;
  for (const auto& [number, pending] : chunk->pending) {
    if (number <= write->mutation.serial && pending->stuck()) stuck.push_back(pending);
  }
  for (const std::shared_ptr<OrderedWrite>& pending : stuck) drive(chunk, pending);
  co_await std::move(through);
}

Task<> PrimaryOrder::settled(Chunk chunk) {
  const Serial through = chunk->last;
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
  if (chunk->ended) {
    co_await fail(Code::stale_version, "chunk {} version {}: the version ended", chunk->handle, chunk->version);
  }
}

void PrimaryOrder::drive(Chunk chunk, std::shared_ptr<OrderedWrite> write) {
  for (std::size_t member = 0; member < write->members.size(); ++member) {
    OrderedWrite::Confirmation& confirmation = write->members[member];
    if (confirmation.confirmed || confirmation.under_way) continue;
    confirmation.under_way = true;
    confirmation.refused.reset();
    const bool local = settings_.mutant == "seal_locally_only" && write->mutation.what == MutationKind::seal;
    if (local && member != chunk->others.size()) {
      confirmed(chunk, write, member);
    } else if (member == chunk->others.size()) {
      chunk->tasks.spawn(apply_here(chunk, write));
    } else {
      chunk->tasks.spawn(apply_there(chunk, write, member));
    }
  }
}

Task<> PrimaryOrder::apply_here(Chunk chunk, std::shared_ptr<OrderedWrite> write) {
  const std::size_t member = chunk->others.size();
  const Instant until = endpoint_.executor().now() + settings_.try_time * settings_.tries;
  const Instant ordered = endpoint_.executor().now();
  Mutation mutation = write->mutation;
  Result<std::uint64_t> length =
      co_await replica_.apply(std::move(mutation), until, Replica::StagedFor::primary).outcome();
  if (length) {
    note_pace(self_, ordered);
    write->length = *length;
    confirmed(chunk, write, member);
  } else {
    refused(chunk, *write, member, std::move(length).error());
  }
}

bus::ApplyWrite PrimaryOrder::order_for(const PrimaryChunk& chunk, const OrderedWrite& write, bool with_bytes) const {
  const Mutation& mutation = write.mutation;
  bus::ApplyWrite ask;
  ask.handle = mutation.handle;
  ask.version = mutation.version;
  ask.primary = self_;
  ask.serial = mutation.serial;
  ask.committed = chunk.committed;
  ask.id = mutation.id;
  ask.what = mutation.what;
  ask.offset = mutation.offset;
  ask.size = mutation.bytes.size();
  ask.digest = mutation.digest;
  ask.count = mutation.count;
  ask.index = mutation.index;
  ask.time_ms = mutation.time_ms;
  if (with_bytes) {
    ask.crcs = write.wire;
    ask.payload = mutation.bytes;
  }
  return ask;
}

Task<> PrimaryOrder::apply_there(Chunk chunk, std::shared_ptr<OrderedWrite> write, std::size_t member) {
  const bus::Member other = chunk->others[member];
  bool with_bytes = write->with_bytes;
  std::optional<Error> error;
  for (int attempt = 0; attempt < settings_.tries; ++attempt) {
    bus::ApplyWrite ask = order_for(*chunk, *write, with_bytes);
    const Instant ordered = endpoint_.executor().now();
    Result<bus::ApplyWrite::Reply> reply = co_await batcher_.apply(other.control, std::move(ask)).outcome();
    if (reply || reply.error().code == Code::deadline) note_pace(other.server, ordered);
    if (reply) {
      confirmed(chunk, write, member);
      co_return;
    }
    error = std::move(reply).error();
    const Code code = error->code;
    if (code == Code::missing_data) {
      PROBE("a secondary missed bytes and got them with the order");
      with_bytes = write->mutation.bytes.size() <= kFragmentMax;  // what a control frame carries
      if (!with_bytes) co_await push_again(other, write);
    } else if (code == Code::out_of_order || code == Code::overloaded) {
      co_await endpoint_.executor().sleep(endpoint_.random().jitter(50ms));
    } else if (code == Code::lost_link || code == Code::cancelled) {
      co_await endpoint_.executor().sleep(endpoint_.random().jitter(20ms));
    } else if (code != Code::deadline && code != Code::expired) {
      break;  // a definite refusal, or nobody there
    }
  }
  refused(chunk, *write, member, std::move(*error));
}

// The parts of a large append, by the way they should have come.
Task<> PrimaryOrder::push_again(bus::Member member, std::shared_ptr<OrderedWrite> write) {
  const Mutation& mutation = write->mutation;
  for (std::uint64_t at = 0; at < mutation.bytes.size(); at += kFragmentMax) {
    bus::PushFragment part;
    part.id = mutation.id;
    part.handle = mutation.handle;
    part.offset = at;
    part.part = static_cast<std::uint32_t>(at / kFragmentMax);
    part.payload = mutation.bytes.slice(at, kFragmentMax);
    part.crcs = wire_checksums(at, part.payload);
    for (int attempt = 0; attempt < kPushTries; ++attempt) {
      bus::PushFragment copy = part;
      if (endpoint_.push(member.data, std::move(copy))) break;
      co_await endpoint_.executor().sleep(5ms);  // the way is full: it drains
    }
  }
}

void PrimaryOrder::confirmed(Chunk chunk, std::shared_ptr<OrderedWrite> write, std::size_t member) {
  write->members[member].confirmed = true;
  write->members[member].under_way = false;
  const bool here = write->members.back().confirmed;
  // A seal, an import, a truncation are for all: who goes on after them counts on every member.
  const bool bytes = write->mutation.what == MutationKind::write || write->mutation.what == MutationKind::append;
  const bool early = bytes && may_acknowledge_alone(*chunk) && !lags(*chunk);
  const bool enough = settings_.mutant == "quorum_acknowledges" &&
                      std::ranges::count(write->members, true, &OrderedWrite::Confirmation::confirmed) > 1;
  const bool careless = settings_.mutant == "acknowledge_before_secondaries" || enough;
  const bool everywhere = write->everywhere();
  if (everywhere) commit(chunk, *write);
  if (everywhere || ((early || careless) && here)) answer(chunk, *write);
  if (!everywhere && !write->answered && write->stuck()) fail_waiters(*chunk, *write);
  if (everywhere) {
    std::vector<Promise<void>> waiters = std::move(chunk->progress_waiters);
    chunk->progress_waiters.clear();
    for (Promise<void>& waiter : waiters) waiter.set({});
  }
}

void PrimaryOrder::commit(Chunk chunk, const OrderedWrite& write) {
  const Mutation& mutation = write.mutation;
  ++chunk->changes;
  if (mutation.what == MutationKind::write) {
    bus::WriteChunk::Reply reply{mutation.serial, write.length};
    chunk->record(mutation.id, {mutation.offset, mutation.bytes.size(), mutation.digest, reply});
  } else if (mutation.what == MutationKind::append) {
    auto client = chunk->appending.find(mutation.id.client);
    if (client != chunk->appending.end() && --client->second.pending == 0) chunk->appending.erase(client);
  } else if (mutation.what == MutationKind::seal) {
    chunk->sealed = true;
  }
  chunk->used = endpoint_.executor().now();
  if (!mutation.id.client.nil()) staging_.release(mutation.id);
  chunk->pending_ids.erase(mutation.id);
  chunk->pending.erase(mutation.serial);
  chunk->committed = chunk->pending.empty() ? chunk->last : Serial{chunk->pending.begin()->first.value - 1};
  replica_.marks().committed(chunk->handle, chunk->version, chunk->committed);
  announce(std::move(chunk));
}

// Once its session had ended the master may have put another in its place, or be about to: until its next version it
// waits for all, of whom one promised then.
bool PrimaryOrder::may_acknowledge_alone(const PrimaryChunk& chunk) const {
  if (chunk.configuration.ack != bus::AckMode::primary) return false;
  if (settings_.mutant == "lease_never_checked") return true;
  return session_.valid(endpoint_.executor().now()) && session_.since() <= chunk.ordered;
}

bool PrimaryOrder::lags(const PrimaryChunk& chunk) const {
  if (chunk.pending.empty()) return false;
  return chunk.pending.size() > settings_.backlog_max ||
         endpoint_.executor().now() - chunk.pending.begin()->second->since > settings_.lag_max;
}

// A process that stood still may have been replaced without knowing: it asks before it acknowledges.
void PrimaryOrder::answer(Chunk chunk, OrderedWrite& write) {
  std::vector<Promise<void>> waiters = std::move(write.waiters);
  write.waiters.clear();
  write.answered = true;
  if (waiters.empty()) return;
  if (doubtful(*chunk)) {
    tasks_.spawn(answer_standing(std::move(chunk), std::move(waiters)));
    return;
  }
  if (on_acknowledged) on_acknowledged(chunk->handle, chunk->version, write.mutation.serial, write.mutation.id);
  for (Promise<void>& waiter : waiters) waiter.set({});
}

// Memory is for chunks in use, not for all that ever were.
void PrimaryOrder::forget_idle() {
  const Instant now = endpoint_.executor().now();
  if (now < forget_next_) return;
  forget_next_ = now + settings_.records_age / 4;
  for (auto& [handle, chunk] : chunks_) {
    if (!chunk->pending.empty() || chunk->used + settings_.records_age > now) continue;
    chunk->done.clear();
    chunk->done_order.clear();
    chunk->floors.clear();
  }
}

void PrimaryOrder::refused(Chunk chunk, OrderedWrite& write, std::size_t member, Error error) {
  log::write_limited(log::Level::warn, "replica_failed",
                     {{"chunk", chunk->handle},
                      {"serial", write.mutation.serial},
                      {"member", name_of(*chunk, member)},
                      {"reason", error.text()}});
  complain(chunk, member, error);
  write.members[member].under_way = false;
  write.members[member].refused = std::move(error);
  write.refused = true;
  fail_waiters(*chunk, write);
  if (chunk->ended || std::exchange(chunk->mending, true)) return;
  PrimaryChunk& of = *chunk;
  of.tasks.spawn(mend(std::move(chunk)));
}

// The accusation may not have been heard, or not been believed: members must not stay different because nobody mutates
// the chunk any more.
Task<> PrimaryOrder::mend(Chunk chunk) {
  for (Duration wait = settings_.mend_first; !chunk->ended; wait = std::min(wait * 2, settings_.mend_most)) {
    co_await endpoint_.executor().sleep(wait);
    const std::vector<std::shared_ptr<OrderedWrite>> refused = refused_ones(*chunk);
    if (refused.empty()) break;
    PROBE("what a member refused was ordered again");
    for (const std::shared_ptr<OrderedWrite>& pending : refused) drive(chunk, pending);
  }
  chunk->mending = false;
}

void PrimaryOrder::complain(Chunk chunk, std::size_t member, const Error& error) {
  if (!accuse || chunk->ended) return;
  // Whoever knows a newer version is right, and we are about to hear of it.
  if (error.code == Code::stale_version || error.code == Code::not_primary) return;
  if (error.code == Code::missing_data) return;  // a full staging area or a lost push is no fault of the replica
  const ServerId accused = member < chunk->others.size() ? chunk->others[member].server : self_;
  const Instant now = endpoint_.executor().now();
  auto [last, first] = chunk->accused.try_emplace(accused, now);
  if (!first && now - last->second < settings_.accuse_every) return;
  last->second = now;
  const bool confessed = accused == self_ || confesses(error.code);
  tasks_.spawn(accuse(chunk->handle, chunk->version, accused, confessed, error));
}

// The order stands; only those who wait for it are told that it has not come to its end.
void PrimaryOrder::fail_waiters(PrimaryChunk& chunk, OrderedWrite& write) {
  Error error{Code::replica_failed,
              fmt::format("chunk {} version {}: a member did not confirm the mutation", chunk.handle, chunk.version),
              {}};
  for (std::size_t member = 0; member < write.members.size(); ++member) {
    if (write.members[member].refused)
      error.why.push_back({name_of(chunk, member), write.members[member].refused->text()});
  }
  if (!error.why.empty()) error.message += ": " + error.why.front().server + ": " + error.why.front().reason;
  std::vector<Promise<void>> waiters = std::move(write.waiters);
  write.waiters.clear();
  std::vector<Promise<void>> progress = std::move(chunk.progress_waiters);
  chunk.progress_waiters.clear();
  for (Promise<void>& waiter : waiters) waiter.set(fail(error));
  for (Promise<void>& waiter : progress) waiter.set({});
}

void PrimaryOrder::announce(Chunk chunk) {
  if (chunk->announcing || chunk->ended || chunk->others.empty()) return;
  chunk->announcing = true;
  Task<> announcing = announce_soon(chunk);
  chunk->tasks.spawn(std::move(announcing));
}

Task<> PrimaryOrder::announce_soon(Chunk chunk) {
  co_await endpoint_.executor().sleep(settings_.announce_after);
  chunk->announcing = false;
  if (!chunk->pending.empty()) co_return;  // the next order says it
  for (const bus::Member& other : chunk->others) {
    bus::Committed news{chunk->handle, chunk->version, chunk->committed};
    (void)endpoint_.cast(bus::Peer::at(other.control), std::move(news));
  }
}

std::string PrimaryOrder::name_of(const PrimaryChunk& chunk, std::size_t member) const {
  if (member >= chunk.others.size()) return fmt::format("server {} (the primary)", self_);
  return fmt::format("server {} at {}", chunk.others[member].server, chunk.others[member].control);
}

}  // namespace gfs::chunkserver
