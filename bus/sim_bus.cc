#include "bus/sim_bus.h"

#include <charconv>

#include "base/crc32c.h"

namespace gfs::bus {

namespace {

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

Result<> check_address(const Address& address) {
  std::size_t scheme = address.find("://");
  if (scheme == std::string::npos || scheme + 3 == address.size())
    return fail(Code::invalid_argument, "{} is no address", address);
  return {};
}

}  // namespace

SimBus::SimBus(SimNetwork& network, Executor&, std::string host, BusLimits limits)
    : network_(network),
      host_(std::move(host)),
      host_mark_(crc32c(host_)),
      limits_(limits),
      life_(network.enter(this)) {}

SimBus::~SimBus() { network_.leave(life_); }

// ---- listening

Result<> SimBus::claim(std::map<Address, SimNetwork::Life>& listeners, Address& address) {
  if (address.empty()) return {};
  Result<> checked = check_address(address);
  if (!checked) return checked;
  if (address.ends_with(":0")) address = address.substr(0, address.size() - 1) + std::to_string(++network_.last_port_);
  if (!listeners.emplace(address, life_).second) return fail(Code::in_use, "{} is in use", address);
  return {};
}

Result<ListenAt> SimBus::listen(const ListenAt& at) {
  if (listens_) return fail(Code::invalid_argument, "cannot listen on {}: this node listens already", at.control);
  ListenAt bound = at;
  Result<> claimed = claim(network_.control_, bound.control);
  if (claimed) claimed = claim(network_.data_, bound.data);
  if (claimed) claimed = claim(network_.events_, bound.events);
  if (!claimed) {
    for (auto* listeners : {&network_.control_, &network_.data_, &network_.events_})
      std::erase_if(*listeners, [this](const auto& listener) { return listener.second == life_; });
    return fail(std::move(claimed));
  }
  listening_ = bound;
  listens_ = true;
  return bound;
}

// ---- sending

Result<> SimBus::check(const Frames& frames) const {
  if (frames.envelope.size() > limits_.envelope_max || frames.body.size() > limits_.frame_max ||
      frames.payload.size() > limits_.frame_max) {
    return fail(Code::too_large, "a message of {} + {} + {} bytes is over the limit of {}", frames.envelope.size(),
                frames.body.size(), frames.payload.size(), limits_.frame_max);
  }
  return {};
}

Result<> SimBus::count_sent(Result<> sent, std::size_t size) {
  if (sent) {
    ++counters_.sent;
    counters_.bytes_sent += size;
  } else if (sent.error().code == Code::unreachable || sent.error().code == Code::overloaded) {
    ++counters_.undeliverable;
  }
  return sent;
}

Bus::Receiver* SimBus::receiving(std::size_t size) {
  if (receiver_ == nullptr) return nullptr;
  ++counters_.received;
  counters_.bytes_received += size;
  return receiver_;
}

Result<> SimBus::send(const Peer& to, Frames frames) {
  Result<> checked = check(frames);
  if (!checked) return checked;
  std::size_t size = frames.size();
  if (to.dialled()) return count_sent(send_dialled(to.address, std::move(frames)), size);
  if (to.route.empty())
    return fail(Code::invalid_argument, "a message for nobody: the peer has neither address nor route");
  return count_sent(send_routed(to.route, std::move(frames)), size);
}

Result<> SimBus::send_dialled(const Address& to, Frames frames) {
  auto dialling = dialling_.find(to);
  if (dialling != dialling_.end()) {
    if (dialling->second.waiting >= limits_.queue_max)
      return fail(Code::overloaded, "{}: too many messages are waiting", to);
    ++dialling->second.waiting;
    return {};
  }
  auto found = links_.find(to);
  if (found == links_.end()) {
    Result<> checked = check_address(to);
    if (!checked) return checked;
    SimBus* listener = network_.listener(network_.control_, to);
    if (listener == nullptr) {
      refuse_dial(to, network_.delay() * 2, "connection refused");
      return {};
    }
    if (network_.is_silent(*this, listener->host_)) {
      refuse_dial(to, kDialTimeout, "no answer to the dial");
      return {};
    }
    const Duration handshake = network_.resends(1s, 2);
    if (handshake >= kDialTimeout) {
      refuse_dial(to, kDialTimeout, "no answer to the dial");
      return {};
    }
    ++counters_.connections;
    found = links_.emplace(to, Link{++last_link_, listener->life_, listener->host_, 0, false}).first;
    if (handshake > 0s)
      network_.lanes_[{life_, last_link_, listener->life_, SimNetwork::Lane::Kind::there}] =
          network_.world_.now() + handshake;
  }
  Link& link = found->second;
  if (link.on_the_way >= limits_.queue_max) return fail(Code::overloaded, "{}: too many messages are waiting", to);
  if (network_.is_silent(*this, link.target_host)) watch_silence(to);
  SimBus* target = network_.find(link.target);
  if (target == nullptr) return {};  // died just now; we are about to hear of it
  SimNetwork::Lane lane{life_, link.number, link.target, SimNetwork::Lane::Kind::there};
  link.on_the_way += network_.carry(
      lane, *this, *target, std::move(frames),
      [&network = network_, life = life_, number = link.number, to, listener = link.target](const Frames& arrived) {
        if (SimBus* sender = network.find(life)) {
          auto live = sender->links_.find(to);
          if (live != sender->links_.end() && live->second.number == number) --live->second.on_the_way;
        }
        SimBus* bus = network.find(listener);
        Receiver* receiver = bus == nullptr ? nullptr : bus->receiving(arrived.size());
        if (receiver != nullptr) receiver->on_message(Peer::on(route_of(life, number)), arrived);
      });
  return {};
}

Result<> SimBus::send_routed(const std::string& route, Frames frames) {
  auto [life, number] = parse_route(route);
  SimBus* dialler = network_.find(life);
  const Address* address = nullptr;
  if (dialler != nullptr) {
    for (const auto& [to, link] : dialler->links_) {
      if (link.number == number && link.target == life_ && !link.gone) address = &to;
    }
  }
  if (address == nullptr) return fail(Code::unreachable, "{}: the connection is gone", Peer::on(route).text());
  if (network_.is_silent(*this, dialler->host_)) dialler->watch_silence(*address);
  SimNetwork::Lane lane{life, number, life_, SimNetwork::Lane::Kind::back};
  network_.carry(lane, *this, *dialler, std::move(frames),
                 [&network = network_, life, number, from = *address](const Frames& arrived) {
                   SimBus* bus = network.find(life);
                   if (bus == nullptr) return;
                   auto live = bus->links_.find(from);
                   if (live == bus->links_.end() || live->second.number != number) return;
                   Receiver* receiver = bus->receiving(arrived.size());
                   if (receiver != nullptr) receiver->on_message(Peer::at(from), arrived);
                 });
  return {};
}

Result<> SimBus::push(const Address& to, Frames frames) {
  Result<> checked = check(frames);
  if (checked) checked = check_address(to);
  if (!checked) return checked;
  std::size_t size = frames.size();
  return count_sent(send_pushed(to, std::move(frames)), size);
}

Result<> SimBus::send_pushed(const Address& to, Frames frames) {
  SimBus* target = network_.listener(network_.data_, to);
  if (target == nullptr) return {};  // lost silently, as the promise says
  std::size_t& on_the_way = pushed_[to];
  if (on_the_way >= limits_.data_queue_max) return fail(Code::overloaded, "{}: its queue is full", to);
  SimNetwork::Lane lane{life_, 0, target->life_, SimNetwork::Lane::Kind::data};
  on_the_way +=
      network_.carry(lane, *this, *target, std::move(frames),
                     [&network = network_, life = life_, to, listener = target->life_](const Frames& arrived) {
                       if (SimBus* sender = network.find(life)) {
                         auto pushed = sender->pushed_.find(to);
                         if (--pushed->second == 0) sender->pushed_.erase(pushed);
                       }
                       SimBus* bus = network.find(listener);
                       Receiver* receiver = bus == nullptr ? nullptr : bus->receiving(arrived.size());
                       if (receiver != nullptr) receiver->on_data(arrived);
                     });
  if (on_the_way == 0) pushed_.erase(to);
  return {};
}

// ---- connections

void SimBus::refuse_dial(const Address& to, Duration after, std::string reason) {
  dialling_[to] = {++last_link_, 1};
  auto refuse = [&network = network_, life = life_, number = last_link_, to, reason = std::move(reason)] {
    SimBus* bus = network.find(life);
    if (bus == nullptr) return;
    auto found = bus->dialling_.find(to);
    if (found == bus->dialling_.end() || found->second.number != number) return;
    bus->dialling_.erase(found);
    if (bus->receiver_ != nullptr) bus->receiver_->on_link_lost(Peer::at(to), LinkLoss{true, reason});
  };
  network_.world_.after(
      after, [&network = network_, mark = host_mark_, refuse = std::move(refuse)] { network.on_host(mark, refuse); });
}

void SimBus::watch_silence(const Address& to) {
  Link& link = links_.at(to);
  if (link.watched || link.gone) return;
  link.watched = true;
  network_.world_.after(SimNetwork::kSilence, [&network = network_, life = life_, number = link.number, to] {
    SimBus* bus = network.find(life);
    if (bus == nullptr) return;
    auto found = bus->links_.find(to);
    if (found == bus->links_.end() || found->second.number != number) return;
    found->second.watched = false;
    if (network.is_silent(*bus, found->second.target_host)) bus->lose_link(to, "no heartbeat from the peer");
  });
}

void SimBus::lose_link(const Address& to, const std::string& reason) {
  Link& link = links_.at(to);
  if (link.gone) return;
  link.gone = true;
  network_.on_host(host_mark_, [&network = network_, life = life_, number = link.number, to, reason] {
    SimBus* bus = network.find(life);
    if (bus == nullptr) return;
    auto found = bus->links_.find(to);
    if (found == bus->links_.end() || found->second.number != number) return;
    bus->links_.erase(found);
    if (bus->receiver_ != nullptr) bus->receiver_->on_link_lost(Peer::at(to), LinkLoss{false, reason});
  });
}

void SimBus::target_died(SimNetwork::Life target) {
  for (const auto& [address, link] : links_) {
    if (link.target != target) continue;
    network_.world_.after(network_.delay(), [&network = network_, life = life_, number = link.number, to = address] {
      SimBus* bus = network.find(life);
      if (bus == nullptr) return;
      auto found = bus->links_.find(to);
      if (found == bus->links_.end() || found->second.number != number) return;
      bus->lose_link(to, "connection reset by peer");
    });
  }
}

void SimBus::hang_up(const Peer& peer) {
  links_.erase(peer.address);
  dialling_.erase(peer.address);
}

// ---- events

Result<> SimBus::publish(std::string topic, Frames frames) {
  if (!frames.payload.empty()) return fail(Code::invalid_argument, "events carry no payload");
  Result<> checked = check(frames);
  if (!checked || listening_.events.empty()) return checked;  // where nobody can subscribe nobody misses it
  std::set<SimNetwork::Life> told;
  for (const SimNetwork::Subscription& subscription : network_.subscriptions_) {
    if (subscription.publisher != listening_.events || !topic.starts_with(subscription.prefix)) continue;
    SimBus* target = network_.find(subscription.subscriber);
    if (target == nullptr || !told.insert(subscription.subscriber).second) continue;
    SimNetwork::Lane lane{life_, 0, subscription.subscriber, SimNetwork::Lane::Kind::events};
    network_.carry(
        lane, *this, *target, frames,
        [&network = network_, life = subscription.subscriber, from = listening_.events, topic](const Frames& arrived) {
          SimBus* bus = network.find(life);
          Receiver* receiver = bus == nullptr ? nullptr : bus->receiving(arrived.size());
          if (receiver != nullptr) receiver->on_event(from, topic, arrived);
        });
  }
  return count_sent({}, frames.size());
}

Result<> SimBus::subscribe(const Address& publisher, std::string prefix) {
  Result<> checked = check_address(publisher);
  if (checked) network_.subscriptions_.insert({life_, publisher, std::move(prefix)});
  return checked;
}

Result<> SimBus::unsubscribe(const Address& publisher, std::string prefix) {
  network_.subscriptions_.erase({life_, publisher, std::move(prefix)});
  return {};
}

}  // namespace gfs::bus
