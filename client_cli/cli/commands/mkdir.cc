#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/file_json.h"
#include "client_cli/cli/request_option.h"

namespace gfs::cli {

namespace {

Result<int> run(Session& session, const Arguments& arguments) {
  bool parents = arguments.has("parents");
  for (const std::string& text : arguments.rest()) {
    Result<std::string> path = session.path(text);
    if (!path) return fail(std::move(path));
    auto make = [path = *path, parents](Filesystem& filesystem) { return filesystem.make_directory(path, parents); };
    Result<FileInfo> made = mutate<FileInfo>(session, arguments, arguments.count(), make);
    if (!made) return fail(std::move(made));
    tell_mutation(session, arguments, file_json(*made));
  }
  return kOk;
}

}  // namespace

const Command kMkdir{
    .name = "mkdir",
    .group = "Files",
    .usage = "[-p] PATH...",
    .summary = "makes directories",
    .help = "Example: mkdir -p /logs/2026/11",
    .options = with_request_options({{'p', "parents", "", "the missing ones above it too; no error if it is there"}}),
    .arguments_min = 1,
    .arguments_max = 1000,
    .run = run,
};

}  // namespace gfs::cli
