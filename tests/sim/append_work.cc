#include "tests/sim/append_work.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "tests/sim/checkers/append.h"

namespace gfs::sim {

namespace {

constexpr std::uint64_t kNumberMax = 60000;  // what a record's head can say
constexpr std::uint64_t kFirstSize = 16;

// A repeat that was answered so will not be answered otherwise any more.
bool is_final(Code code) {
  return code == Code::record_expired || code == Code::out_of_sequence || code == Code::invalid_argument;
}

}  // namespace

AppendWork::~AppendWork() {
  for (const RecordName& name : under_way_) {
    shared_.appends.end(name, Fate::unknown, 0, world_.now());
    if (keeps_id()) shared_.writers[client_][name.file].undecided.insert(name.number);
  }
}

Task<> AppendWork::append_some() {
  const std::size_t file = choices_.below(shared_.plan.append_files);
  Writer& writer = shared_.writers[client_][file];
  if (writer.next > kNumberMax) co_return;
  client::AppendOptions options;
  options.in_flight = shared_.plan.append_in_flight;
  options.batch = shared_.plan.append_batch;
  std::uint64_t stream = static_cast<std::uint64_t>(client_);
  if (keeps_id()) {
    options.client = writer.client;
    options.next_sequence = writer.undecided.empty() ? writer.next : *writer.undecided.begin();
    options.batch = 1;
    if (!writer.undecided.empty()) {
      options.asked_ms = writer.asked_ms;
      options.repeats_to = *writer.undecided.rbegin();
    }
  } else {
    stream = ++shared_.last_stream;
  }
  std::shared_ptr<client::Appender> appender = co_await filesystem_.open_appender(append_path(file), options);
  if (keeps_id() && writer.undecided.empty()) writer.asked_ms = co_await appender->now_ms();

  std::vector<RecordName> again;
  for (std::uint64_t number : writer.undecided) again.push_back({file, client_, number});
  co_await append_all(appender, again, stream);
  std::vector<RecordName> done = again;

  for (std::uint64_t rounds = choices_.between(1, 3); rounds > 0 && !shared_.stopping; --rounds) {
    std::vector<RecordName> names;
    for (std::uint64_t i = choices_.between(1, 12); i > 0; --i) {
      names.push_back({file, client_, writer.next++});
      shared_.appends.begin(names.back(), any_size(), stream, world_.now());
    }
    done.insert(done.end(), names.begin(), names.end());
    co_await append_all(appender, std::move(names), stream);
    if (choices_.chance(0.4)) {
      const Instant began = world_.now();
      co_await appender->sync();
      shared_.appends.synced(done, began);
    }
  }
  co_await appender->close();
}

Task<> AppendWork::append_all(std::shared_ptr<client::Appender> appender, std::vector<RecordName> names,
                              std::uint64_t stream) {
  std::vector<Task<>> side_by_side;
  for (const RecordName& name : names) side_by_side.push_back(append_one(appender, name, stream));
  std::vector<Result<>> results = co_await all_of(std::move(side_by_side));
  for (Result<>& result : results) co_await std::move(result);
}

Task<> AppendWork::append_one(std::shared_ptr<client::Appender> appender, RecordName name, std::uint64_t stream) {
  const std::uint64_t size = shared_.appends.ops.at(name).size;
  shared_.appends.begin(name, size, stream, world_.now());
  under_way_.insert(name);
  Bytes record = record_of(name, size);
  Task<client::Appended> task =
      keeps_id() ? appender->append_as(name.number, std::move(record)) : appender->append(std::move(record));
  Result<client::Appended> result = co_await std::move(task).outcome();
  ended(name, result);
  if (!result && !is_final(result.error().code)) co_await fail(std::move(result));
}

void AppendWork::ended(const RecordName& name, const Result<client::Appended>& result) {
  under_way_.erase(name);
  log::info("append_ended", {{"at", to_seconds(world_.now().time_since_epoch())},
                             {"record", name.text()},
                             {"offset", result ? result->offset : 0},
                             {"answer", result ? "ok" : result.error().text()}});
  Fate fate = Fate::ok;
  if (!result) fate = result.error().outcome() == Outcome::may_have_happened ? Fate::unknown : Fate::failed;
  if (result && result->repeat) ++shared_.appends.repeats;
  if (result && keeps_id() && result->request.sequence != name.number) {
    shared_.history.found("append",
                          fmt::format("{} was done under the number {}", name.text(), result->request.sequence));
  }
  shared_.appends.end(name, fate, result ? result->offset : 0, world_.now());
  if (!keeps_id()) return;
  std::set<std::uint64_t>& undecided = shared_.writers[client_][name.file].undecided;
  if (shared_.appends.ops.at(name).fate != Fate::unknown || result || is_final(result.error().code)) {
    undecided.erase(name.number);
  } else {
    undecided.insert(name.number);
  }
}

std::uint64_t AppendWork::any_size() {
  if (choices_.chance(shared_.plan.record_large)) return choices_.between(1 << 20, 3 << 20);
  const std::uint64_t kind = choices_.below(10);
  if (kind == 0) return kRecordMin;
  return choices_.between(kRecordMin,
                          kind < 7 ? std::min<std::uint64_t>(1024, shared_.plan.record_max) : shared_.plan.record_max);
}

// From a record that is known to be there, as far as the file goes for somebody who opens it now.
Task<> AppendWork::look() {
  const std::size_t file = choices_.below(shared_.plan.append_files);
  std::vector<std::uint64_t> known{shared_.appends.starts[file]};
  for (auto op = shared_.appends.ops.lower_bound({file, 0, 0});
       op != shared_.appends.ops.end() && op->first.file == file; ++op) {
    if (op->second.fate == Fate::ok) known.push_back(op->second.offset);
  }
  const Instant began = world_.now();
  const std::uint64_t from = choices_.pick(known);
  std::shared_ptr<client::File> open = co_await filesystem_.open(append_path(file), client::Filesystem::Open::read);
  Bytes bytes = co_await open->read(from, 256 << 10);
  if (shared_.appends.last_loss >= began) co_return;  // what was known to be there may not be
  check_seen(shared_.history, shared_.appends, file, parse_records(bytes.view(), from, shared_.plan.chunk_size));
}

Task<> prepare_files(SimExecutor& world, Shared& shared, client::Filesystem& filesystem) {
  co_await filesystem.make_directory("/data", true);
  for (std::size_t file : shared.history.lone) {
    (void)co_await filesystem.create(data_path(file));
    (void)co_await filesystem.set_ack(data_path(file), bus::AckMode::primary);
  }
  co_await filesystem.make_directory("/append", true);
  for (std::size_t file = 0; file < shared.appends.starts.size(); ++file) {
    const RecordName name{file, kPreparer, 0};
    const std::uint64_t offset = shared.plan.chunk_size - shared.plan.append_room - kFirstSize;
    shared.appends.starts[file] = offset;
    shared.appends.begin(name, kFirstSize, kPreparer, world.now());
    std::shared_ptr<client::File> open = co_await filesystem.open(append_path(file), client::Filesystem::Open::create);
    Bytes record = record_of(name, kFirstSize);
    co_await open->write(offset, std::move(record));
    co_await open->close();
    shared.appends.end(name, Fate::ok, offset, world.now());
    shared.appends.synced({name}, world.now());
  }
}

}  // namespace gfs::sim
