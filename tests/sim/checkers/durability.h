// Durability: what was acknowledged is read back. A cell may hold a write that is not older than the last acknowledged
// one that had ended before the read began, or one whose outcome nobody knows; nothing else, and never bytes of nobody.
#pragma once

#include "tests/sim/history.h"

namespace gfs::sim {

// The answer to a read of [offset, offset + size) of a file that began at `began`; missing bytes count as zeros.
void check_read(History& history, std::size_t file, std::uint64_t offset, std::uint64_t size, const Bytes& got,
                Instant began);

}  // namespace gfs::sim
