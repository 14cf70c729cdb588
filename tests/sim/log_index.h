// What the master's log says of requests: at which index each was first written down. Read from its disk by the
// simulation, not through the master.
#pragma once

#include "base/sim_disk.h"
#include "tests/sim/checkers/certificate.h"

namespace gfs::sim {

// Whatever cannot be read is found by the master itself when it starts; here it ends the list.
LogIndex log_index_of(const SimDisk& disk);

}  // namespace gfs::sim
