// The plain TCP programs gfs is measured against: blocking sockets, one process a server, 1 MiB pieces.
#pragma once

#include <cstdint>
#include <string>

namespace gfs::bench {

struct Cost {
  double seconds = 0;      // wall
  double cpu_seconds = 0;  // user and system, all processes
};

// client -> A -> B -> C: every server forwards a piece, computes CRC32C over its 64 KiB blocks and writes it to a file
// of its own, which it forces to disk at the end.
Cost tcp_chain_write(std::uint64_t size, const std::string& directory);

// A server that reads pieces from a file (in the page cache), checks them against CRC32C per 64 KiB and sends them; the
// client receives them.
Cost tcp_read(std::uint64_t size, const std::string& directory);

}  // namespace gfs::bench
