#include <algorithm>

#include "base/crc32c.h"
#include "bus/sim_bus.h"

namespace gfs::bus {

namespace {

enum Traced : std::uint64_t { kDelivered = 1, kLost = 2, kBlocked = 3 };

}  // namespace

SimNetwork::SimNetwork(SimExecutor& world, std::uint64_t seed) : world_(world), random_(seed) {}

void SimNetwork::heal() {
  blocked_.clear();
  faults_.loss = 0;
  faults_.repeat = 0;
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

std::size_t SimNetwork::carry(const Lane& lane, const SimBus& from, const SimBus& to, Frames frames, Arrive arrive) {
  if (is_blocked(from.host_, to.host_)) {
    ++counters_.blocked;
    trace(kBlocked, from, to, frames);
    return 0;
  }
  if (faults_.loss > 0 && random_.chance(faults_.loss)) {
    ++counters_.lost;
    trace(kLost, from, to, frames);
    return 0;
  }
  Instant& last = lanes_[lane];
  Instant when = std::max(world_.now() + delay(), last + 1ns);
  last = when;
  // Both ends may be gone when it arrives.
  auto deliver = [this, marks = std::uint64_t{from.host_mark_} << 32 | to.host_mark_, frames = std::move(frames),
                  arrive = std::move(arrive)] {
    ++counters_.delivered;
    mix(kDelivered);
    mix(marks);
    mix(crc32c(frames.body.span(), crc32c(frames.envelope.span())));
    mix(frames.payload.size());
    arrive(frames);
  };
  if (faults_.repeat == 0 || !random_.chance(faults_.repeat)) {
    world_.at(when, std::move(deliver));
    return 1;
  }
  ++counters_.repeated;
  world_.at(when + delay() * 4, deliver);
  world_.at(when, std::move(deliver));
  return 2;
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
