// The interactive shell: libedit, history, completion; Ctrl-C ends the command or the line, never the shell.
#pragma once

#include "client_cli/cli/session.h"

namespace gfs::cli {

// Until quit or Ctrl-D; the last command's exit code.
int run_shell(Session& session);

}  // namespace gfs::cli
