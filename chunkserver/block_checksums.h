// Block checksums: one CRC32C for every 64 KiB block, over the bytes the chunk has in it.
//
// Full blocks keep the checksum the writer sent, so it guards the bytes from the client's memory to the reader's. An
// append into a partial block continues the checksum without reading the block back: rot in the old part is found by
// the next read instead of being signed anew. An overwrite of part of a block verifies the old bytes first.
//
// Pure.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/id.h"
#include "base/result.h"

namespace gfs::chunkserver {

// A range cut at the block borders: what one wire checksum covers.
struct Piece {
  std::uint32_t block = 0;
  std::uint32_t begin = 0;  // in the block
  std::uint32_t size = 0;
  std::uint64_t from = 0;  // in the range
};
std::vector<Piece> pieces_of(std::uint64_t offset, std::uint64_t size);

// The checksums of the pieces, as they travel.
std::vector<std::uint32_t> wire_checksums(std::uint64_t offset, const Bytes& bytes);
// corrupt (names the piece), invalid_argument (a wrong number of checksums).
Result<> verify_wire(std::uint64_t offset, const Bytes& bytes, const std::vector<std::uint32_t>& checksums);
// CRC32C over the checksums as little-endian words.
std::uint32_t digest_of(const std::vector<std::uint32_t>& checksums);

// What replicas compare: equal length, seal, blocks and append records (by their digest), equal digests.
std::uint32_t state_digest(std::uint64_t length, bool sealed, const std::vector<std::uint32_t>& checksums,
                           std::uint32_t records_digest);

// As it lies on disk. Its own inverse.
std::uint32_t salted(ChunkHandle handle, std::uint32_t block, std::uint32_t checksum);

// What a write does to the checksums: those of blocks [first, first + checksums.size()).
struct BlockChange {
  std::uint32_t first = 0;
  std::vector<std::uint32_t> checksums;
  std::uint64_t length = 0;  // of the chunk, afterwards
};

// Blocks of which the write leaves some old bytes standing that its checksum has to take in again.
std::vector<std::uint32_t> blocks_to_merge(std::uint64_t length, std::uint64_t offset, std::uint64_t size);

// Cutting a chunk to `length` bytes. `last`: the verified bytes of the block that is cut in two, if there is one.
BlockChange cut_of(std::uint64_t length, const Bytes& last);

// `tail` is the checksum of the chunk's last block if that is partial. `wire` was verified. `old` holds the verified
// bytes of blocks_to_merge. A gap after the old end counts as zeros.
BlockChange change_of(std::uint64_t length, std::uint32_t tail, std::uint64_t offset, const Bytes& bytes,
                      const std::vector<std::uint32_t>& wire, const std::map<std::uint32_t, Bytes>& old);

}  // namespace gfs::chunkserver
