// The master's log on disk, shared by reader and writer. docs/formats.md has an example.
//
//   log/<first index, 16 hex digits>.log
//   segment := header record*
//   header  := magic "GFSLOG\n\0"  format u32  crc u32  cluster 16 bytes  epoch u64  first index u64  salt u64
//   record  := size u32  crc u32  before u32  zero u32  epoch u64  term u64  index u64  synced u64  op[size]
//
// Little-endian. `crc` is CRC32C over everything behind it in the record, begun with the segment's salt: a record of
// another segment, or an older one at this place, does not verify. `before` repeats the crc of the record before (of
// the header, for the first): the chain shows a missing or exchanged record, yet each record verifies by itself, so
// that records behind a damaged one are found. `synced` is the highest index that was known to be durable when this
// record was written: a bad record at or below it is damage; a bad record above every `synced` behind it is the torn
// tail of a batch that nobody was answered for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/id.h"
#include "base/result.h"

namespace gfs::master {

inline constexpr std::string_view kLogMagic{"GFSLOG\n\0", 8};
inline constexpr std::uint32_t kLogFormat = 1;
inline constexpr std::size_t kSegmentHeaderSize = 8 + 4 + 4 + 16 + 8 + 8 + 8;
inline constexpr std::size_t kRecordHeaderSize = 4 * 4 + 4 * 8;
inline constexpr std::size_t kRecordMax = 1 << 20;
static_assert(kSegmentHeaderSize == 56 && kRecordHeaderSize == 48, "sizes on disk never change within a format");

struct SegmentHeader {
  ClusterId cluster;
  std::uint64_t epoch = 0;
  std::uint64_t first = 0;
  std::uint64_t salt = 0;
  std::uint32_t crc = 0;  // filled in by decode and encode
};

struct RecordHeader {
  std::uint32_t size = 0;
  std::uint32_t crc = 0;
  std::uint32_t before = 0;
  std::uint64_t epoch = 0;
  std::uint64_t term = 0;
  std::uint64_t index = 0;
  std::uint64_t synced = 0;
};

std::string encode_segment_header(SegmentHeader& header);
// malformed (too short, wrong magic or checksum) or wrong_version.
Result<SegmentHeader> decode_segment_header(const Bytes& bytes);

// Fills in header.size and header.crc.
void append_record(std::string& text, RecordHeader& header, std::uint64_t salt, std::string_view op);
// The record that begins at `offset`, verified; malformed if none does.
Result<RecordHeader> decode_record(const Bytes& bytes, std::size_t offset, std::uint64_t salt);

std::string segment_name(std::uint64_t first);
// 0 for what is no segment's name.
std::uint64_t parse_segment_name(std::string_view name);

}  // namespace gfs::master
