#include "chunkserver/scrub_cursor.h"

#include "base/crc32c.h"
#include "chunkserver/little_endian.h"

namespace gfs::chunkserver {

namespace {

constexpr std::uint64_t kMagic = 0x31425243534647;  // "GFSCRB1"
constexpr std::uint32_t kFormat = 1;
constexpr std::size_t kNumbers = 10;
constexpr std::size_t kSize = 8 + 4 + kNumbers * 8 + 4;

}  // namespace

std::string encode_scrub_cursor(const ScrubCursor& cursor) {
  LittleEndianWriter out;
  out.u64(kMagic);
  out.u32(kFormat);
  out.u64(cursor.at.value);
  out.u64(static_cast<std::uint64_t>(cursor.begun));
  out.u64(static_cast<std::uint64_t>(cursor.ended));
  out.u64((cursor.paused ? 1u : 0u) | (cursor.hurried ? 2u : 0u));
  for (std::uint64_t number :
       {cursor.chunks, cursor.bytes, cursor.bad, cursor.differing, cursor.last_bad, cursor.last_differing}) {
    out.u64(number);
  }
  out.u32(crc32c(out.view()));
  return out.take();
}

Result<ScrubCursor> decode_scrub_cursor(const Bytes& bytes) {
  LittleEndianReader in(bytes.span());
  if (in.u64() != kMagic) return fail(Code::corrupt, "scrub: it does not begin like one");
  const std::uint32_t format = in.u32();
  if (in.ok() && format != kFormat)
    return fail(Code::wrong_version, "scrub: format {}, this program reads {}", format, kFormat);
  ScrubCursor cursor;
  cursor.at.value = in.u64();
  cursor.begun = static_cast<WallMs>(in.u64());
  cursor.ended = static_cast<WallMs>(in.u64());
  const std::uint64_t flags = in.u64();
  cursor.paused = (flags & 1) != 0;
  cursor.hurried = (flags & 2) != 0;
  for (std::uint64_t* number :
       {&cursor.chunks, &cursor.bytes, &cursor.bad, &cursor.differing, &cursor.last_bad, &cursor.last_differing}) {
    *number = in.u64();
  }
  const std::uint32_t checksum = in.u32();
  if (!in.ok() || bytes.size() != kSize || checksum != crc32c(bytes.data(), kSize - 4))
    return fail(Code::corrupt, "scrub: its checksum does not match");
  return cursor;
}

}  // namespace gfs::chunkserver
