#include "chunkserver/replica.h"

#include <algorithm>

#include "chunkserver/detached.h"

namespace gfs::chunkserver {

Replica::Replica(Executor& executor, ChunkStore& store, Staging& staging, ReplicaSettings settings)
    : executor_(executor), store_(store), staging_(staging), settings_(settings) {}

Task<bus::AdoptVersion::Reply> Replica::adopt_version(bus::AdoptVersion ask, bus::Caller) {
  if (ask.handle.value == 0 || ask.version.value == 0 || ask.primary.nil()) {
    co_await fail(Code::invalid_argument, "adoption of chunk {} version {}: a field is missing", ask.handle,
                  ask.version);
  }
  std::optional<ChunkInfo> held = store_.find(ask.handle);
  if (held && held->version == ask.version && held->primary != ask.primary) {
    co_await fail(Code::conflict, "chunk {} version {}: held here from primary {}, not {}", ask.handle, ask.version,
                  held->primary, ask.primary);
  }
  bus::AdoptVersion::Reply reply;
  reply.length = co_await adopt(ask.handle, ask.version, ask.primary, ask.virgin);
  co_return reply;
}

Task<std::uint64_t> Replica::adopt(ChunkHandle handle, Version version, ServerId primary, bool create) {
  std::optional<ChunkInfo> before = store_.find(handle);
  const bool news = !before || before->version < version;
  if (news || before->version > version) {
    co_await store_.adopt(handle, version, primary, create);
    if (news && on_adopted) on_adopted(handle, version);
  }
  std::optional<ChunkInfo> held = store_.find(handle);
  if (!held) co_await fail(Code::not_found, "chunk {}: not held here", handle);
  co_return held->length;
}

Task<bus::ApplyWrite::Reply> Replica::apply_write(bus::ApplyWrite ask, bus::Caller caller) {
  std::optional<ChunkInfo> held = store_.find(ask.handle);
  if (!held) co_await fail(Code::not_found, "chunk {}: not held here", ask.handle);
  if (held->version != ask.version) {
    co_await fail(Code::stale_version, "chunk {} version {}: version {} is held here", ask.handle, ask.version,
                  held->version);
  }
  if (held->primary != ask.primary) {
    co_await fail(Code::not_primary, "chunk {} version {}: its primary is {}, not {}", ask.handle, ask.version,
                  held->primary, ask.primary);
  }
  bus::ApplyWrite::Reply reply;
  reply.serial = ask.serial;
  if (settings_.check_serial && orders_of(*held).order.turn_of(ask.serial) == WriteOrder::Turn::repeat) {
    reply.length = held->length;
    co_return reply;
  }
  Mutation mutation;
  mutation.handle = ask.handle;
  mutation.version = ask.version;
  mutation.serial = ask.serial;
  mutation.id = ask.id;
  mutation.offset = ask.offset;
  mutation.digest = ask.digest;
  mutation.in_order = settings_.check_serial;
  if (!ask.payload.empty()) {
    co_await verify_wire(ask.offset, ask.payload, ask.crcs);
    mutation.bytes = std::move(ask.payload);
    mutation.checksums = std::move(ask.crcs);
  } else {
    const Duration left = caller.deadline - executor_.now();
    const Instant until = executor_.now() + std::min(settings_.data_wait, left * 3 / 4);
    StagedFragment fragment = co_await staging_.wait(ask.id, until);
    if (fragment.handle != ask.handle || fragment.offset != ask.offset) {
      co_await fail(Code::missing_data, "request {}: the bytes that came are for another place", ask.id);
    }
    mutation.bytes = fragment.bytes;
    mutation.checksums = std::move(fragment.checksums);
  }
  if (mutation.bytes.size() != ask.size || digest_of(mutation.checksums) != ask.digest) {
    co_await fail(Code::missing_data, "request {}: the bytes that came are not those ordered", ask.id);
  }
  const Instant until = std::min(caller.deadline, executor_.now() + settings_.order_wait);
  reply.length = co_await apply(std::move(mutation), until, StagedFor::secondary);
  co_return reply;
}

Task<bus::SyncReplica::Reply> Replica::sync_replica(bus::SyncReplica ask, bus::Caller) {
  std::optional<ChunkInfo> held = store_.find(ask.handle);
  if (!held) co_await fail(Code::not_found, "chunk {}: not held here", ask.handle);
  if (held->version != ask.version) {
    co_await fail(Code::stale_version, "chunk {} version {}: version {} is held here", ask.handle, ask.version,
                  held->version);
  }
  if (held->serial < ask.serial) {
    co_await fail(Code::out_of_order, "chunk {} version {}: serial {} is expected, {} was to be synced", ask.handle,
                  ask.version, held->serial.next(), ask.serial);
  }
  bus::SyncReplica::Reply reply;
  reply.length = co_await store_.sync(ask.handle);
  co_return reply;
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
  if (!held || held->version != mutation.version) {
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
    if (!held || held->version != version) {
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
