#include "bus/zmq_link.h"

#include <zmq.h>

#include <cstring>

#include "base/check.h"

namespace gfs::bus {

namespace {

// Whoever neither answers nor refuses within this counts as not there.
constexpr Duration kDialTime = 2s;

// Bytes waiting for one connection, in payloads of full size: messages are counted by BusLimits, this bounds their sum.
constexpr std::size_t kFullPayloadsWaiting = 64;

// Messages read from a connection that has broken before its loss is told.
constexpr std::size_t kLastWords = 100000;

}  // namespace

Sent send_frames(ZmqSocket& socket, const Frames& frames, const Bytes* before) {
  std::array<const Bytes*, 4> parts;
  std::size_t count = 0;
  if (before != nullptr) parts[count++] = before;
  parts[count++] = &frames.envelope;
  parts[count++] = &frames.body;
  if (!frames.payload.empty()) parts[count++] = &frames.payload;
  return socket.send({parts.data(), count});
}

ZmqLink::ZmqLink(ZmqPoller& poller, Owner& owner, Kind kind, Address address, const BusLimits& limits)
    : poller_(poller),
      owner_(owner),
      kind_(kind),
      address_(std::move(address)),
      limits_(limits),
      last_used_(poller.loop().now()),
      socket_(poller.loop()),
      monitor_(poller.loop()) {}

std::size_t ZmqLink::queue_max() const { return kind_ == Kind::control ? limits_.queue_max : limits_.data_queue_max; }

Result<> ZmqLink::start(Instant not_before) {
  if (not_before > poller_.loop().now()) {
    set_timer(not_before, &ZmqLink::on_rest_over);
    return {};
  }
  return dial();
}

Result<> ZmqLink::dial() {
  state_ = State::dialling;
  SocketOptions options{.frame_max = limits_.frame_max, .messages_max = queue_max(), .bulk = kind_ == Kind::data};
  Result<> opened =
      socket_.open(kind_ == Kind::control ? ZMQ_DEALER : ZMQ_PUSH, options, [this] { poller_.touched(*this); });
  if (!opened) return opened;
  if (address_.starts_with("inproc://")) {
    observer_ = InprocRegistry::instance().observe(address_, poller_.loop(), [link = weak_from_this()] {
      if (auto self = std::static_pointer_cast<ZmqLink>(link.lock())) self->lose(false, "the other side has gone");
    });
    bool bound = InprocRegistry::instance().is_bound(address_);
    Result<> dialled = bound ? socket_.connect(address_) : Result<>();
    if (!dialled) return dialled;
    // Neither outcome may call the owner from here: this runs inside send().
    set_timer(poller_.loop().now(), bound ? &ZmqLink::connected : &ZmqLink::on_nobody_bound);
    return {};
  }
  Result<> monitored = socket_.monitor_into(monitor_, [this] {
    events_waiting_ = true;
    poller_.touched(*this);
  });
  if (!monitored) return monitored;
  events_waiting_ = true;
  Result<> dialled = socket_.connect(address_);
  if (!dialled) return dialled;
  set_timer(poller_.loop().now() + kDialTime, &ZmqLink::on_not_connected_in_time);
  poller_.touched(*this);
  return {};
}

Result<> ZmqLink::send(Frames frames) {
  CHECK(state_ != State::closed, "a closed link is let go of");
  last_used_ = poller_.loop().now();
  if (state_ == State::losing) return {};  // its loss is being told: this message is lost with it
  if (state_ == State::connected) poller_.touched(*this);
  if (state_ == State::connected && queue_.empty()) {
    Sent sent = send_frames(socket_, frames);
    if (sent == Sent::ok) return {};
    if (sent != Sent::full) return fail(Code::overloaded, "{}: no memory for a message", address_);
  }
  bool room = queue_.size() < queue_max() && queued_bytes_ + frames.size() <= kFullPayloadsWaiting * limits_.frame_max;
  if (!room) {
    return fail(Code::overloaded, "{}: {} messages wait for this connection already", address_, queue_.size());
  }
  queued_bytes_ += frames.size();
  queue_.push_back(std::move(frames));
  return {};
}

void ZmqLink::close() {
  state_ = State::closed;
  poller_.loop().cancel(timer_);
  timer_ = 0;
  if (observer_ != 0) InprocRegistry::instance().forget(observer_);
  observer_ = 0;
  queue_.clear();
  queued_bytes_ = 0;
  socket_.close();   // stops telling the monitor,
  monitor_.close();  // which may go only then
}

bool ZmqLink::handle(std::size_t budget) {
  auto self = shared_from_this();  // a callback may hang up
  if (events_waiting_) read_events();
  if (!queue_.empty() && state_ == State::connected) flush();
  if (kind_ == Kind::data) return more_to_do();
  for (; budget > 0; --budget) {
    Parts parts;
    if (!socket_.is_open() || !socket_.receive(parts)) return more_to_do();
    last_used_ = poller_.loop().now();
    owner_.on_link_message(*this, parts);
  }
  return true;
}

// Asking for a socket's events looks at its pending commands and eats the edge they made: so what is seen here, room or
// something to read, must not be forgotten.
bool ZmqLink::more_to_do() {
  if (!socket_.is_open()) return false;
  if (kind_ == Kind::data) return socket_.writable() && !queue_.empty() && state_ == State::connected;
  if (queue_.empty() || state_ != State::connected) return false;
  return socket_.readable_or_writable();
}

void ZmqLink::flush() {
  while (!queue_.empty()) {
    Sent sent = send_frames(socket_, queue_.front());
    if (sent == Sent::full) return;
    queued_bytes_ -= queue_.front().size();
    queue_.pop_front();
  }
}

void ZmqLink::connected() {
  if (state_ != State::dialling) return;
  state_ = State::connected;
  poller_.loop().cancel(timer_);
  timer_ = 0;
  poller_.touched(*this);
  owner_.on_link_up(*this);
}

void ZmqLink::read_events() {
  events_waiting_ = false;
  while (monitor_.is_open()) {
    Parts parts;
    if (!monitor_.receive(parts)) return;
    std::uint16_t event = 0;
    if (parts.count() > 0 && parts[0].size() >= sizeof event) std::memcpy(&event, parts[0].data(), sizeof event);
    on_event(event);
  }
}

void ZmqLink::on_event(int event) {
  switch (event) {
    case ZMQ_EVENT_CONNECTED:
      reached_ = true;
      return;
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
      connected();
      return;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
      lose(true, "the handshake failed: another protocol, or not let in");
      return;
    case ZMQ_EVENT_CLOSED:
    case ZMQ_EVENT_CONNECT_RETRIED:
    case ZMQ_EVENT_DISCONNECTED:
      break;
    default:
      return;
  }
  if (state_ == State::connected) {
    lose(false, "the connection was closed");
  } else if (reached_) {
    lose(true, "the connection was closed during the handshake");
  } else {
    lose(true, "connection refused: nobody listens there");
  }
}

void ZmqLink::lose(bool never_connected, std::string reason) {
  if (state_ == State::losing || state_ == State::closed) return;
  auto self = shared_from_this();
  state_ = State::losing;
  if (kind_ == Kind::control && socket_.is_open()) {
    for (std::size_t left = kLastWords; left > 0; --left) {  // what the peer said before it went counts
      Parts parts;
      if (!socket_.is_open() || !socket_.receive(parts)) break;
      owner_.on_link_message(*this, parts);
    }
  }
  if (state_ == State::closed) return;  // hung up by what it read
  close();
  owner_.on_link_down(*this, {never_connected, std::move(reason)});
}

void ZmqLink::set_timer(Instant when, void (ZmqLink::*what)()) {
  poller_.loop().cancel(timer_);
  timer_ = poller_.loop().at(when, [this, what] {
    timer_ = 0;
    (this->*what)();
  });
}

void ZmqLink::on_rest_over() {
  Result<> dialled = dial();
  if (!dialled) lose(true, dialled.error().message);
}

void ZmqLink::on_nobody_bound() { lose(true, "nobody listens there in this process"); }

void ZmqLink::on_not_connected_in_time() { lose(true, reached_ ? "no handshake within 2 s" : "no answer within 2 s"); }

}  // namespace gfs::bus
