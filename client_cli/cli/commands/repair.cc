// repair status|ls|pause|resume|limit.
#include "base/units.h"
#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/request_option.h"
#include "client_cli/cli/table.h"

namespace gfs::cli {

namespace {

using Repairs = bus::ListRepairs::Reply;

std::string rate_text(std::uint64_t rate) { return rate == 0 ? "no limit" : format_size(rate) + "/s"; }

Result<int> status(Session& session, const Arguments&) {
  Result<Repairs> repairs = session.run<Repairs>([](Filesystem& filesystem) { return filesystem.repairs(0); });
  if (!repairs) return fail(std::move(repairs));
  Output& out = session.out();
  const Repairs& r = *repairs;
  if (out.json()) {
    out.object({{"paused", r.paused},
                {"held_back", r.held_back},
                {"in_need", r.known},
                {"by_sound", r.by_sound},
                {"running", r.running},
                {"copied_chunks", r.copied_chunks},
                {"copied_bytes", r.copied_bytes},
                {"failed", r.failed},
                {"per_server", r.per_server},
                {"per_cluster", r.per_cluster}});
    return kOk;
  }
  print_fields(
      out, {{"in need", fmt::format("{}  with 0, 1, 2, 3 sound replicas: {}", r.known, fmt::join(r.by_sound, "  "))},
            {"running", std::to_string(r.running)},
            {"copied", fmt::format("{} chunks  {}  failed {}", r.copied_chunks, format_size(r.copied_bytes), r.failed)},
            {"limits", fmt::format("per server {}  cluster {}", rate_text(r.per_server), rate_text(r.per_cluster))},
            {"waits", r.held_back.empty() ? "no" : out.name(r.held_back)}});
  return kOk;
}

Result<int> list(Session& session, const Arguments& arguments) {
  Result<std::uint64_t> limit = arguments.number("limit", 100, 0, 1000);
  if (!limit) return fail(std::move(limit));
  auto ask = [most = static_cast<std::uint32_t>(*limit)](Filesystem& filesystem) { return filesystem.repairs(most); };
  Result<Repairs> repairs = session.run<Repairs>(ask);
  if (!repairs) return fail(std::move(repairs));
  Output& out = session.out();
  Table table({"CHUNK", "NEED", ">SOUND", ">GOAL", "STATE", "SOURCE", "TARGET", ">SINCE", "WHY"});
  for (const bus::ListRepairs::Repair& one : repairs->repairs) {
    if (out.json()) {
      out.object({{"chunk", fmt::format("{}", one.handle)},
                  {"need", one.need},
                  {"sound", one.sound},
                  {"goal", one.goal},
                  {"state", one.state},
                  {"source", one.source.nil() ? "" : one.source.text()},
                  {"target", one.target.nil() ? "" : one.target.text()},
                  {"since_ms", one.since_ms},
                  {"tries", one.tries},
                  {"why", one.why}});
      continue;
    }
    auto server = [](ServerId id) { return id.nil() ? std::string("-") : id.text(); };
    std::string since =
        out.to_terminal() ? format_duration(std::chrono::milliseconds(one.since_ms)) : std::to_string(one.since_ms);
    table.add({fmt::format("{}", one.handle), one.need, std::to_string(one.sound), std::to_string(one.goal), one.state,
               server(one.source), server(one.target), since, one.why.empty() ? "-" : out.name(one.why)});
  }
  if (out.json()) return kOk;
  table.print(out);
  if (repairs->known > repairs->repairs.size())
    out.note(fmt::format("{} of {} chunks in need", repairs->repairs.size(), repairs->known));
  if (!repairs->held_back.empty()) out.note("copies wait: " + repairs->held_back);
  return kOk;
}

Result<int> set(Session& session, const Arguments& arguments, bus::SetRepair ask, Json json) {
  auto work = [ask](Filesystem& filesystem) { return filesystem.set_repair(ask); };
  Result<> done = mutate<void>(session, arguments, 1, work);
  if (!done) return fail(std::move(done));
  tell_mutation(session, arguments, std::move(json));
  return kOk;
}

Result<int> pause(Session& session, const Arguments& arguments) {
  return set(session, arguments, {.paused = 1}, {{"paused", true}});
}

Result<int> resume(Session& session, const Arguments& arguments) {
  return set(session, arguments, {.paused = 0}, {{"paused", false}});
}

Result<std::int64_t> rate_of(const Arguments& arguments, std::string_view option) {
  if (!arguments.has(option)) return bus::SetRepair::kKeep;
  const std::string text = arguments.value(option);
  if (text == "default") return bus::SetRepair::kDefault;
  if (text == "none") return 0;
  Result<std::uint64_t> size = parse_size(text);
  if (!size || *size == 0 || *size > 1ull << 40)
    return fail(Code::invalid_argument, "--{}: bytes a second, as 32MiB; none or default", option);
  return static_cast<std::int64_t>(*size);
}

Result<int> limit(Session& session, const Arguments& arguments) {
  Result<std::int64_t> server = rate_of(arguments, "server"), cluster = rate_of(arguments, "cluster");
  if (!server) return fail(std::move(server));
  if (!cluster) return fail(std::move(cluster));
  if (*server == bus::SetRepair::kKeep && *cluster == bus::SetRepair::kKeep)
    return fail(Code::invalid_argument, "no limit is given; repair ls shows those that hold");
  return set(session, arguments, {.per_server = *server, .per_cluster = *cluster},
             {{"per_server", *server}, {"per_cluster", *cluster}});
}

}  // namespace

const Command kRepairStatus{
    .name = "repair status",
    .group = "Cluster",
    .usage = "",
    .summary = "how much is in need, what was copied, and what holds copies back",
    .help = "Counts since the master started.\nExample: repair status",
    .options = {},
    .run = status,
};

const Command kRepairLs{
    .name = "repair ls",
    .group = "Cluster",
    .usage = "[--limit N]",
    .summary = "chunks that need repair: what runs, what waits and for what",
    .help =
        "What runs first, then the most endangered. SOUND: replicas that count; settle: a configuration is to be put "
        "in\n"
        "order, copy: one more replica is to be made.\n"
        "Example: repair ls",
    .options = {{0, "limit", "N", "so many chunks (default 100, at most 1000)"}},
    .run = list,
};

const Command kRepairPause{
    .name = "repair pause",
    .group = "Cluster",
    .usage = "",
    .summary = "no copies are begun until repair resume, also over a restart of the master",
    .help =
        "Members that are lost still leave their chunks, so that writers go on, and what writers wait for is copied.\n"
        "Example: repair pause",
    .options = with_request_options(),
    .run = pause,
};

const Command kRepairResume{
    .name = "repair resume",
    .group = "Cluster",
    .usage = "",
    .summary = "copies are made again",
    .help = "Example: repair resume",
    .options = with_request_options(),
    .run = resume,
};

const Command kRepairLimit{
    .name = "repair limit",
    .group = "Cluster",
    .usage = "[--server RATE] [--cluster RATE]",
    .summary = "how fast copies are made, until it is said otherwise",
    .help =
        "RATE: bytes a second, none, or default (the master's repair_rate_server, repair_rate_cluster). --server: into "
        "each\n"
        "server, and as much out of it. A copy that runs keeps its speed.\n"
        "Example: repair limit --server 8MiB --cluster 64MiB",
    .options = with_request_options(
        {{0, "server", "RATE", "into a server, and out of it"}, {0, "cluster", "RATE", "altogether"}}),
    .run = limit,
};

}  // namespace gfs::cli
