#include "tests/sim/checkers/serials.h"

namespace gfs::sim {

namespace {

const std::string kName = "serials";

}  // namespace

void SerialChecker::applied(int server, std::uint64_t life, ChunkHandle handle, Version version, Serial serial,
                            RequestId id) {
  const Configuration configuration{handle, version};
  const std::string what = fmt::format("chunk {} version {} serial {}", handle, version, serial);
  auto [known, first] = meaning_.emplace(std::tuple{configuration, serial}, id);
  if (!first && known->second != id)
    history_.found(kName, fmt::format("{} is request {} and request {}", what, known->second, id));
  if (!applied_[{configuration, server}].insert(serial).second) {
    history_.found(kName, fmt::format("{} was applied twice by cs{}", what, server));
  }
  by_life_[{configuration, server, life}].insert(serial);
}

void SerialChecker::finish() {
  for (const auto& [key, serials] : by_life_) {
    const auto& [configuration, server, life] = key;
    const auto& [handle, version] = configuration;
    const std::uint64_t first = serials.begin()->value;
    const std::uint64_t last = serials.rbegin()->value;
    // What is applied later may end earlier; what was under way when the process died was never told.
    if (last - first + 1 != serials.size()) {
      history_.found(kName, fmt::format("chunk {} version {}: cs{} life {} applied {} of the serials {} to {}", handle,
                                        version, server, life, serials.size(), first, last));
    }
    if (life == 1 && first != 1) {
      history_.found(kName,
                     fmt::format("chunk {} version {}: cs{} began with serial {}", handle, version, server, first));
    }
  }
}

}  // namespace gfs::sim
