// Equal: after the calm every chunk has as many members as its file wants, and they are identical to the last byte: as
// each says of itself when it has read everything. Reported as `replicas`.
#pragma once

#include <string>

#include "base/executor.h"
#include "base/task.h"
#include "bus/endpoint.h"
#include "client_cli/client/filesystem.h"
#include "tests/sim/history.h"

namespace gfs::sim {

inline constexpr Duration kWholeAgain = 120s;  // until every chunk is back at its goal

// Waits until all chunks of the file are at their goal, and compares their members.
Task<> check_equal(History& history, Executor& executor, client::Filesystem& filesystem, bus::Endpoint& endpoint,
                   std::string path);

}  // namespace gfs::sim
