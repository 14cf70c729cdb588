// Bus: one node's seat at the message bus. The four conversations, and what each may lose.
//
//   send      control: requests, replies, orders, casts.  DEALER dials, ROUTER is dialled; both ends may ask.
//   push      pipeline: bulk data one way.                PUSH -> PULL; may lose silently
//   publish   notices to whoever subscribed.              XPUB -> SUB; drops for slow subscribers
//   (call/serve, with deadlines and three outcomes, is made of send by bus/endpoint.h)
//
// Neighbours: ZmqBus (bus/zmq_bus.h: real sockets) and SimBus (bus/sim_bus.h: virtual time, seeded faults).
// tests/bus/bus_contract_test.cc holds both to the promises below.
//
// Delivery promises
// * A message arrives whole (its frames together) or not at all; never altered. SimBus may also repeat or reorder it
//   when told to; over one live ZeroMQ connection messages keep their order.
// * send() accepts and never blocks. Whether it arrived is known from an answer only. When a connection that was
// dialled
//   cannot be made or breaks, on_link_lost() says so once; what was sent and not answered then is lost
//   (never_connected: definitely not delivered; else unknown). A message is never kept for a later connection.
// * A node that is dialled learns nothing of a lost connection until it sends on it (unreachable).
// * push() and publish() promise nothing after they return ok.
//
// Bounds: queue lengths, frame sizes and counts are checked by the bus; what breaks them is refused (overloaded,
// too_large) on sending, and dropped, counted and logged with the peer on receiving.
//
// Thread: the executor's, callbacks included. Callbacks never run inside send/push/publish.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"

namespace gfs::bus {

// Where a node can be dialled: "tcp://host:port", "ipc://path" or "inproc://name".
using Address = std::string;

// One message. The envelope says what the body is; chunk bytes ride in the payload and are never packed.
struct Frames {
  Bytes envelope;
  Bytes body;
  Bytes payload;
  std::size_t size() const { return envelope.size() + body.size() + payload.size(); }
};

// Who a control message goes to or came from: an address we dial, or a connection somebody made to us.
// A route is opaque and valid for one connection: a peer that reconnects comes with another one.
struct Peer {
  Address address;
  std::string route;

  static Peer at(Address address) { return {std::move(address), {}}; }
  static Peer on(std::string route) { return {{}, std::move(route)}; }
  bool dialled() const { return !address.empty(); }
  bool empty() const { return address.empty() && route.empty(); }
  auto operator<=>(const Peer&) const = default;
  // For logs: the address, or the route in hex.
  std::string text() const;
};

struct LinkLoss {
  bool never_connected = false;  // nothing sent since the last loss left this process
  std::string reason;            // "connection refused", ...
};

// Where a node listens; empty ones are not opened. Real addresses may say port 0 ("tcp://127.0.0.1:0").
struct ListenAt {
  Address control;
  Address data;
  Address events;
};

struct BusLimits {
  std::size_t frame_max = (1u << 20) + (64u << 10);  // body or payload of one message
  std::size_t envelope_max = 4096;
  std::size_t queue_max = 10000;    // control messages waiting per peer
  std::size_t data_queue_max = 16;  // fragments waiting per downstream
  std::size_t event_queue_max = 65536;
  Duration unused = 10min;  // a dialled connection that nobody used for so long is closed
};

struct BusCounters {
  std::uint64_t sent = 0, received = 0, bytes_sent = 0, bytes_received = 0;
  std::uint64_t refused = 0;        // received frames that broke a bound or the frame count
  std::uint64_t undeliverable = 0;  // sends that found no peer or a full queue
  std::uint64_t connections = 0;    // dialled connections made since the start
};

class Bus {
 public:
  class Receiver {
   public:
    virtual ~Receiver() = default;
    virtual void on_message(const Peer& from, Frames frames) = 0;
    virtual void on_data(Frames frames) = 0;
    virtual void on_event(const Address& publisher, std::string topic, Frames frames) = 0;
    virtual void on_link_lost(const Peer& peer, const LinkLoss& loss) = 0;
  };

  virtual ~Bus() = default;

  // Once, before anything else; the receiver outlives the bus or detaches with nullptr.
  virtual void attach(Receiver* receiver) = 0;

  // in_use (with the address), invalid_argument. Gives the addresses really bound (ports filled in).
  virtual Result<ListenAt> listen(const ListenAt& at) = 0;

  // unreachable (a route whose peer is gone), overloaded, too_large, invalid_argument (an address nobody can dial).
  virtual Result<> send(const Peer& to, Frames frames) = 0;

  // To a node's data address. overloaded: its queue is full, or no connection stands yet and the queue is full.
  virtual Result<> push(const Address& to, Frames frames) = 0;

  // Topics are matched by prefix.
  virtual Result<> publish(std::string topic, Frames frames) = 0;
  virtual Result<> subscribe(const Address& publisher, std::string prefix) = 0;
  virtual Result<> unsubscribe(const Address& publisher, std::string prefix) = 0;

  // Closes a dialled connection; messages not answered are lost silently. Unused ones are closed by the bus itself.
  virtual void hang_up(const Peer& peer) = 0;

  virtual BusCounters counters() const = 0;
};

}  // namespace gfs::bus
