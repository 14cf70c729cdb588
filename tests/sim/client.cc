#include "tests/sim/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/log.h"
#include "tests/sim/checkers/durability.h"
#include "tests/sim/cluster.h"

namespace gfs::sim {

namespace {

// Longer than any message can be under way, and than a server goes on with what it has begun.
constexpr Duration kRest = 8s;

std::uint64_t cells(std::uint64_t bytes) { return bytes / kCell * kCell; }

}  // namespace

client::Settings client_settings(const Plan& plan) {
  client::Settings settings;
  settings.master = kMasterAddress;
  settings.window = plan.window;
  settings.fragment = plan.fragment;
  settings.deadline = plan.deadline;
  settings.call_deadline = std::min(settings.call_deadline, plan.deadline);
  settings.layout_age = plan.layout_age;
  settings.mutant = plan.mutant;
  return settings;
}

Client::Client(SimExecutor& world, bus::SimNetwork& network, Shared& shared, int number, const MachineClock& clock,
               std::uint64_t seed)
    : world_(world),
      shared_(shared),
      life_(++shared.lives),
      node_(world, clock.up),
      choices_(seed),
      random_(seed ^ 0xabcdef1234567),
      bus_(network, node_, "client" + std::to_string(number)),
      filesystem_(node_, random_, bus_, client_settings(shared.plan)),
      append_work_(world, shared, number, choices_, filesystem_),
      cut_work_(world, shared, choices_, filesystem_),
      snapshot_work_(world, shared, choices_, filesystem_) {
  start_clock(node_, clock);
  tasks_.spawn(run(), [this](Result<>) { finished_ = true; });
}

Client::~Client() {
  tasks_.cancel();
  for (std::uint64_t id : pending_) shared_.history.end(id, Fate::unknown, world_.now());
  if (naming_) {
    const std::size_t event = naming_->event;
    const std::size_t group = shared_.name_events[event].group;
    end_naming(Code::ok, Fate::unknown, {});
    if (group < shared_.group_free.size()) {
      shared_.names.unknown(group, shared_.name_events[event].op);
      shared_.group_free[group] = world_.now() + kRest;
    }
  }
  if (appending_) shared_.file_free[*appending_] = world_.now();
}

bool Client::pause() {
  if (node_.paused()) return false;
  node_.pause();
  paused_at_ = node_.now();
  return true;
}

void Client::resume() {
  if (!node_.paused()) return;
  stood_still_ += node_.now() - paused_at_;
  node_.resume();
}

Task<> Client::run() {
  Result<> prepared = fail(Code::unavailable, "not yet");
  while (!prepared && !shared_.stopping) {
    prepared = co_await prepare().outcome();
    if (!prepared) co_await node_.sleep(100ms);
  }
  while (!shared_.stopping) {
    doing_ = "thinking";
    co_await node_.sleep(random_.jitter(shared_.plan.think * 2));
    if (shared_.stopping) break;
    // As if what it stood still had not been.
    const Instant began = node_.now() - stood_still_;
    Result<> done = co_await one().outcome();
    judge(doing_, began + stood_still_, done);
  }
  doing_ = "finished";
}

Task<> Client::prepare() {
  doing_ = "preparing";
  co_await filesystem_.make_directory("/data", true);
  for (std::size_t group = 0; group < shared_.plan.groups + shared_.plan.shared_groups; ++group) {
    co_await filesystem_.make_directory("/g" + std::to_string(group), true);
  }
}

Task<> Client::one() {
  const Plan& plan = shared_.plan;
  std::uint64_t at = choices_.below(plan.names + plan.writes + plan.appends + plan.reads + plan.kept + plan.records +
                                    plan.scans + plan.cuts + plan.snapshots);
  auto is = [&at, this](std::uint32_t weight, const char* name) {
    if (at >= weight) {
      at -= weight;
      return false;
    }
    at = std::numeric_limits<std::uint64_t>::max();
    doing_ = name;
    return true;
  };
  if (is(plan.names, "names")) co_await names();
  if (is(plan.writes, "writes")) co_await writes();
  if (is(plan.appends, "appends")) co_await appends();
  if (is(plan.reads, "reads")) co_await reads();
  if (is(plan.kept, "kept")) co_await read_kept();
  if (is(plan.records, "records")) co_await append_work_.append_some();
  if (is(plan.scans, "scans")) co_await append_work_.look();
  if (is(plan.cuts, "cuts")) co_await cut_work_.one_file();
  if (is(plan.snapshots, "snapshots")) co_await snapshot_work_.make_or_look();
}

// Whatever is broken, nobody may be told this of a healthy disk and an honest peer; and every call ends.
void Client::judge(const std::string& what, Instant began, const Result<>& result) {
  static const std::set<Code> kImpossible = {
      Code::internal,    Code::corrupt,  Code::malformed, Code::unknown_kind, Code::wrong_version, Code::wrong_cluster,
      Code::not_allowed, Code::io_error, Code::no_space,  Code::read_only,    Code::not_formatted};
  const bool damage = !result && (result.error().code == Code::corrupt || result.error().code == Code::io_error);
  if (!result && kImpossible.contains(result.error().code) && !(damage && shared_.plan.has("disk"))) {
    shared_.history.found("errors", what + " was answered " + result.error().text());
  }
  // The longest have 14 calls: open, three rounds of write, open, read and sync, close. Each has its own deadline.
  // Appends under way together share their waiting, but each record may wait for the one before.
  const Duration lingering = what == "writes" ? 3 * shared_.plan.linger : 0s;
  if (node_.now() - began - lingering > (what == "records" || what == "cuts" || what == "snapshots" ? 60 : 14) *
                                            (client_settings(shared_.plan).deadline + 1s)) {
    shared_.history.found("liveness", fmt::format("{} took {:.0f} s", what, to_seconds(node_.now() - began)));
  }
}

std::string Client::any_name() {
  static const std::vector<std::string> kNames = {"/a", "/b", "/d", "/e", "/d/a", "/d/b", "/e/a", "/d/e", "/d/e/a"};
  return choices_.pick(kNames);
}

NameOp Client::any_name_op() {
  NameOp op;
  op.kind = static_cast<NameOp::Kind>(choices_.below(6));
  op.path = any_name();
  if (op.kind == NameOp::Kind::rename) op.target = any_name();
  if (op.kind == NameOp::Kind::list && choices_.chance(0.5)) op.path.clear();
  op.flag = choices_.chance(0.5) && op.kind != NameOp::Kind::create && op.kind < NameOp::Kind::exists;
  return op;
}

Task<> Client::names() {
  if (shared_.plan.shared_groups > 0 && choices_.chance(0.5)) {
    const std::size_t group = shared_.plan.groups + choices_.below(shared_.plan.shared_groups);
    for (std::uint64_t left = choices_.between(1, 5); left > 0 && !shared_.stopping; --left) co_await one_name(group);
    co_return;
  }
  std::vector<std::size_t> idle;
  for (std::size_t i = 0; i < shared_.group_free.size(); ++i) {
    if (shared_.group_free[i] <= world_.now()) idle.push_back(i);
  }
  if (idle.empty()) co_return;
  const std::size_t group = choices_.pick(idle);
  shared_.group_free[group] = Instant::max();
  for (std::uint64_t left = choices_.between(1, 5); left > 0 && !shared_.stopping; --left) {
    const bool known = co_await one_name(group);
    if (known) continue;
    shared_.group_free[group] = world_.now() + kRest;
    co_return;
  }
  shared_.group_free[group] = world_.now();
}

Task<bool> Client::one_name(std::size_t group) {
  const NameOp op = any_name_op();
  naming_.emplace(shared_.name_events.size(), filesystem_.last_request());
  NameEvent event;
  event.group = group;
  event.op = op;
  event.invoked = world_.now();
  shared_.name_events.push_back(std::move(event));
  doing_ = "/g" + std::to_string(group) + ": " + op.text();
  Result<NameSeen> answer = co_await ask("/g" + std::to_string(group), op).outcome();
  log::info("asked", {{"at", to_seconds(world_.now().time_since_epoch())},
                      {"host", bus_.host()},
                      {"request", doing_},
                      {"answer", answer ? "ok" : answer.error().text()}});
  const bool known = answer || answer.error().outcome() != Outcome::may_have_happened;
  Fate fate = Fate::ok;
  if (!answer && !speaks_of_names(answer.error().code)) fate = known ? Fate::failed : Fate::unknown;
  end_naming(answer ? Code::ok : answer.error().code, fate, answer ? *answer : NameSeen{});
  if (group < shared_.group_free.size()) shared_.names.answered(group, op, answer);
  co_return known;
}

void Client::end_naming(Code code, Fate fate, NameSeen seen) {
  NameEvent& event = shared_.name_events[naming_->event];
  event.ended = world_.now();
  event.fate = fate;
  event.code = code;
  event.seen = std::move(seen);
  const RequestId request = filesystem_.last_request();
  if (request != naming_->before) event.request = request;
  event.index = filesystem_.last_index();
  naming_.reset();
}

Task<NameSeen> Client::ask(std::string root, NameOp op) {
  NameSeen seen;
  const std::string path = root + op.path;
  switch (op.kind) {
    case NameOp::Kind::create:
      (void)co_await filesystem_.create(path);
      break;
    case NameOp::Kind::make_directory:
      (void)co_await filesystem_.make_directory(path, op.flag);
      break;
    case NameOp::Kind::rename:
      (void)co_await filesystem_.rename(path, root + op.target, op.flag);
      break;
    case NameOp::Kind::remove:
      (void)co_await filesystem_.remove(path, op.flag);
      break;
    case NameOp::Kind::exists:
      seen.exists = co_await filesystem_.exists(path);
      break;
    case NameOp::Kind::list: {
      std::vector<client::FileInfo> entries = co_await filesystem_.list(path);
      for (const client::FileInfo& entry : entries) {
        seen.entries.push_back(entry.path.substr(root.size()) + (entry.type == client::FileType::directory ? "/" : ""));
      }
      break;
    }
  }
  co_return seen;
}

std::uint64_t Client::any_size(std::uint64_t most) {
  const std::uint64_t small = choices_.below(2) == 0 ? 256 : most;
  return kCell * choices_.between(1, std::min(small, most) / kCell);
}

std::uint64_t Client::any_offset(std::size_t file) {
  const std::vector<std::uint64_t>& before = shared_.history.by_file[file];
  const std::uint64_t kind = choices_.below(20);
  const std::uint64_t chunk = shared_.plan.chunk_size;
  if (kind == 0) return chunk - cells(choices_.below(64 << 10) + kCell);  // near a chunk's border
  if (kind == 1) return cells(choices_.below(3 * chunk));
  if (kind < 12 && !before.empty()) return shared_.history.writes[choices_.pick(before) - 1].offset;
  return cells(choices_.below(1 << 20));
}

void Client::end_write(std::uint64_t id, const Result<>& result) {
  pending_.erase(id);
  Fate fate = Fate::ok;
  if (!result) fate = result.error().outcome() == Outcome::may_have_happened ? Fate::unknown : Fate::failed;
  shared_.history.end(id, fate, world_.now());
}

// Of what this client wrote: a sync says nothing of what others did.
std::uint64_t Client::end_of(const std::vector<std::uint64_t>& ids) const {
  std::uint64_t end = 0;
  for (std::uint64_t id : ids) {
    const WriteOp& op = shared_.history.writes[id - 1];
    if (op.fate == Fate::ok) end = std::max(end, op.end());
  }
  return end;
}

// Not of what all machines may have lost while it was being synced.
void Client::note_size(std::size_t file, std::uint64_t size, Instant began) {
  if (began <= shared_.history.last_loss) return;
  shared_.history.synced_size[file] = std::max(shared_.history.synced_size[file], size);
}

Task<> Client::one_write(std::shared_ptr<client::File> file, std::size_t number, std::vector<std::uint64_t>& mine) {
  const std::uint64_t offset = any_offset(number);
  const std::uint64_t size = any_size(shared_.plan.bytes_max);
  const std::uint64_t id = shared_.history.begin(number, offset, size, world_.now(), life_);
  pending_.insert(id);
  mine.push_back(id);
  Result<> written = co_await file->write(offset, content_of(id, offset, size)).outcome();
  end_write(id, written);
  co_await std::move(written);
}

Task<> Client::writes() {
  std::vector<std::uint64_t> mine;
  const std::size_t number = choices_.below(shared_.plan.data_files);
  std::shared_ptr<client::File> file = co_await filesystem_.open(data_path(number), client::Filesystem::Open::create);
  const std::uint64_t rounds = choices_.between(1, 3);
  for (std::uint64_t round = 0; round < rounds; ++round) {
    if (round > 0 && shared_.plan.linger > 0s) {
      const auto most = static_cast<std::uint64_t>(shared_.plan.linger.count());
      co_await node_.sleep(Duration(static_cast<Duration::rep>(choices_.below(most))));
    }
    std::vector<Task<>> side_by_side;
    for (std::uint64_t i = choices_.between(1, 4); i > 0; --i) side_by_side.push_back(one_write(file, number, mine));
    std::vector<Result<>> results = co_await all_of(std::move(side_by_side));
    for (Result<>& result : results) co_await std::move(result);
    if (choices_.chance(0.3)) {
      const WriteOp last = shared_.history.writes[shared_.history.by_file[number].back() - 1];
      co_await read_back(number, last.offset, last.size);
    }
    if (choices_.chance(0.4)) {
      const std::uint64_t size = end_of(mine);
      const Instant began = world_.now();
      co_await file->sync();
      note_size(number, size, began);
      shared_.history.synced(mine, began);
    }
  }
  const std::uint64_t size = end_of(mine);
  const Instant began = world_.now();
  co_await file->close();
  note_size(number, size, began);
  shared_.history.synced(mine, began);
}

Task<> Client::appends() {
  std::vector<std::size_t> idle;
  for (std::size_t i = 0; i < shared_.file_free.size(); ++i) {
    if (shared_.file_free[i] <= world_.now()) idle.push_back(i);
  }
  if (idle.empty()) co_return;
  const std::size_t number = choices_.pick(idle);
  struct Turn {
    Client& client;
    std::size_t file;
    ~Turn() {
      client.appending_.reset();
      client.shared_.file_free[file] = client.world_.now();
    }
  };
  shared_.file_free[number] = Instant::max();
  appending_ = number;
  Turn turn{*this, number};
  std::shared_ptr<client::File> file = co_await filesystem_.open(data_path(number), client::Filesystem::Open::create);
  std::uint64_t end = file->size();
  std::vector<std::uint64_t> begun;
  Result<> result;
  for (std::uint64_t left = choices_.between(1, 8); left > 0 && result; --left) {
    const std::uint64_t size = any_size(std::min<std::uint64_t>(shared_.plan.bytes_max, 32 << 10));
    const std::uint64_t id = shared_.history.begin(number, end, size, world_.now(), life_);
    pending_.insert(id);
    begun.push_back(id);
    result = co_await file->append(content_of(id, end, size)).outcome();
    end += size;
  }
  const Instant closing = world_.now();
  Result<> closed = co_await file->close().outcome();
  // A failure of one is told by any later call: what each of them did is not known then.
  const bool good = result && closed;
  for (std::uint64_t id : begun) {
    pending_.erase(id);
    shared_.history.end(id, good ? Fate::ok : Fate::unknown, world_.now());
  }
  if (!good) co_return;
  note_size(number, end, closing);
  shared_.history.synced(begun, world_.now());
}

Task<> Client::reads() {
  const std::size_t number = choices_.below(shared_.plan.data_files);
  const std::uint64_t offset = any_offset(number);
  const std::uint64_t size = any_size(256 << 10);
  co_await read_back(number, offset, size);
}

// Opened anew, so all that was acknowledged before must be seen.
Task<> Client::read_back(std::size_t number, std::uint64_t offset, std::uint64_t size) {
  const Instant began = world_.now();
  std::shared_ptr<client::File> file = co_await filesystem_.open(data_path(number), client::Filesystem::Open::read);
  Bytes got = co_await file->read(offset, size);
  // A file being written by others may be longer than its size as this handle knows it.
  const std::uint64_t known = std::min(size, cells(got.size()));
  if (known > 0) check_read(shared_.history, number, offset, known, got, began);
}

// What was acknowledged before it was opened must be seen; of what came later, what is older than a replica may serve
// without hearing from the master.
Task<> Client::read_kept() {
  if (!kept_ || choices_.chance(0.1)) {
    const std::size_t number = choices_.below(shared_.plan.data_files);
    const Instant began = world_.now();
    kept_.reset();
    std::shared_ptr<client::File> open = co_await filesystem_.open(data_path(number), client::Filesystem::Open::read);
    kept_.emplace(number, began, std::move(open));
  }
  const std::uint64_t offset = any_offset(kept_->file);
  const std::uint64_t size = any_size(256 << 10);
  const Instant began = world_.now();
  Bytes got = co_await kept_->open->read(offset, size);
  const std::uint64_t known = std::min(size, cells(got.size()));
  const Instant fresh = std::max(kept_->opened, began - staleness(shared_.plan));
  if (known > 0) check_read(shared_.history, kept_->file, offset, known, got, fresh);
}

}  // namespace gfs::sim
