#include "master/balance_loop.h"

#include "base/log.h"
#include "base/probe.h"

namespace gfs::master {

namespace {

constexpr int kRounds = 30;  // of one that leaves, and has to hand over first
constexpr Duration kNextRound = 2s;

}  // namespace

BalanceLoop::BalanceLoop(const MasterState& state, const ServerTable& servers, LayoutService& layouts,
                         CopyOrders& copies, const HealingPlanner& healing, DecisionLog& decisions,
                         bus::Endpoint& endpoint, BalancePlanner::Settings settings)
    : state_(state),
      servers_(servers),
      layouts_(layouts),
      copies_(copies),
      healing_(healing),
      decisions_(decisions),
      endpoint_(endpoint),
      settings_(settings),
      planner_(state, servers, settings, [this](ChunkHandle handle, const Chunk& chunk) {
        return !healing_.examine(handle, chunk, now()) && layouts_.is_settled(handle, chunk);
      }) {}

Task<> BalanceLoop::run() {
  while (true) {
    co_await endpoint_.executor().sleep(kTick);
    std::vector<BalancePlanner::Move> moves = planner_.plan(now(), endpoint_.executor().wall_now(), why_not().empty());
    for (BalancePlanner::Move& move : moves) {
      group_.spawn(this->move(move), [this, move](Result<std::uint64_t> result) {
        planner_.done(move, ended(result), now());
        if (!result && result.error().code == Code::overloaded) return;  // not tried
        ++(result ? moved_ : failed_);
        if (result) {
          decisions_.note(Decided::moved, move.handle, move.to, fmt::format("from server {}: {}", move.from, move.why));
          return;
        }
        decisions_.note(Decided::failed, move.handle, move.to, "to be moved: " + result.error().text());
        log::write_limited(log::Level::warn, "chunk_not_moved",
                           {{"chunk", move.handle}, {"why", result.error().text()}});
      });
    }
  }
}

BalancePlanner::Ended BalanceLoop::ended(const Result<std::uint64_t>& result) {
  if (result) return BalancePlanner::Ended::moved;
  return result.error().code == Code::overloaded ? BalancePlanner::Ended::not_tried : BalancePlanner::Ended::failed;
}

Result<> BalanceLoop::still_wanted(const BalancePlanner::Move& move) const {
  const std::optional<Chunk> chunk = state_.chunks().find(move.handle);
  if (!chunk) return fail(Code::not_found, "chunk {} does not exist any more", move.handle);
  const std::string held_back = why_not();
  if (!held_back.empty()) return fail(Code::cancelled, "{}", held_back);
  const bool in_place = chunk->configuration.has(move.from) && !chunk->configuration.has(move.to);
  const bool takes = servers_.up(move.to, now()) && !servers_.avoided(move.to, now()) &&
                     !state_.directives().spared(move.to, endpoint_.executor().wall_now());
  if (in_place && takes && !healing_.examine(move.handle, *chunk, now())) return {};
  return fail(Code::cancelled, "it is not what it was when the copy began");
}

std::string BalanceLoop::why_not() const {
  const RepairRules& rules = state_.directives().repair();
  if (rules.balance == 0) return "an operator stopped it";
  if (rules.paused == 1) return "an operator paused repair";
  if (healing_.clock().mass()) return healing_.clock().mass()->why;
  if (healing_.copies()) return "chunks are repaired first";
  return {};
}

Task<std::uint64_t> BalanceLoop::move(BalancePlanner::Move move) {
  const std::optional<Chunk> chunk = state_.chunks().find(move.handle);
  if (!chunk) co_await fail(Code::not_found, "chunk {} does not exist any more", move.handle);
  const ServerId source = co_await copies_.source_for(move.handle, *chunk, move.to);
  const std::uint64_t bytes = co_await copies_.copy(move.handle, source, move.to);
  co_await still_wanted(move);  // that took minutes, perhaps
  const LayoutService::Leaving leaving(layouts_, move.handle, move.from);
  co_await layouts_.enlist(move.handle, move.to);
  for (int round = 0; round < kRounds; ++round) {
    if (round > 0) co_await endpoint_.executor().sleep(kNextRound);
    co_await layouts_.settle(move.handle);
    const std::optional<Chunk> after = state_.chunks().find(move.handle);
    if (!after || !after->configuration.has(move.to)) break;
    if (!after->configuration.has(move.from)) {
      PROBE("a replica was moved");
      co_return bytes;
    }
  }
  co_await fail(Code::unavailable, "server {} has not taken the place of server {}", move.to, move.from);
  co_return bytes;
}

bus::ShowBalance::Reply BalanceLoop::status(std::size_t limit) const {
  bus::ShowBalance::Reply reply;
  reply.stopped = state_.directives().repair().balance == 0;
  reply.waits = why_not();
  reply.filling = planner_.filling();
  reply.mean = planner_.mean();
  reply.threshold = settings_.threshold;
  reply.moved = moved_;
  reply.failed = failed_;
  for (const auto& [id, fill] : planner_.fills()) {
    if (reply.servers.size() >= limit) break;
    auto known = state_.servers().find(id);  // forgotten since?
    if (known != state_.servers().end()) reply.servers.push_back({id, known->second.rack, fill.share, fill.takes});
  }
  for (const auto& [handle, move] : planner_.under_way()) reply.moves.push_back({handle, move.from, move.to, move.why});
  return reply;
}

}  // namespace gfs::master
