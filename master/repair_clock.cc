#include "master/repair_clock.h"

#include <fmt/format.h>

namespace gfs::master {

void RepairClock::look(const MasterState& state, const ServerTable& servers, Instant now, WallMs wall) {
  awaited_.clear();
  mass_.reset();
  std::size_t lost_together = 0;
  Instant last_lost{};
  for (const auto& [id, server] : servers.all()) {
    const bool gone = servers.gone(id, now);
    if (!gone && !servers.overdue(id, now)) continue;
    const Directive directive = state.directives().find(id, wall);
    if (directive.mark == bus::ServerMark::maint) {
      awaited_.push_back({id, now + std::chrono::milliseconds(directive.until - wall), "is in maintenance", gone});
      continue;
    }
    const Instant lost = server.heard + (server.left ? Duration::zero() : servers.clocks().lost_after);
    const Instant until = lost + (server.left ? rules_.repair_after_leaving : rules_.repair_after);
    const char* why = server.left ? "was stopped cleanly" : gone ? "was lost just now" : "is silent";
    if (until > now) awaited_.push_back({id, until, why, gone});
    if (!gone || server.left || lost + rules_.mass_pause <= now) continue;
    ++lost_together;
    last_lost = std::max(last_lost, lost);
  }
  const std::size_t all = state.servers().size();
  if (lost_together >= rules_.mass_least && lost_together * 100 > all * rules_.mass_percent) {
    mass_ = Wait{last_lost + rules_.mass_pause,
                 fmt::format("{} of {} servers were lost within minutes", lost_together, all)};
  }
}

std::optional<RepairClock::Wait> RepairClock::wait(const ServerTable& servers, ChunkHandle handle,
                                                   std::size_t heard) const {
  if (heard <= 1) return std::nullopt;
  std::optional<Wait> longest = mass_;
  for (const Awaited& one : awaited_) {
    if (longest && one.until <= longest->until) continue;
    const Server* server = servers.find(one.server);
    // What has not reported yet may hold anything.
    const bool may_hold = server != nullptr && one.gone && !server->reported;
    const bool holds = may_hold || servers.held(one.server, handle) != nullptr;
    if (holds) longest = Wait{one.until, fmt::format("server {} {}", one.server, one.why)};
  }
  return longest;
}

}  // namespace gfs::master
