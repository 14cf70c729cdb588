#include "chunkserver/staged_bytes.h"

#include <algorithm>
#include <string>

#include "chunkserver/chunk_format.h"

namespace gfs::chunkserver {

Task<StagedBytes> staged_bytes(Staging& staging, RequestId id, ChunkHandle handle, std::uint64_t offset,
                               std::uint64_t size, Instant until) {
  StagedBytes out;
  std::string whole;
  std::uint32_t part = 0;
  for (std::uint64_t at = 0; at < size; ++part) {
    const std::uint64_t expected = std::min<std::uint64_t>(size - at, kFragmentMax);
    StagedFragment fragment = co_await staging.wait(id, part, until);
    if (fragment.handle != handle || fragment.offset != offset + at || fragment.bytes.size() != expected) {
      co_await fail(Code::missing_data, "request {}: the bytes that came are for another place", id);
    }
    if (expected == size) {
      out.bytes = fragment.bytes;
      out.checksums = std::move(fragment.checksums);
      co_return out;
    }
    whole.reserve(size);
    whole.append(fragment.bytes.view());
    out.checksums.insert(out.checksums.end(), fragment.checksums.begin(), fragment.checksums.end());
    at += expected;
  }
  out.bytes = Bytes::of(std::move(whole));
  co_return out;
}

}  // namespace gfs::chunkserver
