#include "base/units.h"
#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/health_codes.h"
#include "client_cli/cli/table.h"

namespace gfs::cli {

namespace {

using Status = bus::ClusterStatus::Reply;

Json as_json(const Status& s) {
  Json json{{"cluster", s.cluster.text()},
            {"health", s.health},
            {"codes", s.codes},
            {"master", {{"address", s.address}, {"term", s.term}, {"index", s.index}}},
            {"servers", {{"up", s.up}, {"suspect", s.suspect}, {"lost", s.lost}}},
            {"files", s.files},
            {"chunks",
             {{"total", s.chunks_total},
              {"full", s.chunks_full},
              {"under", s.chunks_under},
              {"lost", s.chunks_lost},
              {"corrupt", s.chunks_corrupt}}},
            {"used", s.used},
            {"capacity", s.capacity},
            {"trash", {{"items", s.trash_items}, {"files", s.trash_files}, {"bytes", s.trash_bytes}}}};
  if (s.follows.empty()) return json;
  json["role"] = "shadow";
  json["follows"] = s.follows;
  json["behind_ms"] = s.behind_ms;
  return json;
}

Result<int> run(Session& session, const Arguments&) {
  Output& out = session.out();
  auto ask = [](Filesystem& filesystem) { return filesystem.status(); };
  Result<Status> status = session.run<Status>(ask);
  if (!status) return fail(std::move(status));
  const Status& s = *status;
  if (out.json()) {
    out.object(as_json(s));
    return kOk;
  }
  Output::Color color = s.health == "OK"     ? Output::Color::good
                        : s.health == "WARN" ? Output::Color::warning
                                             : Output::Color::bad;
  std::string codes = s.codes.empty() ? "" : "  " + fmt::format("{}", fmt::join(s.codes, " "));
  std::string share = s.capacity == 0 ? "" : fmt::format(" ({}%)", s.used * 100 / s.capacity);
  const bool shadow = !s.follows.empty();
  std::string role = fmt::format("{}  epoch {}  term {}  index {}", out.name(s.address), s.epoch, s.term, s.index);
  if (shadow) role += fmt::format("  follows {}  behind {} ms", out.name(s.follows), s.behind_ms);
  std::string servers = fmt::format("{} up  {} suspect  {} lost", s.up, s.suspect, s.lost);
  for (const auto& [count, word] : {std::pair{s.maint, "maint"}, {s.drain, "drain"}, {s.slow, "slow"}}) {
    if (count > 0) servers += fmt::format("  {} {}", count, word);
  }
  if (!s.racks.empty()) servers += "     racks";
  for (const Status::Rack& rack : s.racks) servers += fmt::format(" {}:{}", out.name(rack.name), rack.up);
  std::string chunks = fmt::format("{}  full {}  under {}  lost {}  corrupt {}", s.chunks_total, s.chunks_full,
                                   s.chunks_under, s.chunks_lost, s.chunks_corrupt);
  if (s.by_sound.size() == 4 && s.chunks_full < s.chunks_total)
    chunks += fmt::format("     with 0, 1, 2, 3 replicas: {}", fmt::join(s.by_sound, "  "));
  if (s.quarantined > 0) chunks += fmt::format("     quarantined {}", s.quarantined);
  std::string capacity = fmt::format("{} used / {}{}", format_size(s.used), format_size(s.capacity), share);
  if (!s.fullest.empty()) capacity += fmt::format("   fullest {} {}%", out.name(s.fullest), s.fullest_percent);
  print_fields(out, {{"cluster", s.cluster.text()},
                     {"health", out.colored(color, s.health) + out.name(codes)},
                     {shadow ? "shadow" : "master", role},
                     {"servers", servers},
                     {"files", fmt::format("{}  directories {}", s.files, s.directories)},
                     {"chunks", chunks},
                     {"trash", fmt::format("{} files  {}", s.trash_files, format_size(s.trash_bytes))},
                     {"capacity", capacity}});
  for (const std::string& code : s.codes) {
    // What the numbers above do not say.
    const bool shown = code == "GFS_SERVERS_LOST" || code == "GFS_FEW_SERVERS" || code.starts_with("GFS_CHUNKS_");
    if (code == "GFS_MASTER_BEHIND") {
      out.line(meaning_of(code));
    } else if (!shown && !meaning_of(code).empty()) {
      out.note(meaning_of(code));
    }
  }
  return kOk;
}

}  // namespace

const Command kStatus{
    .name = "status",
    .group = "Cluster",
    .usage = "",
    .summary = "the cluster's health on one screen",
    .help = "Example: status",
    .options = {},
    .run = run,
};

}  // namespace gfs::cli
