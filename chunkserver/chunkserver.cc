#include "chunkserver/chunkserver.h"

#include <algorithm>
#include <optional>

#include "base/log.h"
#include "bus/endpoint.h"
#include "chunkserver/append_service.h"
#include "chunkserver/collection.h"
#include "chunkserver/configure_service.h"
#include "chunkserver/detached.h"
#include "chunkserver/disk_set.h"
#include "chunkserver/fork_service.h"
#include "chunkserver/heartbeat_loop.h"
#include "chunkserver/identity.h"
#include "chunkserver/inspect_service.h"
#include "chunkserver/make_equal.h"
#include "chunkserver/master_memory.h"
#include "chunkserver/mender.h"
#include "chunkserver/primary_order.h"
#include "chunkserver/probe_service.h"
#include "chunkserver/push_service.h"
#include "chunkserver/read_service.h"
#include "chunkserver/replica.h"
#include "chunkserver/scrubber.h"
#include "chunkserver/session.h"
#include "chunkserver/staging.h"
#include "chunkserver/write_service.h"
#include "gossip/gossip_service.h"

namespace gfs::chunkserver {

namespace {

constexpr Duration kFindMembersTime = 2s;
constexpr Duration kFindMembersEvery = 60s;

}  // namespace

struct ChunkServer::Parts {
  // Everything that needs to know who we are; made by start(), once the identity has been read.
  struct Services {
    Services(Parts& parts, Identity identity, HeartbeatLoop::Surroundings surroundings);

    Session session;
    Replica replica;
    PrimaryOrder order;
    WriteService writes;
    AppendService appends;
    MakeEqual copies;
    ConfigureService configures;
    ReadService reads;
    InspectService inspections;
    ForkService forks;
    PushService pushes;
    ProbeService probes;
    HeartbeatLoop heartbeats;
    Collection collection;
    Scrubber scrubber;
    Mender mender;
  };

  Parts(Executor& executor_of, Random& random_of, bus::Bus& bus_of, std::vector<DataDisk> disks, Settings settings_of,
        bus::Bus* gossip_of)
      : executor(executor_of),
        random(random_of),
        bus(bus_of),
        disk(*disks.front().disk),
        gossip_bus(gossip_of),
        settings(std::move(settings_of)),
        endpoint(executor, random, bus, {.role = bus::kChunkserver, .program = "gfs-chunkserver " GFS_VERSION}),
        store(executor, std::move(disks), disk_settings()),
        memory(executor, disk),
        staging(executor, settings.staging_max, settings.staging_age) {}
  ~Parts() { endpoint.stop(); }

  DiskSet::Settings disk_settings() const {
    DiskSet::Settings out;
    out.store.journal_segment = settings.journal_segment;
    out.store.space_reserve = settings.space_reserve;
    out.store.mutant = settings.mutant;
    out.health.errors_max = settings.disk_errors_max;
    out.probe_every = settings.disk_probe;
    out.forget = settings.forget_disks;
    return out;
  }
  ReplicaSettings replica_settings() const {
    ReplicaSettings out;
    out.data_wait = settings.data_wait;
    out.mutant = settings.mutant;
    return out;
  }
  Collection::Settings collection_settings() const {
    Collection::Settings out;
    out.limit = {settings.collect_limit, settings.collect_percent, settings.collect_window};
    out.quarantine = settings.quarantine_time;
    out.purge_when_full = settings.purge_when_full;
    return out;
  }
  WriteSettings write_settings() const {
    WriteSettings out;
    out.chunk_size = settings.chunk_size;
    out.data_wait = settings.data_wait;
    out.mutant = settings.mutant;
    return out;
  }

  Task<> start();
  Task<> stop();
  Task<bus::ListenAt> listen();
  void serve(ServerId self);
  Result<> join_gossip(ServerId self);
  Task<> find_members();
  void give_up(Error error);

  // Set once.
  Executor& executor;
  Random& random;
  bus::Bus& bus;
  Disk& disk;            // the first one
  bus::Bus* gossip_bus;  // null: no part in it
  Settings settings;

  // State.
  std::unique_ptr<DiskLock> lock;
  bus::ListenAt bound;
  bool ready = false;
  std::vector<Promise<void>> ready_waiters;
  std::optional<Error> fatal_error;
  std::vector<Promise<Error>> fatal_waiters;
  bus::Endpoint endpoint;
  DiskSet store;
  MasterMemory memory;
  Staging staging;
  std::unique_ptr<Services> services;
  std::optional<gossip::GossipService> members;
  TaskGroup tasks;
};

ChunkServer::Parts::Services::Services(Parts& parts, Identity identity, HeartbeatLoop::Surroundings surroundings)
    : session(SessionId::random(parts.random)),
      replica(parts.executor, parts.store, parts.staging, parts.replica_settings()),
      order(parts.endpoint, parts.store, parts.staging, replica, session, identity.server, parts.write_settings()),
      writes(parts.endpoint, parts.store, parts.staging, order),
      appends(parts.endpoint, parts.store, parts.staging, order),
      copies(parts.endpoint, parts.store, parts.settings.mutant),
      configures(parts.endpoint, parts.store, replica, copies, order, identity.server, parts.settings.mutant),
      reads(parts.endpoint, parts.store, replica.marks(), session, identity.server, parts.settings.mutant),
      inspections(parts.store, identity.server),
      forks(parts.store),
      pushes(parts.endpoint, parts.staging),
      probes(parts.endpoint, parts.settings.chunk_size),
      heartbeats(parts.endpoint, parts.disk, parts.store, session, parts.memory, identity, std::move(surroundings)),
      collection(parts.executor, parts.store, parts.collection_settings()),
      scrubber(parts.endpoint, parts.disk, parts.store, identity.server,
               {parts.settings.scrub_pass, parts.settings.scrub_rate}),
      mender(parts.endpoint, parts.store, identity.server) {}

Task<> ChunkServer::Parts::start() {
  if (settings.masters.empty()) co_await fail(Code::invalid_argument, "no master to register with was named");
  co_await disk.make_directories("");
  lock = co_await disk.lock("LOCK");
  Identity identity = co_await load_identity(disk, random);
  if (!identity.cluster.nil()) {
    endpoint.set_cluster(identity.cluster);
    co_await memory.load(identity.cluster);
  }
  const ServerId self = identity.server;
  store.on_damage = [this, self](ChunkHandle handle, std::uint32_t block, const std::string& reason) {
    log::error("block_damaged", {{"server", self}, {"chunk", handle}, {"block", block}, {"reason", reason}});
    if (!services) return;
    services->heartbeats.report_damage(handle, block, reason);
    services->mender.note_damage(handle);
  };
  store.on_broken = [this](const Error& error) {
    give_up({Code::read_only, "the disk can no longer be trusted: " + error.message, {}});
  };
  store.on_changed = [this] {
    if (services) services->heartbeats.report_again();
  };
  co_await store.open(identity, random);
  Result<bus::ListenAt> listening = bus.listen(settings.listen);
  bound = co_await std::move(listening);
  HeartbeatLoop::Surroundings surroundings;
  surroundings.masters = settings.masters;
  surroundings.control = settings.advertise.control.empty() ? bound.control : settings.advertise.control;
  surroundings.data = settings.advertise.data.empty() ? bound.data : settings.advertise.data;
  surroundings.rack = settings.rack;
  services = std::make_unique<Services>(*this, identity, std::move(surroundings));
  serve(self);
  if (gossip_bus != nullptr) co_await join_gossip(self);
  tasks.spawn(services->heartbeats.run(), [this](Result<void> ended) {
    if (!ended) give_up(ended.error());
  });
  tasks.spawn(store.run());
  tasks.spawn(services->collection.run());
  tasks.spawn(services->scrubber.run());
  tasks.spawn(services->mender.run());
}

void ChunkServer::Parts::serve(ServerId self) {
  Services& to = *services;
  to.replica.on_fenced = [&to](ChunkHandle handle, Version version) { to.order.end_below(handle, version); };
  to.order.accuse = [&to](ChunkHandle handle, Version version, ServerId accused, bool confessed, Error error) {
    return to.heartbeats.accuse(handle, version, accused, confessed, std::move(error));
  };
  to.order.on_pace = [&to](ServerId server, Duration took) { to.heartbeats.note_pace(server, took); };
  to.appends.report_sealed = [&to](ChunkHandle handle, Version version, std::uint64_t length) {
    return to.heartbeats.report_sealed(handle, version, length);
  };
  to.appends.master_now = [&to] { return to.heartbeats.master_now(); };
  if (settings.on_acknowledged) {
    to.order.on_acknowledged = [this, self](ChunkHandle handle, Version version, Serial serial, RequestId id) {
      settings.on_acknowledged(self, handle, version, serial, id);
    };
  }
  if (settings.on_applied) {
    to.replica.on_applied = [this, self](ChunkHandle handle, Version version, Serial serial, RequestId id) {
      settings.on_applied(self, handle, version, serial, id);
    };
  }
  to.heartbeats.on_registered = [this] {
    if (ready) return;
    ready = true;
    log::info("ready", {{"listen", bound.control}, {"data", bound.data}});
    if (members) tasks.spawn(find_members());
    std::vector<Promise<void>> waiters = std::move(ready_waiters);
    ready_waiters.clear();
    for (Promise<void>& waiter : waiters) waiter.set({});
  };
  endpoint.guard_orders([&to](const bus::Peer& from) { return to.heartbeats.check_order(from); });
  to.collection.master_now = [&to] { return to.heartbeats.master_now(); };
  to.collection.epoch_since = [this] { return memory.epoch_since_ms(); };
  to.collection.on_turn = [this, &to] {
    to.copies.forget_old_copies();
    tasks.spawn(store.tidy(to.heartbeats.master_now()));
  };
  to.collection.on_collected = [this, &to, self](ChunkHandle handle, Version version, Garbage why,
                                                 std::uint64_t index) {
    to.order.end_below(handle, version.next());
    if (why == Garbage::orphan) to.order.release(handle, version);
    if (settings.on_collected) settings.on_collected(self, handle, version, why == Garbage::orphan, index);
  };
  to.collection.serve(endpoint);
  to.scrubber.find_chunk = [&to](ChunkHandle handle) { return to.heartbeats.find_chunk(handle); };
  to.mender.find_chunk = to.scrubber.find_chunk;
  to.mender.report_mended = [&to](ChunkHandle handle) { to.heartbeats.report_damage(handle, 0, {}, true); };
  endpoint.serve<&Scrubber::status>(to.scrubber);
  endpoint.serve<&Scrubber::control>(to.scrubber);
  endpoint.serve<&WriteService::write>(to.writes);
  endpoint.serve<&WriteService::sync>(to.writes);
  endpoint.serve<&WriteService::truncate>(to.writes);
  endpoint.serve<&WriteService::release>(to.writes);
  endpoint.serve<&AppendService::append>(to.appends);
  endpoint.serve<&AppendService::seal_chunk>(to.appends);
  endpoint.serve<&InspectService::inspect>(to.inspections);
  endpoint.serve<&InspectService::read>(to.inspections);
  endpoint.serve<&MakeEqual::make_equal>(to.copies);
  endpoint.serve<&MakeEqual::clone>(to.copies);
  endpoint.serve<&ForkService::copy>(to.forks);
  endpoint.serve<&PrimaryOrder::ask_committed>(to.order);
  endpoint.serve<&Replica::prepare_version>(to.replica);
  endpoint.serve<&Replica::committed>(to.replica);
  endpoint.serve<&ReadService::read>(to.reads);
  endpoint.serve<&ReadService::length>(to.reads);
  endpoint.serve<&Replica::adopt_version>(to.replica);
  endpoint.serve<&Replica::apply_write>(to.replica);
  endpoint.serve<&Replica::apply_batch>(to.replica);
  endpoint.serve<&Replica::sync_replica>(to.replica);
  endpoint.serve<&ConfigureService::configure>(to.configures);
  endpoint.serve<&ProbeService::hello>(to.probes);
  endpoint.serve<&ProbeService::probe>(to.probes);
  endpoint.serve_data<&PushService::push>(to.pushes);
}

Result<> ChunkServer::Parts::join_gossip(ServerId self) {
  gossip::MemberRecord member;
  member.node = {self.bytes};
  member.role = bus::kChunkserver;
  member.rack = settings.rack;
  member.program = "gfs-chunkserver " GFS_VERSION;
  gossip::GossipService::Settings for_gossip{settings.gossip, settings.gossip_advertise, {}};
  members.emplace(executor, random, *gossip_bus, std::move(member), std::move(for_gossip));
  members->set_load([this] {
    const DiskSet::Totals totals = store.totals();
    return gossip::GossipService::Load{totals.used, totals.free, endpoint.counters().served};
  });
  members->serve(endpoint);
  return members->listen();
}

// Whom to begin with is asked of the master, now and then: those who were first may all be gone one day.
Task<> ChunkServer::Parts::find_members() {
  members->begin(endpoint.cluster());
  while (true) {
    bool found = false;
    for (std::size_t i = 0; i < settings.masters.size() && !found; ++i) {
      bus::Peer master = bus::Peer::at(settings.masters[i]);
      bus::CallOptions options{kFindMembersTime};
      Result<bus::FindMembers::Reply> reply =
          co_await endpoint.call(std::move(master), bus::FindMembers{}, options).outcome();
      found = reply && !reply->members.empty();
      if (found) members->set_seeds(std::move(reply->members));
    }
    co_await executor.sleep(found ? kFindMembersEvery : kFindMembersTime);
  }
}

Task<> ChunkServer::Parts::stop() {
  if (members) co_await members->leave();
  if (services) co_await services->heartbeats.leave();
  endpoint.stop();
  bus.attach(nullptr);
  tasks.cancel();
  // What was ordered before goes to its end; nothing new comes.
  co_await memory.idle();
  Result<> closed = co_await store.close().outcome();
  services.reset();
  lock.reset();
  co_await std::move(closed);
}

void ChunkServer::Parts::give_up(Error error) {
  if (fatal_error) return;
  fatal_error = std::move(error);
  std::vector<Promise<Error>> waiters = std::move(fatal_waiters);
  fatal_waiters.clear();
  for (Promise<Error>& waiter : waiters) waiter.set(*fatal_error);
}

ChunkServer::ChunkServer(Executor& executor, Random& random, bus::Bus& bus, std::vector<DataDisk> disks,
                         Settings settings, bus::Bus* gossip)
    : parts_(std::make_unique<Parts>(executor, random, bus, std::move(disks), std::move(settings), gossip)) {}

ChunkServer::ChunkServer(Executor& executor, Random& random, bus::Bus& bus, Disk& disk, Settings settings,
                         bus::Bus* gossip)
    : ChunkServer(executor, random, bus, std::vector<DataDisk>{{"data", &disk, {}}}, std::move(settings), gossip) {}

ChunkServer::~ChunkServer() = default;

Task<> ChunkServer::start() { return parts_->start(); }

Task<> ChunkServer::stop() { return parts_->stop(); }

bus::ListenAt ChunkServer::listening() const { return parts_->bound; }

bool ChunkServer::registered() const { return parts_->services && parts_->services->heartbeats.registered(); }

Task<> ChunkServer::ready() {
  if (parts_->ready) co_return;
  Promise<void> promise;
  Future<void> future = promise.future();
  parts_->ready_waiters.push_back(std::move(promise));
  co_await std::move(future);
}

Task<Error> ChunkServer::fatal() {
  if (parts_->fatal_error) co_return *parts_->fatal_error;
  Promise<Error> promise;
  Future<Error> future = promise.future();
  parts_->fatal_waiters.push_back(std::move(promise));
  co_return co_await std::move(future);
}

}  // namespace gfs::chunkserver
