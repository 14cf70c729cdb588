// Cutting a range of a file for the wire: at chunk borders, into fragments, and each into the pieces that carry a
// checksum (bus/messages/client_chunk.h). Pure.
//
//   file     |......chunk 0......|......chunk 1......|
//   range              [==================)
//   fragments          [f|fff|fff|fff|fff|f)            each <= 1 MiB, borders on blocks of 64 KiB where they can
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace gfs::client {

inline constexpr std::uint64_t kBlockSize = 64 << 10;
inline constexpr std::uint64_t kFragmentMax = 1 << 20;

struct Fragment {
  std::uint32_t chunk = 0;   // index in the file
  std::uint64_t offset = 0;  // in the chunk
  std::uint64_t from = 0;    // in the range that was cut
  std::uint64_t size = 0;
  bool operator==(const Fragment&) const = default;
};

// Chunk numbers are 32 bits on the wire: too_large names the range that goes beyond.
Result<> check_range(std::uint64_t offset, std::uint64_t size, std::uint64_t chunk_size);

// In order, without gaps; nothing for an empty range. `fragment_max` is at least a block.
std::vector<Fragment> cut(std::uint64_t offset, std::uint64_t size, std::uint64_t chunk_size,
                          std::uint64_t fragment_max);

// The CRC32C of each piece of a range at `offset` of its chunk, and what stands for all of them in WriteChunk.
std::vector<std::uint32_t> piece_checksums(std::uint64_t offset, const Bytes& bytes);
std::uint32_t digest_of(const std::vector<std::uint32_t>& checksums);

// corrupt, naming the piece that does not match; also when there are too few or too many.
Result<> verify_pieces(std::uint64_t offset, const Bytes& bytes, const std::vector<std::uint32_t>& checksums);

}  // namespace gfs::client
