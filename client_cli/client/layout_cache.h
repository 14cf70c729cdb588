// What this client knows of where chunks are, per (file, chunk index): bounded in age and number.
//
// Being wrong about a version costs a round trip, never correctness: chunkservers refuse other versions than theirs.
// Being wrong about the handle is not always found out by that: a chunk that was shared with a snapshot is still there
// after the file has got a copy of its own. So what is here is no older than the file's latest open (drop_file), and
// never goes back. Layouts that the master gave for writing (active, with a primary) serve both ways; those for reading
// serve reads only.
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

// What a place in a file holds, and since when. Both only rise there: a chunk that is shared is replaced, before it is
// written to, by a copy, whose handle is higher and whose versions begin anew.
struct ChunkVersion {
  ChunkHandle handle;
  Version version;
  auto operator<=>(const ChunkVersion&) const = default;
};

inline ChunkVersion version_of(const bus::ChunkLayout& layout) { return {layout.handle, layout.version}; }

class LayoutCache {
 public:
  LayoutCache(Duration age, std::size_t entries_max) : age_(age), entries_max_(entries_max) {}

  enum class Use : std::uint8_t { read, write };

  // Taken before the master is asked, and put() with its answer.
  using Question = Number<struct QuestionTag>;
  Question question() const { return {drops_}; }

  // A layout with handle 0 says that the chunk was never written.
  std::optional<bus::ChunkLayout> find(InodeId inode, std::uint32_t index, Use use, Instant now);
  // Older ones than what is there are ignored; so is every answer to a question that was asked before something of this
  // file was dropped.
  void put(InodeId inode, const bus::ChunkLayout& layout, Use use, Question asked, Instant now);
  // A replica says that the chunk is sealed and so long; nothing if this version is not here.
  void note_sealed(InodeId inode, std::uint32_t index, ChunkVersion version, std::uint64_t length);
  // Forgets the entry unless it is newer than what failed.
  void drop(InodeId inode, std::uint32_t index, ChunkVersion failed);
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

  static constexpr std::size_t kDroppedMax = 4096;

  void forget(std::map<Key, Entry>::iterator entry);
  void note_dropped(InodeId inode);
  bool overtaken(InodeId inode, Question asked) const;

  const Duration age_;
  const std::size_t entries_max_;
  std::map<Key, Entry> entries_;
  std::list<Key> recent_;  // least recently used first
  std::uint64_t drops_ = 0;
  std::map<InodeId, std::uint64_t> dropped_;  // the latest of each file, counted from the first on
  std::uint64_t forgotten_ = 0;               // up to this one it is not known whose they were
};

}  // namespace gfs::client
