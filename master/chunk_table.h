// ChunkTable: which chunks there are, of which file, and each one's configuration.
//
// A configuration says who may hold the chunk: version, members, primary. It changes only by compare-and-swap on the
// version. It is virgin until its first activation: only then may a missing replica count as an empty one.
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

namespace gfs::master {

struct Configuration {
  Version version;
  std::vector<ServerId> members;
  ServerId primary;
  bool virgin = true;
  bool has(ServerId server) const;
};

struct Chunk {
  InodeId inode;
  std::uint32_t index = 0;
  std::uint32_t goal = 3;
  Configuration configuration;
};

class ChunkTable {
 public:
  const Chunk* find(ChunkHandle handle) const;
  // {0} if the file has no such chunk.
  ChunkHandle at(InodeId inode, std::uint32_t index) const;
  // The chunks [first, first + count) of a file that exist, by index.
  std::vector<ChunkHandle> range(InodeId inode, std::uint32_t first, std::uint32_t count) const;

  void add(ChunkHandle handle, Chunk chunk);
  // conflict if the chunk's version is another one by now.
  Result<> reconfigure(ChunkHandle handle, Version from, std::vector<ServerId> members, ServerId primary);
  // Ignored for any version but the current one.
  void activated(ChunkHandle handle, Version version);
  void drop_file(InodeId inode);

  std::size_t size() const { return chunks_.size(); }
  // By handle.
  const std::map<ChunkHandle, Chunk>& all() const { return chunks_; }
  std::string dump() const;

 private:
  std::map<ChunkHandle, Chunk> chunks_;
  std::map<std::pair<InodeId, std::uint32_t>, ChunkHandle> by_file_;
};

}  // namespace gfs::master
