#include "client_cli/cli/commands.h"
#include "client_cli/cli/request_option.h"
#include "client_cli/cli/snapshot_names.h"

namespace gfs::cli {

namespace {

Result<int> run(Session& session, const Arguments& arguments) {
  Result<std::string> source = session.path(arguments[0]);
  if (!source) return fail(std::move(source));
  const std::string& text = arguments[1];
  const bool named = !text.starts_with('/') || text.starts_with(snapshot_path(""));
  Result<std::string> target = named ? snapshot_name(text) : session.path(text);
  if (!target) return fail(std::move(target));
  return make_snapshot(session, arguments, *source, *target);
}

}  // namespace

const Command kSnapshotCreate{
    .name = "snapshot create",
    .group = "Snapshots",
    .usage = "SOURCE NAME|PATH",
    .summary = "keeps a file or tree as it is now, without copying it",
    .help =
        "NAME: a read-only one, to be read in /.snapshots/NAME. PATH (with a slash in front, in the shell too): a "
        "copy\n"
        "that can be written to. Who writes there meanwhile is halted for a moment. A chunk is copied when somebody\n"
        "writes to it first. In a pipe: path, files, directories, chunks; tab-separated.\n"
        "Example: snapshot create /logs monday",
    .options = with_request_options(),
    .arguments_min = 2,
    .arguments_max = 2,
    .run = run,
};

}  // namespace gfs::cli
