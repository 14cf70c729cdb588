#include "master/restore_planner.h"

#include <algorithm>

#include "master/epoch.h"

namespace gfs::master {

bool RestorePlanner::is_old(ChunkHandle handle, const Chunk& chunk) const {
  return !is_of_epoch(state_.epoch(), handle, chunk.configuration.version);
}

bool RestorePlanner::is_coming(ChunkHandle handle, const Chunk& chunk) const {
  const std::uint64_t epoch = state_.epoch();
  if (epoch == 1 || handle > handles_of(epoch) || is_old(handle, chunk) || chunk.configuration.virgin) return false;
  return chunk.configuration.settled <= versions_of(epoch);
}

bool RestorePlanner::enough_are_in(Instant now) const {
  const std::size_t known_servers = state_.servers().size();
  std::size_t reported = 0;
  for (const auto& [id, known] : state_.servers()) {
    const Server* server = servers_.find(id);
    if (server != nullptr && server->reported) ++reported;
  }
  const Duration waited = now - started_;
  if (waited < settings_.join_time) return false;
  if (known_servers == reported || waited >= settings_.wait_max) return true;
  return waited >= settings_.most_time && reported * 100 >= known_servers * 95;
}

RestorePlanner::Finding RestorePlanner::find(ChunkHandle handle, const Chunk& chunk, Instant now) const {
  const Configuration& configuration = chunk.configuration;
  // Of one that the table does not know to have been active, all that is held may be newer than it.
  const bool active = !configuration.virgin && configuration.settled == configuration.version;
  const bool members_have_it =
      active && std::ranges::all_of(configuration.members, [&](ServerId server) {
        const Server* known = servers_.find(server);
        const Held* held = servers_.held(server, handle);
        return known != nullptr && known->reported && held != nullptr && held->version <= configuration.version;
      });
  Finding finding;
  if (members_have_it) return finding;
  for (const auto& [id, server] : servers_.all()) {
    const Held* held = servers_.held(id, handle);
    if (held == nullptr || held->version < finding.newest || (active && held->version <= configuration.version))
      continue;
    if (held->version > finding.newest) finding.holders.clear();
    finding.newest = held->version;
    finding.holders.push_back(id);
  }
  if (!enough_are_in(now)) {
    finding.what = Finding::What::wait;
  } else if (!finding.holders.empty()) {
    finding.what = Finding::What::restore;
  }
  return finding;
}

RestoreChunkOp RestorePlanner::settle(ChunkHandle handle, const Chunk& chunk, const Finding& finding,
                                      Instant now) const {
  RestoreChunkOp op;
  op.handle = handle;
  op.from = chunk.configuration.version;
  op.version = std::max({versions_of(state_.epoch()), op.from, finding.newest}).next();
  if (finding.what != Finding::What::restore) return op;
  op.held = finding.newest;
  op.members = finding.holders;
  op.primary = op.members.front();
  for (ServerId server : op.members) {
    const Held* held = servers_.held(server, handle);
    if (servers_.up(server, now) && held != nullptr && !held->damaged && !held->suspect) op.primary = server;
  }
  return op;
}

}  // namespace gfs::master
