#include <algorithm>

#include "base/crc32c.h"
#include "bus/sim_bus.h"

namespace gfs::bus {

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
    std::erase_if(*listeners, [&](const auto& at) { return at.second == life; });
  std::erase_if(subscriptions_, [&](const Subscription& subscription) { return subscription.subscriber == life; });
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

void SimNetwork::carry(const std::string& lane, const std::string& from, const std::string& to, const Frames& frames,
                       std::function<void()> arrive) {
  if (is_blocked(from, to)) {
    ++counters_.blocked;
    return;
  }
  if (faults_.loss > 0 && random_.chance(faults_.loss)) {
    ++counters_.lost;
    return;
  }
  Instant when = world_.now() + delay();
  Instant& last = lanes_[lane];
  when = std::max(when, last + 1ns);
  last = when;
  bool twice = faults_.repeat > 0 && random_.chance(faults_.repeat);
  auto deliver = [this, from, to, frames, arrive = std::move(arrive)] {
    ++counters_.delivered;
    trace(from, to, frames);
    arrive();
  };
  if (twice) {
    ++counters_.repeated;
    world_.at(when + delay() * 4, deliver);
  }
  world_.at(when, std::move(deliver));
}

void SimNetwork::trace(const std::string& from, const std::string& to, const Frames& frames) {
  auto mix = [this](std::uint64_t value) {
    trace_ = (trace_ ^ value) * 0x100000001b3;
    trace_ ^= trace_ >> 29;
  };
  mix(static_cast<std::uint64_t>(world_.now().time_since_epoch().count()));
  mix(crc32c(to, crc32c(from)));
  mix(crc32c(frames.body.span(), crc32c(frames.envelope.span())));
  mix(frames.payload.size());
}

}  // namespace gfs::bus
