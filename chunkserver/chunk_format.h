// What lies on a chunkserver's disk, and the arithmetic of chunks and blocks.
//
//   DATA/identity                     who this server is (identity.h)
//   DATA/LOCK
//   DATA/journal/<16 hex>.log         mutation_journal.h
//   DATA/chunks/ab/<16 hex>.data      exactly the chunk's bytes; ab = the last two digits of the handle
//   DATA/chunks/ab/<16 hex>.meta      this file: a header, one checksum per block, append records, protected by a CRC
//   DATA/chunks/ab/<16 hex>.copy      blocks of a copy under way, each at its place in the chunk
//   DATA/chunks/ab/<16 hex>.fork      the data file of a chunk that is about to begin as another one's copy
//
// A metadata file names its chunk, and its checksums are XORed with a mix of handle and block index: a file under the
// wrong name and a block in the wrong place do not verify. All integers are little-endian.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/id.h"
#include "base/result.h"
#include "chunkserver/append_records.h"

namespace gfs::chunkserver {

inline constexpr std::uint64_t kChunkSize = 64ull << 20;
inline constexpr std::uint32_t kBlockSize = 64u << 10;
inline constexpr std::uint32_t kBlocks = kChunkSize / kBlockSize;
inline constexpr std::uint64_t kFragmentMax = 1ull << 20;  // of one write, and of one read
inline constexpr std::uint64_t kAppendMax = 16ull << 20;   // of one append: a record is never cut
static_assert(kBlocks == 1024);
static_assert(kChunkSize % kFragmentMax == 0 && kFragmentMax % kBlockSize == 0);

// Numbers the journal's records; later ones are greater, across segments and restarts.
using Lsn = std::uint64_t;

struct ChunkMeta {
  ChunkHandle handle;
  Version version;   // 0: only promised
  ServerId primary;  // of that version
  Serial serial;     // last one applied of that version
  std::uint64_t length = 0;
  Lsn lsn = 0;    // every record of this chunk up to this one is contained, bytes included
  Version fence;  // promised: at least `version`
  ServerId fenced_primary;
  bool damaged = false;
  bool distrusted = false;
  bool sealed = false;
  bool suspect = false;
  std::vector<std::uint32_t> checksums;  // plain, one per block of [0, length)
  AppendRecords records;
};

inline constexpr std::uint64_t kMetaMagic = 0x314b4e4843534647;  // "GFSCHNK1"
inline constexpr std::uint32_t kMetaFormat = 2;
inline constexpr std::size_t kMetaHeaderSize = 108;  // up to and including the size of the append records
static_assert(kMetaHeaderSize == 8 + 4 + 4 + 8 + 8 + 16 + 8 + 8 + 8 + 8 + 16 + 4 + 4 + 4);
inline constexpr std::size_t kRecordsSizeMax = 64 * AppendRecords::kRecordsMax + 64;
inline constexpr std::size_t kMetaSizeMax = kMetaHeaderSize + 4 * kBlocks + kRecordsSizeMax + 4;

std::string encode_meta(const ChunkMeta& meta);
// corrupt (anything that does not check out, a file of another chunk), wrong_version (with both numbers).
Result<ChunkMeta> decode_meta(const Bytes& file, ChunkHandle named);

inline std::uint32_t blocks_of(std::uint64_t length) {
  return static_cast<std::uint32_t>((length + kBlockSize - 1) / kBlockSize);
}
// How many bytes block `block` has in a chunk of that length.
inline std::uint32_t bytes_in_block(std::uint64_t length, std::uint32_t block) {
  const std::uint64_t begin = std::uint64_t{block} * kBlockSize;
  return length <= begin ? 0 : static_cast<std::uint32_t>(length - begin < kBlockSize ? length - begin : kBlockSize);
}

inline std::string chunk_folder(ChunkHandle handle) { return "chunks/" + hex(handle).substr(14); }
inline std::string data_path(ChunkHandle handle) { return chunk_folder(handle) + "/" + hex(handle) + ".data"; }
inline std::string meta_path(ChunkHandle handle) { return chunk_folder(handle) + "/" + hex(handle) + ".meta"; }
inline std::string copy_path(ChunkHandle handle) { return chunk_folder(handle) + "/" + hex(handle) + ".copy"; }
inline std::string fork_path(ChunkHandle handle) { return chunk_folder(handle) + "/" + hex(handle) + ".fork"; }
// "00000000000000ab.meta" with its suffix: the handle; nothing for a name we never give.
std::optional<ChunkHandle> handle_in_name(std::string_view name, std::string_view suffix);

}  // namespace gfs::chunkserver
