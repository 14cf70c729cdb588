#include "master/healing_planner.h"

#include <algorithm>
#include <tuple>

namespace gfs::master {

namespace {

constexpr Duration kNextStep = 500ms;  // what was done may show a little later
constexpr Duration kRetryFirst = 2s;
constexpr std::uint32_t kDoublingsMax = 5;  // 2, 4, ... 64 s
constexpr std::uint32_t kPostponedMax = 4;  // doublings of kNextStep
constexpr std::uint32_t kTriesMany = 3;     // in vain: it may go on for ever
constexpr int kDepthMax = 1024;             // of a path, more than there can be

}  // namespace

std::optional<HealingPlanner::Need> HealingPlanner::examine(ChunkHandle handle, const Chunk& chunk, Instant now) const {
  const Configuration& configuration = chunk.configuration;
  // Nothing was ever written to it: the first writer gets it into shape.
  if (configuration.virgin) return std::nullopt;
  Need need;
  const bool drains = state_.directives().any_drains();
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
        [[fallthrough]];
      case ServerTable::Replica::unknown:  // it has not reported yet
        ++need.sound;
        if (!servers_.overdue(server, now)) ++need.heard;
        if (!drains || !state_.directives().drains(server)) ++need.staying;
        break;
    }
  }
  // More than the file shall have (any more).
  settle = settle || (need.sound > chunk.goal && need.sound == configuration.members.size());
  if (settle || restarted_(handle, chunk)) return need;
  need.cure = Cure::copy;
  if (need.staying >= chunk.goal) return std::nullopt;
  const bool somebody = std::any_of(servers_.all().begin(), servers_.all().end(), [&](const auto& one) {
    return servers_.up(one.first, now) && !configuration.has(one.first) &&
           !state_.directives().spared(one.first, wall_);
  });
  if (!somebody) return std::nullopt;
  return need;
}

std::optional<RepairClock::Wait> HealingPlanner::wait(ChunkHandle handle, const Need& need) const {
  if (state_.directives().repair().paused == 1) return RepairClock::Wait{{}, "repair is paused by an operator"};
  return clock_.wait(servers_, handle, need.heard);
}

bool HealingPlanner::copies() const {
  return std::ranges::any_of(patients_, [](const auto& one) {
    const Patient& patient = one.second;
    if (patient.need.cure != Cure::copy) return false;
    return patient.under_way || (!patient.idle() && patient.tries < kTriesMany);
  });
}

bool HealingPlanner::is_removed(InodeId file) const {
  InodeId at = file;
  for (int depth = 0; depth < kDepthMax; ++depth) {
    const Inode* inode = state_.names().inode(at);
    if (inode == nullptr) return true;
    if (inode->parent.value == 0) return at != Namespace::kRoot;
    at = inode->parent;
  }
  return false;
}

void HealingPlanner::visit(ChunkHandle handle, const Chunk& chunk, Instant now) {
  if (state_.directives().any_drains() && !chunk.configuration.virgin) {
    for (ServerId member : chunk.configuration.members) {
      draining_.erase(member);
      drained_.erase(member);
    }
  }
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
  if (!need) return;
  if (patients_.size() >= kPatientsMax) {
    if (need->sound >= no_room_ || (need->cure == Cure::copy && wait(handle, *need))) return;
    if (!make_room(need->sound)) {
      no_room_ = need->sound;
      return;
    }
  }
  patients_.emplace(handle, Patient{.need = *need, .removed = is_removed(chunk.inode), .since = now});
}

bool HealingPlanner::make_room(std::size_t sound) {
  auto least = patients_.end();
  for (auto at = patients_.begin(); at != patients_.end(); ++at) {
    if (at->second.idle()) {
      least = at;
      break;
    }
    if (at->second.under_way || at->second.need.sound <= sound) continue;
    if (least == patients_.end() || at->second.need.sound > least->second.need.sound) least = at;
  }
  if (least == patients_.end()) return false;
  patients_.erase(least);
  return true;
}

void HealingPlanner::note_losses(Instant now) {
  std::vector<ServerId> gone;
  for (const auto& [id, server] : servers_.all()) {
    if (servers_.gone(id, now)) gone.push_back(id);
  }
  if (gone == gone_) return;
  gone_ = std::move(gone);
  hurries_ = true;
  hurried_from_ = at_;
  wrapped_ = false;
}

std::vector<HealingPlanner::Order> HealingPlanner::plan(Instant now, WallMs wall) {
  wall_ = wall;
  clock_.look(state_, servers_, now, wall);
  note_losses(now);
  no_room_ = SIZE_MAX;
  const auto over = [this](ServerId server) { return !state_.directives().drains(server); };
  std::erase_if(drained_, over);
  std::erase_if(draining_, over);
  if (at_.value == 0) draining_ = state_.directives().draining();
  std::size_t seen = 0;
  state_.chunks().walk(at_, [&](ChunkHandle handle, const Chunk& chunk) {
    if (seen++ == kPiece) return false;
    visit(handle, chunk, now);
    at_ = handle;
    return true;
  });
  if (seen <= kPiece) {
    at_ = {};
    if (std::exchange(wrapped_, true) || hurried_from_.value == 0) hurries_ = false;
    drained_ = std::move(draining_);
  }

  if (wrapped_ && at_ >= hurried_from_) hurries_ = false;

  using Rank = std::tuple<std::size_t, bool, Instant, ChunkHandle>;
  std::vector<Rank> waiting;
  for (auto& [handle, patient] : patients_) {
    if (patient.under_way || now < patient.since + settings_.heal_after || now < patient.not_before) continue;
    std::optional<RepairClock::Wait> waits;
    if (patient.need.cure == Cure::copy) waits = wait(handle, patient.need);
    if (waits && !patient.deferred && deferred_) deferred_(handle, *waits);
    patient.deferred = waits.has_value();
    if (waits) continue;
    waiting.emplace_back(patient.need.sound, patient.removed, patient.since, handle);
  }
  std::sort(waiting.begin(), waiting.end());
  std::vector<Order> orders;
  const std::size_t most = CopyLimits::at_once(servers_.count_up(now));
  for (const auto& [sound, removed, since, handle] : waiting) {
    if (under_way_ >= most) break;
    auto patient = patients_.find(handle);
    const std::optional<Chunk> chunk = state_.chunks().find(handle);
    std::optional<Need> need;
    if (chunk) need = examine(handle, *chunk, now);
    if (!need) {
      patients_.erase(patient);
      continue;
    }
    patient->second.need = *need;
    if (need->cure == Cure::copy && wait(handle, *need)) continue;
    patient->second.ordered = *need;
    patient->second.under_way = true;
    ++under_way_;
    orders.push_back({handle, need->cure});
  }
  return orders;
}

void HealingPlanner::done(ChunkHandle handle, Outcome outcome, Instant now) {
  auto found = patients_.find(handle);
  if (found == patients_.end() || !found->second.under_way) return;
  --under_way_;
  Patient& patient = found->second;
  patient.under_way = false;
  if (outcome == Outcome::postponed) {
    // The longer each time, so that those behind it have their turn: for them somebody may be free.
    patient.not_before = now + kNextStep * (1 << std::min(patient.postponed++, kPostponedMax));
    return;
  }
  patient.postponed = 0;
  // What was ordered may have been done, and nothing be better for it.
  const std::optional<Chunk> chunk = state_.chunks().find(handle);
  std::optional<Need> need;
  if (chunk) need = examine(handle, *chunk, now);
  const bool settled = need && patient.ordered.cure == Cure::settle && need->cure == Cure::copy;
  const bool more = need && (need->sound > patient.ordered.sound || need->staying > patient.ordered.staying);
  const bool better = outcome == Outcome::carried_out && (!need || settled || more);
  patient.tries = better ? 0 : patient.tries + 1;
  patient.not_before = better ? now + kNextStep : now + kRetryFirst * (1 << std::min(patient.tries - 1, kDoublingsMax));
}

}  // namespace gfs::master
