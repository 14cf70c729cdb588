#include "master/healing_loop.h"

#include <algorithm>
#include <iterator>
#include <tuple>

#include "base/log.h"

namespace gfs::master {

namespace {

constexpr Duration kTargetAvoided = 60s;
constexpr std::size_t kFailedMax = 4096;

}  // namespace

HealingLoop::HealingLoop(MasterState& state, ServerTable& servers, LayoutService& layouts, CopyOrders& copies,
                         DecisionLog& decisions, bus::Endpoint& endpoint, HealingPlanner::Settings settings)
    : state_(state),
      servers_(servers),
      layouts_(layouts),
      copies_(copies),
      decisions_(decisions),
      endpoint_(endpoint),
      planner_(state, servers, settings,
               [&layouts](ChunkHandle handle, const Chunk& chunk) { return layouts.restarted(handle, chunk); }) {
  (void)state_.take_dropped();  // of the replay: long ago
  planner_.on_deferred([this](ChunkHandle handle, const RepairClock::Wait& wait) {
    decisions_.note(Decided::deferred, handle, {}, wait.why);
  });
}

Task<> HealingLoop::run() {
  while (true) {
    co_await endpoint_.executor().sleep(kTickShort);
    servers_.note_tick(now());
    if (!due()) continue;
    planned_ = now();
    ended_ = false;
    release_dropped();
    for (const HealingPlanner::Order& order : planner_.plan(now(), endpoint_.executor().wall_now())) {
      group_.spawn(cure(order), [this, handle = order.handle](Result<> result) { cured(handle, std::move(result)); });
    }
  }
}

bool HealingLoop::due() const { return planner_.hurries() || ended_ || now() - planned_ >= kTick; }

void HealingLoop::cured(ChunkHandle handle, Result<> result) {
  using Outcome = HealingPlanner::Outcome;
  const bool postponed = postponed_.erase(handle) > 0;
  ended_ = ended_ || !postponed;
  if (complaints_.size() > kFailedMax) complaints_.clear();
  if (result) {
    complaints_.erase(handle);
  } else {
    complaints_[handle] = result.error().text();
  }
  if (!result && !postponed) {
    ++failures_;
    decisions_.note(Decided::failed, handle, {}, result.error().text());
    log::write_limited(log::Level::warn, "chunk_not_healed", {{"chunk", handle}, {"why", result.error().text()}});
  }
  planner_.done(handle, result ? Outcome::carried_out : postponed ? Outcome::postponed : Outcome::failed, now());
}

Task<> HealingLoop::cure(HealingPlanner::Order order) {
  if (order.cure == HealingPlanner::Cure::settle) {
    co_await layouts_.settle(order.handle);
  } else {
    co_await layouts_.restore(order.handle);
    co_await copy(order.handle);
  }
}

std::vector<ServerId> HealingLoop::failed_targets(ChunkHandle handle) {
  const Instant now = endpoint_.executor().now();
  if (failed_.size() > kFailedMax) failed_.clear();
  std::vector<ServerId> targets;
  for (auto at = failed_.lower_bound({handle, ServerId{}}); at != failed_.end() && at->first.first == handle;) {
    if (at->second + kTargetAvoided < now) {
      at = failed_.erase(at);
    } else {
      targets.push_back((at++)->first.second);
    }
  }
  return targets;
}

Error HealingLoop::postpone(ChunkHandle handle, std::string why) {
  postponed_.insert(handle);
  return {Code::overloaded, std::move(why), {}};
}

Task<> HealingLoop::copy(ChunkHandle handle) {
  const std::optional<Chunk> chunk = state_.chunks().find(handle);
  if (!chunk) co_return;
  if (copies_.flow(handle)) co_await fail(postpone(handle, "it is being copied"));
  const std::vector<ServerId> taking = copies_.full();
  std::vector<ServerId> avoid = failed_targets(handle);
  const ServerId successor = layouts_.successor_of(*chunk, avoid);
  for (ServerId one : taking) {
    if (one == successor)
      co_await fail(postpone(handle, fmt::format("server {}, which is to take it, takes others", one)));
    // One that was away and is back: it needs the difference only, so its turn comes soon.
    if (chunk->configuration.members.size() > 1 && layouts_.could_use(one, handle, *chunk, avoid))
      co_await fail(postpone(handle, fmt::format("server {}, which has it from before, takes others", one)));
  }
  avoid.insert(avoid.end(), taking.begin(), taking.end());
  const ServerId target = layouts_.learner_for(handle, *chunk, avoid);
  if (target.nil() && !taking.empty()) {
    co_await fail(
        postpone(handle, fmt::format("the servers that could take a copy take {} others", copies_.under_way())));
  }
  if (target.nil()) co_await fail(Code::not_enough_servers, "chunk {}: no server can take one more copy", handle);
  const Result<ServerId> source = copies_.source_for(handle, *chunk, target);
  if (!source && source.error().code == Code::overloaded) co_await fail(postpone(handle, source.error().message));
  const ServerId from = co_await source;
  const Result<std::uint64_t> copied = co_await copies_.copy(handle, from, target).outcome();
  Result<> joined;
  if (copied) joined = co_await layouts_.enlist(handle, target).outcome();
  if (copied && joined) {
    ++copied_chunks_;
    decisions_.note(Decided::copied, handle, target, "it is a member now");
    co_return;
  }
  failed_[{handle, target}] = now();
  const Error& error = copied ? joined.error() : copied.error();
  co_await fail(error.code, "server {} did not join: {}", target, error.text());
}

bus::ListRepairs::Reply HealingLoop::status(std::size_t limit) const {
  bus::ListRepairs::Reply reply;
  const CopyOrders::Limits limits = copies_.limits();
  reply.paused = state_.directives().repair().paused == 1;
  reply.per_server = limits.per_server;
  reply.per_cluster = limits.per_cluster;
  if (reply.paused) {
    reply.held_back = "an operator paused it";
  } else if (planner_.clock().mass()) {
    reply.held_back = planner_.clock().mass()->why;
  }
  reply.known = planner_.patients().size();
  reply.running = planner_.under_way();
  reply.by_sound.resize(4);
  reply.copied_chunks = copied_chunks_;
  reply.copied_bytes = copies_.copied_bytes();
  reply.failed = failures_;
  using Rank = std::tuple<bool, std::size_t, bool, Instant, ChunkHandle>;
  std::vector<Rank> ranks;
  for (const auto& [handle, patient] : planner_.patients()) {
    ++reply.by_sound[std::min<std::size_t>(patient.need.sound, 3)];
    ranks.emplace_back(!patient.under_way, patient.need.sound, patient.removed, patient.since, handle);
  }
  limit = std::min(limit, ranks.size());
  std::partial_sort(ranks.begin(), ranks.begin() + static_cast<std::ptrdiff_t>(limit), ranks.end());
  for (std::size_t i = 0; i < limit; ++i) {
    const ChunkHandle handle = std::get<ChunkHandle>(ranks[i]);
    const HealingPlanner::Patient& patient = planner_.patients().at(handle);
    const std::optional<Chunk> chunk = state_.chunks().find(handle);
    bus::ListRepairs::Repair& one = reply.repairs.emplace_back();
    one.handle = handle;
    one.need = patient.need.cure == HealingPlanner::Cure::copy ? "copy" : "settle";
    one.sound = static_cast<std::uint32_t>(patient.need.sound);
    one.goal = chunk ? chunk->goal : 0;
    one.since_ms = static_cast<std::uint64_t>(to_ms(now() - patient.since));
    one.tries = patient.tries;
    one.why = why_not(handle, patient);
    one.state = patient.under_way ? "running" : one.why.empty() ? "ready" : "waiting";
    if (const std::optional<CopyOrders::Flow> flow = copies_.flow(handle)) {
      one.source = flow->source;
      one.target = flow->target;
    }
  }
  return reply;
}

std::string HealingLoop::why_not(ChunkHandle handle, const HealingPlanner::Patient& patient) const {
  if (patient.under_way) return {};
  if (patient.need.cure == HealingPlanner::Cure::copy) {
    if (std::optional<RepairClock::Wait> wait = planner_.wait(handle, patient.need)) {
      if (wait->until <= now()) return wait->why;
      return fmt::format("{}: for {} s more", wait->why, to_ms(wait->until - now()) / 1000 + 1);
    }
  }
  auto complaint = complaints_.find(handle);
  if (patient.not_before <= now() || complaint == complaints_.end()) return {};
  return fmt::format("again in {} s: {}", to_ms(patient.not_before - now()) / 1000 + 1, complaint->second);
}

std::vector<std::string> HealingLoop::describe(ChunkHandle handle) const {
  std::vector<std::string> lines;
  const std::optional<Chunk> chunk = state_.chunks().find(handle);
  if (!chunk) return lines;
  const Configuration& configuration = chunk->configuration;
  if (configuration.virgin) {
    lines.push_back("nobody has written to it: the first writer gets it into shape");
    return lines;
  }
  const std::optional<HealingPlanner::Need> need = planner_.examine(handle, *chunk, now());
  if (!need) {
    lines.push_back("it needs nothing that can be done now");
    return lines;
  }
  const bool copy = need->cure == HealingPlanner::Cure::copy;
  lines.push_back(fmt::format("{} of {} members are sound: {}", need->sound, chunk->goal,
                              copy ? "somebody is to join" : "its configuration is to be settled"));
  auto patient = planner_.patients().find(handle);
  if (patient == planner_.patients().end()) {
    lines.push_back("it was not looked at yet, or very many others are more endangered");
    return lines;
  }
  if (patient->second.under_way) lines.push_back("that is being done");
  std::string why = why_not(handle, patient->second);
  if (!why.empty()) lines.push_back("it waits: " + why);
  if (patient->second.tries > 0) lines.push_back(fmt::format("tried {} times in vain", patient->second.tries));
  return lines;
}

void HealingLoop::release_dropped() {
  std::vector<DroppedChunk> more = state_.take_dropped();
  dropped_.insert(dropped_.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  // A hint: what is too much is left out.
  if (dropped_.size() > MasterState::kDroppedMax) dropped_.resize(MasterState::kDroppedMax);
  const std::size_t count = std::min(dropped_.size(), kReleasesPerTick);
  for (std::size_t i = 0; i < count; ++i) {
    for (ServerId member : dropped_[i].members) {
      const Server* server = servers_.find(member);
      if (server == nullptr || !server->registered()) continue;
      bus::ReleaseChunk release{dropped_[i].handle, dropped_[i].version};
      (void)endpoint_.cast(bus::Peer::on(server->route), std::move(release));
    }
  }
  dropped_.erase(dropped_.begin(), dropped_.begin() + static_cast<std::ptrdiff_t>(count));
}

}  // namespace gfs::master
