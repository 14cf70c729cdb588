// The master's log as it ever was, read from its disk by the simulation, not through the master: segments that gave way
// to a checkpoint too.
#pragma once

#include <vector>

#include "base/sim_disk.h"
#include "master/log_reader.h"
#include "tests/sim/checkers/certificate.h"

namespace gfs::sim {

// Has the disk keep what the master removes of it. Before the master's first life.
void keep_master_log(SimDisk& disk);
// In order. Whatever cannot be read is found by the master itself when it starts; here it ends the list.
std::vector<master::LogRecord> master_log(const SimDisk& disk);
// At which index each request was first written down.
LogIndex log_index_of(const SimDisk& disk);

}  // namespace gfs::sim
