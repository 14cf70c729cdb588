// In which log epoch a master's directory goes on, and how a new one begins.
//
// The identity is written first: from then on the directory is of the new epoch, whatever a crash cuts off behind it,
// and the next start does the rest. Before that nothing has changed.
#pragma once

#include <cstdint>
#include <optional>

#include "base/disk.h"
#include "base/time.h"
#include "master/identity.h"
#include "master/log_store.h"
#include "master/state.h"

namespace gfs::master {

// `adopt`: what somebody asked for: 0 the next epoch, else this one (once more is the same). refused: it is not above
// the one that is there, or no number would be left for what is made in it.
Result<std::uint64_t> choose_epoch(const MasterState& state, const Identity& identity,
                                   std::optional<std::uint64_t> adopt);

// After the log was read, before anything is served: identity, segment, and the op that tells the state.
Task<> enter_epoch(Disk& disk, LogStore& log, MasterState& state, Identity& identity, std::uint64_t epoch, WallMs now);

}  // namespace gfs::master
