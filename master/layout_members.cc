// LayoutService: how the members of a chunk stand.
#include <algorithm>

#include "base/log.h"
#include "master/layout_service.h"

namespace gfs::master {

namespace {

constexpr int kSuspicionsKept = 10;  // times suspect_after: a server gets its chance again

}  // namespace

bool LayoutService::counts(ServerId server, ChunkHandle handle, const Configuration& configuration) const {
  if (!configuration.joins(server) || is_mutant("forget_joining")) return true;
  const Held* held = servers_.held(server, handle);
  return held != nullptr && held->version == configuration.version && !held->suspect && !held->damaged;
}

Standpoint LayoutService::standpoint(ServerId server, ChunkHandle handle, const Configuration& configuration) const {
  Standpoint point{.server = server, .counts = counts(server, handle, configuration), .up = servers_.up(server, now())};
  if (auto known = state_.servers().find(server); known != state_.servers().end()) point.rack = known->second.rack;
  point.slow = servers_.paces().slow(server, now());
  auto leaving = leaving_.find(handle);
  point.leaving = state_.directives().drains(server) || (leaving != leaving_.end() && leaving->second == server);
  if (servers_.overdue(server, now())) {
    point.standing = Standing::away;
    point.why = fmt::format("{}: no heartbeat in time", servers_.state(server, now()));
    return point;
  }
  if (keeps_failing(server, handle)) {
    point.standing = Standing::failing;
    point.why = "it keeps failing";
    return point;
  }
  if (!point.counts) return point;  // what it holds does not matter
  const Held* held = servers_.held(server, handle);
  switch (servers_.replica(server, handle, configuration.virgin)) {
    case ServerTable::Replica::damaged:
      // Damaged and suspect: its bad blocks are the lesser worry.
      point.standing = held->suspect && !configuration.virgin ? Standing::suspect : Standing::damaged;
      point.stale = held->version < configuration.version;
      point.why = "its replica is damaged";
      break;
    case ServerTable::Replica::missing:
      point.standing = Standing::missing;
      point.why = "its replica is missing";
      break;
    case ServerTable::Replica::suspect:
      point.standing = Standing::suspect;
      point.stale = held != nullptr && held->version < configuration.version;
      point.why = "its replica may have lost bytes in a power cut";
      break;
    case ServerTable::Replica::unknown:
      point.standing = Standing::unknown;
      break;
    case ServerTable::Replica::ok:
      break;
  }
  return point;
}

Situation LayoutService::situation(ChunkHandle handle, const Chunk& chunk) {
  const Configuration& configuration = chunk.configuration;
  Situation situation;
  for (ServerId server : configuration.members) {
    situation.members.push_back(standpoint(server, handle, configuration));
  }
  situation.primary = configuration.primary;
  situation.goal = chunk.goal;
  situation.minimum = minimum(chunk.inode, chunk.goal);
  situation.virgin = configuration.virgin;
  situation.settled = configuration.settled == configuration.version;
  situation.lone = configuration.lone;
  situation.salvage = configuration.salvage;
  recall(handle, configuration, situation);
  situation.waited = !wait_for_absent(handle, situation);
  return situation;
}

bool LayoutService::wait_for_absent(ChunkHandle handle, const Situation& situation) {
  bool away = situation.absent, suspect = false, better = situation.virgin || situation.salvage;
  for (const Standpoint& member : situation.members) {
    if (!member.counts) continue;
    better = better || member.standing == Standing::sound || member.standing == Standing::unknown;
    away = away || member.standing == Standing::away || member.standing == Standing::failing;
    suspect = suspect || member.standing == Standing::suspect;
  }
  if (better || !suspect || !away) {
    doubtful_.erase(handle);
    return false;
  }
  const Instant since = doubtful_.try_emplace(handle, now()).first->second;
  if (now() - since < settings_.salvage_after && !is_mutant("salvage_at_once")) return true;
  log::write_limited(log::Level::error, "salvaged_without_members",
                     {{"chunk", handle},
                      {"why", "members are missing, and those here may have lost bytes in a power cut"},
                      {"waited_s", to_ms(now() - since) / 1000}});
  return false;
}

std::vector<ServerId> LayoutService::learners(const Situation& situation) {
  std::vector<ServerId> chosen, kept, avoid;
  for (const Standpoint& member : situation.members) {
    switch (member.standing) {
      case Standing::damaged:
      case Standing::missing:
        // It has most of the bytes, or at least the place for them.
        if (member.up) chosen.push_back(member.server);
        [[fallthrough]];
      case Standing::away:
      case Standing::failing:
        avoid.push_back(member.server);
        break;
      default:
        kept.push_back(member.server);
    }
  }
  const std::size_t wanted = situation.virgin ? situation.goal : situation.minimum;
  if (avoid.empty() || kept.size() >= wanted) return {};
  if (situation.virgin) chosen.clear();
  std::vector<ServerId> others = choose(kept, wanted - kept.size(), avoid);
  for (ServerId server : others) servers_.placed(server);
  chosen.insert(chosen.end(), others.begin(), others.end());
  return chosen;
}

bool LayoutService::may_join(ServerId id, const Chunk& chunk, const std::vector<ServerId>& avoid) const {
  const Server* server = servers_.find(id);
  return server != nullptr && servers_.up(id, now()) && !chunk.configuration.has(id) &&
         std::find(avoid.begin(), avoid.end(), id) == avoid.end() && server->free >= settings_.room &&
         !state_.directives().spared(id, endpoint_->executor().wall_now());
}

ServerId LayoutService::successor_of(const Chunk& chunk, const std::vector<ServerId>& avoid) const {
  for (ServerId member : chunk.configuration.members) {
    const ServerId successor = state_.directives().find(member, endpoint_->executor().wall_now()).successor;
    if (!successor.nil() && may_join(successor, chunk, avoid)) return successor;
  }
  return {};
}

ServerId LayoutService::learner_for(ChunkHandle handle, const Chunk& chunk, const std::vector<ServerId>& avoid) {
  const ServerId successor = successor_of(chunk, avoid);
  if (!successor.nil()) return successor;
  for (const auto& [id, server] : servers_.all()) {
    if (could_use(id, handle, chunk, avoid)) return id;
  }
  const std::vector<ServerId> others = choose(chunk.configuration.members, 1, avoid);
  return others.empty() ? ServerId{} : others.front();
}

bool LayoutService::could_use(ServerId id, ChunkHandle handle, const Chunk& chunk,
                              const std::vector<ServerId>& avoid) const {
  return servers_.held(id, handle) != nullptr && may_join(id, chunk, avoid) && !servers_.avoided(id, now());
}

bool LayoutService::restarted(ChunkHandle handle, const Chunk& chunk) const {
  auto found = active_.find(handle.value);
  if (found == active_.end() || found->second.version != chunk.configuration.version) return false;
  const Server* primary = servers_.find(chunk.configuration.primary);
  return primary != nullptr && primary->registered() && primary->session != found->second.session;
}

bool LayoutService::is_led(ChunkHandle handle, const Chunk& chunk) const {
  auto found = active_.find(handle.value);
  if (found == active_.end() || found->second.version != chunk.configuration.version) return false;
  const Server* primary = servers_.find(chunk.configuration.primary);
  return primary != nullptr && primary->session == found->second.session &&
         !servers_.overdue(chunk.configuration.primary, now());
}

bool LayoutService::is_active(ChunkHandle handle, const Chunk& chunk) const {
  if (!is_led(handle, chunk)) return false;
  if (has_to_be_frozen(handle, chunk) && !active_.at(handle.value).frozen) return false;
  const Inode* inode = state_.names().inode(chunk.inode);
  if (inode != nullptr && inode->ack != chunk.configuration.ack) return false;
  return std::all_of(chunk.configuration.members.begin(), chunk.configuration.members.end(), [&](ServerId server) {
    const Standing standing = standpoint(server, handle, chunk.configuration).standing;
    return standing == Standing::sound || standing == Standing::unknown;
  });
}

Result<> LayoutService::check_log(ChunkHandle handle, Version version) const {
  for (const auto& [id, server] : servers_.all()) {
    const Held* held = servers_.held(id, handle);
    if (held == nullptr || held->version <= version) continue;
    log::write_limited(log::Level::error, "log_behind_a_server",
                       {{"chunk", handle}, {"version", version}, {"server", id}, {"holds", held->version}});
    return fail(Code::refused, "chunk {} version {}: server {} holds version {}: this log is older than the truth",
                handle, version, id, held->version);
  }
  return {};
}

void LayoutService::suspect(ServerId server, ChunkHandle handle, bool at_once) {
  auto [at, fresh] = suspicions_.try_emplace({handle, server});
  Suspicion& suspicion = at->second;
  if (fresh || now() - suspicion.last > kSuspicionsKept * settings_.suspect_after) suspicion.first = now();
  if (at_once) suspicion.first = std::min(suspicion.first, now() - settings_.suspect_after);
  suspicion.last = now();
}

bool LayoutService::keeps_failing(ServerId server, ChunkHandle handle) const {
  auto found = suspicions_.find({handle, server});
  return found != suspicions_.end() && now() - found->second.last <= kSuspicionsKept * settings_.suspect_after &&
         found->second.last - found->second.first >= settings_.suspect_after;
}

void LayoutService::forget_suspicions(ChunkHandle handle) {
  auto at = suspicions_.lower_bound({handle, ServerId{}});
  while (at != suspicions_.end() && at->first.first == handle) at = suspicions_.erase(at);
}

}  // namespace gfs::master
