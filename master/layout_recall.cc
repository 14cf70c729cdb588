// LayoutService: members that were given up, and are the only ones left who hold what was acknowledged.
//
// A member that is away is dropped, and a learner comes in its place. Until that version is active nothing is
// acknowledged in it: the one who was dropped still holds everything, and if those who stayed fail meanwhile it is the
// better copy.
#include <algorithm>

#include "base/probe.h"
#include "master/layout_service.h"

namespace gfs::master {

bool LayoutService::fit(ServerId server, ChunkHandle handle) const {
  if (!servers_.up(server, now()) || keeps_failing(server, handle)) return false;
  const ServerTable::Replica replica = servers_.replica(server, handle, false);
  return replica == ServerTable::Replica::ok || replica == ServerTable::Replica::missing;
}

bool LayoutService::may_come_back(ServerId server, ChunkHandle handle) const {
  return !servers_.up(server, now()) || servers_.replica(server, handle, false) == ServerTable::Replica::unknown;
}

void LayoutService::recall(ChunkHandle handle, const Configuration& configuration, Situation& situation) const {
  if (configuration.virgin || configuration.past.empty()) return;
  const bool sound = std::ranges::any_of(situation.members, [](const Standpoint& one) {
    return one.counts && (one.standing == Standing::sound || one.standing == Standing::unknown);
  });
  if (sound) return;
  // Whoever took the last version that was certainly active, or one after it, was made equal then.
  const auto full = [&](ServerId server) {
    const Held* held = servers_.held(server, handle);
    return fit(server, handle) && held != nullptr && held->version >= configuration.past.front().version;
  };
  std::vector<ServerId> there;
  for (const Standpoint& member : situation.members) {
    if (fit(member.server, handle)) there.push_back(member.server);
  }
  const auto call_back = [&](const PastVersion& version, auto suits) {
    for (ServerId server : version.members) {
      if (!suits(server) || std::ranges::find(there, server) != there.end()) continue;
      there.push_back(server);
      return true;
    }
    return false;
  };
  const auto may_come = [&](const PastVersion& version) {
    return std::ranges::any_of(version.members, [&](ServerId server) { return may_come_back(server, handle); });
  };
  for (const PastVersion& version : configuration.not_met_by(there)) {
    if (std::ranges::find_first_of(version.members, there) != version.members.end()) continue;  // by now
    if (call_back(version, full)) continue;
    if (call_back(version, [&](ServerId server) { return fit(server, handle); })) continue;
    situation.absent = situation.absent || may_come(version);
    return;
  }
  const PastVersion& first = configuration.past.front();
  if (std::ranges::none_of(there, full) && !call_back(first, full)) {
    situation.absent = may_come(first);
    return;
  }
  PROBE("members that had been given up were called back");
  for (ServerId server : there) {
    auto member = std::ranges::find(situation.members, server, &Standpoint::server);
    if (member == situation.members.end())
      member = situation.members.insert(member, Standpoint{.server = server, .counts = false});
    member->counts = member->counts || full(server);
  }
  situation.recall = situation.renew = true;
}

Result<> LayoutService::check_recall(ChunkHandle handle, const Configuration& configuration,
                                     const NextConfiguration& next) {
  std::vector<ServerId> staying = next.members;
  std::erase_if(staying, [&](ServerId server) { return !fit(server, handle); });
  const bool wanted = std::ranges::any_of(configuration.not_met_by(staying), [&](const PastVersion& version) {
    return std::ranges::any_of(version.members, [&](ServerId server) { return may_come_back(server, handle); });
  });
  if (!wanted || waited_for_members(handle)) return {};
  return fail(Code::unavailable, "chunk {} version {}: members of the versions before it are waited for ({})", handle,
              configuration.version, next.why);
}

}  // namespace gfs::master
