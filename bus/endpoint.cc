#include "bus/endpoint.h"

#include <algorithm>
#include <bit>
#include <vector>

#include "base/log.h"

namespace gfs::bus {

namespace {

constexpr std::size_t kTextMax = 1024;
constexpr std::size_t kReasonsMax = 8;
constexpr std::size_t kReasonMax = 128;

// What is waited at most (49 days): deadlines travel as 32 bits of milliseconds.
constexpr Duration kDeadlineMax = std::chrono::milliseconds(UINT32_MAX);

// Not in the middle of a UTF-8 character.
std::string cut(std::string text, std::size_t size = kTextMax) {
  if (text.size() <= size) return text;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
  text.resize(size);
  return text;
}

// The failed steps of an error, as they travel: the latest ones, if there are many.
std::vector<std::string> packed(const std::vector<Reason>& why) {
  std::vector<std::string> out;
  for (std::size_t i = why.size() - std::min(why.size(), kReasonsMax); i < why.size(); ++i) {
    out.push_back(cut(why[i].server, kReasonMax));
    out.push_back(cut(why[i].reason, kReasonMax));
  }
  return out;
}

std::vector<Reason> unpacked(std::vector<std::string> why) {
  std::vector<Reason> out;
  for (std::size_t i = 0; i + 1 < why.size() && out.size() < kReasonsMax; i += 2) {
    out.push_back({cut(std::move(why[i]), kReasonMax), cut(std::move(why[i + 1]), kReasonMax)});
  }
  return out;
}

}  // namespace

struct Endpoint::Pending {
  Promise<Frames> promise;
  Peer peer;
  std::string_view kind;
  Duration waits;
  Deadlines::Mark deadline;
  std::shared_ptr<std::uint64_t> index;
  std::shared_ptr<std::int64_t> behind_ms;
};

Endpoint::Endpoint(Executor& executor, Random& random, Bus& bus, Options options)
    : executor_(executor),
      random_(random),
      bus_(bus),
      options_(std::move(options)),
      call_deadlines_(executor, [this](std::uint64_t id) { on_call_deadline(id); }),
      handler_deadlines_(executor, [this](std::uint64_t task) { handlers_.cancel(task); }) {
  bus_.attach(this);
}

Endpoint::~Endpoint() {
  stop();
  forgotten_.clear();  // whoever waits all the same is told (cancelled) while there is still an endpoint
  bus_.attach(nullptr);
}

void Endpoint::stop() {
  stopped_ = true;
  call_deadlines_.clear();
  handler_deadlines_.clear();
  forgotten_.merge(pending_);
  handlers_.cancel();
}

void Endpoint::add_method(std::string_view kind, Method method) { methods_[std::string(kind)] = std::move(method); }

Envelope Endpoint::envelope(Saying type, std::string_view kind) const {
  Envelope envelope;
  envelope.cluster = cluster_;
  envelope.type = type;
  envelope.role = options_.role;
  envelope.kind = kind;
  return envelope;
}

Future<Frames> Endpoint::start_call(Peer to, Outgoing out, CallOptions options) {
  Promise<Frames> promise;
  Future<Frames> future = promise.future();
  ++counters_.calls;
  if (stopped_) {
    promise.set(fail(Code::shutting_down, "{} to {}: this node is stopping", out.kind, to.text()));
    return future;
  }
  if (pending_.size() >= options_.calls_max) {
    promise.set(
        fail(Code::overloaded, "{} to {}: {} calls are in flight already", out.kind, to.text(), pending_.size()));
    return future;
  }
  if (options.deadline <= Duration::zero()) {
    promise.set(fail(Code::expired, "{} to {}: no time left", out.kind, to.text()));
    return future;
  }
  Duration waits = std::min(options.deadline, kDeadlineMax);
  std::uint64_t id = next_correlation_++;
  Envelope header = envelope(Saying::request, out.kind);
  header.id = id;
  header.request = options.request;
  header.deadline_ms = static_cast<std::uint32_t>(std::max<std::int64_t>(to_ms(waits), 1));
  Result<> sent = bus_.send(to, Frames{encode(header), std::move(out.body), std::move(out.payload)});
  if (!sent) {
    promise.set(fail(std::move(sent)));
    return future;
  }
  Deadlines::Mark deadline = call_deadlines_.set(executor_.now() + waits, id);
  pending_.emplace(id, Pending{std::move(promise), std::move(to), out.kind, waits, deadline, std::move(options.index),
                               std::move(options.behind_ms)});
  return future;
}

void Endpoint::on_call_deadline(std::uint64_t id) {
  auto found = pending_.find(id);
  if (found == pending_.end()) return;
  Pending pending = std::move(found->second);
  pending_.erase(found);
  ++counters_.deadlines;
  pending.promise.set(fail(Code::deadline, "{} to {}: no answer within {} ms", pending.kind, pending.peer.text(),
                           to_ms(pending.waits)));
}

Result<> Endpoint::send_cast(const Peer& to, Outgoing out) {
  return bus_.send(to, Frames{encode(envelope(Saying::cast, out.kind)), std::move(out.body), std::move(out.payload)});
}

Result<> Endpoint::send_push(const Address& to, Outgoing out) {
  return bus_.push(to, Frames{encode(envelope(Saying::data, out.kind)), std::move(out.body), std::move(out.payload)});
}

Result<> Endpoint::send_event(std::string topic, Outgoing out) {
  return bus_.publish(std::move(topic), Frames{encode(envelope(Saying::event, out.kind)), std::move(out.body), {}});
}

Result<> Endpoint::admit(const Envelope& header, Roles senders) const {
  if (header.v != kProtocolVersion) {
    return fail(Code::wrong_version, "protocol version {} is spoken here, not {}", kProtocolVersion, header.v);
  }
  bool stranger = header.cluster.nil() ? !cluster_.nil() && header.kind != Hello::kind
                                       : !cluster_.nil() && header.cluster != cluster_;
  if (stranger) {
    return fail(Code::wrong_cluster, "this is cluster {}, the message is for {}", cluster_,
                header.cluster.nil() ? "none" : header.cluster.text());
  }
  if (senders != 0 && (!std::has_single_bit(header.role) || (header.role & senders) == 0)) {
    return fail(Code::not_allowed, "{} may not be sent by role {}", header.kind, header.role);
  }
  return {};
}

void Endpoint::refuse(const std::string& from, std::string_view kind, const Error& error) {
  ++counters_.refused;
  log::write_limited(log::Level::warn, "message_refused", {{"peer", from}, {"kind", kind}, {"why", error.text()}});
}

void Endpoint::on_message(const Peer& from, Frames frames) {
  if (stopped_) return;
  Result<Envelope> header = decode<Envelope>(frames.envelope);
  if (!header) return refuse(from.text(), "?", header.error());
  switch (header->type) {
    case Saying::reply:
      return on_reply(from, std::move(*header), std::move(frames));
    case Saying::request:
    case Saying::cast:
      return on_request(from, std::move(*header), std::move(frames));
    case Saying::data:
    case Saying::event:
      break;
  }
  refuse(from.text(), header->kind, Error{Code::malformed, "not a control message", {}});
}

void Endpoint::on_reply(const Peer& from, Envelope header, Frames frames) {
  auto found = pending_.find(header.id);
  if (found == pending_.end()) {
    ++counters_.late_replies;
    return;
  }
  if (found->second.peer != from) {
    return refuse(from.text(), found->second.kind,
                  Error{Code::malformed, "a reply to what " + found->second.peer.text() + " was asked", {}});
  }
  Pending pending = std::move(found->second);
  pending_.erase(found);
  call_deadlines_.remove(pending.deadline);
  if (pending.index && header.index != 0) *pending.index = header.index;
  if (pending.behind_ms) *pending.behind_ms = header.behind_ms;
  if (header.v != kProtocolVersion) {
    pending.promise.set(fail(Code::wrong_version, "{} answered in protocol version {}", pending.peer.text(), header.v));
  } else if (header.code != 0) {
    pending.promise.set(
        fail(Error{static_cast<Code>(header.code), cut(std::move(header.text)), unpacked(std::move(header.why))}));
  } else {
    pending.promise.set(std::move(frames));
  }
}

void Endpoint::on_request(const Peer& from, Envelope header, Frames frames) {
  const bool wants_answer = header.type == Saying::request;
  Caller caller{from, static_cast<Role>(header.role), header.request, Instant::max(), {}};
  if (index_) caller.index = std::make_shared<std::uint64_t>(0);
  if (wants_answer) caller.deadline = executor_.now() + std::chrono::milliseconds(header.deadline_ms);
  auto found = methods_.find(header.kind);
  Result<> admitted = admit(header, found == methods_.end() ? 0 : found->second.senders);
  if (admitted && found == methods_.end()) {
    admitted = fail(Code::unknown_kind, "{} does not serve {}", options_.program, header.kind.substr(0, 64));
  }
  if (admitted && order_guard_ && found->second.senders == kMaster) admitted = order_guard_(from);
  if (admitted && wants_answer && header.deadline_ms == 0) {
    admitted = fail(Code::expired, "{}: its deadline had passed before it was begun", header.kind);
  }
  if (admitted && handlers_.size() >= options_.handlers_max) {
    admitted = fail(Code::overloaded, "{} requests are being served already", handlers_.size());
  }
  Result<Task<Answer>> work = Task<Answer>();
  if (admitted) {
    work = found->second.run(std::move(frames), caller);
    if (!work) admitted = fail(std::move(work));
  }
  if (!admitted) {
    refuse(from.text(), header.kind.substr(0, 64), admitted.error());
    if (wants_answer) answer(from, header.id, 0, fail(std::move(admitted)));
    return;
  }
  ++counters_.served;
  if (!wants_answer) {
    handlers_.spawn(std::move(*work));
    return;
  }
  // The handler's end removes the deadline, the deadline ends the handler; whichever comes first. The handler may have
  // ended when spawn returns.
  Deadlines::Mark deadline = handler_deadlines_.set(caller.deadline, 0);
  std::uint64_t task = handlers_.spawn(
      std::move(*work), [this, from, id = header.id, deadline, index = caller.index](Result<Answer> result) {
        handler_deadlines_.remove(deadline);
        answer(from, id, index ? *index : 0, std::move(result));
      });
  handler_deadlines_.rename(deadline, task);
}

void Endpoint::answer(const Peer& to, std::uint64_t id, std::uint64_t index, Result<Answer> result) {
  Envelope header = envelope(Saying::reply, {});
  header.id = id;
  header.index = index == 0 && index_ ? index_() : index;
  if (behind_ms_) header.behind_ms = behind_ms_();
  Frames frames;
  const bool succeeded = result.has_value();
  if (succeeded) {
    frames.body = std::move(result->body);
    frames.payload = std::move(result->payload);
  } else {
    header.code = static_cast<std::uint16_t>(result.error().code);
    header.text = cut(result.error().message);
    header.why = packed(result.error().why);
  }
  frames.envelope = encode(header);
  Result<> sent = bus_.send(to, std::move(frames));
  if (sent) return;
  log::write_limited(log::Level::debug, "reply_not_sent", {{"peer", to.text()}, {"why", sent.error().text()}});
  // The work was done, but the caller must not wait for what cannot be said.
  if (succeeded && sent.error().code == Code::too_large) {
    answer(to, id, index, fail(Code::internal, "the reply cannot be sent: {}", sent.error().message));
  }
}

void Endpoint::on_data(Frames frames) {
  if (stopped_) return;
  Result<Envelope> header = decode<Envelope>(frames.envelope);
  if (!header) return refuse("data", "?", header.error());
  auto found = data_methods_.find(header->kind);
  Result<> admitted = admit(*header, found == data_methods_.end() ? 0 : found->second.senders);
  if (admitted && (found == data_methods_.end() || header->type != Saying::data)) {
    admitted = fail(Code::unknown_kind, "no pipeline takes {}", header->kind.substr(0, 64));
  }
  if (admitted) admitted = found->second.run(frames);
  if (!admitted) refuse("data", header->kind.substr(0, 64), admitted.error());
}

void Endpoint::on_event(const Address& publisher, std::string topic, Frames frames) {
  if (stopped_) return;
  Result<Envelope> header = decode<Envelope>(frames.envelope);
  if (!header) return refuse(publisher, "?", header.error());
  Result<> admitted = admit(*header, 0);
  auto found = event_handlers_.find(header->kind);
  if (admitted && found == event_handlers_.end()) return;
  if (admitted) admitted = found->second(publisher, topic, frames);
  if (!admitted) refuse(publisher, header->kind.substr(0, 64), admitted.error());
}

void Endpoint::on_link_lost(const Peer& peer, const LinkLoss& loss) {
  if (stopped_) return;
  std::vector<std::uint64_t> lost;
  for (const auto& [id, pending] : pending_) {
    if (pending.peer == peer) lost.push_back(id);
  }
  std::sort(lost.begin(), lost.end());
  Code code = loss.never_connected ? Code::unreachable : Code::lost_link;
  for (std::uint64_t id : lost) {
    auto found = pending_.find(id);
    if (found == pending_.end()) continue;
    Pending pending = std::move(found->second);
    pending_.erase(found);
    call_deadlines_.remove(pending.deadline);
    pending.promise.set(fail(code, "{} to {}: {}", pending.kind, peer.text(), loss.reason));
  }
  if (link_observer_) link_observer_(peer, loss);
}

}  // namespace gfs::bus
