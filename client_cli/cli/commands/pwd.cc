#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"

namespace gfs::cli {

namespace {

Result<int> run(Session& session, const Arguments&) {
  if (session.out().json()) {
    session.out().object({{"path", session.directory()}});
  } else {
    session.out().line(session.out().name(session.directory()));
  }
  return kOk;
}

}  // namespace

const Command kPwd{
    .name = "pwd",
    .group = "Shell",
    .usage = "",
    .summary = "tells which directory one is in",
    .help = "Example: pwd",
    .options = {},
    .run = run,
    .shell_only = true,
};

}  // namespace gfs::cli
