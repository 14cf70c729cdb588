// Identity: which cluster a master's data directory is, and of which log epoch. Minted once by format.
//
// DATA/identity: magic, format, cluster id, epoch, CRC; written last when formatting, so a directory with one is whole.
#pragma once

#include <string>

#include "base/disk.h"
#include "base/id.h"

namespace gfs::master {

struct Identity {
  ClusterId cluster;
  std::uint64_t epoch = 1;
};

// not_formatted, corrupt, wrong_version.
Task<Identity> load_identity(Disk& disk);
Task<> save_identity(Disk& disk, Identity identity);

// refused: the directory has something in it that an interrupted format does not leave behind.
Task<> check_empty(Disk& disk);

std::string encode_identity(const Identity& identity);
Result<Identity> decode_identity(const Bytes& bytes);

}  // namespace gfs::master
