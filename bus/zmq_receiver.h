// ZmqReceiver: a socket that others connect to, or a subscription; gives each message to its owner.
//
// Owned by ZmqBus; the loop's thread.
#pragma once

#include <functional>
#include <memory>

#include "bus/zmq_poller.h"
#include "bus/zmq_socket.h"

namespace gfs::bus {

class ZmqReceiver final : public ZmqPoller::Source {
 public:
  using Take = std::function<void(const Parts&)>;

  ZmqReceiver(ZmqPoller& poller, Take take) : poller_(poller), take_(std::move(take)), socket_(poller.loop()) {}
  ~ZmqReceiver() override { close(); }

  Result<> open(int type, const SocketOptions& options);
  // For an ipc address also: removes a socket file whose owner is dead; in_use if somebody answers there, or if the
  // file is no socket. A socket that this process closed just now is given a moment to go.
  Result<Address> listen(const Address& address);
  void close();

  // For calls on it; call touched() after any.
  ZmqSocket& socket() { return socket_; }
  void touched() { poller_.touched(*this); }

  bool handle(std::size_t budget) override;

 private:
  ZmqPoller& poller_;
  Take take_;
  ZmqSocket socket_;
  Address inproc_;  // the name we have bound, if it is one
};

}  // namespace gfs::bus
