// LogPosition: how far a master's log goes. Chunkservers remember the furthest that they have seen.
//
// Only entries that are durable count: what a power cut can take back is told to nobody.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <tuple>

#include "base/id.h"
#include "bus/fields.h"

namespace gfs::bus {

struct LogPosition {
  std::uint64_t epoch = 0;  // 0: nothing is known
  std::uint64_t term = 0, index = 0;
  // Checksum of the entry at `index`: differs where two logs went different ways. 0: not known.
  std::uint32_t check = 0;
  GFS_FIELDS(epoch, term, index, check);
  bool operator==(const LogPosition&) const = default;

  bool behind(const LogPosition& other) const {
    return std::tie(epoch, term, index) < std::tie(other.epoch, other.term, other.index);
  }
  // "epoch 1 term 1 index 905"
  std::string text() const { return fmt::format("epoch {} term {} index {}", epoch, term, index); }
};

// What is said of a master whose log is behind what a server has seen, or has another entry there (`differs`).
inline std::string refusal_of(const LogPosition& master, ServerId server, const LogPosition& seen, bool differs) {
  return fmt::format(
      "the master's log is at {}, server {} has seen {}{}: the master's directory is older than what this server has "
      "seen (a restored copy?). Nothing was deleted. Start the master from the right directory; if that is lost, this "
      "one with --adopt-new-epoch={}",
      master.text(), server, seen.text(), differs ? " with another entry there" : "", seen.epoch + 1);
}

}  // namespace gfs::bus
