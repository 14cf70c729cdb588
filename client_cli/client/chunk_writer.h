// ChunkWriter: the whole story of writing to one chunk: where is it -> push the bytes -> have the primary order them;
// and the only retry loop of writes.
//
// A fragment keeps its RequestId over all tries, so it is applied once whatever is repeated or lost. What changes from
// one try to the next is decided by the kind of error (client_cli/client/retry_policy.h). Tries end with the
// operation's deadline; the final error then says whether some try may have happened. From then on it will not: every
// later write to the chunk carries a floor above it.
//
// Owned by Context's Filesystem; one thread; tasks must not outlive it.
#pragma once

#include <optional>

#include "base/bytes.h"
#include "client_cli/client/context.h"

namespace gfs::client {

class ChunkWriter {
 public:
  explicit ChunkWriter(Context& context) : context_(context) {}

  // At most 1 MiB that ends within the chunk. Done: every member has applied it.
  Task<> write(ChunkAt at, std::uint64_t offset, Bytes bytes, Instant deadline);
  // Everything acknowledged so far is on every member's disk. How long the chunk is; nothing if the file has no such
  // chunk any more: it was cut off.
  Task<std::optional<std::uint64_t>> sync(ChunkAt at, Instant deadline);
  // Whether the file has this very chunk; of any handle, if that is 0. Asks the master; makes nothing.
  Task<bool> exists(ChunkAt at, ChunkHandle handle, Instant deadline);
  // A layout with an active version: from the cache, unless it is as old as the version that failed. `unreachable`: who
  // could not be reached just now, for the master to look.
  Task<bus::ChunkLayout> locate(ChunkAt at, Version failed, ServerId unreachable, Instant deadline);

 private:
  struct Story;

  Task<> write_as(RequestId id, WriteFloors::Wanted& wanted, ChunkAt at, std::uint64_t offset, Bytes bytes,
                  Instant deadline);
  // The layout and primary of the next try; after a failure of either it tries on, or ends with the story's error.
  Task<bus::Member> next_primary(Story& story);
  Task<bus::ChunkLayout> ask_master(ChunkAt at, Version failed, ServerId unreachable, Instant deadline);
  // After a failed try: prepares the next, or ends with the story's error.
  Task<> recover(Story& story, Error error, ServerId server = {});

  Context& context_;
};

// Gives a usable primary, or what is wrong with the layout.
Result<bus::Member> primary_of(const bus::ChunkLayout& layout);

}  // namespace gfs::client
