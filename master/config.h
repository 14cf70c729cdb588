// What gfs-master is told: flags and a TOML file with the same names. Flags win.
#pragma once

#include <string>

#include "base/result.h"
#include "master/master.h"

namespace gfs::master {

struct Options {
  std::string data;
  std::string listen;
  std::string advertise;
  bool format = false;
  bool insecure = false;
};

// Keys: data, listen, advertise, insecure, replicas, minimum_for_writing, heartbeat, suspect_after, lost_after, lease,
// log_segment. Unknown ones are errors with file and line.
Result<> read_file(const std::string& path, Options& options, Settings& settings);

// Checks everything and fills in the addresses. invalid_argument; refused for an address beyond loopback without
// insecure.
Result<> apply(const Options& options, Settings& settings);

}  // namespace gfs::master
