#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"

namespace gfs::cli {

namespace {

Result<int> run(Session& session, const Arguments&) {
  if (session.out().json()) {
    session.out().object({{"program", "gfs-cli"}, {"version", GFS_VERSION}});
  } else {
    session.out().line("gfs-cli " GFS_VERSION);
  }
  return kOk;
}

}  // namespace

const Command kVersion{
    .name = "version",
    .group = "Others",
    .usage = "",
    .summary = "this program's version",
    .help = "Example: version",
    .options = {},
    .run = run,
};

}  // namespace gfs::cli
