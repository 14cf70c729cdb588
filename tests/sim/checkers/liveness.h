// Liveness: once everything is healed, what was begun ends, and new work succeeds, within bounded virtual time.
#pragma once

#include <string>

#include "base/executor.h"
#include "client_cli/client/filesystem.h"
#include "tests/sim/append_history.h"
#include "tests/sim/history.h"

namespace gfs::sim {

inline constexpr Duration kRecovery = 60s;  // until the cluster is whole, and until operations begun before have ended
inline constexpr Duration kNewWork = 60s;   // for one write and its sync

// Writes to every data file that has been written and syncs it.
Task<> check_new_writes(History& history, Executor& executor, client::Filesystem& filesystem, std::size_t file);

// Appends a record to the file.
Task<> check_new_append(History& history, AppendHistory& appends, Executor& executor, client::Filesystem& filesystem,
                        std::size_t file);

}  // namespace gfs::sim
