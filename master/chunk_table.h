// ChunkTable: which chunks there are, of which file, and each one's configuration.
//
// A configuration says who may hold the chunk: version, members, primary. It changes only by compare-and-swap on the
// version. It is virgin until its first activation: only then may a missing replica count as an empty one. A member
// that is joining counts for nothing until the configuration has been active.
//
// Several files may have one chunk, all under the same index: a snapshot shares the chunks of what it was made of.
// Which of them the chunk was made for is part of its record; the places where others have it are borrowed.
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
    Frozen(std::shared_ptr<const ServerSlots::Ids> servers, Chunks::Frozen pages, Files::Frozen borrowed)
        : servers_(std::move(servers)), pages_(std::move(pages)), borrowed_(std::move(borrowed)) {}

    std::shared_ptr<const ServerSlots::Ids> servers_;
    std::size_t next_server_ = 1;
    Chunks::Frozen pages_;
    std::size_t next_page_ = 0;
    Files::Frozen borrowed_;
    std::size_t next_borrowed_ = 0;
  };

  std::optional<Chunk> find(ChunkHandle handle) const;
  bool has(ChunkHandle handle) const { return chunks_.find(handle).has_value(); }
  // {0} if the file has no such chunk.
  ChunkHandle at(InodeId inode, std::uint32_t index) const;
  // The chunks [first, first + count) of a file that exist, by index.
  std::vector<ChunkHandle> range(InodeId inode, std::uint32_t first, std::uint32_t count) const;
  // Those from an index on, with their indices; false ends it.
  void walk_file(InodeId inode, std::uint32_t first,
                 const std::function<bool(std::uint32_t index, ChunkHandle handle)>& visit) const;
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
  // The chunks of a file from an index on. Gives those that no file has any more, and how many places became free.
  struct Dropped {
    std::vector<DroppedChunk> chunks;
    std::size_t places = 0;
  };
  Dropped drop(InodeId inode, std::uint32_t first);
  // The file has another chunk there from now on, its own; what it had is shared.
  void replace(ChunkHandle before, ChunkHandle handle, const Chunk& chunk);
  // Another file has the chunk too from now on, at a place that is free.
  void share(ChunkHandle handle, InodeId inode);
  // The one file that has it still is the one it was made for from now on, and says how many replicas there are to be.
  void claim(ChunkHandle handle, InodeId inode, std::uint32_t goal);
  // Highest index of the file's chunks + 1.
  std::uint32_t end(InodeId inode) const;
  // The nearest sealed chunk before the index; {0}: there is none.
  ChunkHandle sealed_before(InodeId inode, std::uint32_t index) const;

  std::size_t size() const { return chunks_.size(); }
  std::string dump() const;

  // Costs a pointer for each page (some 40 chunks), no more.
  Frozen freeze() const;
  // Adds the next piece of a frozen table to one that began empty; after the last one, check_loaded(). malformed for
  // what no Frozen gave: then the table is of no use any more.
  Result<> load(std::string_view piece);
  // That chunks are of files, and of as many as they say.
  Result<> check_loaded(const std::function<bool(InodeId)>& is_file) const;
  // Places where a file has a chunk.
  std::size_t places() const { return files_.size(); }
  // The places that are borrowed, by file; false ends it.
  void walk_borrowed(const std::function<bool(InodeId, std::uint32_t index, ChunkHandle)>& visit) const;

 private:
  static std::string place_record(ChunkHandle handle);
  bool put(ChunkHandle handle, const Chunk& chunk);
  // One file less has it. True: that was the last one.
  bool leave(Place place, ChunkHandle handle, Chunk& chunk);
  Chunk decode(std::string_view record) const;
  Result<> load_servers(ByteReader& piece);
  Result<> load_chunks(ByteReader& piece);
  Result<> load_page(Chunks::Records& records, ChunkHandle& before);
  Result<> load_borrowed(ByteReader& piece);

  Chunks chunks_;
  Files files_;          // every place
  Files borrowed_;       // those where a file has a chunk that was not made for it, or for whom is forgotten
  ServerSlots servers_;  // that chunks name, or ever named
};

}  // namespace gfs::master
