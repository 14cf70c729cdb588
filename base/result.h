// What can go wrong, said once: Code, Error, Result<T>.
//
// Something that can happen is a Result<T> (std::expected); something that takes time is a Task<T> (base/task.h), a
// Result<T> that arrives later. Every Code says whether the work it answers may have happened: "unknown" is an outcome
// of its own and is never treated as "no".
//
// Values; usable on every thread.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gfs {

// The numbers travel on the bus and stand in logs: never reuse or renumber one. did_not_happen unless said otherwise.
enum class Code : std::uint16_t {
  ok = 0,                    // only inside envelopes; an Error never carries it
  invalid_argument = 1,      // the request itself makes no sense; repeating it will not help
  not_found = 2,             // no such path, chunk or server
  already_exists = 3,        // the name is in use
  not_empty = 4,             // a directory that still has entries
  not_a_directory = 5,       // a component of the path is a file
  is_a_directory = 6,        // a file was asked for
  conflict = 7,              // a precondition (compare-and-swap) no longer holds
  not_allowed = 8,           // the sender's role may not send this
  wrong_cluster = 9,         // the peer belongs to another cluster
  not_formatted = 10,        // a data directory without an identity
  unreachable = 11,          // no connection could be made; nothing left this process
  lost_link = 12,            // MAY HAVE HAPPENED: the connection went away with the request on it
  deadline = 13,             // MAY HAVE HAPPENED: no answer in time
  expired = 14,              // the server saw the deadline had passed before it began
  overloaded = 15,           // a bounded queue or buffer is full
  too_large = 16,            // over a documented limit
  malformed = 17,            // a frame or record that does not decode
  unknown_kind = 18,         // a message kind this program does not serve
  wrong_version = 19,        // a protocol or format version this program does not speak
  not_primary = 20,          // this server is not the chunk's (active) primary
  stale_version = 21,        // the chunk's version named is not the one held
  out_of_order = 22,         // a serial that is not the expected one; nothing was written
  lease_lost = 23,           // the session with the master is over; nothing was written
  missing_data = 24,         // pushed bytes have not arrived (or were refused)
  no_space = 25,             // disk full
  read_only = 26,            // directory or disk cannot be written
  io_error = 27,             // MAY HAVE HAPPENED: the disk failed
  corrupt = 28,              // stored or received bytes do not match their checksum
  in_use = 29,               // port taken, directory locked by another process
  cancelled = 30,            // MAY HAVE HAPPENED: the waiter went away
  not_enough_servers = 31,   // fewer servers up than the write needs
  unavailable = 32,          // for the moment; retry later
  shutting_down = 33,        // the server is stopping
  refused = 34,              // a safety guard said no
  internal = 35,             // MAY HAVE HAPPENED: a bug; details in the server's log
  replica_failed = 36,       // MAY HAVE HAPPENED: some member of the chunk did not confirm a mutation
  sealed = 37,               // the chunk takes nothing more; appends go on with the next one
  out_of_sequence = 38,      // an append whose writer's previous one has not been applied; nothing was written
  suspect = 39,              // the replica may have lost bytes in a power cut and has not been made equal since
  record_expired = 40,       // MAY HAVE HAPPENED: so old that its record is gone; it is never done (again)
  quota_exceeded = 41,       // a directory would hold more than it may
};

enum class Outcome : std::uint8_t { did_not_happen, may_have_happened };

Outcome outcome_of(Code code);

// "not_found", "lost_link", ...; "code 99" for numbers from a newer program.
std::string name_of(Code code);

// One failed step on the way to an error: who said what. Kept for the error text ("why") and for --json.
struct Reason {
  std::string server;
  std::string reason;
  bool operator==(const Reason&) const = default;
};

struct Error {
  Code code = Code::internal;
  std::string message;      // one sentence for a person, with the names in it
  std::vector<Reason> why;  // oldest first; may be empty

  Outcome outcome() const { return outcome_of(code); }
  // "stale_version: chunk 7f3a version 4: held is 3 (cs1: timeout; cs2: refused)"
  std::string text() const;
};

template <class T = void>
using Result = std::expected<T, Error>;

// return fail(Code::not_found, "no file {}", path);
template <class... Args>
std::unexpected<Error> fail(Code code, fmt::format_string<Args...> format, Args&&... args) {
  return std::unexpected<Error>(Error{code, fmt::format(format, std::forward<Args>(args)...), {}});
}

inline std::unexpected<Error> fail(Error error) { return std::unexpected<Error>(std::move(error)); }

// Passes an error of one Result on as another's.
template <class T>
std::unexpected<Error> fail(Result<T>&& failed) {
  return std::unexpected<Error>(std::move(failed).error());
}

}  // namespace gfs
