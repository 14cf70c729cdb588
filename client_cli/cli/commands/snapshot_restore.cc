#include "client_cli/cli/commands.h"
#include "client_cli/cli/request_option.h"
#include "client_cli/cli/snapshot_names.h"

namespace gfs::cli {

namespace {

Result<int> run(Session& session, const Arguments& arguments) {
  // NAME, or something in it.
  std::string_view text = arguments[0];
  if (text.starts_with(snapshot_path(""))) text.remove_prefix(snapshot_path("").size());
  const std::size_t slash = text.find('/');
  Result<std::string> name = snapshot_name(text.substr(0, slash));
  if (!name) return fail(std::move(name));
  std::string_view inside = slash == std::string_view::npos ? "" : text.substr(slash);
  Result<std::string> source = session.path(snapshot_path(*name) + std::string(inside));
  if (!source) return fail(std::move(source));
  Result<std::string> target = session.path(arguments[1]);
  if (!target) return fail(std::move(target));
  return make_snapshot(session, arguments, *source, *target);
}

}  // namespace

const Command kSnapshotRestore{
    .name = "snapshot restore",
    .group = "Snapshots",
    .usage = "NAME[/PATH] TARGET",
    .summary = "makes a copy that can be written to of a snapshot, or of something in it",
    .help =
        "TARGET is a free path: what is there is not touched. The snapshot stays. In a pipe as snapshot create.\n"
        "Example: snapshot restore monday /logs-of-monday",
    .options = with_request_options(),
    .arguments_min = 2,
    .arguments_max = 2,
    .run = run,
};

}  // namespace gfs::cli
