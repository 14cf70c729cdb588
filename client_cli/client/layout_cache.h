// What this client knows of where chunks are, per (file, chunk index): bounded in age and number.
//
// Being wrong costs a round trip, never correctness: chunkservers refuse other versions than theirs. Layouts that the
// master gave for writing (active, with a primary) serve both ways; those for reading serve reads only.
//
// Pure: time is an argument. One thread.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <utility>

#include "base/time.h"
#include "bus/messages/types.h"

namespace gfs::client {

class LayoutCache {
 public:
  LayoutCache(Duration age, std::size_t entries_max) : age_(age), entries_max_(entries_max) {}

  enum class Use : std::uint8_t { read, write };

  // A layout with handle 0 says that the chunk was never written.
  std::optional<bus::ChunkLayout> find(InodeId inode, std::uint32_t index, Use use, Instant now);
  // Older versions than what is there are ignored.
  void put(InodeId inode, const bus::ChunkLayout& layout, Use use, Instant now);
  // A replica says that the chunk is sealed and so long; nothing if this version is not here.
  void note_sealed(InodeId inode, std::uint32_t index, Version version, std::uint64_t length);
  // Forgets the entry unless it is newer than the version that failed.
  void drop(InodeId inode, std::uint32_t index, Version failed);
  void drop_file(InodeId inode);

  std::size_t size() const { return entries_.size(); }

 private:
  using Key = std::pair<InodeId, std::uint32_t>;
  struct Entry {
    bus::ChunkLayout layout;
    Use use = Use::read;
    Instant since;
    std::list<Key>::iterator recent;
  };

  void forget(std::map<Key, Entry>::iterator entry);

  const Duration age_;
  const std::size_t entries_max_;
  std::map<Key, Entry> entries_;
  std::list<Key> recent_;  // least recently used first
};

}  // namespace gfs::client
