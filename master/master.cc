#include "master/master.h"

#include <cstdlib>

#include "base/log.h"
#include "bus/endpoint.h"
#include "gossip/gossip_service.h"
#include "master/admin_service.h"
#include "master/balance_loop.h"
#include "master/checkpointer.h"
#include "master/collector.h"
#include "master/epoch_adoption.h"
#include "master/file_service.h"
#include "master/healing_loop.h"
#include "master/identity.h"
#include "master/layout_service.h"
#include "master/log_service.h"
#include "master/loss_loop.h"
#include "master/operations_service.h"
#include "master/policy_service.h"
#include "master/server_service.h"
#include "master/shipping_service.h"
#include "master/snapshot_service.h"
#include "master/trash_service.h"
#include "master/verdict_loop.h"

namespace gfs::master {

namespace {

constexpr Duration kTick = 1s, kCensusTick = 100ms;

}  // namespace

struct Master::Parts {
  Parts(Executor& executor_of, Random& random_of, bus::Bus& bus_of, Disk& disk_of, Settings settings_of,
        bus::Bus* gossip_of)
      : executor(executor_of),
        random(random_of),
        bus(bus_of),
        disk(disk_of),
        gossip_bus(gossip_of),
        settings(std::move(settings_of)),
        state(settings.mutant, settings.chunk_size),
        log(disk, random, {.segment_max = settings.log_segment, .skip_sync = settings.mutant == "skip_log_sync"}),
        checkpoints(executor, disk, random),
        checkpointer(executor, checkpoints, log, state, {.after_bytes = settings.checkpoint_after}),
        reserve(disk, settings.log_reserve),
        journal(executor, log, state, [this](Error error) { die(std::move(error)); }),
        recent(executor, {}),
        servers({.suspect_after = settings.suspect_after, .lost_after = settings.lost_after}),
        census(state, servers),
        decisions(executor),
        endpoint(executor, random, bus, {.role = bus::kMaster, .program = "gfs-master " GFS_VERSION}) {}

  Task<> start();
  Task<> open();
  Task<> stop();
  Result<> join_gossip();
  Task<> tick();
  Task<> count_chunks();
  void die(Error error);

  // Surroundings.
  Executor& executor;
  Random& random;
  bus::Bus& bus;
  Disk& disk;
  bus::Bus* gossip_bus;  // null: no part in it
  const Settings settings;

  // Nouns, and what keeps them.
  std::unique_ptr<DiskLock> lock;
  Identity identity;
  MasterState state;
  LogStore log;
  CheckpointStore checkpoints;
  Checkpointer checkpointer;
  LogReserve reserve;
  Journal journal;
  RecentLog recent;
  ServerTable servers;
  ChunkCensus census;
  DecisionLog decisions;

  // Conversations. The services are made once the log epoch is known.
  bus::Endpoint endpoint;
  std::unique_ptr<FileService> files;
  std::unique_ptr<TrashService> trash;
  std::unique_ptr<PolicyService> policies;
  std::unique_ptr<LayoutService> layouts;
  std::unique_ptr<SnapshotService> snapshots;
  std::unique_ptr<ServerService> registrar;
  std::unique_ptr<AdminService> admin;
  std::unique_ptr<CopyOrders> copies;
  std::unique_ptr<HealingLoop> healing;
  std::unique_ptr<BalanceLoop> balance;
  std::unique_ptr<OperationsService> operations;
  std::unique_ptr<LogEntries> entries, entries_for_people;  // who looks shuts no shadow out of the disk
  std::unique_ptr<ShippingService> shipping;
  std::unique_ptr<LogService> log_service;
  std::unique_ptr<Collector> collector;
  std::optional<gossip::GossipService> members;
  std::optional<LossLoop> losses;
  std::optional<VerdictLoop> verdicts;
  bus::ListenAt listening;
  TaskGroup group;
};

Task<> Master::Parts::open() {
  // Before the lock leaves its file in somebody else's directory; and again behind it, as another one may have
  // formatted.
  if (settings.format) co_await check_empty(disk);
  lock = co_await disk.lock("LOCK");
  if (settings.format) {
    co_await check_empty(disk);
    identity.cluster = ClusterId::random(random);
    co_await log.format(identity.cluster, identity.epoch);
    co_await save_identity(disk, identity);
    log::info("formatted", {{"cluster", identity.cluster}});
  } else {
    identity = co_await load_identity(disk);
    // The process that renamed it may have died before its name was durable.
    co_await disk.sync_directory("");
  }
  co_await checkpointer.recover(identity.cluster, identity.epoch, settings.mutant);
  const std::uint64_t epoch = co_await choose_epoch(state, identity, settings.adopt_epoch);
  co_await enter_epoch(disk, log, state, identity, epoch, executor.wall_now());
}

Task<> Master::Parts::start() {
  co_await open();
  co_await reserve.open();
  journal.live_on(reserve);
  for (const auto& [id, known] : state.servers())
    servers.add(id, executor.now() - (settings.mutant == "shrink_before_reports" ? settings.lost_after : 0s));
  const WallMs kept = to_ms(settings.trash);
  files = std::make_unique<FileService>(state, journal, FileService::Defaults{settings.replicas, kept});
  auto in_doubt = [this] { return collector->held_back(); };
  trash = std::make_unique<TrashService>(state, journal, in_doubt, TrashService::Settings{settings.trash_items});
  policies = std::make_unique<PolicyService>(
      state, journal, PolicyService::Defaults{settings.replicas, settings.minimum_for_writing, kept});
  LayoutService::Settings for_layouts{.minimum_for_writing = settings.minimum_for_writing,
                                      .suspect_after = settings.suspect_after,
                                      .lost_after = settings.lost_after,
                                      .lease = settings.lease,
                                      .salvage_after = settings.salvage_after,
                                      .epoch = identity.epoch,
                                      .cut_max = settings.cut_max,
                                      .room = settings.chunk_size,
                                      .mutant = settings.mutant};
  layouts = std::make_unique<LayoutService>(state, journal, servers, decisions, std::move(for_layouts));
  snapshots = std::make_unique<SnapshotService>(state, journal, *layouts);
  ServerService::Settings for_servers{settings.heartbeat,
                                      settings.lease * (settings.mutant == "lease_times_ten" ? 10 : 1)};
  registrar = std::make_unique<ServerService>(state, journal, servers, log, for_servers);
  collector = std::make_unique<Collector>(state, journal, servers, endpoint, settings.collect_after, settings.mutant);
  collector->spare([this](ChunkHandle handle) { return layouts->copying(handle); });
  copies = std::make_unique<CopyOrders>(state, servers, *layouts, decisions, endpoint,
                                        CopyOrders::Limits{settings.repair_per_server, settings.repair_per_cluster});
  HealingPlanner::Settings for_healing;
  for_healing.heal_after = settings.heal_after;
  for_healing.clock.repair_after = settings.repair_after;
  for_healing.clock.repair_after_leaving = settings.repair_after_leaving;
  for_healing.clock.mass_pause = settings.mass_loss_pause;
  healing = std::make_unique<HealingLoop>(state, servers, *layouts, *copies, decisions, endpoint, for_healing);
  BalancePlanner::Settings for_balance;
  for_balance.threshold = static_cast<double>(settings.balance_threshold) / 100;
  for_balance.chunk_size = settings.chunk_size;
  balance = std::make_unique<BalanceLoop>(state, servers, *layouts, *copies, healing->planner(), decisions, endpoint,
                                          for_balance);
  operations = std::make_unique<OperationsService>(state, journal, servers, *layouts, *healing, *balance, decisions);
  admin =
      std::make_unique<AdminService>(state, servers, log, census, *layouts, checkpointer, *collector, reserve, *healing,
                                     AdminService::Settings{settings.replicas, settings.lease, settings.trash_items});
  recent.begin_behind(log.last_index());
  journal.keep_in(recent);
  entries = std::make_unique<LogEntries>(executor, disk, log, recent, LogEntries::Settings{identity.epoch});
  ShippingService::Settings for_shadows{.epoch = identity.epoch, .shadows_max = settings.shadows_max};
  shipping = std::make_unique<ShippingService>(log, recent, *entries, checkpointer, checkpoints, for_shadows);
  LogEntries::Settings for_people{.epoch = identity.epoch, .reads_max = 1};
  entries_for_people = std::make_unique<LogEntries>(executor, disk, log, recent, for_people);
  log_service = std::make_unique<LogService>(disk, log, recent, *entries_for_people);
  journal.guard([this]() -> Result<> {
    if (!servers.anybody_ahead(executor.now())) return {};
    return fail(Code::refused,
                "servers have seen more of the log than this master has: its directory is older than the truth, and "
                "nothing is changed");
  });
  files->serve(endpoint);
  trash->serve(endpoint);
  policies->serve(endpoint);
  layouts->serve(endpoint);
  snapshots->serve(endpoint);
  registrar->serve(endpoint);
  admin->serve(endpoint);
  operations->serve(endpoint);
  shipping->serve(endpoint);
  log_service->serve(endpoint);
  collector->serve();
  endpoint.set_cluster(identity.cluster);
  endpoint.set_index([this] { return state.index(); });
  if (gossip_bus != nullptr) co_await join_gossip();
  bus::ListenAt at{settings.listen.control, {}, settings.listen.events};
  listening = co_await bus.listen(at);
  admin->set_address(settings.advertise.empty() ? listening.control : settings.advertise);
  group.spawn(tick());
  group.spawn(count_chunks());
  group.spawn(trash->run());
  group.spawn(healing->run());
  if (settings.balance_threshold > 0) group.spawn(balance->run());
  group.spawn(collector->run());
  if (losses) group.spawn(losses->run());
  if (verdicts) group.spawn(verdicts->run());
  log::info("ready", {{"listen", listening.control},
                      {"cluster", identity.cluster},
                      {"epoch", identity.epoch},
                      {"index", log.last_index()},
                      {"files", state.names().files()},
                      {"chunks", state.chunks().size()}});
}

// A master carries no chunks. It hears who is alive, and looks itself after whoever is not; and says whom it gave up.
Result<> Master::Parts::join_gossip() {
  gossip::MemberRecord member;
  member.node = {identity.cluster.bytes};
  member.role = bus::kMaster;
  member.program = "gfs-master " GFS_VERSION;
  gossip::GossipService::Settings for_gossip{settings.gossip, settings.gossip_advertise, {}};
  members.emplace(executor, random, *gossip_bus, std::move(member), std::move(for_gossip));
  members->set_load([this] { return gossip::GossipService::Load{0, 0, endpoint.counters().served}; });
  members->serve(endpoint);
  members->on_change([this](const gossip::Change& change) {
    using enum gossip::MemberStatus;
    if (change.after != suspect && change.after != dead) return;
    group.spawn(layouts->check_on(ServerId{change.node.bytes}));
  });
  losses.emplace(executor, servers, *layouts, *members);
  losses->on_state = settings.on_server_state;
  verdicts.emplace(executor, servers, *members, [this](ServerId server) { return healing->planner().drained(server); });
  Result<> listening_for_it = members->listen();
  if (listening_for_it) members->begin(identity.cluster);
  return listening_for_it;
}

Task<> Master::Parts::tick() {
  while (true) {
    co_await executor.sleep(kTick);
    servers.note_tick(executor.now());
    journal.tick();
    checkpointer.tick();
  }
}

Task<> Master::Parts::count_chunks() {
  while (true) {
    co_await executor.sleep(kCensusTick);
    census.advance(executor.now());
  }
}

Task<> Master::Parts::stop() {
  Result<> closed = co_await journal.close().outcome();
  if (members) co_await members->leave();
  co_await executor.sleep(Duration::zero());  // the last answers leave
  group.cancel();
  endpoint.stop();
  co_await checkpointer.stop();
  // Only a hint for the next start: without it the end of the log is trusted a little less.
  Result<> marked;
  if (closed) marked = co_await log.mark().outcome();
  if (!marked) log::warn("log_not_marked", {{"why", marked.error().text()}});
  lock.reset();
  co_await std::move(closed);
}

void Master::Parts::die(Error error) {
  endpoint.stop();
  if (settings.fatal) {
    executor.post([report = settings.fatal, error = std::move(error)] { report(error); });
    return;
  }
  log::error("master_stops", {{"why", error.text()}});
  std::_Exit(1);
}

Master::Master(Executor& executor, Random& random, bus::Bus& bus, Disk& disk, Settings settings, bus::Bus* gossip)
    : parts_(std::make_unique<Parts>(executor, random, bus, disk, std::move(settings), gossip)) {}

Master::~Master() { parts_->endpoint.stop(); }

Task<> Master::start() { return parts_->start(); }
Task<> Master::stop() { return parts_->stop(); }
bus::ListenAt Master::listening() const { return parts_->listening; }

}  // namespace gfs::master
