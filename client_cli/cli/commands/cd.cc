#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/walk.h"

namespace gfs::cli {

namespace {

Result<int> run(Session& session, const Arguments& arguments) {
  Result<std::string> path = session.path(arguments.count() > 0 ? arguments[0] : "/");
  if (!path) return fail(std::move(path));
  Result<FileInfo> info = stat(session, *path);
  if (!info) return fail(std::move(info));
  if (info->type != FileType::directory) return fail(Code::not_a_directory, "{} is a file", *path);
  session.set_directory(*path);
  return kOk;
}

}  // namespace

const Command kCd{
    .name = "cd",
    .group = "Shell",
    .usage = "[PATH]",
    .summary = "goes to a directory (to / without one)",
    .help = "Paths without a slash in front are below it.\nExample: cd ../logs",
    .options = {},
    .arguments_max = 1,
    .run = run,
    .shell_only = true,
};

}  // namespace gfs::cli
