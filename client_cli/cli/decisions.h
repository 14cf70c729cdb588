// What the master decided, as why and server info show it.
#pragma once

#include "bus/messages/client_repair.h"
#include "client_cli/cli/session.h"

namespace gfs::cli {

// "--json" of it, with `json` in front.
void print_explanation(Session& session, const bus::Explain::Reply& reply, Json json);

}  // namespace gfs::cli
