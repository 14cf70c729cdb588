// MessageOdds: has some messages lost, repeated or late far more often than others: those by which a configuration
// changes, and those by which clients write.
//
// A network that loses everything alike loses one grant in a thousand; the bugs are where its answer, and only that, is
// lost, or where it comes twice. A write is dangerous where it comes long after its client went on.
//
// Asked by SimNetwork of every message. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "bus/sim_bus.h"
#include "tests/sim/plan.h"

namespace gfs::sim {

class MessageOdds {
 public:
  explicit MessageOdds(const Plan& plan) : plan_(plan) {}

  bus::SimNetwork::Odds judge(const std::string& from, const std::string& to, const bus::Frames& frames);

 private:
  const Plan& plan_;
  std::map<std::tuple<std::string, std::string, std::uint64_t>, bool> asked_;  // who answers, whom, correlation id
};

}  // namespace gfs::sim
