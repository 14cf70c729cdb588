// Endpoint: typed calls on a node's Bus. Deadlines, three outcomes, request ids, roles, limits.
//
//   Stat ask{"/readme"};
//   FileInfo info = co_await endpoint.call(Peer::at(master), ask);          // Task<Stat::Reply>
//
//   endpoint.serve<&FileService::stat>(service);                            // Task<FileInfo> stat(Stat, Caller)
//
// * A call always ends: with the reply, with the server's error, or with unreachable (nothing left this process),
//   lost_link or deadline (may have happened). The remaining time travels along; a server does not begin expired work
//   (expired) and cancels a handler whose deadline has passed.
// * Replies are matched by correlation id; late ones are dropped and counted.
// * Refused with an answer, counted and logged: unknown kind, wrong cluster, wrong protocol version, a role that may
//   not send the kind, a body that does not decode, work that has expired. Dropped, counted and logged: frames whose
//   envelope does not decode, and replies from another peer than the one asked.
// * Bounds: calls in flight and handlers running (Options); over them: overloaded.
// * A message with a member `Bytes payload` carries it in its own frame.
//
// Owned by a composition root; lives on its executor's thread; services outlive it or stop() is called before they go.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/executor.h"
#include "base/random.h"
#include "base/task.h"
#include "base/task_group.h"
#include "bus/bus.h"
#include "bus/codec.h"
#include "bus/deadlines.h"
#include "bus/envelope.h"
#include "bus/messages/client_master.h"
#include "bus/messages/types.h"

namespace gfs::bus {

struct CallOptions {
  Duration deadline = 5s;
  RequestId request;  // nil client: none (not a mutation)
  // Told the log index that the answer reflects (an error too); unchanged if there was none, or the peer has no log.
  std::shared_ptr<std::uint64_t> index;
  // Told how far behind its master the shadow is that answered (an error too); below 0: it was no shadow. Unchanged if
  // nobody answered.
  std::shared_ptr<std::int64_t> behind_ms;
};

// What a handler knows of who asked.
struct Caller {
  Peer peer;
  Role role = kClient;
  RequestId request;
  Instant deadline;
  // Where the node has a log: the handler of a change writes the index of its own entry here; else the answer reflects
  // whatever is applied when it leaves.
  std::shared_ptr<std::uint64_t> index;
};

struct EndpointCounters {
  std::uint64_t calls = 0, served = 0, late_replies = 0, deadlines = 0;
  std::uint64_t refused = 0;  // messages answered or dropped as in the list above
};

template <class M>
concept CarriesPayload = requires(M& m) {
  { m.payload } -> std::same_as<Bytes&>;
};

class Endpoint final : public Bus::Receiver {
 public:
  struct Options {
    Role role = kClient;
    std::string program;              // for Hello and logs: "gfs-master 0.1.0"
    std::size_t calls_max = 65536;    // in flight
    std::size_t handlers_max = 8192;  // running
  };

  Endpoint(Executor& executor, Random& random, Bus& bus, Options options);
  ~Endpoint() override;

  // Nil until known (a client's first call is Hello). A server that has one refuses envelopes of another cluster.
  void set_cluster(ClusterId cluster) { cluster_ = cluster; }
  ClusterId cluster() const { return cluster_; }
  // What every answer of this node reflects (a master's log).
  void set_index(std::function<std::uint64_t()> index) { index_ = std::move(index); }
  // Orders, which only a master may send, are done if this says so of who sent them: his role is his own word.
  void guard_orders(std::function<Result<>(const Peer& from)> guard) { order_guard_ = std::move(guard); }
  // How far behind its master this node is, in ms, if it is a shadow: every answer says so.
  void set_behind(std::function<std::int64_t()> behind_ms) { behind_ms_ = std::move(behind_ms); }
  Executor& executor() { return executor_; }
  Random& random() { return random_; }
  Bus& bus() { return bus_; }

  template <class M>
  Task<typename M::Reply> call(Peer to, M ask, CallOptions options = {}) {
    Outgoing out{M::kind, encode(ask), {}};
    if constexpr (CarriesPayload<M>) out.payload = std::move(ask.payload);
    Frames frames = co_await start_call(std::move(to), std::move(out), options);
    typename M::Reply reply = co_await decode<typename M::Reply>(frames.body);
    if constexpr (CarriesPayload<typename M::Reply>) reply.payload = std::move(frames.payload);
    co_return reply;
  }

  // One way on the control conversation; nothing is known of its fate.
  template <class M>
  Result<> cast(const Peer& to, M message) {
    Outgoing out{M::kind, encode(message), {}};
    if constexpr (CarriesPayload<M>) out.payload = std::move(message.payload);
    return send_cast(to, std::move(out));
  }

  // One way on the pipeline, to a data address.
  template <class M>
  Result<> push(const Address& to, M message) {
    Outgoing out{M::kind, encode(message), std::move(message.payload)};
    return send_push(to, std::move(out));
  }

  template <class M>
  Result<> publish(std::string topic, const M& message) {
    return send_event(std::move(topic), Outgoing{M::kind, encode(message), {}});
  }

  // Handler: void(const Address& publisher, const std::string& topic, M message). One per message kind.
  template <class M>
  Result<> subscribe(const Address& publisher, std::string prefix,
                     std::function<void(const Address&, const std::string&, M)> handler) {
    event_handlers_[std::string(M::kind)] = [handler = std::move(handler)](const Address& from,
                                                                           const std::string& topic,
                                                                           const Frames& frames) -> Result<> {
      Result<M> message = decode<M>(frames.body);
      if (!message) return fail(std::move(message));
      handler(from, topic, std::move(*message));
      return {};
    };
    return bus_.subscribe(publisher, std::move(prefix));
  }

  // Task<M::Reply> S::method(M, Caller), for calls; casts of M are served too, their reply is dropped.
  template <auto method, class S>
  void serve(S& service) {
    serve_method(service, method);
  }

  // void S::method(M), for what comes down the pipeline. Must not block; the order of arrival is kept.
  template <auto method, class S>
  void serve_data(S& service) {
    serve_data_method(service, method);
  }

  // Told once for each dialled connection that could not be made or broke (after its calls were failed).
  void on_link_lost(std::function<void(const Peer&, const LinkLoss&)> observer) {
    link_observer_ = std::move(observer);
  }

  // Cancels all handlers, hears nothing any more and fails nobody: calls in flight are forgotten. The first thing a
  // composition root's destructor does.
  void stop();

  EndpointCounters counters() const { return counters_; }

  // Bus::Receiver
  void on_message(const Peer& from, Frames frames) override;
  void on_data(Frames frames) override;
  void on_event(const Address& publisher, std::string topic, Frames frames) override;
  void on_link_lost(const Peer& peer, const LinkLoss& loss) override;

 private:
  struct Outgoing {
    std::string_view kind;
    Bytes body;
    Bytes payload;
  };
  struct Answer {
    Bytes body;
    Bytes payload;
  };
  struct Method {
    Roles senders = 0;
    std::function<Result<Task<Answer>>(Frames, Caller)> run;
  };
  struct DataMethod {
    Roles senders = 0;
    std::function<Result<>(const Frames&)> run;
  };
  struct Pending;

  Future<Frames> start_call(Peer to, Outgoing out, CallOptions options);
  Result<> send_cast(const Peer& to, Outgoing out);
  Result<> send_push(const Address& to, Outgoing out);
  Result<> send_event(std::string topic, Outgoing out);

  Envelope envelope(Saying type, std::string_view kind) const;
  // Whether a message with this envelope is heard at all.
  Result<> admit(const Envelope& header, Roles senders) const;
  void refuse(const std::string& from, std::string_view kind, const Error& error);
  void on_request(const Peer& from, Envelope header, Frames frames);
  void on_reply(const Peer& from, Envelope header, Frames frames);
  void on_call_deadline(std::uint64_t id);
  void answer(const Peer& to, std::uint64_t id, std::uint64_t index, Result<Answer> result);

  template <class S, class M>
  void serve_method(S& service, Task<typename M::Reply> (S::*method)(M, Caller)) {
    auto run = [&service, method](Frames frames, Caller caller) -> Result<Task<Answer>> {
      Result<M> ask = decode<M>(frames.body);
      if (!ask) return fail(std::move(ask));
      if constexpr (CarriesPayload<M>) ask->payload = std::move(frames.payload);
      return run_method<S, M>(service, method, std::move(*ask), std::move(caller));
    };
    add_method(M::kind, Method{M::senders, run});
  }
  template <class S, class M>
  static Task<Answer> run_method(S& service, Task<typename M::Reply> (S::*method)(M, Caller), M ask, Caller caller) {
    typename M::Reply reply = co_await (service.*method)(std::move(ask), std::move(caller));
    Answer answer;
    answer.body = encode(reply);
    if constexpr (CarriesPayload<typename M::Reply>) answer.payload = std::move(reply.payload);
    co_return answer;
  }
  template <class S, class M>
  void serve_data_method(S& service, void (S::*method)(M)) {
    data_methods_[std::string(M::kind)] = DataMethod{M::senders, [&service, method](const Frames& frames) -> Result<> {
                                                       Result<M> message = decode<M>(frames.body);
                                                       if (!message) return fail(std::move(message));
                                                       message->payload = frames.payload;
                                                       (service.*method)(std::move(*message));
                                                       return {};
                                                     }};
  }
  void add_method(std::string_view kind, Method method);

  // Set once.
  Executor& executor_;
  Random& random_;
  Bus& bus_;
  Options options_;
  ClusterId cluster_;
  std::function<std::uint64_t()> index_;
  std::function<Result<>(const Peer&)> order_guard_;
  std::function<std::int64_t()> behind_ms_;

  // State.
  bool stopped_ = false;
  std::unordered_map<std::uint64_t, Pending> pending_;    // by correlation id; sorted where all are walked
  std::unordered_map<std::uint64_t, Pending> forgotten_;  // by stop(): who waits for them should go first
  Deadlines call_deadlines_;
  Deadlines handler_deadlines_;  // of tasks in handlers_
  std::uint64_t next_correlation_ = 1;
  std::map<std::string, Method, std::less<>> methods_;
  std::map<std::string, DataMethod, std::less<>> data_methods_;
  std::map<std::string, std::function<Result<>(const Address&, const std::string&, const Frames&)>, std::less<>>
      event_handlers_;
  std::function<void(const Peer&, const LinkLoss&)> link_observer_;
  EndpointCounters counters_;
  TaskGroup handlers_;
};

}  // namespace gfs::bus
