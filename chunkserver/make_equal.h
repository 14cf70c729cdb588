// MakeEqual: the one routine that brings a replica to the state of another: in a reconcile, for a learner ahead of
// time, for a member that comes back or whose bytes are in doubt.
//
//   ask the source what it holds: checksums and hashes of its blocks, length, seal, append records
//   look at what is at hand here: blocks gathered before, and our own, by what their bytes really hash to
//   fetch the blocks that differ, at most 1 MiB at a time, a few at once, each checked
//   put it into effect at once (ChunkStore::install_copy), if it is for a version that was prepared
//
// Pulled by the replica that changes, so the primary only says "be as that one is". A source that is prepared stands
// still; a learner's source does not, so what it brings is looked at again when it counts. A learner's copy may be
// slowed down by the master; what writers wait for is not.
//
// Owned by ChunkServer; lives on its executor's thread. A copy goes on when the order's connection is lost.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bus/endpoint.h"
#include "bus/messages/chunk_chunk.h"
#include "bus/messages/chunk_master.h"
#include "bus/messages/client_chunk.h"
#include "chunkserver/disk_set.h"

namespace gfs::chunkserver {

class MakeEqual {
 public:
  MakeEqual(bus::Endpoint& endpoint, DiskSet& store, std::string mutant)
      : endpoint_(endpoint), store_(store), mutant_(std::move(mutant)) {}

  // Bus handlers: of a primary, of the master.
  Task<bus::MakeEqual::Reply> make_equal(bus::MakeEqual ask, bus::Caller caller);
  Task<bus::CloneChunk::Reply> clone(bus::CloneChunk ask, bus::Caller caller);

  // Joins the copy of this chunk for this version that runs, or begins one. version 0: a learner's. `rate`: bytes a
  // second, of the one that begins; 0: as fast as it goes.
  Task<bus::MakeEqual::Reply> run(ChunkHandle handle, Version version, bus::Member source, std::uint64_t rate = 0);

  // What was gathered ahead of time and not used for long makes room again.
  void forget_old_copies();

 private:
  using Key = std::pair<ChunkHandle, Version>;
  // Blocks [first, first + count) that have to be fetched.
  struct Run {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
  };

  Task<bus::MakeEqual::Reply> copy(ChunkHandle handle, Version version, bus::Member source, std::uint64_t rate);
  Task<bus::InspectChunk::Reply> inspect(ChunkHandle handle, bus::Member source);
  static std::vector<Run> missing(const bus::InspectChunk::Reply& source, const std::vector<ChunkStore::AtHand>& here,
                                  std::uint32_t at_most);
  // What the runs of one copy have in common.
  struct Fetching {
    ChunkHandle handle;
    Version version;
    bus::Member source;
    std::uint64_t length = 0;
    std::uint64_t rate = 0;
    Instant next{};  // not before: the next bytes
    std::uint64_t copied = 0;
    bool failed = false;
  };
  Task<> pace(Fetching* fetching, std::uint64_t bytes);
  Task<> fetch(Fetching* fetching, Run run);

  bus::Endpoint& endpoint_;
  DiskSet& store_;
  const std::string mutant_;
  std::map<Key, std::vector<Promise<bus::MakeEqual::Reply>>> flows_;
  std::map<ChunkHandle, Instant> gathered_;  // copies that have not taken effect, and when they were last worked on
  Semaphore fetches_{4};                     // of all copies together: 4 MiB on their way
  TaskGroup tasks_;
};

}  // namespace gfs::chunkserver
