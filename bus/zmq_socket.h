// ZmqSocket: one ZeroMQ socket with our options, never blocking, and its frames as Bytes.
//
// Received frames are not copied: the Bytes keep the ZeroMQ message alive. Sent Bytes of some size are not copied
// either: ZeroMQ's I/O thread drops its share of them when they have left. Small ones are copied, that is cheaper.
//
// Owned by ZmqLink or ZmqReceiver; the loop's thread.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/event_loop.h"
#include "bus/bus.h"

namespace gfs::bus {

// The frames of one message. More than four are read and thrown away, but counted.
class Parts {
 public:
  std::size_t count() const { return count_; }
  const Bytes& operator[](std::size_t i) const { return frames_[i]; }
  // The remote end's host as ZeroMQ knows it, for logs; may be empty.
  std::string from() const;

 private:
  friend class ZmqSocket;
  struct Message;
  std::shared_ptr<Message> message_;
  std::array<Bytes, 4> frames_;
  std::size_t count_ = 0;
};

// A connection over which nothing comes is asked now and then, and given up if even that has no answer: its peer lost
// power, or something between forgot it, and no word of that will ever come. Calls on it end as lost_link then.
// Not sooner: a process may stand still for 5 s (a disk, a swap, a debugger) and goes on as if nothing had been. A lost
// link would make all that was asked of it unknown, and what the kernel kept for it would be done behind our back. Who
// is dead is found out by gossip and heartbeats, in a second or two; nobody waits for this.
inline constexpr Duration kPingEvery = 2s;
inline constexpr Duration kPongWait = 6s;
inline constexpr Duration kSilenceMax = kPingEvery + kPongWait;  // from the last sign of life to the end

struct SocketOptions {
  std::size_t frame_max = 0;
  std::size_t messages_max = 0;  // high-water mark, per peer and direction
  bool bulk = false;             // large kernel buffers
};

// Payloads of this process that are with ZeroMQ, on their way out. Its own bounds count messages; this counts bytes.
std::size_t bytes_lent_to_zmq();

enum class Sent { ok, full, no_peer, failed };

class ZmqSocket {
 public:
  explicit ZmqSocket(EventLoop& loop) : loop_(loop) {}
  ZmqSocket(const ZmqSocket&) = delete;
  ZmqSocket& operator=(const ZmqSocket&) = delete;
  ~ZmqSocket() { close(); }

  // `readable` is called on edges. overloaded: this process is out of sockets or descriptors.
  Result<> open(int type, const SocketOptions& options, std::function<void()> readable);
  void close();
  bool is_open() const { return socket_ != nullptr; }

  void set(int option, int value);
  void set(int option, const std::string& value);
  // invalid_argument, in_use, read_only (no permission), overloaded. The address really bound.
  Result<Address> bind(const Address& address);
  void unbind(const Address& address);
  Result<> connect(const Address& address);
  // A PAIR that this socket's connection events are sent to, as messages.
  Result<> monitor_into(ZmqSocket& events, std::function<void()> readable);

  // All frames or none.
  Sent send(std::span<const Bytes* const> frames);
  // False: nothing there, and ZeroMQ's pending commands were looked at.
  bool receive(Parts& parts);
  // Looks at pending commands; whether send() would find room.
  bool writable();
  bool readable_or_writable();

 private:
  int events();

  EventLoop& loop_;
  void* socket_ = nullptr;
  EventLoop::WatchId watch_ = 0;
};

}  // namespace gfs::bus
