#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/file_json.h"
#include "client_cli/cli/paths.h"
#include "client_cli/cli/request_option.h"
#include "client_cli/cli/walk.h"

namespace gfs::cli {

namespace {

Result<FileInfo> rename(Session& session, const Arguments& arguments, std::string source, std::string target) {
  bool replace = arguments.has("force");
  auto work = [source, target, replace](Filesystem& filesystem) { return filesystem.rename(source, target, replace); };
  return mutate<FileInfo>(session, arguments, 1, work);
}

Result<int> run(Session& session, const Arguments& arguments) {
  Result<std::string> source = session.path(arguments[0]);
  if (!source) return fail(std::move(source));
  Result<std::string> target = session.path(arguments[1]);
  if (!target) return fail(std::move(target));
  Result<FileInfo> there = stat_for_change(session, *target);
  if (!there && there.error().code != Code::not_found) return fail(std::move(there));
  bool into = there && there->type == FileType::directory && *source != *target;
  Result<FileInfo> moved = rename(session, arguments, *source, into ? join(*target, base_name(*source)) : *target);
  // A repeat may find the directory it has made of the source itself: then it was not moved into it.
  bool again = into && !moved && moved.error().code == Code::conflict && arguments.has("req");
  if (again) moved = rename(session, arguments, *source, *target);
  if (!moved) return fail(std::move(moved));
  tell_mutation(session, arguments, file_json(*moved));
  return kOk;
}

}  // namespace

const Command kMv{
    .name = "mv",
    .group = "Files",
    .usage = "[-f] SOURCE TARGET",
    .summary = "gives a file or directory another name, atomically",
    .help = "Into TARGET if that is a directory.\nExample: mv /logs/today /logs/2026-11-24",
    .options = with_request_options({{'f', "force", "", "replace a file that has the name"}}),
    .arguments_min = 2,
    .arguments_max = 2,
    .run = run,
};

}  // namespace gfs::cli
