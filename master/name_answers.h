// What is answered to questions about names, from a state alone: by a master and by its shadows alike. Pure.
#pragma once

#include "bus/messages/client_master.h"
#include "bus/messages/client_trash.h"
#include "master/state.h"

namespace gfs::master {

Result<bus::FileInfo> answer(const MasterState& state, bus::Stat ask);
Result<bus::Exists::Reply> answer(const MasterState& state, const bus::Exists& ask);
Result<bus::List::Reply> answer(const MasterState& state, bus::List ask);
bus::ListTrash::Reply answer(const MasterState& state, const bus::ListTrash& ask, WallMs now);

}  // namespace gfs::master
