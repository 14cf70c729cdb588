#include "base/random.h"

#include <sys/random.h>

namespace gfs {

std::uint64_t Random::seed_from_machine() {
  std::uint64_t seed = 0;
  CHECK(getrandom(&seed, sizeof seed, 0) == sizeof seed, "the kernel gives randomness");
  return seed;
}

}  // namespace gfs
