// LayoutService: members that were given up, and are the only ones left who hold what was acknowledged.
//
// A member that is away is dropped, and a learner comes in its place. Until that version is settled nobody writes in
// it: the one who was dropped still holds everything, and if those who stayed fail meanwhile it is the better copy.
#include <algorithm>

#include "base/probe.h"
#include "master/layout_service.h"

namespace gfs::master {

void LayoutService::recall(ChunkHandle handle, const Configuration& configuration, Situation& situation) const {
  if (configuration.virgin || configuration.settled == configuration.version) return;
  const bool sound = std::ranges::any_of(situation.members, [](const Standpoint& one) {
    return one.counts && (one.standing == Standing::sound || one.standing == Standing::unknown);
  });
  if (sound) return;
  // The newest first: what was carried forward may have been read already.
  std::vector<std::pair<Version, ServerId>> full;
  for (const auto& [id, server] : servers_.all()) {
    const Held* held = servers_.held(id, handle);
    if (held == nullptr || held->version < configuration.settled || held->suspect || held->damaged) continue;
    if (servers_.up(id, now()) && !keeps_failing(id, handle)) full.emplace_back(held->version, id);
  }
  std::ranges::sort(full, std::greater());
  if (full.size() > situation.goal) full.resize(situation.goal);
  situation.absent = std::ranges::any_of(configuration.settled_members, [&](ServerId server) {
    const bool unknown = servers_.replica(server, handle, false) == ServerTable::Replica::unknown;
    return unknown || !servers_.up(server, now()) || keeps_failing(server, handle);
  });
  if (full.empty()) return;
  PROBE("members that had been given up were called back");
  for (const auto& [version, server] : full) {
    auto member = std::ranges::find(situation.members, server, &Standpoint::server);
    if (member == situation.members.end()) member = situation.members.insert(member, Standpoint{.server = server});
    member->counts = true;
  }
  situation.renew = true;
}

}  // namespace gfs::master
