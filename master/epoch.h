// What a log epoch is part of, so that nothing of a future that was lost is ever met again under the same name.
//
//   log                 every segment and record carries its epoch; it only rises, at a segment's border
//   chunk handles       epoch << 48 and above
//   inode numbers       (epoch - 1) << 32 and above, if the epoch is not the first
//   versions of chunks  of an older epoch: above (epoch - 1) << 32 from the first change on
//   orders to cut       (epoch - 1) << 48 and above
//
// A new epoch begins when a directory that was restored, or a log that was cut, is adopted
// (docs/restoring_the_master.md).
#pragma once

#include <cstdint>

#include "base/id.h"

namespace gfs::master {

// As many as fit into the inode numbers (InodeTable).
inline constexpr std::uint64_t kEpochMax = 1024;

constexpr ChunkHandle handles_of(std::uint64_t epoch) { return {epoch << 48}; }
constexpr InodeId inodes_of(std::uint64_t epoch) { return {(epoch - 1) << 32}; }
constexpr Version versions_of(std::uint64_t epoch) { return {(epoch - 1) << 32}; }
constexpr std::uint64_t cuts_of(std::uint64_t epoch) { return (epoch - 1) << 48; }

// The chunk was made or changed in this epoch: nobody can hold a newer version than the log knows of. Else servers may
// hold what a lost future made of it.
constexpr bool is_of_epoch(std::uint64_t epoch, ChunkHandle handle, Version version) {
  return epoch == 1 || handle > handles_of(epoch) || version > versions_of(epoch);
}

}  // namespace gfs::master
