// What is answered to questions about snapshots, from a state alone: by a master and by its shadows alike. Pure.
#pragma once

#include "bus/messages/client_snapshot.h"
#include "master/state.h"

namespace gfs::master {

bus::ListSnapshots::Reply answer(const MasterState& state, const bus::ListSnapshots& ask);
// Goes through both trees in the order of their paths, kLookedAtMost names or chunks at a time. A directory that only
// one side has, or that is a file on the other, is one difference, whatever is in it.
Result<bus::CompareTrees::Reply> answer(const MasterState& state, const bus::CompareTrees& ask);

}  // namespace gfs::master
