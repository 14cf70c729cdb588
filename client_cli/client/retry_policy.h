// What a failed try means for the next one, and what may honestly be said when there is none.
//
// The tables are by kind of error (Code). Attempts keeps every failed step with server and reason; its final error
// never says "did not happen" once a try with an effect may have happened.
//
// Pure values; time is an argument.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "base/time.h"
#include "bus/retry.h"

namespace gfs::client {

// Whether the same question to the master may be answered better later.
bool master_may_recover(Code code);

// What a fragment's writer does before its next try. The bytes are pushed again in every case: staged ones expire.
enum class Recovery : std::uint8_t {
  give_up,       // repeating will not help
  later,         // back off, same layout
  push_again,    // back off, same layout, another first hop
  locate_now,    // ask the master at once (backing off if it happens again)
  locate_later,  // back off, then ask the master to look again
  locate_once,   // ask the master once more, give up the second time
};
Recovery recovery_of_write(Code code);

// Whether another replica, or the same one later, may serve a read that failed like this.
bool read_may_recover(Code code);

// Where one operation stands in its pauses: about 20 ms, 40 ms, ... up to a second.
class Backoff {
 public:
  Duration next(Random& random) { return kPauses.delay(attempt_++, random); }

 private:
  static constexpr bus::Retry kPauses{bus::Retry::Kind::jittered, 20ms, 1s, 0};
  int attempt_ = 0;
};

class Attempts {
 public:
  // `what` is said first in the final error: "write of 5 bytes at 0 of /a".
  explicit Attempts(std::string what) : what_(std::move(what)) {}

  // A step that changes nothing when it fails (asking where, pushing, reading).
  void failed(std::string_view server, const Error& error);
  // A step that may have done the work although it failed.
  void failed_with_effect(std::string_view server, const Error& error);

  // The end of it. `last` is the step just noted; its reasons (of steps inside it) are taken over.
  Error give_up(const Error& last) const;

 private:
  struct Step {
    Reason reason;
    unsigned times = 1;
  };
  static constexpr std::size_t kStepsMax = 32;  // the first and the latest are kept

  void note(Reason reason);

  std::string what_;
  std::vector<Step> steps_;
  unsigned tries_ = 0;
  std::optional<Code> unknown_;  // of a try that may have happened
};

}  // namespace gfs::client
