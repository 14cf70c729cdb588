// Scripts: verbs line by line from standard input, or from -c. They end at the first failure with its exit code;
// with --keep-going the last failure's code is what remains.
#pragma once

#include <string>

#include "client_cli/cli/session.h"

namespace gfs::cli {

int run_script(Session& session);
int run_script_text(Session& session, const std::string& text);

}  // namespace gfs::cli
