#include "chunkserver/chunk_format.h"

#include "base/crc32c.h"
#include "chunkserver/block_checksums.h"
#include "chunkserver/little_endian.h"

namespace gfs::chunkserver {

namespace {

constexpr std::uint32_t kFlagDamaged = 1;
constexpr std::uint32_t kFlagSealed = 2;
constexpr std::uint32_t kFlagSuspect = 4;
constexpr std::uint32_t kFlagDistrusted = 8;
constexpr std::size_t kSmallest = 8 + 4 + 4;  // what every format has: magic, format, CRC

}  // namespace

std::string encode_meta(const ChunkMeta& meta) {
  LittleEndianWriter out;
  out.u64(kMetaMagic);
  out.u32(kMetaFormat);
  out.u32((meta.damaged ? kFlagDamaged : 0) | (meta.sealed ? kFlagSealed : 0) | (meta.suspect ? kFlagSuspect : 0) |
          (meta.distrusted ? kFlagDistrusted : 0));
  out.u64(meta.handle.value);
  out.u64(meta.version.value);
  out.raw(std::span<const std::uint8_t>(meta.primary.bytes));
  out.u64(meta.serial.value);
  out.u64(meta.length);
  out.u64(meta.lsn);
  out.u64(meta.fence.value);
  out.raw(std::span<const std::uint8_t>(meta.fenced_primary.bytes));
  out.u32(kBlockSize);
  out.u32(static_cast<std::uint32_t>(meta.checksums.size()));
  const std::string records = meta.records.encode();
  out.u32(static_cast<std::uint32_t>(records.size()));
  for (std::uint32_t block = 0; block < meta.checksums.size(); ++block) {
    out.u32(salted(meta.handle, block, meta.checksums[block]));
  }
  out.raw(std::string_view(records));
  out.u32(crc32c(out.view()));
  return out.take();
}

Result<ChunkMeta> decode_meta(const Bytes& file, ChunkHandle named) {
  if (file.size() < kSmallest || file.size() > kMetaSizeMax) {
    return fail(Code::corrupt, "metadata of chunk {}: {} bytes is not the size of a metadata file", named, file.size());
  }
  LittleEndianReader in(file.span());
  if (in.u64() != kMetaMagic) return fail(Code::corrupt, "metadata of chunk {}: not a metadata file (magic)", named);
  LittleEndianReader end(file.span().subspan(file.size() - 4));
  if (end.u32() != crc32c(file.data(), file.size() - 4)) {
    return fail(Code::corrupt, "metadata of chunk {}: its checksum does not match", named);
  }
  const std::uint32_t format = in.u32();
  if (format != kMetaFormat) {
    return fail(Code::wrong_version, "metadata of chunk {}: format {}, this program reads {}", named, format,
                kMetaFormat);
  }
  ChunkMeta meta;
  const std::uint32_t flags = in.u32();
  if ((flags & ~(kFlagDamaged | kFlagSealed | kFlagSuspect | kFlagDistrusted)) != 0)
    return fail(Code::corrupt, "metadata of chunk {}: unknown flags {:x}", named, flags);
  meta.damaged = (flags & kFlagDamaged) != 0;
  meta.sealed = (flags & kFlagSealed) != 0;
  meta.suspect = (flags & kFlagSuspect) != 0;
  meta.distrusted = (flags & kFlagDistrusted) != 0;
  meta.handle.value = in.u64();
  meta.version.value = in.u64();
  meta.primary.bytes = in.id();
  meta.serial.value = in.u64();
  meta.length = in.u64();
  meta.lsn = in.u64();
  meta.fence.value = in.u64();
  meta.fenced_primary.bytes = in.id();
  const std::uint32_t block_size = in.u32();
  const std::uint32_t count = in.u32();
  const std::uint32_t records_size = in.u32();
  if (meta.handle != named)
    return fail(Code::corrupt, "metadata of chunk {}: it belongs to chunk {}", named, meta.handle);
  if (block_size != kBlockSize || meta.length > kChunkSize || count != blocks_of(meta.length) ||
      file.size() != kMetaHeaderSize + 4 * std::size_t{count} + std::size_t{records_size} + 4) {
    return fail(Code::corrupt, "metadata of chunk {}: length {} with {} blocks does not fit", named, meta.length,
                count);
  }
  if (meta.fence < meta.version) {
    return fail(Code::corrupt, "metadata of chunk {}: version {} with {} promised", named, meta.version, meta.fence);
  }
  meta.checksums.reserve(count);
  for (std::uint32_t block = 0; block < count; ++block) meta.checksums.push_back(salted(named, block, in.u32()));
  Result<AppendRecords> records = AppendRecords::decode(file.slice(in.at(), records_size).view());
  if (!records) return fail(Code::corrupt, "metadata of chunk {}: {}", named, records.error().message);
  meta.records = std::move(*records);
  return meta;
}

std::optional<ChunkHandle> handle_in_name(std::string_view name, std::string_view suffix) {
  if (name.size() != 16 + suffix.size() || !name.ends_with(suffix)) return std::nullopt;
  ChunkHandle handle;
  for (char c : name.substr(0, 16)) {
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) return std::nullopt;
    handle.value = handle.value << 4 | static_cast<std::uint64_t>(digit);
  }
  if (handle.value == 0) return std::nullopt;
  return handle;
}

}  // namespace gfs::chunkserver
