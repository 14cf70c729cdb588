// Primaries: the mutations of one version of a chunk are acknowledged by one life of one server, and once a version has
// acknowledged, none before it does.
//
// The second half speaks of mutations that began after the newer version's first acknowledgement: an old primary that
// stood still may say late, of one begun before, what is true: every member had it, so it was carried forward.
#pragma once

#include <map>
#include <tuple>
#include <utility>

#include "base/id.h"
#include "tests/sim/history.h"

namespace gfs::sim {

class PrimaryChecker {
 public:
  explicit PrimaryChecker(History& history) : history_(history) {}

  // The server tells its client that the mutation is done.
  void acknowledged(int server, std::uint64_t life, ChunkHandle handle, Version version, Serial serial, Instant now);
  // A member has written the mutation to its chunk.
  void applied(ChunkHandle handle, Version version, Serial serial, Instant now);

 private:
  struct First {
    int server = 0;
    std::uint64_t life = 0;
    Instant when{};
  };

  History& history_;
  std::map<std::pair<ChunkHandle, Version>, First> first_;  // acknowledgement
  std::map<std::tuple<ChunkHandle, Version, Serial>, Instant> began_;
};

}  // namespace gfs::sim
