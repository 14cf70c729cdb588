// Certificate: the namespace is linearizable, proved by the log. Each answer names the log index that it reflects;
// ordered by it (a change before the answers that reflect it), the operations must fit the order in which they happened
// in time, and replaying them through the model must give every answer. No search, any concurrency.
//
// What nobody was answered for is looked up in the log: it is there, at one index, or it never happened.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/id.h"
#include "tests/sim/checkers/names.h"

namespace gfs::sim {

// An operation on a group of names, as its client saw it.
struct NameEvent {
  std::size_t group = 0;
  NameOp op;
  Instant invoked{}, ended{};
  Fate fate = Fate::pending;  // ok: the answer speaks of the names, also if it is a refusal; failed: it never was
  Code code = Code::ok;       // of the answer
  NameSeen seen;
  RequestId request;
  std::uint64_t index = 0;  // that the answer reflects; 0: it named none
  std::string text() const;
};

using LogIndex = std::map<RequestId, std::uint64_t>;

// What is wrong, at most a few sentences; empty: linearizable.
std::vector<std::string> check_certificate(std::vector<NameEvent> events, const LogIndex& log);

}  // namespace gfs::sim
