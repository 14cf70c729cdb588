#include "master/balance_planner.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace gfs::master {

namespace {

constexpr double kFullMost = 0.9;  // a server that is fuller takes nothing, whatever racks that would help

}  // namespace

void BalancePlanner::measure(Instant now, WallMs wall) {
  fills_.clear();
  std::erase_if(quarantined_, [this](const auto& one) { return servers_.find(one.first) == nullptr; });
  std::erase_if(leaving_, [this](const auto& one) { return servers_.find(one.first) == nullptr; });
  std::map<std::string, std::size_t> numbers;
  std::set<std::size_t> racks;
  double capacity = 0, free = 0;
  for (const auto& [id, server] : servers_.all()) {
    auto known = state_.servers().find(id);
    if (known == state_.servers().end() || !servers_.up(id, now) || !server.reported || server.capacity == 0) continue;
    const std::uint64_t gone = server.quarantined_bytes + still_leaving(id, server, now);
    Fill& fill = fills_[id];
    fill.rack = numbers.try_emplace(known->second.rack, numbers.size()).first->second;
    fill.capacity = server.capacity;
    fill.room = server.free;
    fill.free = std::min(server.capacity, server.free + gone);
    fill.share = 1.0 - static_cast<double>(fill.free) / static_cast<double>(fill.capacity);
    fill.takes = !state_.directives().spared(id, wall) && !servers_.avoided(id, now);
    if (fill.takes) racks.insert(fill.rack);
    if (!fill.takes) continue;
    capacity += static_cast<double>(fill.capacity);
    free += static_cast<double>(fill.free);
  }
  racks_ = racks.size();
  mean_ = capacity > 0 ? 1.0 - free / capacity : 0;
  double furthest = 0;
  for (const auto& [id, fill] : fills_) {
    if (fill.takes) furthest = std::max(furthest, std::abs(fill.share - mean_));
  }
  filling_ = furthest > (filling_ ? settings_.threshold / 2 : settings_.threshold);
}

// What was moved away from it and is not in quarantine yet: what that grows by is taken off, the oldest first.
std::uint64_t BalancePlanner::still_leaving(ServerId id, const Server& server, Instant now) {
  std::uint64_t& before = quarantined_[id];
  std::uint64_t grown = server.quarantined_bytes > before ? server.quarantined_bytes - before : 0;
  before = server.quarantined_bytes;
  auto leaving = leaving_.find(id);
  if (leaving == leaving_.end()) return 0;
  std::uint64_t bytes = 0;
  for (Leaving& one : leaving->second) {
    const std::uint64_t away = std::min(grown, one.bytes);
    one.bytes -= away;
    grown -= away;
    bytes += one.bytes;
  }
  std::erase_if(leaving->second, [&](const Leaving& one) { return one.bytes == 0 || one.since + kLeavingFor < now; });
  if (leaving->second.empty()) leaving_.erase(leaving);
  return bytes;
}

bool BalancePlanner::busy(ServerId server) const {
  return std::ranges::any_of(moves_,
                             [&](const auto& one) { return one.second.from == server || one.second.to == server; });
}

bool BalancePlanner::avoided(ChunkHandle handle, Instant now) const {
  auto found = avoided_.find(handle);
  return found != avoided_.end() && now < found->second + kAvoided;
}

std::uint64_t BalancePlanner::size_of(ServerId member, ChunkHandle handle) const {
  const Held* held = servers_.held(member, handle);
  return held == nullptr || held->length == 0 ? settings_.chunk_size : held->length;
}

std::size_t BalancePlanner::in_rack(const Chunk& chunk, std::size_t rack) const {
  const auto in_it = [&](ServerId member) { return fills_.at(member).rack == rack; };
  return static_cast<std::size_t>(std::ranges::count_if(chunk.configuration.members, in_it));
}

std::size_t BalancePlanner::racks_of(const Chunk& chunk) const {
  const std::vector<ServerId>& members = chunk.configuration.members;
  std::size_t racks = 0;
  for (auto one = members.begin(); one != members.end(); ++one) {
    const std::size_t rack = fills_.at(*one).rack;
    racks += std::none_of(members.begin(), one, [&](ServerId other) { return fills_.at(other).rack == rack; });
  }
  return racks;
}

bool BalancePlanner::takes(ServerId server, const Fill& fill, const Chunk& chunk, std::uint64_t length) const {
  return fill.takes && !chunk.configuration.has(server) && fill.room >= settings_.chunk_size + length && !busy(server);
}

std::optional<BalancePlanner::Move> BalancePlanner::spread(ChunkHandle handle, const Chunk& chunk) const {
  const std::vector<ServerId>& members = chunk.configuration.members;
  const std::size_t racks = racks_of(chunk);
  if (racks >= std::min(racks_, members.size())) return std::nullopt;
  // From the rack that has most of them, the fullest one.
  ServerId from;
  std::pair<std::size_t, double> worst{1, -1};
  for (ServerId member : members) {
    const Fill& fill = fills_.at(member);
    const std::pair<std::size_t, double> one{in_rack(chunk, fill.rack), fill.share};
    if (one.first < 2 || one <= worst || busy(member)) continue;
    worst = one;
    from = member;
  }
  const std::uint64_t length = size_of(from, handle);
  ServerId to;
  double least = 2;
  for (const auto& [id, fill] : fills_) {
    if (fill.share >= least || !takes(id, fill, chunk, length) || in_rack(chunk, fill.rack) > 0) continue;
    if (fill.share > kFullMost) continue;
    least = fill.share;
    to = id;
  }
  if (from.nil() || to.nil()) return std::nullopt;
  return Move{
      handle, from, to,
      fmt::format("its {} members are in {} racks, none in {}", members.size(), racks, state_.servers().at(to).rack)};
}

std::optional<BalancePlanner::Move> BalancePlanner::fill(ChunkHandle handle, const Chunk& chunk) const {
  ServerId from;
  double fullest = mean_;
  for (ServerId member : chunk.configuration.members) {
    const Fill& fill = fills_.at(member);
    if (fill.share <= fullest || !fill.takes || busy(member)) continue;
    fullest = fill.share;
    from = member;
  }
  if (from.nil()) return std::nullopt;
  const Fill& source = fills_.at(from);
  const std::uint64_t length = size_of(from, handle);
  const bool over = source.share > mean_ + settings_.threshold / 2;
  const bool alone = in_rack(chunk, source.rack) == 1;  // then a rack that has none must take it
  ServerId to;
  double least = mean_;
  for (const auto& [id, fill] : fills_) {
    if (fill.share >= least || !takes(id, fill, chunk, length)) continue;
    if (!over && fill.share > mean_ - settings_.threshold / 2) continue;
    if (alone && fill.rack != source.rack && in_rack(chunk, fill.rack) > 0) continue;
    const double then = fill.share + static_cast<double>(length) / static_cast<double>(fill.capacity);
    if (then > source.share - static_cast<double>(length) / static_cast<double>(source.capacity)) continue;
    least = fill.share;
    to = id;
  }
  if (to.nil()) return std::nullopt;
  return Move{handle, from, to,
              fmt::format("server {} is {:.0f} % full, server {} {:.0f} %, the mean is {:.0f} %", from,
                          100 * source.share, to, 100 * least, 100 * mean_)};
}

std::optional<BalancePlanner::Move> BalancePlanner::consider(ChunkHandle handle, const Chunk& chunk,
                                                             Instant now) const {
  const Configuration& configuration = chunk.configuration;
  if (configuration.virgin || moves_.contains(handle) || avoided(handle, now)) return std::nullopt;
  // One that is short of members is repair's.
  if (configuration.members.empty() || configuration.members.size() > chunk.goal) return std::nullopt;
  for (ServerId member : configuration.members) {
    if (!fills_.contains(member) || state_.directives().drains(member)) return std::nullopt;
  }
  std::optional<Move> move = spread(handle, chunk);
  if (!move && filling_) move = fill(handle, chunk);
  if (!move || !whole_(handle, chunk)) return std::nullopt;
  return move;
}

std::vector<BalancePlanner::Move> BalancePlanner::plan(Instant now, WallMs wall, bool may) {
  measure(now, wall);
  std::vector<Move> moves;
  if (!may || (!filling_ && racks_ < 2)) return moves;
  std::size_t seen = 0;
  state_.chunks().walk(at_, [&](ChunkHandle handle, const Chunk& chunk) {
    if (seen++ == kPiece || moves_.size() >= kMovesMost) return false;
    if (std::optional<Move> move = consider(handle, chunk, now)) {
      moves_.emplace(handle, *move);
      moves.push_back(std::move(*move));
    }
    at_ = handle;
    return true;
  });
  if (seen <= kPiece && moves_.size() < kMovesMost) at_ = {};
  return moves;
}

void BalancePlanner::done(const Move& move, Ended how, Instant now) {
  if (moves_.erase(move.handle) == 0) return;
  if (how == Ended::not_tried) return;
  if (how == Ended::failed) {
    std::erase_if(avoided_, [&](const auto& one) { return one.second + kAvoided < now; });
    if (avoided_.size() >= kAvoidedMax) avoided_.erase(avoided_.begin());
    avoided_[move.handle] = now;
    return;
  }
  leaving_[move.from].push_back({now, size_of(move.to, move.handle)});
}

}  // namespace gfs::master
