#include "bus/zmq_bus.h"

#include <zmq.h>

#include <algorithm>

#include "base/check.h"
#include "base/log.h"
#include "bus/address.h"

namespace gfs::bus {

namespace {

// A peer that asks and does not read must not fill our memory: replies beyond this are dropped.
constexpr std::size_t kUnreadRepliesMax = std::size_t{512} << 20;

constexpr Duration kSweepInterval = 1min;  // at most

// Between two attempts to dial an address that refuses, however often messages for it come.
constexpr Duration kRest = 20ms;

// A topic we publish, a prefix somebody subscribes.
constexpr std::size_t kTopicMax = 4096;

// Received payloads below this are copied: they share 8 KiB blocks of ZeroMQ's, and a few kept bytes would keep a
// block.
constexpr std::size_t kCopyPayloadBelow = 8192;

}  // namespace

ZmqBus::ZmqBus(EventLoop& loop, Random& random, BusLimits limits)
    : loop_(loop), random_(random), limits_(limits), poller_(loop), alive_(std::make_shared<bool>(true)) {
  sweep_timer_ = loop_.after(std::min(kSweepInterval, limits_.unused), [this] { sweep(); });
}

ZmqBus::~ZmqBus() {
  *alive_ = false;
  loop_.cancel(sweep_timer_);
  for (auto& [address, subscription] : subscriptions_) {
    InprocRegistry::instance().forget(subscription.observer);
    subscription.receiver->close();
  }
  // Closed explicitly: the poller's list may still hold them.
  for (auto& [address, link] : controls_) link->close();
  for (auto& [address, link] : pushes_) link->close();
  for (auto& listener : {router_, pull_, xpub_}) {
    if (listener) listener->close();
  }
}

// ---- listening

Result<ListenAt> ZmqBus::listen(const ListenAt& at) {
  ListenAt bound;
  SocketOptions control{.frame_max = limits_.frame_max, .messages_max = limits_.queue_max};
  SocketOptions data{.frame_max = limits_.frame_max, .messages_max = limits_.data_queue_max, .bulk = true};
  SocketOptions events{.frame_max = kTopicMax + 1, .messages_max = limits_.event_queue_max};
  Result<Address> opened =
      open_listener(router_, ZMQ_ROUTER, at.control, control, [this](const Parts& p) { on_routed(p); });
  if (!opened) return fail(std::move(opened));
  bound.control = *opened;
  opened = open_listener(pull_, ZMQ_PULL, at.data, data, [this](const Parts& p) { on_pulled(p); });
  if (!opened) return fail(std::move(opened));
  bound.data = *opened;
  // Subscriptions are ZeroMQ's business; reading them keeps them from piling up.
  opened = open_listener(xpub_, ZMQ_XPUB, at.events, events, [](const Parts&) {});
  if (!opened) return fail(std::move(opened));
  bound.events = *opened;
  return bound;
}

Result<Address> ZmqBus::open_listener(std::shared_ptr<ZmqReceiver>& listener, int type, const Address& address,
                                      const SocketOptions& options, ZmqReceiver::Take take) {
  if (address.empty()) return Address();
  if (listener) return fail(Code::invalid_argument, "cannot listen on {}: this node listens already", address);
  auto opening = std::make_shared<ZmqReceiver>(poller_, std::move(take));
  Result<> opened = opening->open(type, options);
  if (!opened) return fail(std::move(opened));
  if (type == ZMQ_ROUTER) opening->socket().set(ZMQ_ROUTER_MANDATORY, 1);  // else it drops without a word
  if (type == ZMQ_XPUB) opening->socket().set(ZMQ_XPUB_VERBOSE, 1);
  Result<Address> bound = opening->listen(address);
  if (!bound) {
    opening->close();
    return bound;
  }
  listener = std::move(opening);
  return bound;
}

// ---- sending

Result<> ZmqBus::check_size(const Frames& frames) const {
  if (frames.envelope.size() > limits_.envelope_max) {
    return fail(Code::too_large, "an envelope of {} bytes (limit {})", frames.envelope.size(), limits_.envelope_max);
  }
  std::size_t largest = std::max(frames.body.size(), frames.payload.size());
  if (largest > limits_.frame_max) {
    return fail(Code::too_large, "a frame of {} bytes (limit {})", largest, limits_.frame_max);
  }
  return {};
}

Result<> ZmqBus::count_sent(Result<> sent, std::size_t size) {
  if (sent) {
    ++counters_.sent;
    counters_.bytes_sent += size;
  } else if (sent.error().code == Code::unreachable || sent.error().code == Code::overloaded) {
    ++counters_.undeliverable;
  }
  return sent;
}

Result<> ZmqBus::send(const Peer& to, Frames frames) {
  Result<> checked = check_size(frames);
  if (!checked) return checked;
  std::size_t size = frames.size();
  if (to.dialled()) return count_sent(send_on_link(ZmqLink::Kind::control, to.address, std::move(frames)), size);
  if (to.route.empty())
    return fail(Code::invalid_argument, "a message for nobody: the peer has neither address nor route");
  return count_sent(send_back(to.route, frames), size);
}

Result<> ZmqBus::send_back(const std::string& route, const Frames& frames) {
  if (!router_) return fail(Code::unreachable, "{}: this node does not listen", Peer::on(route).text());
  router_->touched();
  if (frames.payload.size() > 0 && bytes_lent_to_zmq() > kUnreadRepliesMax) {
    return fail(Code::overloaded, "{}: peers have not read {} bytes yet", Peer::on(route).text(), bytes_lent_to_zmq());
  }
  Bytes first = Bytes::borrowed(route.data(), route.size());  // short: copied at once
  switch (send_frames(router_->socket(), frames, &first)) {
    case Sent::ok:
      return {};
    case Sent::no_peer:
      return fail(Code::unreachable, "{}: the connection is gone", Peer::on(route).text());
    case Sent::full:
      return fail(Code::overloaded, "{}: its queue is full", Peer::on(route).text());
    case Sent::failed:
      break;
  }
  return fail(Code::overloaded, "{}: no memory for a message", Peer::on(route).text());
}

Result<> ZmqBus::push(const Address& to, Frames frames) {
  Result<> checked = check_size(frames);
  if (!checked) return checked;
  std::size_t size = frames.size();
  return count_sent(send_on_link(ZmqLink::Kind::data, to, std::move(frames)), size);
}

Result<> ZmqBus::send_on_link(ZmqLink::Kind kind, const Address& to, Frames frames) {
  auto found = links(kind).find(to);
  if (found != links(kind).end()) return found->second->send(std::move(frames));
  Result<Transport> transport = check_dial_address(to);
  if (!transport) return fail(std::move(transport));
  ZmqLink::Owner& owner = *this;
  auto link = std::make_shared<ZmqLink>(poller_, owner, kind, to, limits_);
  auto resting = resting_.find(to);
  Result<> started = link->start(resting == resting_.end() ? Instant{} : resting->second);
  if (started) started = link->send(std::move(frames));
  if (!started) {
    link->close();
    return started;
  }
  links(kind).emplace(to, std::move(link));
  return {};
}

void ZmqBus::hang_up(const Peer& peer) {
  auto found = controls_.find(peer.address);
  if (found == controls_.end()) return;
  std::shared_ptr<ZmqLink> link = std::move(found->second);
  controls_.erase(found);
  link->close();
}

// ---- connections

void ZmqBus::on_link_up(ZmqLink& link) {
  resting_.erase(link.address());
  ++counters_.connections;
}

void ZmqBus::on_link_message(ZmqLink& link, const Parts& parts) {
  Peer peer = Peer::at(link.address());
  Frames frames;
  if (!take_frames(parts, 0, peer, frames)) return;
  if (receiver_ != nullptr) receiver_->on_message(peer, std::move(frames));
}

void ZmqBus::on_link_down(ZmqLink& link, const LinkLoss& loss) {
  Address address = link.address();
  auto found = links(link.kind()).find(address);
  if (found != links(link.kind()).end() && found->second.get() == &link) links(link.kind()).erase(found);
  if (loss.never_connected) resting_[address] = loop_.now() + random_.jitter(kRest);
  log::write_limited(log::Level::debug, "link_lost", {{"peer", address}, {"reason", loss.reason}});
  if (receiver_ != nullptr) receiver_->on_link_lost(Peer::at(address), loss);
}

void ZmqBus::sweep() {
  Instant now = loop_.now();
  for (Links* all : {&controls_, &pushes_}) {
    for (auto link = all->begin(); link != all->end();) {
      bool unused = link->second->last_used() + limits_.unused < now && !link->second->waiting();
      if (unused) link->second->close();
      link = unused ? all->erase(link) : std::next(link);
    }
  }
  std::erase_if(resting_, [now](const auto& rest) { return rest.second < now; });
  sweep_timer_ = loop_.after(std::min(kSweepInterval, limits_.unused), [this] { sweep(); });
}

// ---- receiving

bool ZmqBus::take_frames(const Parts& parts, std::size_t first, const Peer& peer, Frames& frames) {
  if (parts.count() != first + 2 && parts.count() != first + 3) {
    refuse(parts, peer, "not two or three frames");
    return false;
  }
  frames.envelope = parts[first];
  frames.body = parts[first + 1];
  if (parts.count() == first + 3) frames.payload = parts[first + 2];
  Result<> checked = check_size(frames);
  if (!checked) {
    refuse(parts, peer, checked.error().message);
    return false;
  }
  if (frames.payload.size() < kCopyPayloadBelow && !frames.payload.empty()) {
    frames.payload = Bytes::copy_of(frames.payload.data(), frames.payload.size());
  }
  ++counters_.received;
  counters_.bytes_received += frames.size();
  return true;
}

void ZmqBus::refuse(const Parts& parts, const Peer& peer, std::string_view why) {
  ++counters_.refused;
  log::write_limited(
      log::Level::warn, "frames_refused",
      {{"peer", peer.text().substr(0, 80)}, {"host", parts.from()}, {"frames", parts.count()}, {"reason", why}});
}

void ZmqBus::on_routed(const Parts& parts) {
  Peer peer = Peer::on(parts[0].str());
  // Ids that our ROUTER mints are a zero byte and four more. One that a peer chose could be another's tomorrow.
  if (peer.route.size() != 5 || peer.route[0] != '\0') {
    refuse(parts, peer, "the peer chose its own routing id");
    return;
  }
  Frames frames;
  if (!take_frames(parts, 1, peer, frames)) return;
  if (receiver_ != nullptr) receiver_->on_message(peer, std::move(frames));
}

void ZmqBus::on_pulled(const Parts& parts) {
  Frames frames;
  if (!take_frames(parts, 0, Peer::at("data"), frames)) return;
  if (receiver_ != nullptr) receiver_->on_data(std::move(frames));
}

// ---- events

Result<> ZmqBus::publish(std::string topic, Frames frames) {
  if (topic.size() > kTopicMax) return fail(Code::too_large, "a topic of {} bytes (limit {})", topic.size(), kTopicMax);
  if (!frames.payload.empty()) return fail(Code::invalid_argument, "events carry no payload");
  Result<> checked = check_size(frames);
  if (!checked || !xpub_) return checked;  // where nobody can subscribe nobody misses it
  xpub_->touched();
  std::size_t size = frames.size();
  Bytes first = Bytes::of(std::move(topic));
  Sent sent = send_frames(xpub_->socket(), frames, &first);
  if (sent != Sent::ok) return count_sent(fail(Code::overloaded, "an event could not be queued"), size);
  return count_sent({}, size);
}

Result<> ZmqBus::subscribe(const Address& publisher, std::string prefix) {
  if (prefix.size() > kTopicMax)
    return fail(Code::too_large, "a topic of {} bytes (limit {})", prefix.size(), kTopicMax);
  Result<Transport> transport = check_dial_address(publisher);
  if (!transport) return fail(std::move(transport));
  auto found = subscriptions_.find(publisher);
  if (found == subscriptions_.end()) {
    Subscription subscription;
    Result<> connected = connect_subscription(publisher, subscription);
    if (!connected) return connected;
    found = subscriptions_.emplace(publisher, std::move(subscription)).first;
  }
  Subscription& subscription = found->second;
  if (!subscription.prefixes.insert(prefix).second) return {};
  subscription.receiver->socket().set(ZMQ_SUBSCRIBE, prefix);
  subscription.receiver->touched();
  return {};
}

// ZeroMQ reconnects and subscribes again by itself, except over inproc.
Result<> ZmqBus::connect_subscription(const Address& publisher, Subscription& subscription) {
  auto receiver =
      std::make_shared<ZmqReceiver>(poller_, [this, publisher](const Parts& parts) { on_published(publisher, parts); });
  SocketOptions options{.frame_max = std::max(limits_.frame_max, kTopicMax), .messages_max = limits_.event_queue_max};
  Result<> opened = receiver->open(ZMQ_SUB, options);
  if (opened) opened = receiver->socket().connect(publisher);
  if (!opened) {
    receiver->close();
    return opened;
  }
  for (const std::string& prefix : subscription.prefixes) receiver->socket().set(ZMQ_SUBSCRIBE, prefix);
  receiver->touched();
  subscription.receiver = std::move(receiver);
  if (publisher.starts_with("inproc://")) {
    subscription.observer = InprocRegistry::instance().observe(publisher, loop_, [this, alive = alive_, publisher] {
      if (!*alive) return;
      auto found = subscriptions_.find(publisher);
      if (found == subscriptions_.end()) return;
      found->second.receiver->close();
      connect_subscription(publisher, found->second);
    });
  }
  return {};
}

Result<> ZmqBus::unsubscribe(const Address& publisher, std::string prefix) {
  auto found = subscriptions_.find(publisher);
  if (found == subscriptions_.end() || found->second.prefixes.erase(prefix) == 0) return {};
  Subscription& subscription = found->second;
  subscription.receiver->socket().set(ZMQ_UNSUBSCRIBE, prefix);
  subscription.receiver->touched();
  if (!subscription.prefixes.empty()) return {};
  InprocRegistry::instance().forget(subscription.observer);
  subscription.receiver->close();
  subscriptions_.erase(found);
  return {};
}

void ZmqBus::on_published(const Address& publisher, const Parts& parts) {
  if (parts.count() != 3 || parts[0].size() > kTopicMax) {
    refuse(parts, Peer::at(publisher), "an event is a topic, an envelope and a body");
    return;
  }
  Frames frames;
  if (!take_frames(parts, 1, Peer::at(publisher), frames)) return;
  if (receiver_ != nullptr) receiver_->on_event(publisher, parts[0].str(), std::move(frames));
}

}  // namespace gfs::bus
