#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/request_option.h"
#include "client_cli/cli/walk.h"

namespace gfs::cli {

namespace {

Result<int> run(Session& session, const Arguments& arguments) {
  bool recursive = arguments.has("recursive");
  for (const std::string& text : arguments.rest()) {
    Result<std::string> path = session.path(text);
    if (!path) return fail(std::move(path));
    if (*path == "/") return fail(Code::refused, "/ is not removed; name what is in it");
    auto remove = [path = *path, recursive](Filesystem& filesystem) { return filesystem.remove(path, recursive); };
    Result<bus::Remove::Reply> removed = mutate<bus::Remove::Reply>(session, arguments, arguments.count(), remove);
    if (!removed) return fail(std::move(removed));
    Json json{{"path", *path}, {"files", removed->files}, {"directories", removed->directories}};
    tell_mutation(session, arguments, std::move(json));
  }
  return kOk;
}

}  // namespace

const Command kRm{
    .name = "rm",
    .group = "Files",
    .usage = "[-r] PATH...",
    .summary = "removes files and empty directories",
    .help = "Example: rm -r /logs/2025",
    .options = with_request_options({{'r', "recursive", "", "directories with all that is in them"}}),
    .arguments_min = 1,
    .arguments_max = 1000,
    .run = run,
};

}  // namespace gfs::cli
