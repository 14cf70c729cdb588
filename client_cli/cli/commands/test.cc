#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/walk.h"

namespace gfs::cli {

namespace {

Result<int> run(Session& session, const Arguments& arguments) {
  Result<std::string> path = session.path(arguments[0]);
  if (!path) return fail(std::move(path));
  Result<FileInfo> info = stat(session, *path);
  bool missing = !info && (info.error().code == Code::not_found || info.error().code == Code::not_a_directory);
  if (missing) return kFailed;
  if (!info) return fail(std::move(info));
  bool directory = info->type == FileType::directory;
  if (arguments.has("directory") && !directory) return kFailed;
  if (arguments.has("file") && directory) return kFailed;
  if (arguments.has("zero") && (directory || info->size > 0)) return kFailed;
  return kOk;
}

}  // namespace

const Command kTest{
    .name = "test",
    .group = "Files",
    .usage = "[-e|-d|-f|-z] PATH",
    .summary = "answers with its exit code: 0 yes, 1 no",
    .help = "Prints nothing. Several options: all must hold.\nExample: test -d /logs",
    .options = {{'e', "exists", "", "there is such a name (also without an option)"},
                {'d', "directory", "", "it is a directory"},
                {'f', "file", "", "it is a file"},
                {'z', "zero", "", "it is an empty file"}},
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};

}  // namespace gfs::cli
