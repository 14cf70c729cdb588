// What a failed try means for the next one, and what may honestly be said when there is none.
//
// A table, by kind of error (Code) and by what was tried: what changes before the next try, whether it comes at once or
// after a pause, and how many failures of the kind in a row end the operation. Its deadline bounds everything anyway; a
// step forward (a newer version, another chunk) begins the counting anew. What no repeating can help, bytes that do
// not match their checksums above all, has no next try.
//
// Pure values; time is an argument.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/id.h"
#include "base/random.h"
#include "base/result.h"
#include "base/time.h"
#include "bus/retry.h"

namespace gfs::client {

enum class Trying : std::uint8_t {
  write,   // WriteChunk, SyncChunk
  append,  // AppendChunk
  read,    // ReadChunk, ChunkLength
  master,  // any question to the master
};

// What is different about the next try. A mutation keeps its id in every case, and pushed bytes are pushed again:
// staged ones expire.
enum class Change : std::uint8_t {
  give_up,      // repeating will not help
  nothing,      // the same again
  first_hop,    // the bytes travel by another way
  primary,      // the master is told who is unreachable and asked for another primary
  layout,       // the master is asked for the layout as it is now
  replica,      // another one is asked; when all failed, the layout is asked for
  room,         // the master is asked once for members that have room
  chunk,        // the file's next chunk
  predecessor,  // as soon as the append before this one has an outcome
};

enum class Pause : std::uint8_t {
  none,
  first_none,  // the first time at once, then growing pauses
  growing,     // 20 ms to 1 s, with jitter
  apart,       // the same up to 4 s: all clients lost the master together, and must not come back together
};

struct Rule {
  Change change = Change::give_up;
  Pause pause = Pause::growing;
  unsigned in_a_row = 0;  // so many failures of this kind (primary: so many primaries) in a row are the end; 0: only
                          // the deadline is
  bool operator==(const Rule&) const = default;
};

Rule rule_of(Trying what, Code code);

// Whether the same question to the master may be answered better later.
inline bool master_may_recover(Code code) { return rule_of(Trying::master, code).change != Change::give_up; }
// Whether another replica, or the same one later, may serve a read that failed like this.
inline bool read_may_recover(Code code) { return rule_of(Trying::read, code).change != Change::give_up; }

// Failures of each kind since the last step forward. Of primaries that cannot be reached it counts how many there were:
// while it is the same one, the master has not decided yet; another one is no step forward until it is reached.
class InARow {
 public:
  // Notes one; `primary`: whose call it was, nil if it was nobody's. Whether the rule allows another try.
  bool again(Code code, const Rule& rule, ServerId primary = {}) {
    if (rule.change == Change::give_up) return false;
    unsigned& failures = failures_[static_cast<std::size_t>(code) % failures_.size()];
    if (rule.change != Change::primary) {
      ++failures;
      if (!primary.nil()) failures_[static_cast<std::size_t>(Code::unreachable)] = 0;  // it was reached
    } else if (!primary.nil() && (failures == 0 || primary != unreachable_)) {
      ++failures;
      unreachable_ = primary;
    }
    return rule.in_a_row == 0 || failures < rule.in_a_row;
  }
  void forward() {
    unsigned unreachable = failures_[static_cast<std::size_t>(Code::unreachable)];
    failures_.fill(0);
    failures_[static_cast<std::size_t>(Code::unreachable)] = unreachable;
  }

 private:
  std::array<unsigned, 64> failures_{};  // by code
  ServerId unreachable_;                 // the latest
};

// Where one operation stands in its pauses: about 20 ms, 40 ms, ... up to a second, or to four.
class Backoff {
 public:
  Duration next(Random& random) { return kPauses.delay(attempt_++, random); }
  // Before the try after a failure with `pause`, of an operation that has `left` to go; zero: at once. No pause of more
  // than a second takes more than half of what is left.
  Duration before_next(Pause pause, Random& random, Duration left = Duration::max()) {
    if (pause == Pause::apart) return std::min(kApart.delay(attempt_++, random), std::max<Duration>(left / 2, 1s));
    if (pause == Pause::none || (pause == Pause::first_none && !hurried_)) {
      hurried_ = true;
      return Duration::zero();
    }
    return next(random);
  }

 private:
  static constexpr bus::Retry kPauses{bus::Retry::Kind::jittered, 20ms, 1s, 0};
  static constexpr bus::Retry kApart{bus::Retry::Kind::jittered, 20ms, 4s, 0};
  int attempt_ = 0;
  bool hurried_ = false;
};

class Attempts {
 public:
  // `what` is said first in the final error: "write of 5 bytes at 0 of /a".
  explicit Attempts(std::string what) : what_(std::move(what)) {}

  // A step that changes nothing when it fails (asking where, pushing, reading).
  void failed(std::string_view server, const Error& error);
  // A step that may have done the work although it failed.
  void failed_with_effect(std::string_view server, const Error& error);
  // It is known now that none of the tries so far did the work, nor ever will.
  void none_happened() { unknown_.reset(); }

  unsigned tries() const { return tries_; }  // that failed

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
