#include "chunkserver/reconcile.h"

#include <tuple>

namespace gfs::chunkserver {

namespace {

// Better ones are greater.
auto rank_of(const bus::ReplicaState& state) {
  return std::tuple(!state.suspect, !state.damaged, state.version, state.serial);
}

}  // namespace

Result<std::size_t> choose_base(const std::vector<MemberState>& members, bool salvage) {
  std::optional<std::size_t> base;
  for (std::size_t i = 0; i < members.size(); ++i) {
    const MemberState& member = members[i];
    if (member.joining || !member.held || member.state.version.value == 0) continue;
    if (!base || rank_of(member.state) > rank_of(members[*base].state)) base = i;
  }
  if (!base) return fail(Code::not_found, "no member that counts holds the chunk");
  if (members[*base].state.suspect && !salvage) {
    return fail(Code::suspect, "every member that counts may have lost bytes in a power cut");
  }
  return *base;
}

bool same_content(const bus::ReplicaState& one, const bus::ReplicaState& other) {
  return one.length == other.length && one.sealed == other.sealed && one.digest == other.digest;
}

bool differs(const MemberState& member, const bus::ReplicaState& base) {
  const bool same_place = member.state.version == base.version && member.state.serial == base.serial;
  if (!member.held || !same_place || member.state.suspect || !same_content(member.state, base)) return true;
  return member.state.damaged && !base.damaged;
}

}  // namespace gfs::chunkserver
