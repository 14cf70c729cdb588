// Config: the chunkserver's settings as flags and TOML name them, and what they mean for the sockets. Pure but for the
// file.
#pragma once

#include <string>
#include <vector>

#include "base/config.h"
#include "chunkserver/chunkserver.h"

namespace gfs::chunkserver {

// As given; a flag wins over the file.
struct Options {
  std::vector<std::string> data;     // directories, one per disk; the first one has the identity
  std::vector<std::string> masters;  // each may be a list with commas
  std::string listen;                // control; data is one port further, gossip three
  std::string advertise;             // control; empty: as bound
  std::string rack;
  bool insecure = false;
  std::vector<std::string> forget_disks;
};

// Fills what the flags left empty, and the settings only files have. Errors name file, line and key.
Result<> read_file(const std::string& path, Options& options, Settings& settings);

// Addresses, rack, masters. invalid_argument names the flag; refused: an address beyond loopback without insecure.
Result<> apply(const Options& options, Settings& settings);

}  // namespace gfs::chunkserver
