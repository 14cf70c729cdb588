#include "chunkserver/replica.h"

#include <algorithm>

#include "base/crc32c.h"
#include "chunkserver/detached.h"
#include "chunkserver/reconcile.h"
#include "chunkserver/staged_bytes.h"

namespace gfs::chunkserver {

namespace {

constexpr std::size_t kBatchMax = 64;  // orders

}  // namespace

Replica::Replica(Executor& executor, DiskSet& store, Staging& staging, ReplicaSettings settings)
    : executor_(executor), store_(store), staging_(staging), settings_(settings) {}

Task<bus::PrepareVersion::Reply> Replica::prepare_version(bus::PrepareVersion ask, bus::Caller) {
  if (ask.handle.value == 0 || ask.version.value == 0 || ask.primary.nil()) {
    co_await fail(Code::invalid_argument, "preparation of chunk {} version {}: a field is missing", ask.handle,
                  ask.version);
  }
  if (settings_.mutant == "no_fence") {
    bus::PrepareVersion::Reply reply;
    Result<bus::ReplicaState> state = co_await store_.state(ask.handle).outcome();
    reply.held = state.has_value();
    if (state) reply.state = *state;
    co_return reply;
  }
  co_return co_await prepare(ask.handle, ask.version, ask.primary);
}

Task<bus::PrepareVersion::Reply> Replica::prepare(ChunkHandle handle, Version version, ServerId primary) {
  co_await store_.promise(handle, version, primary);
  if (on_fenced)
    on_fenced(handle, version);  // of a repeat too: the first one's caller may have gone before it was told
  bus::PrepareVersion::Reply reply;
  std::optional<ChunkInfo> held = store_.find(handle);
  if (held && held->version.value != 0) {
    Result<bus::ReplicaState> state = co_await store_.state(handle).outcome();
    if (!state && state.error().code != Code::corrupt) co_await fail(std::move(state));
    reply.held = state.has_value();  // without its metadata it has nothing that others could build on
    if (state) reply.state = *state;
  }
  co_return reply;
}

Task<bus::AdoptVersion::Reply> Replica::adopt_version(bus::AdoptVersion ask, bus::Caller) {
  if (ask.handle.value == 0 || ask.version.value == 0 || ask.primary.nil()) {
    co_await fail(Code::invalid_argument, "adoption of chunk {} version {}: a field is missing", ask.handle,
                  ask.version);
  }
  bus::AdoptVersion::Reply reply;
  reply.length = co_await adopt(std::move(ask));
  co_return reply;
}

Task<std::uint64_t> Replica::adopt(bus::AdoptVersion ask) {
  const ChunkHandle handle = ask.handle;
  const Version version = ask.version;
  std::optional<ChunkInfo> before = store_.find(handle);
  if (before && before->version == version) {
    if (before->primary != ask.primary) {
      co_await fail(Code::conflict, "chunk {} version {}: held here from primary {}, not {}", handle, version,
                    before->primary, ask.primary);
    }
    if (!marks_.began_at(handle, version)) marks_.began(handle, version, before->length, std::move(ask.address));
    co_return before->length;  // a repeat
  }
  if (!ask.virgin && before && before->version < version) {
    bus::ReplicaState state = co_await store_.state(handle);
    const bool equal = same_content(state, ask.base) && !state.suspect && (!state.damaged || ask.base.damaged);
    if (!equal && settings_.mutant != "skip_reconcile") {
      co_await fail(Code::conflict, "chunk {} version {}: the replica here differs from the base", handle, version);
    }
  }
  co_await store_.adopt(handle, version, ask.primary, ask.virgin);
  if (on_fenced) on_fenced(handle, version);
  std::optional<ChunkInfo> held = store_.find(handle);
  if (!held || held->version != version) {
    co_await fail(Code::stale_version, "chunk {} version {}: a newer one came meanwhile", handle, version);
  }
  marks_.began(handle, version, held->length, std::move(ask.address));
  co_return held->length;
}

Result<ChunkInfo> Replica::current(ChunkHandle handle, Version version) const {
  std::optional<ChunkInfo> held = store_.find(handle);
  if (!held) return fail(Code::not_found, "chunk {}: not held here", handle);
  if (held->version != version || held->fence > version) {
    return fail(Code::stale_version, "chunk {} version {}: version {} is held here, {} promised", handle, version,
                held->version, held->fence);
  }
  return *held;
}

Task<bus::ApplyWrite::Reply> Replica::apply_write(bus::ApplyWrite ask, bus::Caller caller) {
  ChunkInfo held = co_await current(ask.handle, ask.version);
  if (held.primary != ask.primary) {
    co_await fail(Code::not_primary, "chunk {} version {}: its primary is {}, not {}", ask.handle, ask.version,
                  held.primary, ask.primary);
  }
  if (held.suspect) co_await fail(Code::suspect, "chunk {}: bytes may have been lost here in a power cut", ask.handle);
  marks_.committed(ask.handle, ask.version, ask.committed);
  bus::ApplyWrite::Reply reply;
  reply.serial = ask.serial;
  const bool in_order = settings_.mutant != "apply_without_serial_check";
  if (in_order && orders_of(held).order.turn_of(ask.serial) == WriteOrder::Turn::repeat) {
    reply.length = held.length;
    co_return reply;
  }
  Mutation mutation;
  mutation.handle = ask.handle;
  mutation.version = ask.version;
  mutation.serial = ask.serial;
  mutation.id = ask.id;
  mutation.what = ask.what;
  mutation.offset = ask.offset;
  mutation.digest = ask.digest;
  mutation.count = ask.count;
  mutation.index = ask.index;
  mutation.time_ms = settings_.mutant == "expire_by_own_clock" ? executor_.wall_now() : ask.time_ms;
  mutation.in_order = in_order;
  const Duration left = caller.deadline - executor_.now();
  co_await gather(&mutation, &ask, executor_.now() + std::min(settings_.data_wait, left * 3 / 4));
  const Instant until = std::min(caller.deadline, executor_.now() + settings_.order_wait);
  reply.length = co_await apply(std::move(mutation), until, StagedFor::secondary);
  co_return reply;
}

// All at once, so that they wait for each other's turns in the order of their serials, whatever the order they came in.
Task<bus::ApplyBatch::Reply> Replica::apply_batch(bus::ApplyBatch ask, bus::Caller caller) {
  if (ask.orders.size() > kBatchMax || ask.sizes.size() != ask.orders.size()) {
    co_await fail(Code::invalid_argument, "a batch of {} orders with {} sizes", ask.orders.size(), ask.sizes.size());
  }
  // One that waits for its turn in vain must not keep the others' answers from the primary.
  caller.deadline = executor_.now() + (caller.deadline - executor_.now()) / 2;
  std::vector<Task<bus::ApplyWrite::Reply>> applying;
  std::uint64_t at = 0;
  for (std::size_t i = 0; i < ask.orders.size(); ++i) {
    if (ask.sizes[i] > ask.payload.size() - at)
      co_await fail(Code::invalid_argument, "a batch whose orders bring more bytes than came");
    ask.orders[i].payload = ask.payload.slice(at, ask.sizes[i]);
    at += ask.sizes[i];
    applying.push_back(apply_write(std::move(ask.orders[i]), caller));
  }
  std::vector<Result<bus::ApplyWrite::Reply>> applied = co_await all_of(std::move(applying));
  bus::ApplyBatch::Reply reply;
  for (Result<bus::ApplyWrite::Reply>& one : applied) {
    reply.lengths.push_back(one ? one->length : 0);
    reply.codes.push_back(one ? 0 : static_cast<std::uint16_t>(one.error().code));
    reply.texts.push_back(one ? "" : one.error().message);
  }
  co_return reply;
}

// The bytes that came inline, or are staged, checked against what was ordered. Both pointers are to the caller's frame,
// which waits.
Task<> Replica::gather(Mutation* mutation, const bus::ApplyWrite* ask, Instant until) {
  if (ask->what == bus::MutationKind::seal || ask->what == bus::MutationKind::truncate) co_return;
  if (ask->what == bus::MutationKind::import_records) {
    if (ask->payload.size() != ask->size || crc32c(ask->payload.span()) != ask->digest) {
      co_await fail(Code::missing_data, "request {}: the records that came are not those ordered", ask->id);
    }
    mutation->bytes = ask->payload;
    co_return;
  }
  const bool append = ask->what == bus::MutationKind::append;
  std::vector<std::uint32_t> crcs;
  if (!ask->payload.empty()) {
    co_await verify_wire(append ? 0 : ask->offset, ask->payload, ask->crcs);
    mutation->bytes = ask->payload;
    crcs = ask->crcs;
  } else {
    StagedBytes staged =
        co_await staged_bytes(staging_, ask->id, ask->handle, append ? 0 : ask->offset, ask->size, until);
    mutation->bytes = std::move(staged.bytes);
    crcs = std::move(staged.checksums);
  }
  if (mutation->bytes.size() != ask->size || digest_of(crcs) != ask->digest) {
    co_await fail(Code::missing_data, "request {}: the bytes that came are not those ordered", ask->id);
  }
  mutation->checksums = append ? wire_checksums(ask->offset, mutation->bytes) : std::move(crcs);
}

Task<bus::SyncReplica::Reply> Replica::sync_replica(bus::SyncReplica ask, bus::Caller) {
  ChunkInfo held = co_await current(ask.handle, ask.version);
  if (held.serial < ask.serial) {
    co_await fail(Code::out_of_order, "chunk {} version {}: serial {} is expected, {} was to be synced", ask.handle,
                  ask.version, held.serial.next(), ask.serial);
  }
  if (held.suspect) co_await fail(Code::suspect, "chunk {}: bytes may have been lost here in a power cut", ask.handle);
  marks_.committed(ask.handle, ask.version, ask.serial);  // the primary syncs only what is everywhere
  bus::SyncReplica::Reply reply;
  reply.length = co_await store_.sync(ask.handle);
  co_return reply;
}

Task<bus::Done> Replica::committed(bus::Committed ask, bus::Caller) {
  marks_.committed(ask.handle, ask.version, ask.serial);
  co_return bus::Done{};
}

Replica::Orders& Replica::orders_of(const ChunkInfo& held) {
  Orders& orders = orders_[held.handle];
  if (orders.order.version() != held.version) {
    std::vector<std::shared_ptr<Waiter>> waiting = std::move(orders.waiting);
    orders.waiting.clear();
    orders.order = WriteOrder(held.version, held.serial);
    for (std::shared_ptr<Waiter>& waiter : waiting) waiter->woken.set({});
  }
  return orders;
}

Task<std::uint64_t> Replica::apply(Mutation mutation, Instant until, StagedFor staged_for) {
  if (!mutation.in_order) {
    const Mutation named = mutation;
    const std::uint64_t reached = co_await store_.write(std::move(mutation));
    if (on_applied) on_applied(named.handle, named.version, named.serial, named.id);
    co_return reached;
  }
  co_await wait_for_turn(mutation.handle, mutation.version, mutation.serial, until);
  std::optional<ChunkInfo> held = store_.find(mutation.handle);
  if (!held || held->version != mutation.version || held->fence > mutation.version) {
    co_await fail(Code::stale_version, "chunk {} version {}: it is held no longer", mutation.handle, mutation.version);
  }
  Orders& orders = orders_of(*held);
  const Serial serial = mutation.serial;
  const ChunkHandle handle = mutation.handle;
  const Version version = mutation.version;
  if (orders.order.turn_of(serial) == WriteOrder::Turn::repeat) co_return held->length;
  const bool first = orders.order.turn_of(serial) == WriteOrder::Turn::now;
  Promise<std::uint64_t> promise;
  Future<std::uint64_t> length = promise.future();
  orders.under_way[{version, serial}].push_back(std::move(promise));
  if (first) {
    orders.order.start(serial);
    std::vector<std::shared_ptr<Waiter>> woken = take_woken(orders);
    const RequestId id = mutation.id;
    if (staged_for == StagedFor::secondary) staging_.pin(id);
    tasks_.spawn(store_.write(std::move(mutation)),
                 [this, handle, version, serial, id, staged_for](Result<std::uint64_t> done) {
                   finished(handle, version, serial, id, staged_for, std::move(done));
                 });
    for (std::shared_ptr<Waiter>& waiter : woken) waiter->woken.set({});
  }
  co_return co_await std::move(length);
}

Task<> Replica::wait_for_turn(ChunkHandle handle, Version version, Serial serial, Instant until) {
  while (true) {
    std::optional<ChunkInfo> held = store_.find(handle);
    if (!held || held->version != version || held->fence > version) {
      co_await fail(Code::stale_version, "chunk {} version {}: another version is held here", handle, version);
    }
    Orders& orders = orders_of(*held);
    if (orders.order.turn_of(serial) != WriteOrder::Turn::later) co_return;
    std::erase_if(orders.waiting, [](const std::shared_ptr<Waiter>& waiter) { return waiter.use_count() == 1; });
    if (executor_.now() >= until || orders.waiting.size() >= settings_.waiting_max) {
      co_await fail(Code::out_of_order, "chunk {} version {}: serial {} came, {} is expected", handle, version, serial,
                    orders.order.expected());
    }
    auto waiter = std::make_shared<Waiter>();
    waiter->serial = serial;
    Future<void> woken = waiter->woken.future();
    orders.waiting.push_back(waiter);
    struct Timer {
      Executor& executor;
      TimerId id;
      ~Timer() { executor.cancel(id); }
    };
    Timer timer{executor_, executor_.at(until, [waiter_of = std::weak_ptr<Waiter>(waiter)] {
                  if (auto late = waiter_of.lock()) late->woken.set({});
                })};
    co_await std::move(woken);
  }
}

std::vector<std::shared_ptr<Replica::Waiter>> Replica::take_woken(Orders& orders) {
  std::vector<std::shared_ptr<Waiter>> woken;
  const Serial next = orders.order.expected();
  std::erase_if(orders.waiting, [&woken, next](std::shared_ptr<Waiter>& waiter) {
    if (waiter->serial > next) return false;
    woken.push_back(std::move(waiter));
    return true;
  });
  return woken;
}

// Whoever is told may run at once: the table is in order before.
void Replica::finished(ChunkHandle handle, Version version, Serial serial, RequestId id, StagedFor staged_for,
                       Result<std::uint64_t> length) {
  if (length) marks_.applied(handle, version, serial, *length);
  if (length && on_applied) on_applied(handle, version, serial, id);
  if (staged_for == StagedFor::secondary) {
    if (length) {
      staging_.release(id);
    } else {
      staging_.unpin(id);
    }
  }
  auto place = orders_.find(handle);
  if (place == orders_.end()) return;
  Orders& orders = place->second;
  std::vector<Promise<std::uint64_t>> told;
  std::vector<std::shared_ptr<Waiter>> woken;
  auto found = orders.under_way.find({version, serial});
  if (found != orders.under_way.end()) {
    told = std::move(found->second);
    orders.under_way.erase(found);
  }
  if (orders.order.version() == version) {
    if (length) {
      orders.order.applied(serial);
    } else {
      orders.order.failed(serial);
    }
    woken = take_woken(orders);
  }
  if (orders.under_way.empty() && orders.waiting.empty()) orders_.erase(place);
  for (Promise<std::uint64_t>& promise : told) promise.set(length);
  for (std::shared_ptr<Waiter>& waiter : woken) waiter->woken.set({});
}

}  // namespace gfs::chunkserver
