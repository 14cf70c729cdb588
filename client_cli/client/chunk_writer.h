// ChunkWriter: the whole story of writing to one chunk: where is it -> push the bytes -> have the primary order them;
// and the only retry loop of writes.
//
// A fragment keeps its RequestId over all tries, so it is applied once whatever is repeated or lost. What changes from
// one try to the next is decided by the kind of error (recovery_of_write). Tries end with the operation's deadline; the
// final error then says whether some try may have happened.
//
// Owned by Context's Filesystem; one thread; tasks must not outlive it.
#pragma once

#include "base/bytes.h"
#include "client_cli/client/context.h"

namespace gfs::client {

class ChunkWriter {
 public:
  explicit ChunkWriter(Context& context) : context_(context) {}

  // At most 1 MiB that ends within the chunk. Done: every member has applied it.
  Task<> write(ChunkAt at, std::uint64_t offset, Bytes bytes, Instant deadline);
  // Everything acknowledged so far is on every member's disk.
  Task<> sync(ChunkAt at, Instant deadline);

 private:
  struct Story;

  // From the cache, unless it is as old as the version that failed.
  Task<bus::ChunkLayout> locate(ChunkAt at, Version failed, Instant deadline);
  Task<bus::ChunkLayout> ask_master(ChunkAt at, Version failed, Instant deadline);
  // After a failed try: prepares the next, or ends with the story's error.
  Task<> recover(Story& story, Error error);

  Context& context_;
};

}  // namespace gfs::client
