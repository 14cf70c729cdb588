// DiskLabel: what each data directory says about itself, so that one in the wrong place is found out; and KnownDisks,
// the list of those that the server has had beside its first, so that one that is missing is missed.
//
// DATA/disk: magic, format, server id, cluster id (nil until the first registration), disk id, CRC.
// DATA/disks, in the first directory: magic, format, and of each disk its id and the directory where it was last; CRC.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/disk.h"
#include "base/id.h"

namespace gfs::chunkserver {

struct DiskLabel {
  ServerId server;
  ClusterId cluster;
  DiskId disk;
};

struct KnownDisk {
  DiskId disk;
  std::string name;
};

inline constexpr std::size_t kDisksMax = 64;  // of one server

// Nothing: it has none. corrupt, wrong_version.
Task<std::optional<DiskLabel>> load_disk_label(Disk& disk);
Task<> save_disk_label(Disk& disk, DiskLabel label);
// Empty if there is no list.
Task<std::vector<KnownDisk>> load_known_disks(Disk& disk);
Task<> save_known_disks(Disk& disk, std::vector<KnownDisk> disks);

std::string encode_disk_label(const DiskLabel& label);
Result<DiskLabel> decode_disk_label(const Bytes& bytes);
std::string encode_known_disks(const std::vector<KnownDisk>& disks);
Result<std::vector<KnownDisk>> decode_known_disks(const Bytes& bytes);

}  // namespace gfs::chunkserver
