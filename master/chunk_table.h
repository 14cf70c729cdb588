// ChunkTable: which chunks there are, of which file, and each one's configuration.
//
// A configuration says who may hold the chunk: version, members, primary. It changes only by compare-and-swap on the
// version. It is virgin until its first activation: only then may a missing replica count as an empty one. A member
// that is joining counts for nothing until the configuration has been active.
//
// A million chunks are held in some 35 bytes each: records of what is unusual about a chunk (chunk_record.h), packed
// by handle, and an index of them, packed by file. So what is given out are copies; who waits looks again.
//
// Pure: part of the state that the log rebuilds. Where members are and whether they answer is not known here.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/id.h"
#include "base/result.h"
#include "master/chunk.h"
#include "master/packed_map.h"
#include "master/server_slots.h"

namespace gfs::master {

struct RestoreChunkOp;

class ChunkTable {
  struct ByHandle {
    using Key = ChunkHandle;
    static void put(std::string& page, Key key, Key border) { put_varint(page, key.value - border.value); }
    static Key take(ByteReader& page, Key border) { return {border.value + page.varint()}; }
  };
  struct Place {
    InodeId inode;
    std::uint32_t index = 0;
    auto operator<=>(const Place&) const = default;
  };
  struct ByPlace {
    using Key = Place;
    static void put(std::string& page, Key key, Key border) {
      put_varint(page, key.inode.value - border.inode.value);
      put_varint(page, key.index);
    }
    static Key take(ByteReader& page, Key border) {
      const InodeId inode{border.inode.value + page.varint()};
      return {inode, static_cast<std::uint32_t>(page.varint())};
    }
  };
  using Chunks = PackedMap<ByHandle>;
  using Files = PackedMap<ByPlace>;  // -> handle

 public:
  // False ends the walk. The chunk is the walk's: it holds until the visit is over.
  using Visit = std::function<bool(ChunkHandle handle, const Chunk& chunk)>;

  // The table as it was when it was frozen, whatever happens to it. It shares the pages with the table and lets go of
  // each as it is read; a page that is changed before that is copied.
  class Frozen {
   public:
    // Appends one piece of some 16 KiB; load() takes them in the same order. False: there is nothing left.
    bool next(std::string& piece);

   private:
    friend class ChunkTable;
    Frozen(std::shared_ptr<const ServerSlots::Ids> servers, Chunks::Frozen pages)
        : servers_(std::move(servers)), pages_(std::move(pages)) {}

    std::shared_ptr<const ServerSlots::Ids> servers_;
    std::size_t next_server_ = 1;
    Chunks::Frozen pages_;
    std::size_t next_page_ = 0;
  };

  std::optional<Chunk> find(ChunkHandle handle) const;
  bool has(ChunkHandle handle) const { return chunks_.find(handle).has_value(); }
  // {0} if the file has no such chunk.
  ChunkHandle at(InodeId inode, std::uint32_t index) const;
  // The chunks [first, first + count) of a file that exist, by index.
  std::vector<ChunkHandle> range(InodeId inode, std::uint32_t first, std::uint32_t count) const;
  // By handle, from the first one after `after`.
  void walk(ChunkHandle after, const Visit& visit) const;

  // At a place that is free.
  void add(ChunkHandle handle, const Chunk& chunk);
  // conflict if the chunk's version is not `from` any more. Else `next`, virgin if it was, with the next version. (Not
  // so only for a mutant of the simulator.) `over`: who cannot acknowledge alone any more.
  Result<> reconfigure(ChunkHandle handle, Version from, Configuration next, const std::vector<ServerId>& over = {},
                       bool next_version = true);
  // As reconfigure(), to what servers were found to hold after a log epoch began: see RestoreChunkOp.
  Result<> restore(const RestoreChunkOp& found);
  // Ignored for any version but the current one.
  void activated(ChunkHandle handle, Version version);
  // The first one counts: a repeat changes nothing.
  void seal(ChunkHandle handle, std::uint64_t length);
  void set_goal(ChunkHandle handle, std::uint32_t goal);
  // A sealed chunk is not longer than that any more.
  void cut(ChunkHandle handle, std::uint64_t length);
  // The chunks of a file from an index on.
  std::vector<DroppedChunk> drop(InodeId inode, std::uint32_t first);
  // Highest index of the file's chunks + 1.
  std::uint32_t end(InodeId inode) const;
  // The nearest sealed chunk before the index; {0}: there is none.
  ChunkHandle sealed_before(InodeId inode, std::uint32_t index) const;

  std::size_t size() const { return chunks_.size(); }
  std::string dump() const;

  // Costs a pointer for each page (some 40 chunks), no more.
  Frozen freeze() const;
  // Adds the next piece of a frozen table to one that began empty. malformed for what no Frozen gave: then the table is
  // of no use any more.
  Result<> load(std::string_view piece);

 private:
  bool put(ChunkHandle handle, const Chunk& chunk);
  Chunk decode(std::string_view record) const;
  Result<> load_servers(ByteReader& piece);
  Result<> load_chunks(ByteReader& piece);
  Result<> load_page(Chunks::Records& records, ChunkHandle& before);

  Chunks chunks_;
  Files files_;
  ServerSlots servers_;  // that chunks name, or ever named
};

}  // namespace gfs::master
