// CommitMarks: how far what this replica has applied is known to be on all members.
//
// A record that was appended but is not on every member may be lost in a recovery, and another take its place: it must
// not be read before. The primary tells what is committed with each order, and when no order follows soon.
// Nothing is known of a chunk after a restart, or when a version begins, until the primary says so.
//
// Pure; owned by Replica.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/id.h"

namespace gfs::chunkserver {

class CommitMarks {
 public:
  static constexpr std::size_t kChunksMax = 65536;

  // `length`: of the chunk after that serial. Only appends need remembering; any mutation may be told.
  void applied(ChunkHandle handle, Version version, Serial serial, std::uint64_t length) {
    Marks& marks = of(handle, version);
    if (serial > marks.applied) marks.applied = serial;
    if (serial > marks.committed) marks.lengths[serial] = length;
  }
  // The replica stood at `length` when the version began; Serial{0} of it is committed once it is active. `primary`:
  // where to ask.
  void began(ChunkHandle handle, Version version, std::uint64_t length, std::string primary) {
    Marks& marks = of(handle, version);
    marks.primary = std::move(primary);
    marks.length = length;
    marks.based = true;
    marks.lengths.clear();
  }
  void committed(ChunkHandle handle, Version version, Serial serial) {
    auto found = chunks_.find(handle);
    if (found == chunks_.end() || found->second.version != version) return;
    Marks& marks = found->second;
    if (serial < marks.committed) return;
    marks.committed = serial;
    auto after = marks.lengths.upper_bound(serial);
    if (after != marks.lengths.begin()) {
      marks.length = std::prev(after)->second;
      marks.based = true;
    }
    marks.lengths.erase(marks.lengths.begin(), after);
    marks.known = marks.based || serial >= marks.applied;
  }

  // How much may be read of a chunk that holds `length` bytes at `version`; nothing: ask the primary.
  std::optional<std::uint64_t> readable(ChunkHandle handle, Version version, Serial applied,
                                        std::uint64_t length) const {
    auto found = chunks_.find(handle);
    if (found == chunks_.end() || found->second.version != version || !found->second.known) return std::nullopt;
    const Marks& marks = found->second;
    if (marks.committed >= applied) return length;
    return std::min(marks.length, length);
  }
  // Whether it is known how the version began here, and where its primary is.
  bool began_at(ChunkHandle handle, Version version) const {
    auto found = chunks_.find(handle);
    return found != chunks_.end() && found->second.version == version && !found->second.primary.empty();
  }
  // Empty: not known.
  std::string primary(ChunkHandle handle) const {
    auto found = chunks_.find(handle);
    return found == chunks_.end() ? "" : found->second.primary;
  }
  // Whether all that is applied is known to be committed.
  bool settled(ChunkHandle handle, Version version, Serial applied) const {
    auto found = chunks_.find(handle);
    return found != chunks_.end() && found->second.version == version && found->second.known &&
           found->second.committed >= applied;
  }

 private:
  struct Marks {
    Version version;
    bool known = false;  // the primary has said how far
    bool based = false;  // `length` is that of `committed`
    Serial applied, committed;
    std::string primary;
    std::uint64_t length = 0;                 // as of `committed`
    std::map<Serial, std::uint64_t> lengths;  // after the later ones
  };
  Marks& of(ChunkHandle handle, Version version) {
    if (chunks_.size() >= kChunksMax && !chunks_.contains(handle)) chunks_.erase(chunks_.begin());  // it will ask
    Marks& marks = chunks_[handle];
    if (marks.version != version) marks = Marks{.version = version};
    return marks;
  }

  std::map<ChunkHandle, Marks> chunks_;
};

}  // namespace gfs::chunkserver
