// DataDisk: a data directory as the server was given it.
#pragma once

#include <string>

#include "base/disk.h"

namespace gfs::chunkserver {

struct DataDisk {
  std::string name;
  Disk* disk = nullptr;  // null: it is not there, ...
  std::string missing;   // ... and why
};

}  // namespace gfs::chunkserver
