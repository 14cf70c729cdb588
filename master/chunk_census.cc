#include "master/chunk_census.h"

#include <algorithm>

namespace gfs::master {

void ChunkCensus::count(ChunkHandle handle, const Chunk& chunk) {
  std::size_t sound = 0;
  bool damaged = false, suspect = false;
  for (ServerId server : chunk.configuration.members) {
    ServerTable::Replica replica = servers_.replica(server, handle, chunk.configuration.virgin);
    damaged = damaged || replica == ServerTable::Replica::damaged;
    suspect = suspect || replica == ServerTable::Replica::suspect;
    const Held* held = servers_.held(server, handle);
    bool counts =
        !chunk.configuration.joins(server) || (held != nullptr && held->version == chunk.configuration.version);
    const bool here = std::ranges::binary_search(here_, server);
    if (here && counts && (replica == ServerTable::Replica::ok || replica == ServerTable::Replica::unknown)) ++sound;
  }
  // Where there are fewer servers than copies wanted, the goal is met as far as it goes.
  std::size_t goal = std::min<std::size_t>(chunk.goal, state_.servers().size());
  ++walking_.total;
  ++walking_.by_sound[std::min<std::size_t>(sound, 3)];
  ++(sound == 0 ? walking_.lost : sound < goal ? walking_.under : walking_.full);
  if (damaged) ++walking_.corrupt;
  if (suspect) ++walking_.suspect;
}

void ChunkCensus::advance(Instant now) {
  here_.clear();
  for (const auto& [id, server] : servers_.all()) {
    const std::string_view state = servers_.state(id, now);
    if (state == "up" || state == "suspect") here_.push_back(id);
  }
  std::size_t left = kPiece;
  state_.chunks().walk(at_, [&](ChunkHandle handle, const Chunk& chunk) {
    count(handle, chunk);
    at_ = handle;
    return --left > 0;
  });
  if (left == 0) return;
  complete_ = walking_;
  walking_ = {};
  at_ = {};
}

const ChunkCounts& ChunkCensus::counts(Instant now) {
  if (state_.chunks().size() < kPiece) {
    walking_ = {};
    at_ = {};
    advance(now);
  }
  return complete_;
}

}  // namespace gfs::master
