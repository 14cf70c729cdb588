// The front door of gfs-cli: arguments and streams in, exit code out. main() and the tests come through it.
//
// With a verb: that one. Without: a shell on a terminal, else a script from standard input, which ends at its first
// failure with that one's exit code.
#pragma once

#include <string>
#include <vector>

#include "client_cli/cli/output.h"

namespace gfs::cli {

// Without the program's name. GFS_MASTER, GFS_TIMEOUT and NO_COLOR of the environment count.
int run(std::vector<std::string> arguments, Streams streams);

}  // namespace gfs::cli
