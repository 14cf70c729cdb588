#include "tests/sim/run.h"

#include <fmt/format.h>

#include "bus/endpoint.h"
#include "tests/sim/checkers/append.h"
#include "tests/sim/checkers/collection.h"
#include "tests/sim/checkers/durability.h"
#include "tests/sim/checkers/equal.h"
#include "tests/sim/checkers/linearizable.h"
#include "tests/sim/checkers/liveness.h"
#include "tests/sim/checkers/membership.h"
#include "tests/sim/checkers/primaries.h"
#include "tests/sim/checkers/replicas.h"
#include "tests/sim/checkers/serials.h"
#include "tests/sim/client.h"
#include "tests/sim/cluster.h"
#include "tests/sim/master_log.h"
#include "tests/sim/nemesis.h"

namespace gfs::sim {

namespace {

// Looks at everything once more, as a client that was never there before.
class Verifier {
 public:
  Verifier(SimExecutor& world, bus::SimNetwork& network, Shared& shared, const SimDisk& master_disk)
      : shared_(shared),
        master_disk_(master_disk),
        node_(world),
        random_(shared.plan.seed + 0x7e57),
        bus_(network, node_, "verifier"),
        filesystem_(node_, random_, bus_, patient(shared.plan)),
        direct_bus_(network, node_, "verifier"),
        direct_(node_, random_, direct_bus_, {.role = bus::kClient, .program = "gfs-sim"}) {}

  static client::Settings patient(const Plan& plan) {
    client::Settings settings = client_settings(plan);
    settings.deadline = client::Settings().deadline;
    settings.call_deadline = client::Settings().call_deadline;
    return settings;
  }

  Task<> run() {
    bus::ClusterStatus::Reply status = co_await filesystem_.status();
    direct_.set_cluster(status.cluster);
    for (std::size_t file = 0; file < shared_.appends.starts.size(); ++file) {
      co_await check_new_append(shared_.history, shared_.appends, node_, filesystem_, file);
      co_await check_equal(shared_.history, node_, filesystem_, direct_, append_path(file));
      std::vector<bus::ListChunks::Chunk> chunks = co_await filesystem_.chunks(append_path(file));
      co_await check_append_file(shared_.history, shared_.appends, direct_, file, std::move(chunks));
    }
    for (std::size_t file = 0; file < shared_.history.by_file.size(); ++file) {
      if (shared_.history.by_file[file].empty()) continue;
      co_await check_new_writes(shared_.history, node_, filesystem_, file);
      co_await check_equal(shared_.history, node_, filesystem_, direct_, data_path(file));
      Result<> read = co_await check_file(file).outcome();
      if (!read) shared_.history.found("durability", data_path(file) + " cannot be read: " + read.error().text());
      std::vector<bus::ListChunks::Chunk> chunks = co_await filesystem_.chunks(data_path(file));
      co_await check_replicas(shared_.history, direct_, file, std::move(chunks));
    }
    for (std::size_t group = 0; group < shared_.group_free.size(); ++group) co_await check_group(group, "");
    std::vector<bus::ServerInfo> servers = co_await filesystem_.servers();
    co_await check_garbage(shared_.history, direct_, master_disk_, shared_.plan.chunk_size, std::move(servers),
                           node_.now() + kGarbageTime);
  }

 private:
  // A copy that was begun and never used is in the way for ten minutes.
  static constexpr Duration kGarbageTime = 25min;

  Task<> check_file(std::size_t number) {
    History& history = shared_.history;
    std::shared_ptr<client::File> file = co_await filesystem_.open(data_path(number), client::Filesystem::Open::read);
    if (file->size() < history.synced_size[number]) {
      history.found("durability", fmt::format("{} has {} bytes, {} were acknowledged", data_path(number), file->size(),
                                              history.synced_size[number]));
    }
    // Only what was written: the holes between are large.
    std::map<std::uint64_t, std::uint64_t> extents;
    for (std::uint64_t id : history.by_file[number]) {
      const WriteOp& op = history.writes[id - 1];
      extents[op.offset] = std::max(extents[op.offset], op.end());
    }
    std::uint64_t done = 0;
    for (const auto& [begin, to] : extents) {
      for (std::uint64_t from = std::max(begin, done); from < to;) {
        const std::uint64_t size = std::min<std::uint64_t>(to - from, 1 << 20);
        const Instant began = node_.now();
        Bytes got = co_await file->read(from, size);
        check_read(history, number, from, size, got, began);
        from += size;
      }
      done = std::max(done, to);
    }
  }

  Task<> check_group(std::size_t group, std::string below) {
    const std::string root = "/g" + std::to_string(group);
    NameOp op;
    op.kind = NameOp::Kind::list;
    op.path = below;
    Result<std::vector<client::FileInfo>> entries = co_await filesystem_.list(root + below).outcome();
    if (!entries) {
      Result<NameSeen> answer = fail(std::move(entries));
      shared_.names.answered(group, op, answer);
      co_return;
    }
    NameSeen seen;
    for (const client::FileInfo& entry : *entries) {
      seen.entries.push_back(entry.path.substr(root.size()) + (entry.type == client::FileType::directory ? "/" : ""));
    }
    Result<NameSeen> answer = seen;
    shared_.names.answered(group, op, answer);
    for (const client::FileInfo& entry : *entries) {
      if (entry.type == client::FileType::directory) co_await check_group(group, entry.path.substr(root.size()));
    }
  }

  Shared& shared_;
  const SimDisk& master_disk_;
  NodeExecutor node_;
  Random random_;
  bus::SimBus bus_;
  client::Filesystem filesystem_;
  bus::SimBus direct_bus_;
  bus::Endpoint direct_;
};

// While nothing fails yet.
class Preparer {
 public:
  Preparer(SimExecutor& world, bus::SimNetwork& network, Shared& shared)
      : world_(world),
        shared_(shared),
        node_(world),
        random_(shared.plan.seed + 0x9e9a),
        bus_(network, node_, "preparer"),
        filesystem_(node_, random_, bus_, client_settings(shared.plan)) {}

  Task<> run() { return prepare_files(world_, shared_, filesystem_); }

 private:
  SimExecutor& world_;
  Shared& shared_;
  NodeExecutor node_;
  Random random_;
  bus::SimBus bus_;
  client::Filesystem filesystem_;
};

// What was asked of names, as a whole: by the log's indices, and, where it is small enough, by search.
std::string check_names(Shared& shared, const LogIndex& log) {
  for (const std::string& wrong : check_certificate(shared.name_events, log)) shared.history.found("names", wrong);
  std::size_t searched = 0;
  std::size_t undecided = 0;
  for (std::size_t group = shared.plan.groups; group < shared.plan.groups + shared.plan.shared_groups; ++group) {
    LinearVerdict verdict = check_linearizable(first_events(shared.name_events, group));
    ++(verdict.verdict == Linear::undecided ? undecided : searched);
    if (verdict.verdict == Linear::no) {
      shared.history.found("names",
                           fmt::format("no order of the operations explains their answers; after {} of them: {}",
                                       verdict.explained, verdict.stuck));
    }
  }
  return fmt::format("{} names, {} searches, {} undecided", shared.name_events.size(), searched, undecided);
}

}  // namespace

Verdict run(const Plan& plan) {
  SimExecutor world;
  bus::SimNetwork network(world, plan.seed * 31 + 17);
  Shared shared(plan);
  SerialChecker serials(shared.history);
  PrimaryChecker primaries(shared.history);
  Cluster cluster(world, network, plan);
  cluster.on_applied = [&](int server, std::uint64_t life, ChunkHandle handle, Version version, Serial serial,
                           RequestId id) {
    serials.applied(server, life, handle, version, serial, id);
    primaries.applied(handle, version, serial, world.now());
  };
  cluster.on_acknowledged = [&](int server, std::uint64_t life, ChunkHandle handle, Version version, Serial serial,
                                RequestId) {
    primaries.acknowledged(server, life, handle, version, serial, world.now());
  };
  std::vector<Collected> collected;
  cluster.on_collected = [&](ServerId server, ChunkHandle handle, Version version, bool orphan, std::uint64_t index) {
    collected.push_back({server, handle, version, orphan, index});
  };
  Workload workload(world, network, shared);
  Nemesis nemesis(world, network, cluster, workload, shared);

  cluster.start_master();
  for (int i = 0; i < kChunkservers; ++i) cluster.start_chunkserver(i);
  if (!world.run_until([&] { return cluster.whole(); }, kRecovery))
    shared.history.found("liveness", "the cluster does not start");
  {
    Preparer preparer(world, network, shared);
    Result<> prepared = world.run(preparer.run(), kRecovery);
    if (!prepared)
      shared.history.found("liveness", "nothing can be written before any fault: " + prepared.error().text());
  }
  for (int i = 0; i < kClients; ++i) workload.start_client(i);
  nemesis.start();
  world.run_for(plan.faulty);

  nemesis.calm();
  world.run_for(5s);
  workload.stop();
  if (!world.run_until([&] { return workload.done() && cluster.whole(); }, kRecovery)) {
    shared.history.found(
        "liveness", "after the calm:" + workload.under_way() + (cluster.whole() ? "" : " the cluster is not whole"));
  }
  for (const std::string& what : cluster.broken()) shared.history.found("recovery", what);
  if (shared.history.faults_found.empty()) {
    Verifier verifier(world, network, shared, cluster.master_disk());
    Result<> verified = world.run(verifier.run(), 2h);
    if (!verified) shared.history.found("liveness", "the last look: " + verified.error().text());
  }
  serials.finish();
  if (spares_servers(plan.faults)) {
    const std::string gone = check_membership(cluster.master_disk(), plan.chunk_size);
    if (!gone.empty()) shared.history.found("membership", gone);
  }
  if (const std::string wrong = check_collected(cluster.master_disk(), plan.chunk_size, collected); !wrong.empty()) {
    shared.history.found("collection", wrong);
  }
  const std::string names = check_names(shared, log_index_of(cluster.master_disk()));

  Verdict verdict;
  verdict.faults_found = shared.history.faults_found;
  verdict.trace = network.trace_hash() * 1099511628211ull ^ world.steps();
  verdict.virtual_seconds = to_seconds(world.now().time_since_epoch());
  verdict.counts = fmt::format(
      "writes {} ok {} failed {} unknown, {} reads; records {} ok {} failed {} unknown {} repeats, {} seen; {}, at "
      "most {} "
      "possible trees; {} collected; {} messages",
      shared.history.ok, shared.history.failed, shared.history.unknown, shared.history.reads, shared.appends.ok,
      shared.appends.failed, shared.appends.unknown, shared.appends.repeats, shared.appends.seen.size(), names,
      shared.names.most_possible(), collected.size(), network.counters().delivered);
  return verdict;
}

}  // namespace gfs::sim
