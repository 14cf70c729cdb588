// Reconcile: which member's state becomes that of all when a version begins.
//
// Within a version what members have applied are prefixes of one sequence, so the most advanced one has all that was
// acknowledged, and it rolls the others forward. Whoever is joining has proved nothing; whoever is suspect may have
// lost bytes that were acknowledged, and is the base only if nobody else is left and the master says so (salvage).
//
// Pure.
#pragma once

#include <optional>
#include <vector>

#include "base/result.h"
#include "bus/messages/chunk_chunk.h"

namespace gfs::chunkserver {

struct MemberState {
  bool joining = false;
  bool held = false;
  bus::ReplicaState state;
};

// The index of the base. suspect: all that counts is suspect, and `salvage` is not set · not_found: no member that
// counts holds the chunk.
Result<std::size_t> choose_base(const std::vector<MemberState>& members, bool salvage);

// Whether a member has to be made equal to the base: unless it is at the same place of the same version. Equal digests
// alone say too little (they are made of CRCs). A suspect one's bytes have to be looked at in any case; a damaged one's
// only if the base is better: of damaged ones each serves the blocks that it has.
bool differs(const MemberState& member, const bus::ReplicaState& base);

// Equal digests, whatever version and serial say.
bool same_content(const bus::ReplicaState& one, const bus::ReplicaState& other);

}  // namespace gfs::chunkserver
