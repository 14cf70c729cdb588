// Chunk and Configuration: which file a chunk belongs to, and who may hold it.
//
// Values, as ChunkTable gives them out; it keeps them packed (chunk_record.h).
#pragma once

#include <cstdint>
#include <vector>

#include "base/id.h"
#include "bus/messages/types.h"

namespace gfs::master {

inline constexpr std::uint64_t kChunkSize = 64ull << 20;
inline constexpr std::uint32_t kChunksMax = 1 << 24;  // of a file: 1 PiB

struct Configuration {
  Version version;
  std::vector<ServerId> members;
  ServerId primary;
  bool virgin = true;
  std::vector<ServerId> joining;  // of the members: they did not hold the chunk when the version was made
  bool salvage = false;           // all that was left was suspect: it counts, for want of better
  bus::AckMode ack = bus::AckMode::all;
  // Who may still acknowledge alone, by this version or one before it: the primaries of those with AckMode::primary,
  // until a version has been active that they are members of (they promised then), or their session is certainly over.
  std::vector<ServerId> lone;
  // The last version whose activation is in the log, and its members; {0}: none. Nobody may write in a version before
  // that: whoever holds this one, or one after it, holds all that was ever acknowledged.
  Version settled;
  std::vector<ServerId> settled_members;
  bool has(ServerId server) const;
  bool joins(ServerId server) const;
  // `lone`, as it is once this version has been active.
  std::vector<ServerId> lone_when_active() const;
  bool operator==(const Configuration&) const = default;
};

struct Chunk {
  InodeId inode;            // the file it was made for; {0}: that one has it no more, others do
  std::uint32_t index = 0;  // in every file that has it
  std::uint32_t goal = 3;
  Configuration configuration;
  bool sealed = false;  // takes no more appends, and is so long:
  std::uint64_t sealed_length = 0;
  std::uint32_t references = 1;  // files that have it. It is frozen while there are several ...
  Version frozen;                // ... since this version; {0}: there is one
  bool shared() const { return references > 1; }
  bool operator==(const Chunk&) const = default;
};

// A chunk that no file has any more, and who may still hold it.
struct DroppedChunk {
  ChunkHandle handle;
  Version version;
  std::vector<ServerId> members;
};

}  // namespace gfs::master
