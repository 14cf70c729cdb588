// ChunkWriter: the whole story of writing to one chunk: where is it -> push the bytes -> have the primary order them;
// and the only retry loop of writes.
//
// A fragment keeps its RequestId over all tries, so it is applied once whatever is repeated or lost. What changes from
// one try to the next is decided by the kind of error (client_cli/client/retry_policy.h). Tries end with the
// operation's deadline; the final error then says whether some try may have happened. From then on it will not: every
// later write to the chunk carries a floor above it.
//
// From one try to the next the chunk may have become another one: what was shared is copied before it is written to.
// The bytes are pushed anew for that, under the same id.
//
// Owned by Context's Filesystem; one thread; tasks must not outlive it.
#pragma once

#include <algorithm>
#include <optional>

#include "base/bytes.h"
#include "client_cli/client/context.h"

namespace gfs::client {

// What a sync has to cover: a chunk's latest mutation that was acknowledged, and the highest handle one went to.
struct Unsynced {
  std::uint64_t latest = 0;
  ChunkHandle handle;

  void note(std::uint64_t mutation, ChunkHandle to) {
    latest = mutation;
    handle = std::max(handle, to);
  }
};

class ChunkWriter {
 public:
  explicit ChunkWriter(Context& context) : context_(context) {}

  // At most 1 MiB that ends within the chunk. Done: every member has applied it. Gives the chunk's handle.
  Task<ChunkHandle> write(ChunkAt at, std::uint64_t offset, Bytes bytes, Instant deadline);
  // Everything acknowledged so far is on every member's disk: what went to `written`, or, if that was replaced since,
  // to the copy of it. How long the chunk is; nothing if the file has no such chunk any more: it was cut off.
  Task<std::optional<std::uint64_t>> sync(ChunkAt at, ChunkHandle written, Instant deadline);
  // The chunk as the master sees it now, perhaps not active; nothing if the file has none there. Makes none.
  Task<std::optional<bus::ChunkLayout>> look(ChunkAt at, Instant deadline);
  // A layout with an active version of a chunk that nobody shares: from the cache, unless it is as old as what failed.
  // `unreachable`: who could not be reached just now, for the master to look.
  Task<bus::ChunkLayout> locate(ChunkAt at, ChunkVersion failed, ServerId unreachable, Instant deadline);

 private:
  struct Story;

  Task<ChunkHandle> write_as(RequestId id, WriteFloors::Wanted& wanted, ChunkAt at, std::uint64_t offset, Bytes bytes,
                             Instant deadline);
  // The layout and primary of the next try; after a failure of either it tries on, or ends with the story's error.
  Task<bus::Member> next_primary(Story& story);
  Task<bus::ChunkLayout> ask_master(ChunkAt at, ChunkVersion failed, ServerId unreachable, Instant deadline);
  // After a failed try: prepares the next, or ends with the story's error.
  Task<> recover(Story& story, Error error, ServerId server = {});

  Context& context_;
};

// Gives a usable primary, or what is wrong with the layout.
Result<bus::Member> primary_of(const bus::ChunkLayout& layout);

}  // namespace gfs::client
