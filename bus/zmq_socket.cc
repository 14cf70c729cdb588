#include "bus/zmq_socket.h"

#include <zmq.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "base/check.h"
#include "bus/zmq_context.h"

namespace gfs::bus {

namespace {

// From here on handing a pointer over is cheaper than copying; ZeroMQ copies the first 8 KiB of a frame anyway.
constexpr std::size_t kCopyBelow = 8192;

constexpr int kBulkKernelBuffer = 2 << 20;

constexpr int kMonitoredEvents = ZMQ_EVENT_CONNECTED | ZMQ_EVENT_CONNECT_RETRIED | ZMQ_EVENT_CLOSED |
                                 ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
                                 ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                                 ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;

// Handed over uncopied and not let go of yet.
std::atomic<std::size_t> lent_bytes = 0;

// Runs on ZeroMQ's I/O thread.
void drop_bytes(void*, void* hint) {
  auto* bytes = static_cast<Bytes*>(hint);
  lent_bytes -= bytes->size();
  delete bytes;
}

bool fill(zmq_msg_t& message, const Bytes& bytes) {
  if (bytes.size() >= kCopyBelow) {
    auto share = std::make_unique<Bytes>(bytes);
    // ZeroMQ's interface is not const, but it only reads what it sends.
    void* data = const_cast<std::uint8_t*>(bytes.data());
    if (zmq_msg_init_data(&message, data, bytes.size(), drop_bytes, share.get()) != 0) return false;
    lent_bytes += share.release()->size();
    return true;
  }
  if (zmq_msg_init_size(&message, bytes.size()) != 0) return false;
  if (!bytes.empty()) std::memcpy(zmq_msg_data(&message), bytes.data(), bytes.size());
  return true;
}

Error error_of(const Address& address, std::string_view verb, int error) {
  std::string why = fmt::format("cannot {} {}: {}", verb, address, zmq_strerror(error));
  switch (error) {
    case EADDRINUSE:
      return {Code::in_use, fmt::format("cannot {} {}: the address is in use", verb, address), {}};
    case EACCES:
    case EPERM:
    case EROFS:
      return {Code::read_only, std::move(why), {}};
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return {Code::overloaded, std::move(why), {}};
    default:
      return {Code::invalid_argument, std::move(why), {}};
  }
}

}  // namespace

struct Parts::Message {
  Message() = default;
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;
  ~Message() {
    for (std::size_t i = 0; i < used; ++i) zmq_msg_close(&part[i]);
  }
  std::array<zmq_msg_t, 4> part;
  std::size_t used = 0;
};

std::string Parts::from() const {
  if (!message_ || message_->used == 0) return {};
  const char* address = zmq_msg_gets(&message_->part[0], "Peer-Address");
  return address == nullptr ? std::string() : std::string(address);
}

std::size_t bytes_lent_to_zmq() { return lent_bytes; }

Result<> ZmqSocket::open(int type, const SocketOptions& options, std::function<void()> readable) {
  CHECK(socket_ == nullptr, "a socket is opened once");
  socket_ = zmq_socket(zmq_context(), type);
  if (socket_ == nullptr) {
    return fail(Code::overloaded, "out of sockets or file descriptors: {}", zmq_strerror(errno));
  }
  set(ZMQ_LINGER, 0);
  int messages = static_cast<int>(options.messages_max);
  set(ZMQ_SNDHWM, messages);
  set(ZMQ_RCVHWM, messages);
  if (type != ZMQ_PAIR) {
    set(ZMQ_IMMEDIATE, 1);
    set(ZMQ_HANDSHAKE_IVL, 3000);
    set(ZMQ_HEARTBEAT_IVL, static_cast<int>(to_ms(kPingEvery)));
    set(ZMQ_HEARTBEAT_TIMEOUT, static_cast<int>(to_ms(kPongWait)));
    set(ZMQ_HEARTBEAT_TTL, static_cast<int>(to_ms(kPongWait)));
    set(ZMQ_RECONNECT_IVL, 50);
    set(ZMQ_RECONNECT_IVL_MAX, 2000);
    set(ZMQ_CONNECT_TIMEOUT, 2000);
    set(ZMQ_TCP_KEEPALIVE, 1);
    set(ZMQ_BACKLOG, 1024);
    std::int64_t frame_max = static_cast<std::int64_t>(options.frame_max);
    CHECK(zmq_setsockopt(socket_, ZMQ_MAXMSGSIZE, &frame_max, sizeof frame_max) == 0, "libzmq knows the option");
  }
  // Read replies of 1 MiB travel on control connections: they want large buffers as much as the pipeline does.
  if (options.bulk || type == ZMQ_ROUTER || type == ZMQ_DEALER) {
    set(ZMQ_SNDBUF, kBulkKernelBuffer);
    set(ZMQ_RCVBUF, kBulkKernelBuffer);
  }
  int descriptor = -1;
  std::size_t size = sizeof descriptor;
  CHECK(zmq_getsockopt(socket_, ZMQ_FD, &descriptor, &size) == 0, "a socket has a descriptor");
  watch_ = loop_.watch(descriptor, true, std::move(readable));
  return {};
}

void ZmqSocket::close() {
  if (socket_ == nullptr) return;
  loop_.unwatch(watch_);
  // A closed socket lives on for a moment on ZeroMQ's threads. Were it still monitored, its I/O thread would wait for
  // ever to tell its end to a monitor that has gone, and the whole process would be deaf.
  zmq_socket_monitor(socket_, nullptr, 0);
  zmq_close(socket_);
  socket_ = nullptr;
}

void ZmqSocket::set(int option, int value) {
  CHECK(zmq_setsockopt(socket_, option, &value, sizeof value) == 0, "libzmq knows the option");
}

void ZmqSocket::set(int option, const std::string& value) {
  CHECK(zmq_setsockopt(socket_, option, value.data(), value.size()) == 0, "libzmq knows the option");
}

Result<Address> ZmqSocket::bind(const Address& address) {
  if (address.find('[') != std::string::npos) set(ZMQ_IPV6, 1);
  if (zmq_bind(socket_, address.c_str()) != 0) return fail(error_of(address, "listen on", errno));
  std::array<char, 512> bound{};
  std::size_t size = bound.size();
  if (zmq_getsockopt(socket_, ZMQ_LAST_ENDPOINT, bound.data(), &size) != 0) return address;
  return Address(bound.data());
}

void ZmqSocket::unbind(const Address& address) {
  if (is_open()) zmq_unbind(socket_, address.c_str());
}

Result<> ZmqSocket::connect(const Address& address) {
  if (address.find('[') != std::string::npos) set(ZMQ_IPV6, 1);
  if (zmq_connect(socket_, address.c_str()) != 0) return fail(error_of(address, "dial", errno));
  return {};
}

Result<> ZmqSocket::monitor_into(ZmqSocket& events, std::function<void()> readable) {
  std::string name = next_monitor_address();
  if (zmq_socket_monitor(socket_, name.c_str(), kMonitoredEvents) != 0) {
    return fail(Code::overloaded, "out of sockets or file descriptors: {}", zmq_strerror(errno));
  }
  Result<> opened = events.open(ZMQ_PAIR, {.messages_max = 1000}, std::move(readable));
  if (!opened) return opened;
  return events.connect(name);
}

Sent ZmqSocket::send(std::span<const Bytes* const> frames) {
  std::array<zmq_msg_t, 4> messages;
  CHECK(!frames.empty() && frames.size() <= messages.size(), "a message has one to four frames");
  std::size_t filled = 0;
  while (filled < frames.size() && fill(messages[filled], *frames[filled])) ++filled;
  Sent result = filled == frames.size() ? Sent::ok : Sent::failed;
  std::size_t next = 0;
  for (; result == Sent::ok && next < filled; ++next) {
    int flags = ZMQ_DONTWAIT | (next + 1 < filled ? ZMQ_SNDMORE : 0);
    int sent = zmq_msg_send(&messages[next], socket_, flags);
    // A send looks at pending commands (a new connection, room again) only now and then: look, and try once more.
    if (sent < 0 && next == 0 && errno == EAGAIN && writable()) sent = zmq_msg_send(&messages[next], socket_, flags);
    if (sent >= 0) continue;
    // Once the first frame is accepted ZeroMQ takes the rest, or drops them with the broken connection.
    result = next > 0 || errno == EAGAIN ? Sent::full : errno == EHOSTUNREACH ? Sent::no_peer : Sent::failed;
    break;
  }
  for (; next < filled; ++next) zmq_msg_close(&messages[next]);
  return result;
}

bool ZmqSocket::receive(Parts& parts) {
  zmq_msg_t first;
  zmq_msg_init(&first);
  int got = 0;
  do got = zmq_msg_recv(&first, socket_, ZMQ_DONTWAIT);
  while (got < 0 && errno == EINTR);
  if (got < 0) return false;
  auto message = std::make_shared<Parts::Message>();
  zmq_msg_init(&message->part[0]);
  zmq_msg_move(&message->part[0], &first);
  message->used = 1;
  parts.count_ = 1;
  bool more = zmq_msg_more(&message->part[0]) != 0;
  while (more) {  // the rest of a message is there when its first frame is
    ++parts.count_;
    bool kept = message->used < message->part.size();
    zmq_msg_t& part = kept ? message->part[message->used++] : first;
    zmq_msg_init(&part);
    if (zmq_msg_recv(&part, socket_, ZMQ_DONTWAIT) < 0) break;
    more = zmq_msg_more(&part) != 0;
    if (!kept) zmq_msg_close(&part);
  }
  for (std::size_t i = 0; i < message->used; ++i) {
    parts.frames_[i] = Bytes(message, zmq_msg_data(&message->part[i]), zmq_msg_size(&message->part[i]));
  }
  parts.message_ = std::move(message);
  return true;
}

int ZmqSocket::events() {
  int events = 0;
  std::size_t size = sizeof events;
  if (zmq_getsockopt(socket_, ZMQ_EVENTS, &events, &size) != 0) return 0;
  return events;
}

bool ZmqSocket::writable() { return (events() & ZMQ_POLLOUT) != 0; }

bool ZmqSocket::readable_or_writable() { return (events() & (ZMQ_POLLIN | ZMQ_POLLOUT)) != 0; }

}  // namespace gfs::bus
