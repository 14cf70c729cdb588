#include <nlohmann/json.hpp>
#include <optional>

#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/master_directory.h"
#include "master/op.h"

namespace gfs::cli {

namespace {

// msgpack says of ids only that they are bytes.
Json readable(const Json& value) {
  if (value.is_binary()) {
    std::string text;
    for (std::uint8_t byte : value.get_binary()) text += fmt::format("{:02x}", byte);
    return text;
  }
  if (!value.is_structured()) return value;
  Json out = value;
  for (auto& [name, inner] : out.items()) inner = readable(Json(inner));
  return out;
}

struct Entry {
  std::uint64_t index = 0, epoch = 0, term = 0;
  Bytes op;
};

Json describe(const Entry& entry) {
  Json json{{"index", entry.index}, {"epoch", entry.epoch}, {"term", entry.term}, {"op", "mark"}};
  if (entry.op.empty()) return json;
  Result<master::Op> op = master::decode_op(entry.op);
  if (!op) {
    json["op"] = "unknown";
    json["why"] = op.error().message;
    return json;
  }
  json["op"] = master::name_of(op->body);
  json["time_ms"] = op->header.time;
  json["req"] = op->header.request.client.nil() ? Json(nullptr) : Json(op->header.request.text());
  const Bytes body = master::body_bytes(entry.op);
  json["body"] = readable(Json::from_msgpack(body.data(), body.data() + body.size(), true, false));
  return json;
}

void print(Output& out, const Entry& entry) {
  const Json json = describe(entry);
  if (out.json()) {
    out.object(json);
    return;
  }
  std::string line = fmt::format("{}\t{}", entry.index, json["op"].get<std::string>());
  if (json.contains("body")) {
    line += fmt::format("\t{}\t{}\t{}", json["time_ms"].get<std::int64_t>(),
                        json["req"].is_null() ? "-" : json["req"].get<std::string>(), json_text(json["body"]));
  }
  out.line(line);
}

// Up to the last entry that the master had when it was asked first.
Result<int> of_running_master(Session& session, std::uint64_t from, std::uint64_t count) {
  std::optional<std::uint64_t> end;
  for (std::uint64_t next = from; count > 0 && (!end || next <= *end);) {
    auto ask = [next](Filesystem& filesystem) { return filesystem.read_log(next - 1); };
    Result<bus::ReadLog::Reply> piece = session.run<bus::ReadLog::Reply>(ask);
    if (!piece) return fail(std::move(piece));
    if (piece->sizes.empty()) break;
    if (end && piece->first != next) {
      return fail(Code::unavailable, "the log begins at index {} by now: a checkpoint was written while it was read",
                  piece->oldest);
    }
    if (!end) end = piece->last;
    next = piece->first;
    std::size_t at = 0;
    for (std::uint32_t size : piece->sizes) {
      if (count == 0 || next > *end) break;
      print(session.out(), {next, piece->epoch, piece->term, piece->payload.slice(at, size)});
      at += size;
      ++next;
      --count;
    }
  }
  return kOk;
}

Result<int> of_directory(Output& out, const std::string& directory, std::uint64_t from, std::uint64_t count) {
  auto visit = [&](const master::LogRecord& record) {
    if (record.header.index < from) return true;
    if (count-- == 0) return false;
    print(out, {record.header.index, record.header.epoch, record.header.term, record.op});
    return true;
  };
  Result<master::DirectoryView> view = view_master_directory(directory, visit);
  if (!view) return fail(std::move(view));
  for (const master::SegmentView& one : view->segments) {
    if (!one.damage.empty()) return fail(Code::corrupt, "{}", one.damage);
  }
  return kOk;
}

Result<int> run(Session& session, const Arguments& arguments) {
  Result<std::uint64_t> from = arguments.number("from", 1, 1, UINT64_MAX);
  if (!from) return fail(std::move(from));
  Result<std::uint64_t> count = arguments.number("count", UINT64_MAX, 1, UINT64_MAX);
  if (!count) return fail(std::move(count));
  if (arguments.count() == 0) return of_running_master(session, *from, *count);
  return of_directory(session.out(), arguments[0], *from, *count);
}

}  // namespace

const Command kLogDump{
    .name = "log dump",
    .group = "Cluster",
    .usage = "[DIR]",
    .summary = "prints the changes that a master has on record, one to a line",
    .help =
        "Those that the running master's log still holds; with a directory, those in there, and no master is needed.\n"
        "Index, change, time in ms, request (- : the master's own) and what was asked, tab-separated. Of a damaged "
        "segment\n"
        "nothing is printed; what can be read behind it is, and it ends with 8.\n"
        "Example: log dump --from 1000 --count 10 /var/lib/gfs/master",
    .options = {{0, "from", "INDEX", "from this index on (1)"}, {0, "count", "N", "so many at most (all)"}},
    .arguments_min = 0,
    .arguments_max = 1,
    .run = run,
};

}  // namespace gfs::cli
