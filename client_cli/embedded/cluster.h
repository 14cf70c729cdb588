// Cluster: a whole cluster (one master, a few chunkservers) in this process, over inproc://, kept in one directory.
//
// DIR/master, DIR/chunkserver-1, DIR/chunkserver-2, ...: the same directories the daemons use. Each node has a thread
// of its own, as in real life. A first run formats; later ones reopen. Two processes cannot open one directory
// (in_use).
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "bus/bus.h"

namespace gfs::embedded {

struct Settings {
  std::string directory;
  std::uint32_t chunkservers = 3;
  std::uint64_t staging_max = 64ull << 20;
};

class Cluster {
 public:
  // Starts everything and waits until all chunkservers have registered.
  static Result<std::unique_ptr<Cluster>> open(Settings settings);
  ~Cluster();  // stops cleanly

  const bus::Address& master() const;  // inproc://...

 private:
  struct Parts;
  explicit Cluster(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace gfs::embedded
