// staged_bytes: what was pushed under one request id, once it is all here: one fragment, or the parts of a large append
// put together.
#pragma once

#include "base/bytes.h"
#include "chunkserver/staging.h"

namespace gfs::chunkserver {

struct StagedBytes {
  Bytes bytes;
  std::vector<std::uint32_t> checksums;  // of its 64 KiB pieces from `offset`
};

// missing_data: it has not all come by then, or is for another place.
Task<StagedBytes> staged_bytes(Staging& staging, RequestId id, ChunkHandle handle, std::uint64_t offset,
                               std::uint64_t size, Instant until);

}  // namespace gfs::chunkserver
