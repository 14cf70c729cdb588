#include "base/units.h"
#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/snapshot_names.h"
#include "client_cli/cli/table.h"

namespace gfs::cli {

namespace {

Json as_json(const Snapshot& snapshot) {
  return {{"name", snapshot.name},     {"path", snapshot_path(snapshot.name)},
          {"source", snapshot.source}, {"type", snapshot.type == FileType::directory ? "dir" : "file"},
          {"files", snapshot.files},   {"directories", snapshot.directories},
          {"bytes", snapshot.bytes},   {"time_ms", snapshot.time_ms}};
}

Result<int> run(Session& session, const Arguments&) {
  Output& out = session.out();
  const bool terminal = out.to_terminal();
  Table table({"NAME", "TAKEN", ">FILES", ">DIRECTORIES", ">SIZE", "SOURCE"});
  bool any = false;
  Result<> walked = walk_snapshots(session, "", [&](const Snapshot& snapshot) {
    if (out.json()) {
      out.object(as_json(snapshot));
      return true;
    }
    any = true;
    const std::string slash = terminal && snapshot.type == FileType::directory && snapshot.source != "/" ? "/" : "";
    table.add({out.name(snapshot.name), terminal ? format_wall(snapshot.time_ms) : std::to_string(snapshot.time_ms),
               std::to_string(snapshot.files), std::to_string(snapshot.directories),
               terminal ? format_size(snapshot.bytes) : std::to_string(snapshot.bytes),
               out.name(snapshot.source) + slash});
    return true;
  });
  if (!walked) return fail(std::move(walked));
  if (any) table.print(out);
  return kOk;
}

}  // namespace

const Command kSnapshotLs{
    .name = "snapshot ls",
    .group = "Snapshots",
    .usage = "",
    .summary = "lists the snapshots, by name",
    .help =
        "What is in one: ls /.snapshots/NAME. In a pipe: name, when it was taken (in milliseconds), files, "
        "directories,\n"
        "bytes, source; tab-separated.\n"
        "Example: snapshot ls",
    .options = {},
    .run = run,
};

}  // namespace gfs::cli
