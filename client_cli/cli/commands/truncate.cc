#include "base/units.h"
#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/file_json.h"
#include "client_cli/cli/request_option.h"

namespace gfs::cli {

namespace {

Result<int> run(Session& session, const Arguments& arguments) {
  Result<std::string> path = session.path(arguments[0]);
  if (!path) return fail(std::move(path));
  Result<std::uint64_t> size = parse_size(arguments[1]);
  if (!size) return fail(std::move(size));
  auto cut = [path = *path, size = *size](Filesystem& filesystem) { return filesystem.truncate(path, size); };
  Result<FileInfo> done = mutate<FileInfo>(session, arguments, 1, cut);
  if (!done) return fail(std::move(done));
  tell_mutation(session, arguments, file_json(*done));
  return kOk;
}

}  // namespace

const Command kTruncate{
    .name = "truncate",
    .group = "Files",
    .usage = "PATH SIZE",
    .summary = "cuts a file, or makes it longer with zeros",
    .help = "In order with the writes to it.\nExample: truncate /logs/today 64MiB",
    .options = with_request_options(),
    .arguments_min = 2,
    .arguments_max = 2,
    .run = run,
};

}  // namespace gfs::cli
