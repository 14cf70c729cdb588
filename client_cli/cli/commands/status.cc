#include <algorithm>

#include "base/units.h"
#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
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

constexpr std::string_view kBehind =
    "Chunkservers have seen more of the log than this master has: its directory is older than the truth (a restored\n"
    "copy?). They refuse it and delete nothing. Start the master from the right directory; if that is lost, this one\n"
    "with --adopt-new-epoch. The master's log names the servers and the number.";

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
  print_fields(out, {{"cluster", s.cluster.text()},
                     {"health", out.colored(color, s.health) + out.name(codes)},
                     {shadow ? "shadow" : "master", role},
                     {"servers", fmt::format("{} up  {} suspect  {} lost", s.up, s.suspect, s.lost)},
                     {"files", fmt::format("{}  directories {}", s.files, s.directories)},
                     {"chunks", fmt::format("{}  full {}  under {}  lost {}  corrupt {}", s.chunks_total, s.chunks_full,
                                            s.chunks_under, s.chunks_lost, s.chunks_corrupt)},
                     {"trash", fmt::format("{} files  {}", s.trash_files, format_size(s.trash_bytes))},
                     {"capacity", fmt::format("{} used / {}{}", format_size(s.used), format_size(s.capacity), share)}});
  for (const std::string& code : s.codes) {
    if (code == "GFS_MASTER_BEHIND") out.line(std::string(kBehind));
  }
  if (std::ranges::find(s.codes, "GFS_MASTER_DISK_FULL") != s.codes.end())
    out.note("the master's disk is full: removing works, nothing else does until there is room again");
  if (std::ranges::find(s.codes, "GFS_TRASH_FULL") != s.codes.end())
    out.note("the trash is full: what would go next goes before its time (trash ls, trash purge)");
  if (std::ranges::find(s.codes, "GFS_COLLECTION_REFUSED") != s.codes.end())
    out.note("servers refuse to put away so many replicas at once: gc status shows them, gc allow lets them");
  if (std::ranges::find(s.codes, "GFS_UNKNOWN_CHUNKS") != s.codes.end())
    out.note("servers hold chunks that this master never gave out: its log may be older than the truth (gc status)");
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
