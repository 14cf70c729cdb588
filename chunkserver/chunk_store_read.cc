// ChunkStore, the part that reads: whole blocks are read and verified, then cut to what was asked for.
#include <algorithm>

#include "base/crc32c.h"
#include "base/hash64.h"
#include "chunkserver/chunk_store.h"
#include "chunkserver/chunk_use.h"

namespace gfs::chunkserver {

Task<ReadBytes> ChunkStore::read(ChunkHandle handle, std::uint64_t offset, std::uint64_t size) {
  Chunk* chunk = co_await held(handle);
  Use use(chunk);
  co_await load(chunk);
  while (true) {
    ReadBytes out;
    out.length = chunk->length;
    out.version = chunk->version;
    if (offset >= out.length || size == 0) co_return out;
    const std::uint64_t wanted = std::min(size, out.length - offset);
    const auto first = static_cast<std::uint32_t>(offset / kBlockSize);
    const auto last = static_cast<std::uint32_t>((offset + wanted - 1) / kBlockSize);
    const std::uint64_t begin = std::uint64_t{first} * kBlockSize;
    Verified blocks = co_await verified_blocks(chunk, first, last, out.length);
    if (blocks.length < out.length) continue;  // cut meanwhile
    out.bytes = blocks.bytes.slice(offset - begin, wanted);
    for (const Piece& piece : pieces_of(offset, wanted)) {
      const bool whole = piece.begin == 0 && piece.size == bytes_in_block(blocks.length, piece.block);
      out.checksums.push_back(whole ? blocks.checksums[piece.block - first]
                                    : crc32c(out.bytes.data() + piece.from, piece.size));
    }
    co_return out;
  }
}

Task<BlocksSeen> ChunkStore::verify(ChunkHandle handle) {
  constexpr std::uint32_t kAtOnce = kFragmentMax / kBlockSize;
  Chunk* chunk = co_await held(handle);
  Use use(chunk);
  co_await load(chunk);
  BlocksSeen out;
  for (std::uint32_t first = 0; first < blocks_of(chunk->length); first += kAtOnce) {
    Seen seen = co_await look_at(chunk, first, first + kAtOnce - 1);
    if (!seen.bad.empty()) damage(chunk, seen.bad.front(), seen.reason);
    out.bad.insert(out.bad.end(), seen.bad.begin(), seen.bad.end());
    for (std::uint32_t i = 0; i < seen.checksums.size(); ++i) out.hashes.push_back(hash_of(seen, first, i));
  }
  co_return out;
}

Task<ChunkStore::Part> ChunkStore::verify_part(ChunkHandle handle, std::uint32_t first) {
  constexpr std::uint32_t kAtOnce = kFragmentMax / kBlockSize;
  Chunk* chunk = co_await held(handle);
  Use use(chunk);
  co_await load(chunk);
  Part part;
  Seen seen = co_await look_at(chunk, first, first + kAtOnce - 1);
  if (!seen.bad.empty()) damage(chunk, seen.bad.front(), seen.reason);
  part.bytes = seen.bytes.size();
  part.bad = std::move(seen.bad);
  part.next = first + kAtOnce;
  part.last = part.next >= blocks_of(chunk->length);
  co_return part;
}

// Blocks of [first, last] that the chunk has (a cut may leave fewer than there were), compared with what they should
// be. What is in flight beside us: appends leave the bytes of `length` alone; an overwrite is waited for, and if one
// passed while we read, we look again.
Task<ChunkStore::Seen> ChunkStore::look_at(Chunk* chunk, std::uint32_t first, std::uint32_t last) {
  Activity& activity = *chunk->activity;
  const std::uint64_t begin = std::uint64_t{first} * kBlockSize;
  while (true) {
    while (activity.overwriting) co_await executor_.sleep(1ms);
    const std::uint64_t overwrites = activity.overwrites;
    Seen seen;
    // Appends may move the last block's checksum on while we read: compare with those of now.
    seen.length = chunk->length;
    const std::uint32_t end = std::min(last + 1, blocks_of(seen.length));
    if (first >= end) co_return seen;
    seen.checksums.assign(chunk->checksums.begin() + first, chunk->checksums.begin() + end);
    Result<std::shared_ptr<File>> file = co_await files_.open(chunk->handle, false).outcome();
    if (file) {
      const std::uint64_t wanted = std::min<std::uint64_t>(seen.length, std::uint64_t{end} * kBlockSize) - begin;
      Result<Bytes> got = co_await (*file)->read(begin, wanted).outcome();
      if (!got && got.error().code == Code::overloaded)
        co_await fail(std::move(got).error());  // no verdict on the bytes
      if (got) seen.bytes = std::move(*got);
      seen.reason = got ? "stored bytes do not match their checksum" : got.error().message;
    } else if (file.error().code == Code::not_found) {
      seen.reason = "the data file is missing";
    } else {
      co_await fail(std::move(file).error());
    }
    for (std::uint32_t block = first; block < end; ++block) {
      const std::uint64_t from = std::uint64_t{block - first} * kBlockSize;
      const std::uint32_t have = bytes_in_block(seen.length, block);
      if (from + have > seen.bytes.size() || crc32c(seen.bytes.data() + from, have) != seen.checksums[block - first]) {
        seen.bad.push_back(block);
      }
    }
    if (seen.bad.empty() || activity.overwrites == overwrites) co_return seen;
  }
}

std::uint64_t ChunkStore::hash_of(const Seen& seen, std::uint32_t first, std::uint32_t number) {
  Bytes block = seen.bytes.slice(std::uint64_t{number} * kBlockSize, bytes_in_block(seen.length, first + number));
  return hash64(block.data(), block.size());
}

Task<ChunkStore::Verified> ChunkStore::verified_blocks(Chunk* chunk, std::uint32_t first, std::uint32_t last,
                                                       std::uint64_t length) {
  Seen seen = co_await look_at(chunk, first, last);
  if (!seen.bad.empty()) {
    damage(chunk, seen.bad.front(), seen.reason);
    co_await fail(Code::corrupt, "chunk {} block {}: {}", chunk->handle, seen.bad.front(), seen.reason);
  }
  const std::uint64_t begin = std::uint64_t{first} * kBlockSize;
  const std::uint64_t end = std::min<std::uint64_t>(length, (std::uint64_t{last} + 1) * kBlockSize);
  co_return Verified{seen.bytes.slice(0, end - begin), std::move(seen.checksums), seen.length};
}

}  // namespace gfs::chunkserver
