// The mutants: bugs that can be put in on purpose, each of which a checker must find. Each breaks one rule that the
// protocol's safety rests on, so that a rule nobody checks is noticed.
//
// The code of a mutant is where its rule is: in the master's, the chunkserver's or the client's settings (`mutant`).
#pragma once

#include <set>
#include <string>
#include <vector>

#include "tests/sim/plan.h"

namespace gfs::sim {

struct Mutant {
  std::string name;
  std::string part;  // master, chunkserver or client
  std::string breaks;
  std::string story;                 // the interleaving that goes wrong then
  std::set<std::string> faults;      // that provoke it best; --faults overrides
  void (*sharpen)(Plan&) = nullptr;  // the settings that do, over what the seed has drawn
};

const std::vector<Mutant>& mutants();
// Null if there is none of this name.
const Mutant* find_mutant(const std::string& name);

}  // namespace gfs::sim
