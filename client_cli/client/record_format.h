// A record in a file of records: 16 bytes in front of its bytes, by which a reader knows it from anything else.
//
//   magic u32  size u32  crc u32  check u32  | size bytes          integers little-endian
//
// `crc` is the CRC32C of the bytes, `check` that of the header's other three words: what only looks like a header costs
// 12 bytes to tell, not as many as its size pretends. What does not begin with a header that checks out is no record:
// padding, a gap, bytes that somebody wrote. A reader looks for the next magic then.
//
// Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/crc32c.h"

namespace gfs::client {

inline constexpr std::uint32_t kRecordMagic = 0xa75e9ec1;
inline constexpr std::size_t kRecordHeader = 16;
inline constexpr std::size_t kRecordMax = (std::size_t{16} << 20) - kRecordHeader;  // a frame is one append

namespace record_format {

inline void put(char* at, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) at[i] = static_cast<char>(value >> (8 * i));
}

inline std::uint32_t get(const char* at) {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value |= std::uint32_t{static_cast<unsigned char>(at[i])} << (8 * i);
  return value;
}

inline std::uint32_t check_of(const char* header) { return crc32c(header, 12); }

}  // namespace record_format

inline std::string framed(std::string_view bytes) {
  std::string frame;
  frame.reserve(kRecordHeader + bytes.size());
  frame.resize(kRecordHeader);
  record_format::put(frame.data(), kRecordMagic);
  record_format::put(frame.data() + 4, static_cast<std::uint32_t>(bytes.size()));
  record_format::put(frame.data() + 8, crc32c(bytes));
  record_format::put(frame.data() + 12, record_format::check_of(frame.data()));
  frame.append(bytes);
  return frame;
}

// What stands at the beginning of `bytes`.
struct RecordFound {
  enum class What : std::uint8_t { record, nothing, unfinished } what;  // unfinished: a record, if more follows
  std::size_t size = 0;                                                 // of the frame, of a record; else at least
  std::size_t looked = 0;  // at so many bytes behind the header: what it cost
};
inline RecordFound record_at(std::string_view bytes) {
  using What = RecordFound::What;
  char magic[4];
  record_format::put(magic, kRecordMagic);
  std::string_view wanted(magic, 4);
  if (bytes.size() < kRecordHeader) {
    std::string_view begun = bytes.substr(0, 4);
    return {wanted.starts_with(begun) ? What::unfinished : What::nothing, kRecordHeader};
  }
  std::uint32_t size = record_format::get(bytes.data() + 4);
  if (!bytes.starts_with(wanted) || size > kRecordMax) return {What::nothing};
  if (record_format::check_of(bytes.data()) != record_format::get(bytes.data() + 12)) return {What::nothing};
  std::size_t frame = kRecordHeader + size;
  if (bytes.size() < frame) return {What::unfinished, frame};
  std::string_view content = bytes.substr(kRecordHeader, size);
  if (crc32c(content) != record_format::get(bytes.data() + 8)) return {What::nothing, 0, size};
  return {What::record, frame, size};
}

// Where the next record might begin, from `from` on; the size of `bytes` if nowhere.
inline std::size_t next_magic(std::string_view bytes, std::size_t from) {
  char magic[4];
  record_format::put(magic, kRecordMagic);
  std::string_view wanted(magic, 4);
  std::size_t found = bytes.find(wanted, from);
  if (found != std::string_view::npos) return found;
  // It may have begun at the very end.
  for (std::size_t at = bytes.size() - std::min<std::size_t>(bytes.size(), 3); at < bytes.size(); ++at) {
    if (at >= from && wanted.starts_with(bytes.substr(at))) return at;
  }
  return bytes.size();
}

}  // namespace gfs::client
