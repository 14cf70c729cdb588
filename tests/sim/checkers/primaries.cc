#include "tests/sim/checkers/primaries.h"

#include <fmt/format.h>

namespace gfs::sim {

void PrimaryChecker::applied(ChunkHandle handle, Version version, Serial serial, Instant now) {
  began_.emplace(std::tuple{handle, version, serial}, now);
}

void PrimaryChecker::acknowledged(int server, std::uint64_t life, ChunkHandle handle, Version version, Serial serial,
                                  Instant now) {
  auto [first, fresh] = first_.emplace(std::pair{handle, version}, First{server, life, now});
  const std::string what =
      fmt::format("chunk {} version {} serial {}: cs{} life {} acknowledges", handle, version, serial, server, life);
  if (!fresh && (first->second.server != server || first->second.life != life)) {
    history_.found("primaries", fmt::format("{}, as did cs{} life {}", what, first->second.server, first->second.life));
  }
  auto began = began_.find({handle, version, serial});
  const Instant since = began == began_.end() ? now : began->second;
  for (auto newer = first_.upper_bound({handle, version}); newer != first_.end() && newer->first.first == handle;
       ++newer) {
    if (since <= newer->second.when) continue;
    history_.found("primaries", fmt::format("{} what it began at {:.6f} s, version {} of cs{} did at {:.6f} s", what,
                                            to_seconds(since.time_since_epoch()), newer->first.second,
                                            newer->second.server, to_seconds(newer->second.when.time_since_epoch())));
  }
}

}  // namespace gfs::sim
