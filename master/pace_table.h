// PaceTable: who is slow, though it is heard in time: a gray failure.
//
// Primaries tell how long the members of their chunks take for what they order. A server is slow when most of those who
// tell of it find that it takes many times as long as the others they know, and more than a moment, for a while. One
// witness is enough only where there is no other; and never are more than a quarter of the servers slow at once, the
// worst of them then: where all are slow nobody is. A slow server gets no new chunks and rather leads none, as long as
// others can be had, and is tried again after a minute, two, four ... if it was so before.
//
// Soft state. Owned by ServerTable; pure: `now` is an argument.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/id.h"
#include "base/time.h"
#include "bus/messages/chunk_master.h"

namespace gfs::master {

class PaceTable {
 public:
  static constexpr double kTimes = 5;         // as long as the others
  static constexpr Duration kNoticed = 20ms;  // nobody cares for less
  static constexpr Duration kFor = 10s;       // before it counts
  static constexpr Duration kFresh = 10s;     // what was told
  static constexpr Duration kHoldFirst = 1min, kHoldMost = 30min;
  static constexpr Duration kForgotten = 1h;  // that it was slow

  // Replaces what `witness` told before.
  void told(ServerId witness, const std::vector<bus::Heartbeat::Pace>& paces, Instant now);
  void forget(ServerId server);
  // After told(); more often than once a second does nothing. `up`: servers in all.
  void judge(std::size_t up, Instant now);

  bool slow(ServerId server, Instant now) const {
    auto found = slow_.find(server);
    return found != slow_.end() && now < found->second.until;
  }
  std::size_t count_slow(Instant now) const;
  // For people; empty: it is not slow.
  std::string why(ServerId server, Instant now) const;

 private:
  struct Told {
    Instant at{};
    std::map<ServerId, std::uint64_t> paces;  // us
  };
  struct Finding {
    double times = 0;  // the median of what the witnesses find
    std::uint64_t us = 0;
    std::size_t witnesses = 0;
  };
  struct Slow {
    Instant since{}, until{};
    Duration hold{};
    Finding finding;
  };

  std::optional<Finding> examine(ServerId server, Instant now) const;

  std::map<ServerId, Told> told_;           // by witness
  std::map<ServerId, Instant> suspicious_;  // since when
  std::map<ServerId, Slow> slow_;
  Instant next_{};  // judgement
};

}  // namespace gfs::master
