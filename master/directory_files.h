// The files of a master's directory, read by programs that are no master.
#pragma once

#include <string>
#include <vector>

#include "base/disk.h"
#include "base/id.h"
#include "master/checkpoint_format.h"

namespace gfs::master {

Task<Bytes> whole_file(Disk& disk, std::string path);
// Paths, in order of their indices. What has another name is left out.
Task<std::vector<std::string>> segment_files(Disk& disk);
// Newest first.
Task<std::vector<std::string>> checkpoint_files(Disk& disk);
// corrupt, wrong_version; wrong_cluster, conflict (another chunk size).
Task<MasterState> load_checkpoint(Disk& disk, std::string path, ClusterId cluster, std::uint64_t chunk_size);

}  // namespace gfs::master
