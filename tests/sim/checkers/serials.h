// Serials: no server applies a serial twice, none leaves one out, and one serial of one version of a chunk is the same
// request on every server.
#pragma once

#include <map>
#include <set>
#include <tuple>

#include "base/id.h"
#include "tests/sim/history.h"

namespace gfs::sim {

class SerialChecker {
 public:
  explicit SerialChecker(History& history) : history_(history) {}

  void applied(int server, std::uint64_t life, ChunkHandle handle, Version version, Serial serial, RequestId id);
  // At the end: without gaps, up to what was applied.
  void finish();

 private:
  using Configuration = std::tuple<ChunkHandle, Version>;

  History& history_;
  std::map<std::tuple<Configuration, Serial>, RequestId> meaning_;
  std::map<std::tuple<Configuration, int>, std::set<Serial>> applied_;
  std::map<std::tuple<Configuration, int, std::uint64_t>, std::set<Serial>> by_life_;
};

}  // namespace gfs::sim
