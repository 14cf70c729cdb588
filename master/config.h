// Config: the master's settings as flags and TOML name them, and what they mean for the sockets. Pure but for the file.
#pragma once

#include <string>

#include "master/master.h"
#include "master/shadow.h"

namespace gfs::master {

// As given; a flag wins over the file.
struct Options {
  std::string data;
  std::string listen;     // control; events are two ports further, gossip three
  std::string advertise;  // control; empty: as bound
  std::string follow;     // a master's address: this is a shadow of it
  bool format = false;
  bool adopt_new_epoch = false;
  std::string epoch;  // to adopt; empty: the next
  bool insecure = false;
};

// Fills what the flags left empty, and the settings only files have. Errors name file, line and key.
Result<> read_file(const std::string& path, Options& options, Settings& settings);

// Addresses and bounds. invalid_argument names the flag; refused: an address beyond loopback without insecure.
Result<> apply(const Options& options, Settings& settings);
// The same of a shadow, which has few settings.
Result<ShadowSettings> shadow_from(const Options& options);

}  // namespace gfs::master
