// ZmqBus: the Bus of real nodes, on ZeroMQ sockets over tcp, ipc and inproc.
//
//   control   one ROUTER where we listen; one DEALER for each peer we dial, all its calls multiplexed by id
//   data      one PULL, always drained; one PUSH for each downstream (a PUSH with two peers would deal round-robin)
//   events    one XPUB; one SUB for each publisher
//
// On the wire: [envelope][body] or [envelope][body][payload]; behind a ROUTER the route comes first, with events the
// topic. Whatever has another number of frames or is too large is thrown away, counted and logged with the peer.
//
// Connections are dialled by the first message and live in ZmqLink; unused for ten minutes they are closed. A route is
// the id that our ROUTER gave to the connection; peers that choose an id themselves are not listened to.
//
// Nothing blocks but listen(), for up to 0.1 s where the address is taken. Owned by a composition root, which destroys
// it outside its callbacks and before the loop.
#pragma once

#include <map>
#include <memory>
#include <set>

#include "base/event_loop.h"
#include "base/random.h"
#include "bus/bus.h"
#include "bus/zmq_link.h"
#include "bus/zmq_poller.h"
#include "bus/zmq_receiver.h"

namespace gfs::bus {

class ZmqBus final : public Bus, private ZmqLink::Owner {
 public:
  ZmqBus(EventLoop& loop, Random& random, BusLimits limits = {});
  ~ZmqBus() override;

  void attach(Receiver* receiver) override { receiver_ = receiver; }
  Result<ListenAt> listen(const ListenAt& at) override;
  Result<> send(const Peer& to, Frames frames) override;
  Result<> push(const Address& to, Frames frames) override;
  Result<> publish(std::string topic, Frames frames) override;
  Result<> subscribe(const Address& publisher, std::string prefix) override;
  Result<> unsubscribe(const Address& publisher, std::string prefix) override;
  void hang_up(const Peer& peer) override;
  BusCounters counters() const override { return counters_; }

 private:
  using Links = std::map<Address, std::shared_ptr<ZmqLink>>;
  struct Subscription {
    std::shared_ptr<ZmqReceiver> receiver;
    std::set<std::string> prefixes;
    InprocRegistry::ObserverId observer = 0;
  };

  void on_link_up(ZmqLink& link) override;
  void on_link_message(ZmqLink& link, const Parts& parts) override;
  void on_link_down(ZmqLink& link, const LinkLoss& loss) override;

  Result<Address> open_listener(std::shared_ptr<ZmqReceiver>& listener, int type, const Address& address,
                                const SocketOptions& options, ZmqReceiver::Take take);
  void on_routed(const Parts& parts);
  void on_pulled(const Parts& parts);
  void on_published(const Address& publisher, const Parts& parts);

  Result<> check_size(const Frames& frames) const;
  Result<> send_back(const std::string& route, const Frames& frames);
  Result<> send_on_link(ZmqLink::Kind kind, const Address& to, Frames frames);
  Links& links(ZmqLink::Kind kind) { return kind == ZmqLink::Kind::control ? controls_ : pushes_; }
  Result<> count_sent(Result<> sent, std::size_t size);

  // The frames from `first` on; false, counted and logged, if they are not a message.
  bool take_frames(const Parts& parts, std::size_t first, const Peer& peer, Frames& frames);
  void refuse(const Parts& parts, const Peer& peer, std::string_view why);
  Result<> connect_subscription(const Address& publisher, Subscription& subscription);
  void sweep();

  // Set once.
  EventLoop& loop_;
  Random& random_;
  const BusLimits limits_;
  Receiver* receiver_ = nullptr;

  // State.
  BusCounters counters_;
  ZmqPoller poller_;
  std::shared_ptr<ZmqReceiver> router_;
  std::shared_ptr<ZmqReceiver> pull_;
  std::shared_ptr<ZmqReceiver> xpub_;
  Links controls_;
  Links pushes_;
  std::map<Address, Instant> resting_;  // refused just now: not dialled before then
  std::map<Address, Subscription> subscriptions_;
  TimerId sweep_timer_ = 0;
  std::shared_ptr<bool> alive_;  // for what other threads posted
};

}  // namespace gfs::bus
