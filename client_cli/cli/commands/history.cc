#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"

namespace gfs::cli {

namespace {

Result<int> run(Session& session, const Arguments&) {
  std::size_t number = 0;
  for (const std::string& line : session.history()) {
    ++number;
    if (session.out().json()) {
      session.out().object({{"number", number}, {"line", line}});
    } else {
      session.out().line(fmt::format("{:5}  {}", number, session.out().name(line)));
    }
  }
  return kOk;
}

}  // namespace

const Command kHistory{
    .name = "history",
    .group = "Shell",
    .usage = "",
    .summary = "lists the lines typed, the oldest first",
    .help = "Kept in ~/.local/state/gfs-cli/history; lines that begin with a space are not.\nExample: history",
    .options = {},
    .run = run,
    .shell_only = true,
};

}  // namespace gfs::cli
