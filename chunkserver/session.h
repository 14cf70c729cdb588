// Session: this server's standing with the master. Every primaryship it has, and its right to answer reads, last as
// long.
//
// The session lasts `lease` from the sending of the last heartbeat that was answered, less 1 % for clocks that drift.
// Pure: time is an argument.
#pragma once

#include "base/id.h"
#include "base/result.h"
#include "base/time.h"

namespace gfs::chunkserver {

class Session {
 public:
  explicit Session(SessionId id) : id_(id) {}

  // For the master this is another process from now on.
  void begin_anew(SessionId id) { id_ = id; }

  void answered(Instant sent, Duration lease, Instant now) {
    const Instant until = sent + lease - lease / 100;
    if (until <= until_) return;
    if (!valid(now)) since_ = now;
    until_ = until;
  }
  // It has been valid without a gap since then. In a gap the master may have put others in this server's place.
  Instant since() const { return since_; }
  bool valid(Instant now) const { return now < until_; }
  Result<> check(Instant now) const {
    if (valid(now)) return {};
    return fail(Code::lease_lost, "this server has not heard from its master for longer than the lease");
  }
  SessionId id() const { return id_; }

 private:
  SessionId id_;
  Instant until_{}, since_{};
};

}  // namespace gfs::chunkserver
