#include <nlohmann/json.hpp>

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

Json describe(const master::LogRecord& record) {
  Json json{
      {"index", record.header.index}, {"epoch", record.header.epoch}, {"term", record.header.term}, {"op", "mark"}};
  if (record.op.empty()) return json;
  Result<master::Op> op = master::decode_op(record.op);
  if (!op) {
    json["op"] = "unknown";
    json["why"] = op.error().message;
    return json;
  }
  json["op"] = master::name_of(op->body);
  json["time_ms"] = op->header.time;
  json["req"] = op->header.request.client.nil() ? Json(nullptr) : Json(op->header.request.text());
  const Bytes body = master::body_bytes(record.op);
  json["body"] = readable(Json::from_msgpack(body.data(), body.data() + body.size(), true, false));
  return json;
}

void print(Output& out, const master::LogRecord& record) {
  const Json json = describe(record);
  if (out.json()) {
    out.object(json);
    return;
  }
  std::string line = fmt::format("{}\t{}", record.header.index, json["op"].get<std::string>());
  if (json.contains("body")) {
    line += fmt::format("\t{}\t{}\t{}", json["time_ms"].get<std::int64_t>(),
                        json["req"].is_null() ? "-" : json["req"].get<std::string>(), json_text(json["body"]));
  }
  out.line(line);
}

Result<int> run(Session& session, const Arguments& arguments) {
  Output& out = session.out();
  Result<std::uint64_t> from = arguments.number("from", 1, 1, UINT64_MAX);
  if (!from) return fail(std::move(from));
  Result<std::uint64_t> count = arguments.number("count", UINT64_MAX, 1, UINT64_MAX);
  if (!count) return fail(std::move(count));
  auto visit = [&](const master::LogRecord& record) {
    if (record.header.index < *from) return true;
    if ((*count)-- == 0) return false;
    print(out, record);
    return true;
  };
  Result<master::DirectoryView> view = view_master_directory(arguments[0], visit);
  if (!view) return fail(std::move(view));
  for (const master::SegmentView& one : view->segments) {
    if (!one.damage.empty()) return fail(Code::corrupt, "{}", one.damage);
  }
  return kOk;
}

}  // namespace

const Command kLogDump{
    .name = "log dump",
    .group = "Cluster",
    .usage = "DIR",
    .summary = "prints the changes that a master's directory has on record, one to a line",
    .help =
        "Index, change, time in ms, request (- : the master's own) and what was asked, tab-separated. Of a damaged "
        "segment\n"
        "nothing is printed; what can be read behind it is, and it ends with 8.\n"
        "Example: log dump --from 1000 --count 10 /var/lib/gfs/master",
    .options = {{0, "from", "INDEX", "from this index on (1)"}, {0, "count", "N", "so many at most (all)"}},
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};

}  // namespace gfs::cli
