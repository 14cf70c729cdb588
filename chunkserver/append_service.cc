#include "chunkserver/append_service.h"

#include <algorithm>

#include "base/crc32c.h"
#include "base/log.h"
#include "base/probe.h"
#include "chunkserver/block_checksums.h"
#include "chunkserver/staged_bytes.h"

namespace gfs::chunkserver {

namespace {

constexpr std::size_t kRecordsMax = 4096;  // of a batch
constexpr Duration kAskTime = 2s;
constexpr Duration kSyncTime = 10s;
constexpr std::int64_t kSkewMaxMs =
    60 * 1000;  // what we know of the master's time may be older than what a client knows

}  // namespace

Result<std::uint64_t> AppendService::size_of(const bus::AppendChunk& ask) {
  if (ask.sizes.empty()) return fail(Code::invalid_argument, "chunk {}: an append of no records", ask.handle);
  if (ask.sizes.size() > kRecordsMax)
    return fail(Code::too_large, "chunk {}: a batch of {} records ({} are allowed)", ask.handle, ask.sizes.size(),
                kRecordsMax);
  std::uint64_t size = 0;
  for (std::uint32_t one : ask.sizes) {
    if (one == 0) return fail(Code::invalid_argument, "chunk {}: an append of an empty record", ask.handle);
    size += one;
  }
  const std::uint64_t most = ask.sizes.size() > 1 ? kFragmentMax : kAppendMax;
  if (size > most) {
    return fail(Code::too_large, "chunk {}: an append of {} bytes in {} records ({} bytes are allowed)", ask.handle,
                size, ask.sizes.size(), most);
  }
  return size;
}

Task<AppendService::Batch> AppendService::gather(bus::AppendChunk ask, RequestId id, std::uint64_t size,
                                                 Instant until) {
  Batch batch;
  batch.size = size;
  if (!ask.payload.empty()) {
    if (ask.payload.size() != size) {
      co_await fail(Code::invalid_argument, "chunk {}: {} bytes came with an append of {}", ask.handle,
                    ask.payload.size(), size);
    }
    co_await verify_wire(0, ask.payload, ask.crcs);
    batch.bytes = std::move(ask.payload);
    batch.wire = std::move(ask.crcs);
  } else {
    StagedBytes staged = co_await staged_bytes(staging_, id, ask.handle, 0, size, until);
    batch.bytes = std::move(staged.bytes);
    batch.wire = std::move(staged.checksums);
  }
  if (digest_of(batch.wire) != ask.digest) {
    co_await fail(Code::invalid_argument, "chunk {}: the bytes under request {} are not those of the append",
                  ask.handle, id);
  }
  co_return batch;
}

Task<bus::AppendChunk::Reply> AppendService::append(bus::AppendChunk ask, bus::Caller caller) {
  const RequestId id = caller.request;
  if (id.client.nil() || id.sequence == 0)
    co_await fail(Code::invalid_argument, "chunk {}: an append without a request id", ask.handle);
  AppendRecords::Ask question;
  question.id = id;
  question.count = static_cast<std::uint32_t>(ask.sizes.size());
  question.size = static_cast<std::uint32_t>(co_await size_of(ask));
  question.digest = ask.digest;
  question.previous = ask.previous;
  question.asked_ms = ask.asked_ms;
  if (ask.asked_ms > master_now() + kSkewMaxMs) {
    co_await fail(Code::invalid_argument, "chunk {}: an append asked for at {} ms, it is {} ms at the master",
                  ask.handle, ask.asked_ms, master_now());
  }
  Executor& executor = endpoint_.executor();
  const Instant until = std::min(executor.now() + order_.settings().data_wait, caller.deadline);
  std::optional<Batch> batch;
  PrimaryOrder::Chunk chunk;
  while (true) {
    chunk = co_await order_.primary_of(ask.handle, ask.version);
    co_await order_.stand(chunk);
    co_await import(chunk);
    if (chunk->pending_ids.contains(id)) break;
    const std::uint64_t changes = chunk->changes;
    auto client = chunk->appending.find(id.client);
    const std::uint64_t last = client == chunk->appending.end() ? 0 : client->second.last;
    Result<std::optional<AppendRecord>> judged = co_await store_.judge_append(ask.handle, question, last).outcome();
    if (chunk->ended || chunk->changes != changes) continue;  // time has passed: look again
    if (!judged && order_.settings().mutant == "order_ignored" && judged.error().code != Code::invalid_argument)
      judged = std::optional<AppendRecord>();
    const bool before_its_turn = !judged && judged.error().code == Code::out_of_sequence;
    const bool news = before_its_turn || (judged && !*judged);
    if (news && !chunk->sealed) co_await order_.unfrozen(*chunk);
    if (before_its_turn && executor.now() < until && chunk->closed == 0) {
      PROBE("an append came before its writer's previous one");
      co_await arrival(chunk, until);
      continue;
    }
    if (!judged) co_await fail(std::move(judged));
    if (*judged && order_.settings().mutant != "repeat_executed") {
      PROBE("a repeated append was answered from its record");
      const AppendRecord& record = **judged;
      std::uint64_t length = chunk->end;
      co_return bus::AppendChunk::Reply{record.index, record.offset, length, true};
    }
    const bool full = chunk->end + question.size > order_.settings().chunk_size;
    const bool cutting = chunk->closed > 0 && !chunk->seal_flow.running;
    if (cutting) co_await fail(Code::overloaded, "chunk {}: it is being cut", ask.handle);
    if (chunk->sealed || chunk->sealing || chunk->seal_flow.running || full) {
      co_await seal(chunk);
      co_await fail(Code::sealed, "chunk {}: it is sealed at {} bytes", ask.handle, chunk->end);
    }
    if (!batch) {
      batch = co_await gather(ask, id, question.size, until);
      continue;
    }
    Result<> clear = co_await order_.clear_the_way(chunk).outcome();
    if (!clear) co_await fail(std::move(clear));
    if (chunk->ended || chunk->changes != changes) continue;
    co_await order_.room(*chunk);
    co_await store_.room_for(ask.handle, question.size);
    // Right before it matters: nothing is awaited from here on.
    co_await order_.primary_of(ask.handle, ask.version);
    Mutation mutation;
    mutation.id = id;
    mutation.what = MutationKind::append;
    mutation.offset = chunk->end;
    mutation.digest = ask.digest;
    mutation.count = question.count;
    mutation.index = chunk->configuration.index;
    // Not before it was asked for: else its record could expire ahead of what `asked_ms` still allows.
    mutation.time_ms = std::max(master_now(), ask.asked_ms);
    mutation.checksums = wire_checksums(chunk->end, batch->bytes);
    const bool with_bytes = !ask.payload.empty();
    mutation.bytes = std::move(batch->bytes);
    Result<std::shared_ptr<OrderedWrite>> ordered =
        order_.order(chunk, std::move(mutation), std::move(batch->wire), with_bytes);
    co_await std::move(ordered);
    break;
  }
  std::shared_ptr<OrderedWrite> write = chunk->pending.at(chunk->pending_ids.at(id));
  const Mutation& ordered = write->mutation;
  if (ordered.what != MutationKind::append || ordered.digest != ask.digest || ordered.count != question.count ||
      ordered.bytes.size() != question.size) {
    co_await fail(Code::invalid_argument, "chunk {}: this request id was used for another append", ask.handle);
  }
  co_await order_.done(chunk, write);
  co_return bus::AppendChunk::Reply{ordered.index, ordered.offset, write->length, false};
}

Task<> AppendService::arrival(PrimaryOrder::Chunk chunk, Instant until) {
  Promise<void> promise;
  Future<void> come = promise.future();
  chunk->arrivals.push_back(std::move(promise));
  struct Timer {
    Executor& executor;
    TimerId id;
    ~Timer() { executor.cancel(id); }
  };
  Timer timer{endpoint_.executor(), endpoint_.executor().at(until, [weak = std::weak_ptr<PrimaryChunk>(chunk)] {
                auto late = weak.lock();
                if (!late) return;
                std::vector<Promise<void>> waiters = std::move(late->arrivals);
                late->arrivals.clear();
                for (Promise<void>& waiter : waiters) waiter.set({});
              })};
  co_await std::move(come);
}

Task<> AppendService::together(PrimaryOrder::Chunk chunk, SharedFlow PrimaryChunk::*flow, Step step) {
  Promise<void> promise;
  Future<void> done = promise.future();
  SharedFlow& shared = (*chunk).*flow;
  shared.waiters.push_back(std::move(promise));
  if (!shared.running) {
    shared.running = true;
    tasks_.spawn((this->*step)(chunk), [chunk, flow](Result<> result) {
      SharedFlow& ended = (*chunk).*flow;
      ended.running = false;
      std::vector<Promise<void>> waiters = std::move(ended.waiters);
      ended.waiters.clear();
      for (Promise<void>& waiter : waiters) waiter.set(result);
    });
  }
  co_await std::move(done);
}

Task<> AppendService::import(PrimaryOrder::Chunk chunk) {
  if (chunk->imported || order_.settings().mutant == "import_skipped") co_return;
  co_await order_.unfrozen(*chunk);
  co_await together(chunk, &PrimaryChunk::import_flow, &AppendService::import_now);
}

Task<> AppendService::import_now(PrimaryOrder::Chunk chunk) {
  const bus::Configure& configuration = chunk->configuration;
  Error last{Code::unavailable,
             fmt::format("chunk {}: nobody holds chunk {}, whose append records come first", chunk->handle,
                         configuration.before),
             {}};
  for (const bus::Member& member : configuration.before_members) {
    Result<bus::InspectChunk::Reply> there = co_await ask_for_records(chunk, member).outcome();
    if (!there) {
      last.why.push_back({fmt::format("server {} at {}", member.server, member.control), there.error().text()});
      continue;
    }
    AppendRecords records = co_await AppendRecords::decode(there->payload.view());
    if (!records.empty()) {
      if (chunk->ended) co_await fail(Code::stale_version, "chunk {}: the version ended", chunk->handle);
      Mutation mutation;
      mutation.what = MutationKind::import_records;
      mutation.bytes = there->payload;
      mutation.digest = crc32c(there->payload.span());
      mutation.time_ms = master_now();
      Result<std::shared_ptr<OrderedWrite>> ordered = order_.order(chunk, std::move(mutation), {}, true);
      std::shared_ptr<OrderedWrite> write = co_await std::move(ordered);
      co_await order_.done(chunk, write);
    }
    chunk->imported = true;
    log::info("append_records_imported",
              {{"chunk", chunk->handle}, {"from", configuration.before}, {"records", records.size()}});
    co_return;
  }
  co_await fail(std::move(last));
}

// Only a member that has the seal has all the records.
Task<bus::InspectChunk::Reply> AppendService::ask_for_records(PrimaryOrder::Chunk chunk, bus::Member member) {
  bus::InspectChunk ask{chunk->configuration.before, false, true};
  bus::CallOptions options;
  options.deadline = kAskTime;
  bus::InspectChunk::Reply there = co_await endpoint_.call(bus::Peer::at(member.control), std::move(ask), options);
  if (!there.sealed || there.suspect || there.version < chunk->configuration.before_version) {
    co_await fail(Code::stale_version, "chunk {}: version {} there, sealed {}", chunk->configuration.before,
                  there.version, there.sealed);
  }
  co_return there;
}

Task<> AppendService::seal(PrimaryOrder::Chunk chunk) {
  if (chunk->sealed && chunk->seal_logged) co_return;
  co_await together(chunk, &PrimaryChunk::seal_flow, &AppendService::seal_now);
}

Task<> AppendService::seal_now(PrimaryOrder::Chunk chunk) {
  ++chunk->closed;
  struct Open {
    PrimaryOrder::Chunk chunk;
    ~Open() { --chunk->closed; }
  };
  Open open{chunk};
  co_await import(chunk);
  // Everything before it first: whoever has the seal then has nothing that is not committed. A seal that was ordered
  // before and has not come to its end is among it.
  co_await order_.settled(chunk);
  if (!chunk->sealed) {
    if (chunk->ended) co_await fail(Code::stale_version, "chunk {}: the version ended", chunk->handle);
    Mutation mutation;
    mutation.what = MutationKind::seal;
    Result<std::shared_ptr<OrderedWrite>> ordered = order_.order(chunk, std::move(mutation), {}, false);
    std::shared_ptr<OrderedWrite> write = co_await std::move(ordered);
    co_await order_.done(chunk, write);
  }
  if (!chunk->seal_logged) {
    if (order_.settings().mutant != "seal_locally_only") co_await sync(chunk);
    co_await report_sealed(chunk->handle, chunk->version, chunk->end);
    chunk->seal_logged = true;
  }
  PROBE("a chunk was sealed");
}

// What the master has logged survives that all lose power at once: the seal has to, as well.
Task<> AppendService::sync(PrimaryOrder::Chunk chunk) {
  std::vector<Task<>> syncs;
  for (const bus::Member& other : chunk->others) {
    syncs.push_back(sync_there(other, bus::SyncReplica{chunk->handle, chunk->version, chunk->last}));
  }
  std::vector<Result<>> there = co_await all_of(std::move(syncs));
  (void)co_await store_.sync(chunk->handle);
  for (Result<>& one : there) co_await std::move(one);
}

Task<> AppendService::sync_there(bus::Member member, bus::SyncReplica ask) {
  bus::CallOptions options;
  options.deadline = kSyncTime;
  (void)co_await endpoint_.call(bus::Peer::at(member.control), std::move(ask), options);
}

Task<bus::SealChunk::Reply> AppendService::seal_chunk(bus::SealChunk ask, bus::Caller) {
  PrimaryOrder::Chunk chunk = co_await order_.primary_of(ask.handle, ask.version);
  co_await order_.stand(chunk);
  co_await seal(chunk);
  co_return bus::SealChunk::Reply{chunk->end};
}

}  // namespace gfs::chunkserver
