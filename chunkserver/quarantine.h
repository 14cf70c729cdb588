// Quarantine: which replicas were put away, and when. Everything that is to be known of one stands in its files' names,
// so that one rename puts it here, whole or not at all:
//
//   DATA/quarantine/<handle>.<version>.<lsn>.<time>.<o|s>.meta   and  .data    (16 hex digits each; orphan or stale)
//
// `lsn`: every record of the journal about the chunk up to this one is contained, and void while the replica is here:
// it must not come back to life by what is remembered of it. Times are the master's.
//
// Owned by ChunkStore, which moves the files; only the index, pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "base/time.h"
#include "bus/messages/collection.h"
#include "chunkserver/chunk_format.h"

namespace gfs::chunkserver {

using bus::Garbage;

inline const std::string kQuarantineFolder = "quarantine";

struct Quarantined {
  ChunkHandle handle;
  Version version;
  Lsn lsn = 0;
  WallMs since = 0;
  Garbage why = Garbage::orphan;
  std::uint64_t bytes = 0;  // of its files

  // Of its files, without ".meta" or ".data".
  std::string path() const;
};

// Of a name in the folder, with that suffix; nothing for a name we never give.
std::optional<Quarantined> quarantined_of(std::string_view name, std::string_view suffix);

class Quarantine {
 public:
  void add(const Quarantined& entry);
  void remove(const Quarantined& entry);
  // The one that was put away last.
  std::optional<Quarantined> newest(ChunkHandle handle) const;
  // Ascending (handle, lsn), greater than the one named.
  std::vector<Quarantined> page(ChunkHandle after, Lsn after_lsn, std::size_t limit) const;
  // Put away before that, the oldest first.
  std::vector<Quarantined> older_than(WallMs before, std::size_t limit) const;
  std::uint64_t count_since(WallMs from) const;
  // Records of this chunk up to it are void; 0: none is.
  Lsn void_through(ChunkHandle handle) const;

  std::size_t size() const { return entries_.size(); }
  std::uint64_t bytes() const { return bytes_; }
  WallMs oldest() const { return by_age_.empty() ? 0 : std::get<0>(*by_age_.begin()); }

 private:
  using Key = std::pair<ChunkHandle, Lsn>;

  std::map<Key, Quarantined> entries_;
  std::set<std::tuple<WallMs, ChunkHandle, Lsn>> by_age_;
  std::uint64_t bytes_ = 0;
};

}  // namespace gfs::chunkserver
