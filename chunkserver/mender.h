// Mender: makes a damaged replica good where no replica is: all of them have bad blocks, but perhaps not the same ones.
//
// While a sound one is left the master has a damaged replica replaced from it. Where none is left everybody stays a
// member, and each mends itself: what a bad block should be is known from its checksum, so whoever has such bytes will
// do. They are put in their place, in the same version. A block that is bad everywhere stays so: reads of it fail,
// reads of the others do not, and nothing is given up.
//
// Owned by ChunkServer; lives on its executor's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "bus/endpoint.h"
#include "bus/messages/client_master.h"
#include "chunkserver/disk_set.h"

namespace gfs::chunkserver {

class Mender {
 public:
  static constexpr Duration kEvery = 10s, kSeldom = 1h;

  Mender(bus::Endpoint& endpoint, DiskSet& store, ServerId self) : endpoint_(endpoint), store_(store), self_(self) {}

  // Looks after those that are damaged, now and then. Ends only by being cancelled.
  Task<> run();

  void note_damage(ChunkHandle handle) { damaged_.try_emplace(handle); }

  // Who holds the chunk, by the master.
  std::function<Task<bus::FindChunk::Reply>(ChunkHandle)> find_chunk;
  // Everything of it verifies again.
  std::function<void(ChunkHandle)> report_mended;

 private:
  Task<> mend(ChunkHandle handle);
  // From any of them; false: none of them has it.
  Task<bool> fetch(ChunkHandle handle, std::uint32_t block, std::uint32_t size, std::vector<bus::Address> from);

  bus::Endpoint& endpoint_;
  DiskSet& store_;
  const ServerId self_;
  // What is looked after; what it cannot mend it looks at less and less often, as each time everything is read.
  struct Next {
    Instant at{};
    Duration pause = kEvery;
  };
  std::map<ChunkHandle, Next> damaged_;
};

}  // namespace gfs::chunkserver
