// ZmqLink: one connection we dialled, from the first message for it until it is refused, breaks or is hung up.
//
//   resting ──► dialling ──► connected          resting: an attempt failed just now, the next one waits a little
//                   └────────────┴──► closed    closed is final: the next message makes a new link
//
// The rule: a message is never kept for a later connection. ZeroMQ would queue for, and reconnect to, whoever comes;
// so until the handshake has succeeded messages wait in our own queue, and when the connection breaks the socket goes
// with it. What happens to the connection is told by a socket monitor; inproc has no such events, see InprocRegistry.
//
// Owned by ZmqBus; the loop's thread.
#pragma once

#include <deque>

#include "bus/bus.h"
#include "bus/inproc_registry.h"
#include "bus/zmq_poller.h"
#include "bus/zmq_socket.h"

namespace gfs::bus {

class ZmqLink final : public ZmqPoller::Source {
 public:
  enum class Kind { control, data };  // DEALER, PUSH

  class Owner {
   public:
    virtual void on_link_up(ZmqLink& link) = 0;
    virtual void on_link_message(ZmqLink& link, const Parts& parts) = 0;
    // Once. The link is closed; the owner lets go of it.
    virtual void on_link_down(ZmqLink& link, const LinkLoss& loss) = 0;

   protected:
    ~Owner() = default;
  };

  ZmqLink(ZmqPoller& poller, Owner& owner, Kind kind, Address address, const BusLimits& limits);
  ~ZmqLink() override { close(); }

  // Dials, now or at `not_before`. overloaded: no socket to be had.
  Result<> start(Instant not_before);
  // overloaded: the queue is full.
  Result<> send(Frames frames);
  // Says nothing to the owner.
  void close();

  Kind kind() const { return kind_; }
  const Address& address() const { return address_; }
  bool waiting() const { return !queue_.empty(); }
  Instant last_used() const { return last_used_; }

  bool handle(std::size_t budget) override;

 private:
  enum class State { resting, dialling, connected, losing, closed };

  Result<> dial();
  void connected();
  void flush();
  bool more_to_do();
  void read_events();
  void on_event(int event);
  void lose(bool never_connected, std::string reason);
  void set_timer(Instant when, void (ZmqLink::*what)());
  void on_rest_over();
  void on_nobody_bound();
  void on_not_connected_in_time();
  std::size_t queue_max() const;

  ZmqPoller& poller_;
  Owner& owner_;
  const Kind kind_;
  const Address address_;
  const BusLimits limits_;

  State state_ = State::resting;
  bool reached_ = false;         // the transport stood, whatever became of the handshake
  bool events_waiting_ = false;  // the monitor told an edge
  Instant last_used_;
  std::deque<Frames> queue_;
  std::size_t queued_bytes_ = 0;
  TimerId timer_ = 0;
  InprocRegistry::ObserverId observer_ = 0;
  ZmqSocket socket_;
  ZmqSocket monitor_;
};

// The frames of a message as a socket takes them: without the payload if it is empty.
Sent send_frames(ZmqSocket& socket, const Frames& frames, const Bytes* before = nullptr);

}  // namespace gfs::bus
