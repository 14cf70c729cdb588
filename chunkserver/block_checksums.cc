#include "chunkserver/block_checksums.h"

#include <algorithm>

#include "base/check.h"
#include "base/crc32c.h"
#include "chunkserver/chunk_format.h"
#include "chunkserver/little_endian.h"

namespace gfs::chunkserver {

std::vector<Piece> pieces_of(std::uint64_t offset, std::uint64_t size) {
  std::vector<Piece> pieces;
  for (std::uint64_t from = 0; from < size;) {
    const std::uint64_t at = offset + from;
    Piece piece;
    piece.block = static_cast<std::uint32_t>(at / kBlockSize);
    piece.begin = static_cast<std::uint32_t>(at % kBlockSize);
    piece.size = static_cast<std::uint32_t>(std::min<std::uint64_t>(kBlockSize - piece.begin, size - from));
    piece.from = from;
    from += piece.size;
    pieces.push_back(piece);
  }
  return pieces;
}

std::vector<std::uint32_t> wire_checksums(std::uint64_t offset, const Bytes& bytes) {
  std::vector<std::uint32_t> checksums;
  for (const Piece& piece : pieces_of(offset, bytes.size())) {
    checksums.push_back(crc32c(bytes.data() + piece.from, piece.size));
  }
  return checksums;
}

Result<> verify_wire(std::uint64_t offset, const Bytes& bytes, const std::vector<std::uint32_t>& checksums) {
  std::vector<Piece> pieces = pieces_of(offset, bytes.size());
  if (pieces.size() != checksums.size()) {
    return fail(Code::invalid_argument, "{} checksums came for {} pieces", checksums.size(), pieces.size());
  }
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (crc32c(bytes.data() + pieces[i].from, pieces[i].size) != checksums[i]) {
      return fail(Code::corrupt, "received bytes for block {} do not match their checksum", pieces[i].block);
    }
  }
  return {};
}

std::uint32_t digest_of(const std::vector<std::uint32_t>& checksums) {
  std::uint32_t digest = 0;
  for (std::uint32_t checksum : checksums) {
    const std::uint8_t word[4] = {static_cast<std::uint8_t>(checksum), static_cast<std::uint8_t>(checksum >> 8),
                                  static_cast<std::uint8_t>(checksum >> 16), static_cast<std::uint8_t>(checksum >> 24)};
    digest = crc32c(word, 4, digest);
  }
  return digest;
}

std::uint32_t state_digest(std::uint64_t length, bool sealed, const std::vector<std::uint32_t>& checksums,
                           std::uint32_t records_digest) {
  LittleEndianWriter out;
  out.u64(length);
  out.u8(sealed ? 1 : 0);
  out.u32(digest_of(checksums));
  out.u32(records_digest);
  return crc32c(out.view());
}

std::uint32_t salted(ChunkHandle handle, std::uint32_t block, std::uint32_t checksum) {
  std::uint64_t mix = handle.value * 0x9e3779b97f4a7c15 + block + 1;
  mix = (mix ^ (mix >> 30)) * 0xbf58476d1ce4e5b9;
  mix = (mix ^ (mix >> 27)) * 0x94d049bb133111eb;
  return checksum ^ static_cast<std::uint32_t>(mix ^ (mix >> 31));
}

std::vector<std::uint32_t> blocks_to_merge(std::uint64_t length, std::uint64_t offset, std::uint64_t size) {
  std::vector<std::uint32_t> blocks;
  for (const Piece& piece : pieces_of(offset, size)) {
    const std::uint32_t old = bytes_in_block(length, piece.block);
    const bool appends = piece.begin >= old;
    const bool covers = piece.begin == 0 && piece.size >= old;
    if (!appends && !covers) blocks.push_back(piece.block);
  }
  return blocks;
}

BlockChange cut_of(std::uint64_t length, const Bytes& last) {
  BlockChange change;
  change.length = length;
  change.first = static_cast<std::uint32_t>(length / kBlockSize);
  const std::size_t kept = length % kBlockSize;
  if (kept == 0) return change;
  CHECK(last.size() >= kept, "a cut needs the bytes it keeps");
  change.checksums.push_back(crc32c(last.data(), kept));
  return change;
}

BlockChange change_of(std::uint64_t length, std::uint32_t tail, std::uint64_t offset, const Bytes& bytes,
                      const std::vector<std::uint32_t>& wire, const std::map<std::uint32_t, Bytes>& old) {
  static const std::uint32_t zero_block = crc32c_zeros(kBlockSize);
  BlockChange change;
  change.length = std::max(length, offset + bytes.size());
  // The gap of zeros between the old end and the write starts in the block that holds the old end.
  const std::uint64_t touched = std::min(offset, length);
  change.first = static_cast<std::uint32_t>(touched / kBlockSize);
  const std::vector<Piece> pieces = pieces_of(offset, bytes.size());
  CHECK(!pieces.empty() && pieces.size() == wire.size(), "a write has bytes and one checksum per piece");
  for (std::uint32_t block = change.first; block < pieces.front().block; ++block) {
    const std::uint32_t had = bytes_in_block(length, block);
    const std::uint32_t before = had != 0 && had < kBlockSize ? tail : 0;
    // A full block that is only touched by the arithmetic (the old end is its end) cannot be: `touched` is past it.
    change.checksums.push_back(had == 0 ? zero_block : crc32c_zeros(kBlockSize - had, before));
  }
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const Piece& piece = pieces[i];
    const std::uint32_t had = bytes_in_block(length, piece.block);
    const std::uint8_t* data = bytes.data() + piece.from;
    if (piece.begin == 0 && piece.size >= had) {
      change.checksums.push_back(wire[i]);
    } else if (piece.begin >= had) {
      const std::uint32_t gap = crc32c_zeros(piece.begin - had, had == 0 ? 0 : tail);
      change.checksums.push_back(crc32c(data, piece.size, gap));
    } else {
      auto found = old.find(piece.block);
      CHECK(found != old.end() && found->second.size() >= had, "a merge needs the old bytes");
      std::uint32_t merged = crc32c(found->second.data(), piece.begin);
      merged = crc32c(data, piece.size, merged);
      const std::uint32_t end = piece.begin + piece.size;
      if (end < had) merged = crc32c(found->second.data() + end, had - end, merged);
      change.checksums.push_back(merged);
    }
  }
  return change;
}

}  // namespace gfs::chunkserver
