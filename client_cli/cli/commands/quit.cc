#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"

namespace gfs::cli {

namespace {

Result<int> run(Session& session, const Arguments&) {
  session.ask_to_quit();
  return kOk;
}

}  // namespace

const Command kQuit{
    .name = "quit",
    .group = "Shell",
    .usage = "",
    .summary = "leaves the shell (Ctrl-D too)",
    .help = "Example: quit",
    .options = {},
    .run = run,
    .shell_only = true,
};

const Command kExit{
    .name = "exit",
    .group = "Shell",
    .usage = "",
    .summary = "leaves the shell",
    .help = "Example: exit",
    .options = {},
    .run = run,
    .shell_only = true,
};

}  // namespace gfs::cli
