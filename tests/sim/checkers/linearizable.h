// Linearizable (cat:N01): whether some order of the operations explains all answers, found by search (Wing and Gong's, with
// Lowe's memory of configurations): it trusts nothing the master says but the answers. For small histories only: the
// cost is exponential in what is under way at one time, so the search has a bound, and "undecided" is an answer of its
// own.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tests/sim/checkers/certificate.h"

namespace gfs::sim {

enum class Linear { yes, no, undecided };

struct LinearVerdict {
  Linear verdict = Linear::yes;
  std::size_t explained = 0;  // operations in the longest order that was found
  std::string stuck;          // the answer that no order explains
};

// The first operations of a group (`events` in the order they began), as a history of its own: what ended after the cut
// counts as unknown.
std::vector<NameEvent> first_events(const std::vector<NameEvent>& events, std::size_t group, std::size_t count = 300);

// Operations of one group. `steps`: of the model, until it gives up.
LinearVerdict check_linearizable(const std::vector<NameEvent>& events, std::size_t steps = 50'000);

}  // namespace gfs::sim
