// MasterClient: the client's way to the master. Hello first (it learns the cluster's id and the chunk size), then calls
// that are repeated within the operation's deadline, by kind of error.
//
// A mutation keeps its RequestId over its tries, so the master does it once. The final error lists each failed try.
//
// Owned by Context; one thread.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "bus/endpoint.h"
#include "bus/messages/client_master.h"
#include "client_cli/client/filesystem.h"
#include "client_cli/client/retry_policy.h"

namespace gfs::client {

class MasterClient {
 public:
  MasterClient(bus::Endpoint& endpoint, const Settings& settings)
      : endpoint_(endpoint), settings_(settings), client_(ClientId::random(endpoint.random())) {}

  // What nobody used before; the same one goes with every try of one mutation.
  RequestId next_request() { return {client_, ++last_sequence_}; }
  RequestId last_request() const { return {client_, last_sequence_}; }

  // Says Hello until it is answered; nothing to do afterwards.
  Task<> connect(std::string what, Instant deadline);
  std::uint64_t chunk_size() const { return chunk_size_; }  // after connect()

  template <class M>
  Task<typename M::Reply> ask(M message, std::string what, Instant deadline) {
    return repeat<M>(std::move(message), std::move(what), deadline, RequestId{});
  }
  template <class M>
  Task<typename M::Reply> change(M message, std::string what, Instant deadline) {
    return repeat<M>(std::move(message), std::move(what), deadline, next_request());
  }

 private:
  template <class M>
  Task<typename M::Reply> repeat(M message, std::string what, Instant deadline, RequestId request) {
    if (chunk_size_ == 0) return after_hello<M>(std::move(message), std::move(what), deadline, request);
    return tries<M>(std::move(message), std::move(what), deadline, request);
  }

  template <class M>
  Task<typename M::Reply> after_hello(M message, std::string what, Instant deadline, RequestId request) {
    co_await connect(what, deadline);
    co_return co_await tries<M>(std::move(message), std::move(what), deadline, request);
  }

  template <class M>
  Task<typename M::Reply> tries(M message, std::string what, Instant deadline, RequestId request) {
    Executor& executor = endpoint_.executor();
    Attempts attempts(std::move(what));
    Backoff backoff;
    while (true) {
      bus::CallOptions options{std::min(settings_.call_deadline, deadline - executor.now()), request};
      M copy = message;
      bus::Peer master = bus::Peer::at(settings_.master);
      Result<typename M::Reply> reply = co_await endpoint_.call(std::move(master), std::move(copy), options).outcome();
      if (reply) co_return std::move(*reply);
      if (request.sequence != 0) {
        attempts.failed_with_effect("master " + settings_.master, reply.error());
      } else {
        attempts.failed("master " + settings_.master, reply.error());
      }
      Duration pause = backoff.next(endpoint_.random());
      bool again = master_may_recover(reply.error().code) && executor.now() + pause < deadline;
      if (!again) co_await fail(attempts.give_up(reply.error()));
      co_await executor.sleep(pause);
    }
  }

  bus::Endpoint& endpoint_;
  const Settings& settings_;
  const ClientId client_;
  std::uint64_t last_sequence_ = 0;
  std::uint64_t chunk_size_ = 0;  // 0: not connected yet
};

}  // namespace gfs::client
