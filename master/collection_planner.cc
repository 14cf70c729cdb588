#include "master/collection_planner.h"

#include <algorithm>
#include <iterator>

#include "master/epoch.h"

namespace gfs::master {

namespace {

constexpr std::size_t kUnknownMax = 1024;  // of one server; one is enough to stop everything
constexpr Duration kForgotten = 10min;     // what a server said that is not heard any more

}  // namespace

bool CollectionPlanner::is_whole(ChunkHandle handle, const Chunk& chunk, Instant now) const {
  const Configuration& configuration = chunk.configuration;
  if (configuration.settled != configuration.version || configuration.members.size() < chunk.goal) return false;
  return std::ranges::all_of(configuration.members, [&](ServerId member) {
    const Held* held = servers_.held(member, handle);
    return servers_.up(member, now) && held != nullptr && held->version == configuration.version &&
           servers_.replica(member, handle, false) == ServerTable::Replica::ok;
  });
}

// Of this log epoch; what is of an earlier one may have been given out in a future that was lost.
bool CollectionPlanner::is_of_this_epoch(ChunkHandle handle) const {
  return state_.epoch() == 1 || handle > handles_of(state_.epoch());
}

bool CollectionPlanner::is_unknown(ChunkHandle handle) const {
  return is_of_this_epoch(handle) && handle > state_.last_handle();
}

std::optional<CollectionPlanner::Judged> CollectionPlanner::judge(ServerId server, const bus::ListHeld::Held& held,
                                                                  Instant now) const {
  const std::optional<Chunk> chunk = state_.chunks().find(held.handle);
  if (!chunk) {
    if (in_the_making_ && in_the_making_(held.handle)) return std::nullopt;
    if (!is_of_this_epoch(held.handle) || is_unknown(held.handle)) return std::nullopt;
    return Judged{.why = bus::Garbage::orphan, .settled = {}};
  }
  const Configuration& configuration = chunk->configuration;
  if (configuration.has(server)) return std::nullopt;
  const Judged stale{.why = bus::Garbage::stale, .settled = configuration.settled};
  if (former_members_) return stale;
  // Who may still acknowledge alone may hold what nobody else has.
  const bool alone = std::ranges::find(configuration.lone, server) != configuration.lone.end();
  const bool older = held.version < configuration.settled && held.fence <= configuration.version;
  if (!older || alone || !is_whole(held.handle, *chunk, now)) return std::nullopt;
  return stale;
}

std::string CollectionPlanner::held_back(Instant now) const {
  std::size_t reported = 0;
  for (const auto& [id, known] : state_.servers()) {
    const Server* server = servers_.find(id);
    if (server != nullptr && server->reported) ++reported;
  }
  if (reported == 0 && !state_.servers().empty()) return "no server has reported since the master started";
  if (now - started_ < kYoung && reported * 100 < state_.servers().size() * 95) {
    return fmt::format("the master has just started: {} of {} servers have reported", reported,
                       state_.servers().size());
  }
  for (const auto& [id, searched] : searched_) {
    const Server* server = servers_.find(id);
    if (searched.unknown.empty() || server == nullptr || server->heard + kForgotten < now) continue;
    return fmt::format("server {} holds chunk {}, which this log has never given out: it may be older than the truth",
                       id, *searched.unknown.begin());
  }
  return {};
}

CollectionPlanner::Found CollectionPlanner::look(ServerId server, const bus::ListHeld& asked,
                                                 const bus::ListHeld::Reply& page, Instant now) {
  Searched& searched = searched_[server];
  Found found;
  found.through = asked.after;
  // What lies between two chunks of the page is not held any more.
  auto at = searched.candidates.upper_bound(asked.after);
  auto unknown = searched.unknown.upper_bound(asked.after);
  for (const bus::ListHeld::Held& held : page.chunks) {
    if (held.handle <= found.through) break;  // a page that makes no sense: up to here it did
    found.through = held.handle;
    while (at != searched.candidates.end() && at->first < held.handle) erase(searched, at++);
    while (unknown != searched.unknown.end() && *unknown < held.handle) unknown = searched.unknown.erase(unknown);
    const bool known_candidate = at != searched.candidates.end() && at->first == held.handle;
    const bool new_to_us = is_unknown(held.handle);
    if (unknown != searched.unknown.end() && *unknown == held.handle) {
      unknown = new_to_us ? std::next(unknown) : searched.unknown.erase(unknown);
    } else if (new_to_us && searched.unknown.size() < kUnknownMax) {
      searched.unknown.insert(unknown, held.handle);
    }
    const std::optional<Judged> judged = judge(server, held, now);
    if (!judged) {
      if (known_candidate) erase(searched, at++);
      continue;
    }
    if (!known_candidate) {
      if (searched.candidates.size() >= kCandidatesMax) continue;
      at = searched.candidates.emplace_hint(at, held.handle, Candidate{});
      at->second.since = now;
    }
    Candidate& candidate = at->second;
    if (known_candidate &&
        (candidate.judged != *judged || candidate.version != held.version || candidate.fence != held.fence)) {
      candidate.since = now;
    }
    candidate.judged = *judged;
    candidate.version = held.version;
    candidate.fence = held.fence;
    ++at;
    if (now - candidate.since < after_) continue;
    found.due.push_back({held.handle, held.version, held.fence, judged->why});
    if (found.due.size() == kOrderMax) return found;
  }
  if (page.last) {
    while (at != searched.candidates.end()) erase(searched, at++);
    searched.unknown.erase(unknown, searched.unknown.end());
  }
  return found;
}

void CollectionPlanner::erase(Searched& searched, std::map<ChunkHandle, Candidate>::iterator at) {
  if (at->second.refused) --searched.refused;
  searched.candidates.erase(at);
}

void CollectionPlanner::done(ServerId server, const Item& item, bus::CollectChunks::Done done, Instant now) {
  using Done = bus::CollectChunks::Done;
  auto of = searched_.find(server);
  if (of == searched_.end()) return;
  auto found = of->second.candidates.find(item.handle);
  if (found == of->second.candidates.end()) return;
  if (done == Done::quarantined || done == Done::gone) {
    erase(of->second, found);
    return;
  }
  Candidate& candidate = found->second;
  const bool refused = done == Done::refused;
  if (refused != candidate.refused) of->second.refused += refused ? 1 : -1;
  candidate.refused = refused;
  if (!refused) candidate.since = now;  // something happens with it
}

CollectionPlanner::Counts CollectionPlanner::counts(ServerId server) const {
  auto found = searched_.find(server);
  if (found == searched_.end()) return {};
  return {found->second.candidates.size(), found->second.refused, found->second.unknown.size()};
}

}  // namespace gfs::master
