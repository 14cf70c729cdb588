#include "master/healing_planner.h"

#include <algorithm>
#include <tuple>

namespace gfs::master {

namespace {

constexpr Duration kNextStep = 500ms;  // what was done may show a little later
constexpr Duration kRetryFirst = 2s;
constexpr std::uint32_t kDoublingsMax = 5;  // 2, 4, ... 64 s

}  // namespace

std::optional<HealingPlanner::Need> HealingPlanner::examine(ChunkHandle handle, const Chunk& chunk, Instant now) const {
  const Configuration& configuration = chunk.configuration;
  // Nothing was ever written to it: the first writer gets it into shape.
  if (configuration.virgin) return std::nullopt;
  Need need;
  bool settle = configuration.salvage || !configuration.joining.empty();
  for (ServerId server : configuration.members) {
    if (servers_.gone(server, now)) {
      settle = true;
      continue;
    }
    const Held* held = servers_.held(server, handle);
    if (configuration.joins(server) && (held == nullptr || held->version != configuration.version)) continue;
    switch (servers_.replica(server, handle, false)) {
      case ServerTable::Replica::damaged:
      case ServerTable::Replica::missing:
      case ServerTable::Replica::suspect:
        settle = true;
        break;
      case ServerTable::Replica::ok:
        settle = settle || held->version != configuration.version;
        ++need.sound;
        break;
      case ServerTable::Replica::unknown:  // it has not reported yet
        ++need.sound;
        break;
    }
  }
  // More than the file shall have (any more).
  settle = settle || (need.sound > chunk.goal && need.sound == configuration.members.size());
  if (settle || restarted_(handle, chunk)) return need;
  need.cure = Cure::copy;
  if (need.sound >= chunk.goal || need.sound >= servers_.count_up(now)) return std::nullopt;
  const bool somebody = std::any_of(servers_.all().begin(), servers_.all().end(), [&](const auto& one) {
    return servers_.up(one.first, now) && !configuration.has(one.first);
  });
  if (!somebody) return std::nullopt;
  return need;
}

void HealingPlanner::visit(ChunkHandle handle, const Chunk& chunk, Instant now) {
  std::optional<Need> need = examine(handle, chunk, now);
  auto found = patients_.find(handle);
  if (found != patients_.end()) {
    if (need) {
      found->second.need = *need;
    } else if (!found->second.under_way) {
      patients_.erase(found);
    }
    return;
  }
  if (!need || (patients_.size() >= kPatientsMax && !make_room(need->sound))) return;
  patients_.emplace(handle, Patient{.need = *need, .since = now});
}

bool HealingPlanner::make_room(std::size_t sound) {
  auto least = patients_.end();
  for (auto at = patients_.begin(); at != patients_.end(); ++at) {
    if (at->second.under_way || at->second.need.sound <= sound) continue;
    if (least == patients_.end() || at->second.need.sound > least->second.need.sound) least = at;
  }
  if (least == patients_.end()) return false;
  patients_.erase(least);
  return true;
}

std::vector<HealingPlanner::Order> HealingPlanner::plan(Instant now) {
  std::size_t seen = 0;
  state_.chunks().walk(at_, [&](ChunkHandle handle, const Chunk& chunk) {
    if (seen++ == kPiece) return false;
    visit(handle, chunk, now);
    at_ = handle;
    return true;
  });
  if (seen <= kPiece) at_ = {};

  using Rank = std::tuple<std::size_t, Instant, ChunkHandle>;
  std::vector<Rank> waiting;
  for (const auto& [handle, patient] : patients_) {
    if (patient.under_way || now < patient.since + heal_after_ || now < patient.not_before) continue;
    waiting.emplace_back(patient.need.sound, patient.since, handle);
  }
  std::sort(waiting.begin(), waiting.end());
  std::vector<Order> orders;
  for (const auto& [sound, since, handle] : waiting) {
    if (under_way_ >= kAtOnce) break;
    auto patient = patients_.find(handle);
    const std::optional<Chunk> chunk = state_.chunks().find(handle);
    std::optional<Need> need;
    if (chunk) need = examine(handle, *chunk, now);
    if (!need) {
      patients_.erase(patient);
      continue;
    }
    patient->second.need = patient->second.ordered = *need;
    patient->second.under_way = true;
    ++under_way_;
    orders.push_back({handle, need->cure});
  }
  return orders;
}

void HealingPlanner::done(ChunkHandle handle, bool carried_out, Instant now) {
  auto found = patients_.find(handle);
  if (found == patients_.end() || !found->second.under_way) return;
  --under_way_;
  Patient& patient = found->second;
  patient.under_way = false;
  // What was ordered may have been done, and nothing be better for it.
  const std::optional<Chunk> chunk = state_.chunks().find(handle);
  std::optional<Need> need;
  if (chunk) need = examine(handle, *chunk, now);
  const bool settled = need && patient.ordered.cure == Cure::settle && need->cure == Cure::copy;
  const bool better = carried_out && (!need || settled || need->sound > patient.ordered.sound);
  patient.tries = better ? 0 : patient.tries + 1;
  patient.not_before = better ? now + kNextStep : now + kRetryFirst * (1 << std::min(patient.tries - 1, kDoublingsMax));
}

}  // namespace gfs::master
