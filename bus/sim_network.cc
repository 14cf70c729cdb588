#include <algorithm>

#include "base/crc32c.h"
#include "bus/sim_bus.h"

namespace gfs::bus {

namespace {

enum Traced : std::uint64_t { kDelivered = 1, kLost = 2, kBlocked = 3 };

// What the sockets of both ends hold of one direction of a connection.
constexpr std::size_t kSocketBytes = 4 << 20;

}  // namespace

SimNetwork::SimNetwork(SimExecutor& world, std::uint64_t seed) : world_(world), random_(seed) {}

void SimNetwork::heal() {
  blocked_.clear();
  faults_.loss = 0;
  faults_.resent = 0;
  faults_.repeat = 0;
  faults_.late = 0;
}

SimNetwork::Life SimNetwork::enter(SimBus* bus) {
  lives_.emplace(++last_life_, bus);
  return last_life_;
}

void SimNetwork::leave(Life life) {
  lives_.erase(life);
  for (auto* listeners : {&control_, &data_, &events_})
    std::erase_if(*listeners, [life](const auto& at) { return at.second == life; });
  std::erase_if(subscriptions_, [life](const Subscription& subscription) { return subscription.subscriber == life; });
  std::erase_if(lanes_, [life](const auto& lane) { return lane.first.dialler == life || lane.first.listener == life; });
  for (auto& [other, bus] : lives_) bus->target_died(life);
}

SimBus* SimNetwork::find(Life life) const {
  auto found = lives_.find(life);
  return found == lives_.end() ? nullptr : found->second;
}

SimBus* SimNetwork::listener(const std::map<Address, Life>& listeners, const Address& address) const {
  auto found = listeners.find(address);
  return found == listeners.end() ? nullptr : find(found->second);
}

Duration SimNetwork::delay() {
  Duration longest = faults_.slow > 0 && random_.chance(faults_.slow) ? Duration(100ms) : faults_.delay_max;
  std::int64_t spread = std::max<std::int64_t>(1, (longest - faults_.delay_min).count());
  return faults_.delay_min + Duration(static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(spread))));
}

Duration SimNetwork::resends(Duration first, int packets) {
  Duration all{};
  for (int packet = 0; packet < packets && faults_.resent > 0; ++packet) {
    for (Duration wait = first; random_.chance(faults_.resent); wait *= 2) all += wait;
  }
  return all;
}

void SimNetwork::give_up(const Lane& lane) {
  world_.after(kSilence, [this, lane] {
    SimBus* bus = find(lane.dialler);
    if (bus == nullptr) return;
    for (const auto& [address, link] : bus->links_) {
      if (link.number == lane.link) return bus->lose_link(address, "no heartbeat from the peer");
    }
  });
}

void SimNetwork::pause(const std::string& host) {
  const std::uint32_t mark = crc32c(host);
  if (!standing_.emplace(mark, Standing{}).second) return;
  for (auto& [life, bus] : lives_) {
    for (const auto& [address, link] : bus->links_) {
      if (bus->host_ == host || link.target_host == host) bus->watch_silence(address);
    }
  }
}

void SimNetwork::resume(const std::string& host) {
  auto standing = standing_.extract(crc32c(host));
  if (standing.empty()) return;
  // At once and in order: what comes on a connection from now on is behind it.
  world_.post([held = std::move(standing.mapped().held)] {
    for (const std::function<void()>& action : held) action();
  });
}

bool SimNetwork::is_silent(const SimBus& one, const std::string& other) const {
  if (is_cut(one.host_, other)) return true;
  return !standing_.empty() && (is_standing(one.host_mark_) || is_standing(crc32c(other)));
}

void SimNetwork::on_host(std::uint32_t mark, std::function<void()> action) {
  if (is_standing(mark)) {
    standing_.at(mark).held.push_back(std::move(action));
  } else {
    action();
  }
}

std::size_t SimNetwork::carry(const Lane& lane, const SimBus& from, const SimBus& to, Frames frames, Arrive arrive) {
  if (is_blocked(from.host_, to.host_)) {
    ++counters_.blocked;
    trace(kBlocked, from, to, frames);
    return 0;
  }
  Odds odds;
  if (judge_) odds = judge_(from.host_, to.host_, frames);
  if ((faults_.loss > 0 && random_.chance(faults_.loss)) || (odds.loss > 0 && random_.chance(odds.loss))) {
    ++counters_.lost;
    trace(kLost, from, to, frames);
    return 0;
  }
  // Both ends may be gone when it arrives.
  Parcel parcel{lane, from.host_mark_, to.host_mark_, std::move(frames), std::move(arrive)};
  if ((faults_.late > 0 && random_.chance(faults_.late)) || (odds.late > 0 && random_.chance(odds.late))) {
    ++counters_.late;
    const auto most = static_cast<std::uint64_t>(faults_.late_max.count());
    world_.after(Duration(static_cast<std::int64_t>(random_.below(most))),
                 [this, parcel = std::move(parcel)] { deliver(parcel); });
    return 1;
  }
  Instant& last = lanes_[lane];
  Instant when = std::max(world_.now() + delay() + odds.delay + resends(200ms, 1), last + 1ns);
  if (faults_.resent > 0 && when - world_.now() > kSilence) {
    ++counters_.lost;
    mix(kLost);
    mix(parcel.frames.size());
    give_up(lane);
    return 0;
  }
  last = when;
  const bool repeat =
      (faults_.repeat > 0 && random_.chance(faults_.repeat)) || (odds.repeat > 0 && random_.chance(odds.repeat));
  if (!repeat) {
    world_.at(when, [this, parcel = std::move(parcel)] { deliver(parcel); });
    return 1;
  }
  ++counters_.repeated;
  world_.at(when + delay() * 4, [this, parcel] { deliver(parcel); });
  world_.at(when, [this, parcel = std::move(parcel)] { deliver(parcel); });
  return 2;
}

void SimNetwork::deliver(const Parcel& parcel) {
  if (is_standing(parcel.to)) {
    Standing& standing = standing_.at(parcel.to);
    std::size_t& bytes = standing.bytes[parcel.lane];
    bytes += parcel.frames.size();
    // The other lanes are bounded by their senders' queues.
    const bool answers = parcel.lane.kind == Lane::Kind::back || parcel.lane.kind == Lane::Kind::events;
    if (answers && bytes > kSocketBytes) {
      ++counters_.lost;
    } else {
      standing.held.emplace_back([this, parcel] { deliver(parcel); });
    }
    return;
  }
  ++counters_.delivered;
  mix(kDelivered);
  mix(std::uint64_t{parcel.from} << 32 | parcel.to);
  mix(crc32c(parcel.frames.body.span(), crc32c(parcel.frames.envelope.span())));
  mix(parcel.frames.payload.size());
  parcel.arrive(parcel.frames);
}

void SimNetwork::trace(std::uint64_t what, const SimBus& from, const SimBus& to, const Frames& frames) {
  mix(what);
  mix(std::uint64_t{from.host_mark_} << 32 | to.host_mark_);
  mix(frames.size());
}

void SimNetwork::mix(std::uint64_t value) {
  value ^= static_cast<std::uint64_t>(world_.now().time_since_epoch().count()) * 0x9e3779b97f4a7c15;
  trace_ = (trace_ ^ value) * 0x100000001b3;
  trace_ ^= trace_ >> 29;
}

}  // namespace gfs::bus
