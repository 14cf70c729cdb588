// The mix of requests that the GFS paper counted at a master (section 6.3.4, cluster X), asked of a real one: most are
// "where is this chunk". Prints its figures.
#pragma once

#include <cstdint>
#include <vector>

#include "base/id.h"
#include "tests/bench/processes.h"

namespace gfs::bench {

// The files that requests are about are made once, with a chunk each.
class RequestMix {
 public:
  // Makes them. Ends the program if that fails.
  explicit RequestMix(const Processes& cluster);

  // `requests` of them altogether by so many clients, each with a thread and connections of its own.
  void run(unsigned clients, unsigned in_flight, std::uint64_t requests);

 private:
  const Processes& cluster_;
  std::vector<InodeId> inodes_;  // of the files, by number
  unsigned rounds_ = 0;
};

}  // namespace gfs::bench
