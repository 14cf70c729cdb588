#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/file_json.h"
#include "client_cli/cli/paths.h"
#include "client_cli/cli/walk.h"

namespace gfs::cli {

namespace {

Result<int> run(Session& session, const Arguments& arguments) {
  Result<std::string> source = session.path(arguments[0]);
  if (!source) return fail(std::move(source));
  Result<std::string> target = session.path(arguments[1]);
  if (!target) return fail(std::move(target));
  Result<FileInfo> there = stat(session, *target);
  if (!there && there.error().code != Code::not_found) return fail(std::move(there));
  if (there && there->type == FileType::directory && *source != *target) *target = join(*target, base_name(*source));
  bool replace = arguments.has("force");
  auto rename = [source = *source, target = *target, replace](Filesystem& filesystem) {
    return filesystem.rename(source, target, replace);
  };
  Result<FileInfo> moved = session.run<FileInfo>(rename);
  if (!moved) return fail(std::move(moved));
  if (session.out().json()) session.out().object(file_json(*moved));
  return kOk;
}

}  // namespace

const Command kMv{
    .name = "mv",
    .group = "Files",
    .usage = "[-f] SOURCE TARGET",
    .summary = "gives a file or directory another name, atomically",
    .help = "Into TARGET if that is a directory.\nExample: mv /logs/today /logs/2026-11-24",
    .options = {{'f', "force", "", "replace a file that has the name"}},
    .arguments_min = 2,
    .arguments_max = 2,
    .run = run,
};

}  // namespace gfs::cli
