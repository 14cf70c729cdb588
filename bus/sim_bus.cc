#include "bus/sim_bus.h"

#include <charconv>

#include "base/check.h"

namespace gfs::bus {

namespace {

constexpr Duration kSilence = 6s;
constexpr Duration kDialTimeout = 2s;

std::string route_of(std::uint64_t life, std::uint64_t link) {
  return std::to_string(life) + "/" + std::to_string(link);
}

// The dialler's life and link number; {0, 0} for what is no route.
std::pair<std::uint64_t, std::uint64_t> parse_route(const std::string& route) {
  std::uint64_t life = 0;
  std::uint64_t link = 0;
  const char* end = route.data() + route.size();
  auto [slash, error] = std::from_chars(route.data(), end, life);
  if (error != std::errc() || slash == end || *slash != '/') return {0, 0};
  auto [last, rest] = std::from_chars(slash + 1, end, link);
  if (rest != std::errc() || last != end) return {0, 0};
  return {life, link};
}

}  // namespace

SimBus::SimBus(SimNetwork& network, Executor& node, std::string host, BusLimits limits)
    : network_(network), node_(node), host_(std::move(host)), limits_(limits), life_(network.enter(this)) {}

SimBus::~SimBus() { network_.leave(life_); }

Result<> SimBus::claim(std::map<Address, SimNetwork::Life>& listeners, Address& address) {
  if (address.empty()) return {};
  if (address.find("://") == std::string::npos) return fail(Code::invalid_argument, "{} is no address", address);
  if (address.ends_with(":0")) address = address.substr(0, address.size() - 1) + std::to_string(++network_.last_port_);
  if (!listeners.emplace(address, life_).second) return fail(Code::in_use, "{} is in use", address);
  return {};
}

Result<ListenAt> SimBus::listen(const ListenAt& at) {
  ListenAt bound = at;
  Result<> claimed = claim(network_.control_, bound.control);
  if (claimed) claimed = claim(network_.data_, bound.data);
  if (claimed) claimed = claim(network_.events_, bound.events);
  if (!claimed) return fail(std::move(claimed));
  listening_ = bound;
  return bound;
}

Result<> SimBus::check(const Frames& frames) const {
  if (frames.envelope.size() > limits_.envelope_max || frames.body.size() > limits_.frame_max ||
      frames.payload.size() > limits_.frame_max) {
    return fail(Code::too_large, "a message of {} + {} + {} bytes is over the limit of {}", frames.envelope.size(),
                frames.body.size(), frames.payload.size(), limits_.frame_max);
  }
  return {};
}

Result<> SimBus::send(const Peer& to, Frames frames) {
  Result<> checked = check(frames);
  if (!checked) return checked;
  Result<> sent = to.dialled() ? send_dialled(to.address, std::move(frames)) : send_routed(to.route, std::move(frames));
  if (sent) {
    ++counters_.sent;
  } else {
    ++counters_.undeliverable;
  }
  return sent;
}

Result<> SimBus::send_dialled(const Address& to, Frames frames) {
  if (to.find("://") == std::string::npos) return fail(Code::invalid_argument, "{} is no address", to);
  if (dialling_.contains(to)) {
    if (++dialling_[to].waiting > limits_.queue_max)
      return fail(Code::overloaded, "{}: too many messages are waiting", to);
    return {};
  }
  auto found = links_.find(to);
  if (found == links_.end()) {
    SimBus* target = network_.listener(network_.control_, to);
    if (target == nullptr) {
      refuse_dial(to, network_.delay() * 2, "connection refused");
      return {};
    }
    if (network_.is_blocked(host_, target->host_) || network_.is_blocked(target->host_, host_)) {
      refuse_dial(to, kDialTimeout, "no answer to the dial");
      return {};
    }
    ++counters_.connections;
    found = links_.emplace(to, Link{++last_link_, target->life_, target->host_, 0, false}).first;
  }
  Link& link = found->second;
  if (link.on_the_way >= limits_.queue_max) return fail(Code::overloaded, "{}: too many messages are waiting", to);
  if (network_.is_blocked(host_, link.target_host) || network_.is_blocked(link.target_host, host_)) watch_silence(to);
  ++link.on_the_way;
  SimNetwork& network = network_;
  std::string lane = route_of(life_, link.number) + ">";
  network_.carry(lane, host_, link.target_host, frames,
                 [&network, life = life_, number = link.number, to, target = link.target, frames] {
                   SimBus* sender = network.find(life);
                   if (sender != nullptr) {
                     auto live = sender->links_.find(to);
                     if (live != sender->links_.end() && live->second.number == number && live->second.on_the_way > 0) {
                       --live->second.on_the_way;
                     }
                   }
                   SimBus* receiver = network.find(target);
                   if (receiver == nullptr || receiver->receiver_ == nullptr) return;
                   ++receiver->counters_.received;
                   receiver->receiver_->on_message(Peer::on(route_of(life, number)), frames);
                 });
  return {};
}

Result<> SimBus::send_routed(const std::string& route, Frames frames) {
  auto [life, number] = parse_route(route);
  SimBus* dialler = network_.find(life);
  if (dialler == nullptr) return fail(Code::unreachable, "the peer {} is gone", route);
  Address address;
  for (const auto& [to, link] : dialler->links_) {
    if (link.number == number && link.target == life_) address = to;
  }
  if (address.empty()) return fail(Code::unreachable, "the peer {} is gone", route);
  SimNetwork& network = network_;
  network_.carry(route + "<", host_, dialler->host_, frames, [&network, life, number, address, frames] {
    SimBus* receiver = network.find(life);
    if (receiver == nullptr || receiver->receiver_ == nullptr) return;
    auto live = receiver->links_.find(address);
    if (live == receiver->links_.end() || live->second.number != number) return;
    ++receiver->counters_.received;
    receiver->receiver_->on_message(Peer::at(address), frames);
  });
  return {};
}

void SimBus::refuse_dial(const Address& to, Duration after, std::string reason) {
  dialling_[to].waiting = 1;
  SimNetwork& network = network_;
  network_.world_.after(after, [&network, life = life_, to, reason = std::move(reason)] {
    SimBus* bus = network.find(life);
    if (bus == nullptr || bus->dialling_.erase(to) == 0 || bus->receiver_ == nullptr) return;
    bus->receiver_->on_link_lost(Peer::at(to), LinkLoss{true, reason});
  });
}

void SimBus::watch_silence(const Address& to) {
  Link& link = links_.at(to);
  if (link.watched) return;
  link.watched = true;
  SimNetwork& network = network_;
  network_.world_.after(kSilence, [&network, life = life_, number = link.number, to] {
    SimBus* bus = network.find(life);
    if (bus == nullptr) return;
    auto found = bus->links_.find(to);
    if (found == bus->links_.end() || found->second.number != number) return;
    found->second.watched = false;
    const std::string& other = found->second.target_host;
    if (!network.is_blocked(bus->host_, other) && !network.is_blocked(other, bus->host_)) return;
    bus->lose_link(to, "no heartbeat from the peer");
  });
}

void SimBus::lose_link(const Address& to, const std::string& reason) {
  links_.erase(to);
  if (receiver_ != nullptr) receiver_->on_link_lost(Peer::at(to), LinkLoss{false, reason});
}

void SimBus::target_died(SimNetwork::Life target) {
  SimNetwork& network = network_;
  for (const auto& [to, link] : links_) {
    if (link.target != target) continue;
    network_.world_.after(network_.delay(), [&network, life = life_, number = link.number, address = to] {
      SimBus* bus = network.find(life);
      if (bus == nullptr) return;
      auto found = bus->links_.find(address);
      if (found == bus->links_.end() || found->second.number != number) return;
      bus->lose_link(address, "connection reset by peer");
    });
  }
}

Result<> SimBus::push(const Address& to, Frames frames) {
  Result<> checked = check(frames);
  if (!checked) return checked;
  ++counters_.sent;
  SimBus* target = network_.listener(network_.data_, to);
  if (target == nullptr) return {};  // lost silently, as the promise says
  SimNetwork& network = network_;
  network_.carry(route_of(life_, 0) + ">" + to, host_, target->host_, frames, [&network, life = target->life_, frames] {
    SimBus* receiver = network.find(life);
    if (receiver == nullptr || receiver->receiver_ == nullptr) return;
    ++receiver->counters_.received;
    receiver->receiver_->on_data(frames);
  });
  return {};
}

Result<> SimBus::publish(std::string topic, Frames frames) {
  Result<> checked = check(frames);
  if (!checked) return checked;
  if (listening_.events.empty()) return fail(Code::invalid_argument, "this node does not listen for subscribers");
  ++counters_.sent;
  SimNetwork& network = network_;
  std::set<SimNetwork::Life> told;
  for (const SimNetwork::Subscription& subscription : network_.subscriptions_) {
    if (subscription.publisher != listening_.events || !topic.starts_with(subscription.prefix)) continue;
    if (!told.insert(subscription.subscriber).second) continue;
    SimBus* target = network_.find(subscription.subscriber);
    if (target == nullptr) continue;
    network_.carry(route_of(life_, 0) + "*" + std::to_string(subscription.subscriber), host_, target->host_, frames,
                   [&network, life = subscription.subscriber, from = listening_.events, topic, frames] {
                     SimBus* receiver = network.find(life);
                     if (receiver == nullptr || receiver->receiver_ == nullptr) return;
                     ++receiver->counters_.received;
                     receiver->receiver_->on_event(from, topic, frames);
                   });
  }
  return {};
}

Result<> SimBus::subscribe(const Address& publisher, std::string prefix) {
  network_.subscriptions_.insert({life_, publisher, std::move(prefix)});
  return {};
}

Result<> SimBus::unsubscribe(const Address& publisher, std::string prefix) {
  network_.subscriptions_.erase({life_, publisher, std::move(prefix)});
  return {};
}

void SimBus::hang_up(const Peer& peer) {
  links_.erase(peer.address);
  dialling_.erase(peer.address);
}

}  // namespace gfs::bus
