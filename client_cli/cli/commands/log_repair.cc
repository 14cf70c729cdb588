#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/master_directory.h"

namespace gfs::cli {

namespace {

Json to_json(const master::LogCut& cut, bool done) {
  return {{"cut_at", cut.at},
          {"done", done},
          {"epoch", cut.identity.epoch},
          {"shortened", cut.shortened.empty() ? Json(nullptr) : Json(cut.shortened)},
          {"segments", cut.segments},
          {"checkpoints", cut.checkpoints},
          {"moved_to", cut.aside},
          {"files", cut.files},
          {"directories", cut.directories},
          {"chunks", cut.chunks}};
}

void print(Output& out, const master::LogCut& cut, bool done) {
  out.line(fmt::format("{} index {}: {} files, {} directories and {} chunks are left.",
                       done ? "The log was cut behind" : "The log would be cut behind", cut.at, cut.files,
                       cut.directories, cut.chunks));
  for (const std::string& path : cut.checkpoints) out.line(fmt::format("  {}: to {}", path, cut.aside));
  for (const std::string& path : cut.segments) out.line(fmt::format("  {}: to {}", path, cut.aside));
  if (!cut.shortened.empty())
    out.line(fmt::format("  {}: cut to {} bytes, a copy of it to {}", cut.shortened, cut.shortened_to, cut.aside));
  out.line(fmt::format("The next start of the master begins log epoch {}.", cut.identity.epoch));
  if (!done) {
    out.line(fmt::format("Nothing was changed. To do it: --yes-discard{}",
                         cut.checkpoints.empty() ? "" : " --checkpoints-too"));
  }
}

std::string advice(const Error& error, const std::string& directory) {
  switch (error.code) {
    case Code::corrupt:
      return fmt::format("log stat {} shows what is sound; an index in front of the damage", directory);
    case Code::refused:
      return "without --yes-discard it tells what would go, and changes nothing";
    case Code::in_use:
      return "stop the master that uses it";
    case Code::not_found:
    case Code::not_formatted:
      return "the directory that gfs-master is given with --data";
    case Code::wrong_version:
      return "the gfs-cli of the version that wrote it";
    default:
      return {};
  }
}

Result<int> run(Session& session, const Arguments& arguments) {
  Output& out = session.out();
  if (!arguments.has("cut-at"))
    return fail(Code::invalid_argument, "--cut-at: no index was given; log stat shows what the directory holds");
  Result<std::uint64_t> at = arguments.number("cut-at", 0, 1, UINT64_MAX - 1);
  if (!at) return fail(std::move(at));
  const bool sure = arguments.has("yes-discard");
  Result<master::LogCut> cut = cut_master_log(arguments[0], *at, arguments.has("checkpoints-too"), sure);
  if (!cut) return session.tell("log repair", cut.error(), advice(cut.error(), arguments[0]));
  if (out.json()) {
    out.object(to_json(*cut, sure));
  } else {
    print(out, *cut, sure);
  }
  return kOk;
}

}  // namespace

const Command kLogRepair{
    .name = "log repair",
    .group = "Cluster",
    .usage = "DIR",
    .summary = "cuts the log of a stopped master, where rot in the middle keeps it from starting",
    .help =
        "The last resort: first look for a copy of the directory. Every change behind the index is given up: it is "
        "moved\n"
        "to DIR/lost, and the master goes on in a new log epoch, which chunkservers follow. Without --yes-discard "
        "nothing\n"
        "is changed: what would be done is told. What a crash cuts off is finished by doing it again.\n"
        "Example: log repair /var/lib/gfs/master --cut-at 41200",
    .options = {{0, "cut-at", "INDEX", "the last change that stays (a refused start names it)"},
                {0, "checkpoints-too", "", "checkpoints that hold more than that go as well"},
                {0, "yes-discard", "", "do it"}},
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};

}  // namespace gfs::cli
