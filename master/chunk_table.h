// ChunkTable: which chunks there are, of which file, and each one's configuration.
//
// A configuration says who may hold the chunk: version, members, primary. It changes only by compare-and-swap on the
// version. It is virgin until its first activation: only then may a missing replica count as an empty one. A member
// that is joining counts for nothing until the configuration has been active.
//
// Pure: part of the state that the log rebuilds. Where members are and whether they answer is not known here.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/id.h"
#include "base/result.h"
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
};

struct Chunk {
  InodeId inode;
  std::uint32_t index = 0;
  std::uint32_t goal = 3;
  Configuration configuration;
  bool sealed = false;  // takes no more appends, and is so long:
  std::uint64_t sealed_length = 0;
};

// A chunk that no file has any more, and who may still hold it.
struct DroppedChunk {
  ChunkHandle handle;
  Version version;
  std::vector<ServerId> members;
};

class ChunkTable {
 public:
  const Chunk* find(ChunkHandle handle) const;
  // {0} if the file has no such chunk.
  ChunkHandle at(InodeId inode, std::uint32_t index) const;
  // The chunks [first, first + count) of a file that exist, by index.
  std::vector<ChunkHandle> range(InodeId inode, std::uint32_t first, std::uint32_t count) const;

  // At a place that is free.
  void add(ChunkHandle handle, Chunk chunk);
  // conflict if the chunk's version is not `from` any more. Else `next`, virgin if it was, with the next version. (Not
  // so only for a mutant of the simulator.) `over`: who cannot acknowledge alone any more.
  Result<> reconfigure(ChunkHandle handle, Version from, Configuration next, const std::vector<ServerId>& over = {},
                       bool next_version = true);
  // Ignored for any version but the current one.
  void activated(ChunkHandle handle, Version version);
  // The first one counts: a repeat changes nothing.
  void seal(ChunkHandle handle, std::uint64_t length);
  // A sealed chunk is not longer than that any more.
  void cut(ChunkHandle handle, std::uint64_t length);
  // The chunks of a file from an index on.
  std::vector<DroppedChunk> drop(InodeId inode, std::uint32_t first);
  // Highest index of the file's chunks + 1.
  std::uint32_t end(InodeId inode) const;
  // The nearest sealed chunk before the index; {0}: there is none.
  ChunkHandle sealed_before(InodeId inode, std::uint32_t index) const;

  std::size_t size() const { return chunks_.size(); }
  // By handle.
  const std::map<ChunkHandle, Chunk>& all() const { return chunks_; }
  std::string dump() const;

  class Frozen {
   public:
    bool next(std::string& piece);

   private:
    friend class ChunkTable;
    std::map<ChunkHandle, Chunk> chunks_;
  };
  Frozen freeze() const;
  Result<> load(std::string_view piece);

 private:
  std::map<ChunkHandle, Chunk> chunks_;
  std::map<std::pair<InodeId, std::uint32_t>, ChunkHandle> by_file_;
};

}  // namespace gfs::master
