#include "client_cli/client/fragments.h"

#include <algorithm>

#include "base/crc32c.h"

namespace gfs::client {

Result<> check_range(std::uint64_t offset, std::uint64_t size, std::uint64_t chunk_size) {
  std::uint64_t end_max = chunk_size > UINT64_MAX / UINT32_MAX ? UINT64_MAX : chunk_size * UINT32_MAX;
  if (offset > end_max || size > end_max - offset) {
    return fail(Code::too_large, "{} bytes at {}: a file ends at {} at most", size, offset, end_max);
  }
  return {};
}

std::vector<Fragment> cut(std::uint64_t offset, std::uint64_t size, std::uint64_t chunk_size,
                          std::uint64_t fragment_max) {
  std::vector<Fragment> fragments;
  std::uint64_t end = offset + size;
  for (std::uint64_t at = offset; at < end;) {
    std::uint64_t chunk = at / chunk_size;
    std::uint64_t begin = at % chunk_size;
    std::uint64_t rest = std::min(chunk_size - begin, end - at);
    std::uint64_t taken = rest;
    if (rest > fragment_max) {
      std::uint64_t border = (begin + fragment_max) / kBlockSize * kBlockSize;
      taken = border > begin ? border - begin : fragment_max;
    }
    fragments.push_back({static_cast<std::uint32_t>(chunk), begin, at - offset, taken});
    at += taken;
  }
  return fragments;
}

std::vector<std::uint32_t> piece_checksums(std::uint64_t offset, const Bytes& bytes) {
  std::vector<std::uint32_t> checksums;
  checksums.reserve(bytes.size() / kBlockSize + 2);
  for (std::uint64_t at = 0; at < bytes.size();) {
    std::uint64_t size = std::min<std::uint64_t>(kBlockSize - (offset + at) % kBlockSize, bytes.size() - at);
    checksums.push_back(crc32c(bytes.data() + at, size));
    at += size;
  }
  return checksums;
}

std::uint32_t digest_of(const std::vector<std::uint32_t>& checksums) {
  std::uint32_t digest = 0;
  for (std::uint32_t checksum : checksums) {
    std::uint8_t word[4];
    for (int i = 0; i < 4; ++i) word[i] = static_cast<std::uint8_t>(checksum >> (8 * i));
    digest = crc32c(word, sizeof word, digest);
  }
  return digest;
}

Result<> verify_pieces(std::uint64_t offset, const Bytes& bytes, const std::vector<std::uint32_t>& checksums) {
  std::size_t piece = 0;
  for (std::uint64_t at = 0; at < bytes.size(); ++piece) {
    std::uint64_t size = std::min<std::uint64_t>(kBlockSize - (offset + at) % kBlockSize, bytes.size() - at);
    if (piece >= checksums.size()) break;
    if (crc32c(bytes.data() + at, size) != checksums[piece]) {
      return fail(Code::corrupt, "block {}: {} bytes at {} of the chunk came with another checksum",
                  (offset + at) / kBlockSize, size, offset + at);
    }
    at += size;
    if (at == bytes.size() && piece + 1 == checksums.size()) return {};
  }
  if (bytes.empty() && checksums.empty()) return {};
  return fail(Code::corrupt, "{} bytes at {} of the chunk came with {} checksums", bytes.size(), offset,
              checksums.size());
}

}  // namespace gfs::client
