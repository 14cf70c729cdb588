#include "master/healing_loop.h"

#include <algorithm>
#include <iterator>

#include "base/log.h"

namespace gfs::master {

namespace {

constexpr Duration kCopyTime = 60s;
constexpr std::uint64_t kCopiedLittle = 8ull << 20;  // so much may be left for when mutations wait
constexpr Duration kTargetAvoided = 60s;
constexpr std::size_t kFailedMax = 4096;

}  // namespace

HealingLoop::HealingLoop(MasterState& state, ServerTable& servers, LayoutService& layouts, bus::Endpoint& endpoint,
                         Duration heal_after)
    : state_(state),
      servers_(servers),
      layouts_(layouts),
      endpoint_(endpoint),
      planner_(state, servers, heal_after,
               [&layouts](ChunkHandle handle, const Chunk& chunk) { return layouts.restarted(handle, chunk); }) {
  (void)state_.take_dropped();  // of the replay: long ago
}

Task<> HealingLoop::run() {
  while (true) {
    co_await endpoint_.executor().sleep(kTick);
    release_dropped();
    for (const HealingPlanner::Order& order : planner_.plan(endpoint_.executor().now())) {
      auto done = [this, order](Result<> result) {
        if (!result) {
          log::write_limited(log::Level::warn, "chunk_not_healed",
                             {{"chunk", order.handle}, {"why", result.error().text()}});
        }
        planner_.done(order.handle, result.has_value(), endpoint_.executor().now());
      };
      group_.spawn(cure(order), std::move(done));
    }
  }
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

Task<> HealingLoop::copy(ChunkHandle handle) {
  const std::optional<Chunk> chunk = state_.chunks().find(handle);
  if (!chunk) co_return;
  const ServerId target = layouts_.learner_for(handle, *chunk, failed_targets(handle));
  if (target.nil()) co_await fail(Code::not_enough_servers, "chunk {}: no server can take one more copy", handle);
  log::info("copy_ordered", {{"chunk", handle}, {"target", target}});
  Result<bus::CloneChunk::Reply> copied = co_await clone(handle, target).outcome();
  // Much was copied, so much may have changed meanwhile: once more, which takes less time.
  if (copied && copied->copied > kCopiedLittle) copied = co_await clone(handle, target).outcome();
  Result<> joined;
  if (copied) joined = co_await layouts_.enlist(handle, target).outcome();
  if (copied && joined) co_return;
  failed_[{handle, target}] = endpoint_.executor().now();
  const Error& error = copied ? joined.error() : copied.error();
  co_await fail(error.code, "server {} did not join: {}", target, error.text());
}

Task<bus::CloneChunk::Reply> HealingLoop::clone(ChunkHandle handle, ServerId target) {
  const std::optional<Chunk> chunk = state_.chunks().find(handle);
  if (!chunk) co_await fail(Code::not_found, "chunk {} does not exist any more", handle);
  const Configuration& configuration = chunk->configuration;
  auto good = [&](ServerId server) {
    return servers_.up(server, endpoint_.executor().now()) && !configuration.joins(server) &&
           servers_.replica(server, handle, false) == ServerTable::Replica::ok;
  };
  ServerId source = configuration.primary;
  if (!good(source)) {
    auto other = std::find_if(configuration.members.begin(), configuration.members.end(), good);
    if (other == configuration.members.end())
      co_await fail(Code::unavailable, "chunk {}: no member can be copied from", handle);
    source = *other;
  }
  const Server* server = servers_.find(target);
  if (server == nullptr) co_await fail(Code::unavailable, "server {} is not known any more", target);
  bus::CloneChunk ask{handle, layouts_.member(source)};
  bus::CallOptions options;
  options.deadline = kCopyTime;
  bus::Peer peer = bus::Peer::on(server->route);
  co_return co_await endpoint_.call(std::move(peer), std::move(ask), options);
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
