// Identity: who a data directory is: its server id, minted once, and the cluster it joined first and for ever.
//
// DATA/identity: magic, format, server id, cluster id (nil until the first registration), CRC; replaced atomically.
#pragma once

#include "base/disk.h"
#include "base/id.h"
#include "base/random.h"

namespace gfs::chunkserver {

struct Identity {
  ServerId server;
  ClusterId cluster;
};

// An empty directory gets one. corrupt, wrong_version; not_formatted: no identity, but chunks lie there.
Task<Identity> load_identity(Disk& disk, Random& random);
Task<> save_identity(Disk& disk, Identity identity);

std::string encode_identity(const Identity& identity);
Result<Identity> decode_identity(const Bytes& bytes);

}  // namespace gfs::chunkserver
