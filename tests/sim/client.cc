#include "tests/sim/client.h"

#include <fmt/format.h>

#include <algorithm>

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
  return settings;
}

Client::Client(SimExecutor& world, bus::SimNetwork& network, Shared& shared, const std::string& host,
               std::uint64_t seed)
    : world_(world),
      shared_(shared),
      node_(world),
      choices_(seed),
      random_(seed ^ 0xabcdef1234567),
      bus_(network, node_, host),
      filesystem_(node_, random_, bus_, client_settings(shared.plan)) {
  tasks_.spawn(run(), [this](Result<>) { finished_ = true; });
}

Client::~Client() {
  tasks_.cancel();
  for (std::uint64_t id : pending_) shared_.history.end(id, Fate::unknown, world_.now());
  if (naming_) {
    shared_.names.unknown(naming_->first, naming_->second);
    shared_.group_free[naming_->first] = world_.now() + kRest;
  }
  if (appending_) shared_.file_free[*appending_] = world_.now();
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
    const Instant began = node_.now();
    Result<> done = co_await one().outcome();
    judge(doing_, began, done);
  }
  doing_ = "finished";
}

Task<> Client::prepare() {
  doing_ = "preparing";
  co_await filesystem_.make_directory("/data", true);
  for (std::size_t group = 0; group < shared_.group_free.size(); ++group) {
    co_await filesystem_.make_directory("/g" + std::to_string(group), true);
  }
}

Task<> Client::one() {
  const Plan& plan = shared_.plan;
  std::uint64_t at = choices_.below(plan.names + plan.writes + plan.appends + plan.reads);
  if (at < plan.names) {
    doing_ = "names";
    co_await names();
  } else if (at < plan.names + plan.writes) {
    doing_ = "writes";
    co_await writes();
  } else if (at < plan.names + plan.writes + plan.appends) {
    doing_ = "appends";
    co_await appends();
  } else {
    doing_ = "reads";
    co_await reads();
  }
}

// Whatever is broken, nobody may be told this of a healthy disk and an honest peer; and every call ends.
void Client::judge(const std::string& what, Instant began, const Result<>& result) {
  static const std::set<Code> kImpossible = {
      Code::internal,    Code::corrupt,  Code::malformed, Code::unknown_kind, Code::wrong_version, Code::wrong_cluster,
      Code::not_allowed, Code::io_error, Code::no_space,  Code::read_only,    Code::not_formatted};
  if (!result && kImpossible.contains(result.error().code)) {
    shared_.history.found("errors", what + " was answered " + result.error().text());
  }
  // The longest have 14 calls: open, three rounds of write, open, read and sync, close. Each has its own deadline.
  if (node_.now() - began > 14 * (client_settings(shared_.plan).deadline + 1s)) {
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
  std::vector<std::size_t> idle;
  for (std::size_t i = 0; i < shared_.group_free.size(); ++i) {
    if (shared_.group_free[i] <= world_.now()) idle.push_back(i);
  }
  if (idle.empty()) co_return;
  const std::size_t group = choices_.pick(idle);
  shared_.group_free[group] = Instant::max();
  for (std::uint64_t left = choices_.between(1, 5); left > 0 && !shared_.stopping; --left) {
    const NameOp op = any_name_op();
    naming_.emplace(group, op);
    doing_ = "/g" + std::to_string(group) + ": " + op.text();
    Result<NameSeen> answer = co_await ask("/g" + std::to_string(group), op).outcome();
    naming_.reset();
    log::info("asked", {{"at", to_seconds(world_.now().time_since_epoch())},
                        {"host", bus_.host()},
                        {"request", doing_},
                        {"answer", answer ? "ok" : answer.error().text()}});
    shared_.names.answered(group, op, answer);
    if (!answer && answer.error().outcome() == Outcome::may_have_happened) {
      shared_.group_free[group] = world_.now() + kRest;
      co_return;
    }
  }
  shared_.group_free[group] = world_.now();
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
  if (kind == 0) return kChunk - cells(choices_.below(64 << 10) + kCell);  // near a chunk's border
  if (kind < 12 && !before.empty()) return shared_.history.writes[choices_.pick(before) - 1].offset;
  return cells(choices_.below(1 << 20));
}

void Client::end_write(std::uint64_t id, const Result<>& result) {
  pending_.erase(id);
  Fate fate = Fate::ok;
  if (!result) fate = result.error().outcome() == Outcome::may_have_happened ? Fate::unknown : Fate::failed;
  shared_.history.end(id, fate, world_.now());
}

void Client::note_size(std::size_t file, std::uint64_t size) {
  shared_.history.synced_size[file] = std::max(shared_.history.synced_size[file], size);
}

Task<> Client::one_write(std::shared_ptr<client::File> file, std::size_t number) {
  const std::uint64_t offset = any_offset(number);
  const std::uint64_t size = any_size(shared_.plan.bytes_max);
  const std::uint64_t id = shared_.history.begin(number, offset, size, world_.now());
  pending_.insert(id);
  Result<> written = co_await file->write(offset, content_of(id, offset, size)).outcome();
  end_write(id, written);
  co_await std::move(written);
}

Task<> Client::writes() {
  const std::size_t number = choices_.below(shared_.plan.data_files);
  std::shared_ptr<client::File> file = co_await filesystem_.open(data_path(number), client::Filesystem::Open::create);
  for (std::uint64_t rounds = choices_.between(1, 3); rounds > 0; --rounds) {
    std::vector<Task<>> side_by_side;
    for (std::uint64_t i = choices_.between(1, 4); i > 0; --i) side_by_side.push_back(one_write(file, number));
    std::vector<Result<>> results = co_await all_of(std::move(side_by_side));
    for (Result<>& result : results) co_await std::move(result);
    if (choices_.chance(0.3)) {
      const WriteOp last = shared_.history.writes[shared_.history.by_file[number].back() - 1];
      co_await read_back(number, last.offset, last.size);
    }
    if (choices_.chance(0.4)) {
      const std::uint64_t size = file->size();
      co_await file->sync();
      note_size(number, size);
    }
  }
  const std::uint64_t size = file->size();
  co_await file->close();
  note_size(number, size);
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
    const std::uint64_t id = shared_.history.begin(number, end, size, world_.now());
    pending_.insert(id);
    begun.push_back(id);
    result = co_await file->append(content_of(id, end, size)).outcome();
    end += size;
  }
  Result<> closed = co_await file->close().outcome();
  // A failure of one is told by any later call: what each of them did is not known then.
  const bool good = result && closed;
  for (std::uint64_t id : begun) {
    pending_.erase(id);
    shared_.history.end(id, good ? Fate::ok : Fate::unknown, world_.now());
  }
  if (good) note_size(number, end);
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

}  // namespace gfs::sim
