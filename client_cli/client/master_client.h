// MasterClient: the client's way to the master. Hello first (it learns the cluster's id and the chunk size), then calls
// that are repeated within the operation's deadline, by kind of error.
//
// A mutation keeps its RequestId over its tries, so the master does it once. The final error lists each failed try.
//
// use_request() gives the next change() the id of an earlier one, perhaps of another process: if that asked for
// something else, the master refuses, which is told as conflict.
//
// With Settings::stale_ok a question goes to a shadow when the master does not answer; a change never does.
//
// Owned by Context; one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "bus/endpoint.h"
#include "bus/messages/client_master.h"
#include "client_cli/client/filesystem.h"
#include "client_cli/client/master_choice.h"
#include "client_cli/client/retry_policy.h"

namespace gfs::client {

class MasterClient {
 public:
  MasterClient(bus::Endpoint& endpoint, const Settings& settings)
      : endpoint_(endpoint),
        settings_(settings),
        client_(ClientId::random(endpoint.random())),
        choice_(settings.master, settings.stale_ok ? settings.shadows : std::vector<bus::Address>()) {}

  // What nobody used before; the same one goes with every try of one mutation.
  RequestId next_request() { return last_request_ = fresh_request(); }
  RequestId last_request() const { return last_request_; }
  // Sent by another part under an id of its own.
  void note_request(RequestId request) { last_request_ = request; }
  void use_request(RequestId request) { given_ = request; }
  ClientId client() const { return client_; }
  bool used() const { return last_sequence_ > 0; }  // some id of this client's went out
  std::uint64_t last_index() const { return *index_; }
  std::optional<Staleness> take_staleness() { return std::exchange(staleness_, std::nullopt); }
  // The latest answer to a question came from a shadow.
  bool on_shadow() const { return on_shadow_; }

  // Says Hello until it is answered; nothing to do afterwards.
  Task<> connect(std::string what, Instant deadline);
  std::uint64_t chunk_size() const { return chunk_size_; }  // after connect()

  // Whom a question is for. The master alone is asked what a change is built on, and what nobody else knows.
  enum class Who : std::uint8_t { anybody, master };

  template <class M>
  Task<typename M::Reply> ask(M message, std::string what, Instant deadline, Who who = Who::anybody) {
    return repeat<M>(std::move(message), std::move(what), deadline, RequestId{}, who);
  }
  // `patience`: of one try; zero: as always.
  template <class M>
  Task<typename M::Reply> change(M message, std::string what, Instant deadline, Duration patience = {}) {
    if (given_)
      return change_as<M>(std::move(message), std::move(what), deadline, *std::exchange(given_, {}), patience);
    return repeat<M>(std::move(message), std::move(what), deadline, next_request(), Who::master, patience);
  }
  // On the way to another change, which use_request() is meant for.
  template <class M>
  Task<typename M::Reply> change_aside(M message, std::string what, Instant deadline) {
    return repeat<M>(std::move(message), std::move(what), deadline, fresh_request(), Who::master);
  }

 private:
  // Of the master's try where somebody else can be asked.
  static constexpr Duration kPatience = 1s;

  // Who answered a question (ok, or an error), or did not.
  void note_reached(const bus::Address& from, Code code);
  // Where an answer is from. refused: a shadow, and that is not welcome.
  Result<> note_source(const bus::Address& from, std::int64_t behind_ms, Code code);

  RequestId fresh_request() { return {client_, ++last_sequence_}; }

  template <class M>
  Task<typename M::Reply> repeat(M message, std::string what, Instant deadline, RequestId request, Who who,
                                 Duration patience = {}) {
    if (chunk_size_ == 0) return after_hello<M>(std::move(message), std::move(what), deadline, request, who, patience);
    return tries<M>(std::move(message), std::move(what), deadline, request, who, patience);
  }

  template <class M>
  Task<typename M::Reply> change_as(M message, std::string what, Instant deadline, RequestId request,
                                    Duration patience) {
    last_request_ = request;
    Result<typename M::Reply> reply =
        co_await repeat<M>(std::move(message), std::move(what), deadline, request, Who::master, patience).outcome();
    if (!reply && reply.error().code == Code::invalid_argument) reply.error().code = Code::conflict;
    co_return std::move(reply);
  }

  template <class M>
  Task<typename M::Reply> after_hello(M message, std::string what, Instant deadline, RequestId request, Who who,
                                      Duration patience) {
    co_await connect(what, deadline);
    co_return co_await tries<M>(std::move(message), std::move(what), deadline, request, who, patience);
  }

  template <class M>
  Task<typename M::Reply> tries(M message, std::string what, Instant deadline, RequestId request, Who who,
                                Duration usual = {}) {
    if (usual == Duration::zero()) usual = settings_.call_deadline;
    Executor& executor = endpoint_.executor();
    Attempts attempts(std::move(what));
    Backoff backoff;
    InARow in_a_row;
    std::vector<bus::Address> left;  // to be asked before the next pause
    while (true) {
      if (left.empty()) left = who == Who::master ? std::vector{settings_.master} : choice_.order(executor.now());
      const bus::Address to = left.front();
      left.erase(left.begin());
      const Duration patience = left.empty() ? usual : std::min(usual, kPatience);
      auto behind = std::make_shared<std::int64_t>(-1);
      bus::CallOptions options{std::min(patience, deadline - executor.now()), request, index_, behind};
      M copy = message;
      bus::Peer peer = bus::Peer::at(to);
      Result<typename M::Reply> reply = co_await endpoint_.call(std::move(peer), std::move(copy), options).outcome();
      const Code code = reply ? Code::ok : reply.error().code;
      note_reached(to, code);
      if constexpr (!std::is_same_v<M, bus::Hello>) {
        if (who == Who::anybody) co_await note_source(to, *behind, code);
      }
      if (reply) co_return std::move(*reply);
      if (request.sequence != 0) {
        attempts.failed_with_effect("master " + to, reply.error());
      } else {
        attempts.failed("master " + to, reply.error());
      }
      Rule rule = rule_of(Trying::master, reply.error().code);
      Duration pause{};
      if (left.empty()) pause = backoff.before_next(rule.pause, endpoint_.random(), deadline - executor.now());
      bool again = in_a_row.again(reply.error().code, rule) && executor.now() + pause < deadline;
      if (!again) co_await fail(attempts.give_up(reply.error()));
      co_await executor.sleep(pause);
    }
  }

  bus::Endpoint& endpoint_;
  const Settings& settings_;
  const ClientId client_;
  std::uint64_t last_sequence_ = 0;
  RequestId last_request_;
  std::optional<RequestId> given_;  // for the next change
  const std::shared_ptr<std::uint64_t> index_ = std::make_shared<std::uint64_t>(0);
  std::uint64_t chunk_size_ = 0;  // 0: not connected yet
  MasterChoice choice_;
  bool on_shadow_ = false;
  std::optional<Staleness> staleness_;
};

}  // namespace gfs::client
