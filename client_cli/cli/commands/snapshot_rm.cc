#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/request_option.h"
#include "client_cli/cli/snapshot_names.h"

namespace gfs::cli {

namespace {

using Removed = bus::RemoveSnapshot::Reply;

Result<int> run(Session& session, const Arguments& arguments) {
  std::vector<std::string> names;
  for (const std::string& text : arguments.rest()) {
    Result<std::string> name = snapshot_name(text);
    if (!name) return fail(std::move(name));
    names.push_back(*std::move(name));
  }
  for (const std::string& name : names) {
    auto remove = [name](Filesystem& filesystem) { return filesystem.remove_snapshot(name); };
    Result<Removed> removed = mutate<Removed>(session, arguments, names.size(), remove);
    if (!removed) return fail(std::move(removed));
    tell_mutation(session, arguments,
                  {{"name", name}, {"files", removed->files}, {"directories", removed->directories}});
  }
  return kOk;
}

}  // namespace

const Command kSnapshotRm{
    .name = "snapshot rm",
    .group = "Snapshots",
    .usage = "NAME...",
    .summary = "removes snapshots, for good",
    .help =
        "Not into the trash. Chunks that nobody else has go with them; files that share some keep them.\n"
        "Example: snapshot rm monday",
    .options = with_request_options(),
    .arguments_min = 1,
    .arguments_max = 1000,
    .run = run,
};

}  // namespace gfs::cli
