// ChunkStore, the part that reads: whole blocks are read and verified, then cut to what was asked for.
#include <algorithm>

#include "base/crc32c.h"
#include "chunkserver/chunk_store.h"
#include "chunkserver/chunk_use.h"

namespace gfs::chunkserver {

Task<ReadBytes> ChunkStore::read(ChunkHandle handle, std::uint64_t offset, std::uint64_t size) {
  Chunk* chunk = co_await held(handle);
  Use use(chunk);
  co_await load(chunk);
  ReadBytes out;
  out.length = chunk->length;
  out.version = chunk->version;
  if (offset >= out.length || size == 0) co_return out;
  size = std::min(size, out.length - offset);
  const auto first = static_cast<std::uint32_t>(offset / kBlockSize);
  const auto last = static_cast<std::uint32_t>((offset + size - 1) / kBlockSize);
  const std::uint64_t begin = std::uint64_t{first} * kBlockSize;
  Verified blocks = co_await verified_blocks(chunk, first, last, out.length);
  out.bytes = blocks.bytes.slice(offset - begin, size);
  for (const Piece& piece : pieces_of(offset, size)) {
    const bool whole = piece.begin == 0 && piece.size == bytes_in_block(blocks.length, piece.block);
    out.checksums.push_back(whole ? blocks.checksums[piece.block - first]
                                  : crc32c(out.bytes.data() + piece.from, piece.size));
  }
  co_return out;
}

// What is in flight beside us: appends leave the bytes of `length` alone; an overwrite is waited for, and if one passed
// while we read, we look again.
Task<ChunkStore::Verified> ChunkStore::verified_blocks(Chunk* chunk, std::uint32_t first, std::uint32_t last,
                                                       std::uint64_t length) {
  Activity& activity = *chunk->activity;
  const std::uint64_t begin = std::uint64_t{first} * kBlockSize;
  const std::uint64_t size = std::min<std::uint64_t>(length, (std::uint64_t{last} + 1) * kBlockSize) - begin;
  while (true) {
    while (activity.overwriting) co_await executor_.sleep(1ms);
    const std::uint64_t overwrites = activity.overwrites;
    // Appends may move the last block's checksum on while we read: compare with those of now.
    std::vector<std::uint32_t> expected(
        chunk->checksums.begin() + first,
        chunk->checksums.begin() + std::min<std::size_t>(last + 1, chunk->checksums.size()));
    const std::uint64_t committed = chunk->length;
    Result<std::shared_ptr<File>> file = co_await files_.open(chunk->handle, false).outcome();
    Bytes bytes;
    if (file) {
      const std::uint64_t wanted = std::min<std::uint64_t>(committed, (std::uint64_t{last} + 1) * kBlockSize) - begin;
      Result<Bytes> got = co_await (*file)->read(begin, wanted).outcome();
      if (!got) {
        if (activity.overwrites != overwrites) continue;
        damage(chunk, first, got.error().message);
        co_await fail(Code::corrupt, "chunk {} block {}: {}", chunk->handle, first, got.error().message);
      }
      bytes = std::move(*got);
    } else if (file.error().code != Code::not_found) {
      co_await fail(std::move(file).error());
    }
    std::optional<std::uint32_t> bad;
    for (std::uint32_t block = first; block <= last && !bad; ++block) {
      const std::uint64_t from = std::uint64_t{block - first} * kBlockSize;
      const std::uint32_t have = bytes_in_block(committed, block);
      if (block - first >= expected.size() || from + have > bytes.size() ||
          crc32c(bytes.data() + from, have) != expected[block - first]) {
        bad = block;
      }
    }
    if (bad && activity.overwrites != overwrites) continue;
    if (bad) {
      std::string reason = file ? "stored bytes do not match their checksum" : "the data file is missing";
      damage(chunk, *bad, reason);
      co_await fail(Code::corrupt, "chunk {} block {}: {}", chunk->handle, *bad, reason);
    }
    co_return Verified{bytes.slice(0, size), std::move(expected), committed};
  }
}

}  // namespace gfs::chunkserver
