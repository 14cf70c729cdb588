// Whether the members of a chunk hold the same: version, serial, length, seal, and the bytes of every block. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "bus/messages/client_chunk.h"

namespace gfs::cli {

struct MemberHolds {
  std::string server;  // address
  Result<bus::InspectChunk::Reply> held;
};

struct ChunkComparison {
  // Each names the server, and the block if it is one: "tcp://…: block 17 does not match its checksum".
  std::vector<std::string> damaged;     // a block does not verify, or bytes may have been lost
  std::vector<std::string> differing;   // from the first member that answered
  std::vector<std::string> unanswered;  // members that could not be looked at
  // What the members said of version, serial and length: another moment, other numbers.
  std::vector<std::string> moment;

  bool moving_between(const ChunkComparison& before) const { return moment != before.moment; }
  // Members that do not answer will not differ less the next time.
  bool worth_another_look() const { return !damaged.empty() || !differing.empty(); }
  bool equal() const { return damaged.empty() && differing.empty() && unanswered.empty(); }
};

ChunkComparison compare(const std::vector<MemberHolds>& members);

}  // namespace gfs::cli
