#include "chunkserver/disk_label.h"

#include "base/crc32c.h"
#include "chunkserver/little_endian.h"

namespace gfs::chunkserver {

namespace {

constexpr std::uint64_t kLabelMagic = 0x314b5344534647;  // "GFSDSK1"
constexpr std::uint64_t kListMagic = 0x314c5344534647;   // "GFSDSL1"
constexpr std::uint32_t kFormat = 1;
constexpr std::size_t kLabelSize = 8 + 4 + 16 + 16 + 16 + 4;
constexpr std::size_t kNameMax = 4096;
constexpr std::size_t kListSizeMax = 8 + 4 + 4 + kDisksMax * (16 + 4 + kNameMax) + 4;
constexpr const char* kLabelPath = "disk";
constexpr const char* kListPath = "disks";

Task<Bytes> read_small(Disk& disk, std::string path, std::size_t size_max) {
  if (!co_await disk.exists(path)) co_return Bytes();
  std::shared_ptr<File> file = co_await disk.open(path, Disk::Mode::read);
  Bytes bytes = co_await file->read(0, size_max + 1);
  if (bytes.size() == 0) co_await fail(Code::corrupt, "{}: it is empty", path);
  co_return bytes;
}

Task<> replace_small(Disk& disk, std::string path, std::string content) {
  const std::string temporary = path + ".tmp";
  std::shared_ptr<File> file = co_await disk.open(temporary, Disk::Mode::write);
  const std::uint64_t size = content.size();
  Bytes bytes = Bytes::of(std::move(content));
  co_await file->write(0, std::move(bytes));
  co_await file->truncate(size);
  co_await file->sync();
  file.reset();
  co_await disk.rename(temporary, path);
  co_await disk.sync_directory("");
}

// The fields between magic, format and checksum.
Result<LittleEndianReader> begin(const Bytes& bytes, std::uint64_t magic, const char* path) {
  LittleEndianReader in(bytes.span());
  if (in.u64() != magic) return fail(Code::corrupt, "{}: it does not begin like one", path);
  const std::uint32_t format = in.u32();
  if (in.ok() && format != kFormat)
    return fail(Code::wrong_version, "{}: format {}, this program reads {}", path, format, kFormat);
  const std::size_t body = bytes.size() - std::min<std::size_t>(bytes.size(), 4);
  LittleEndianReader end(bytes.span().subspan(body));
  if (end.u32() != crc32c(bytes.data(), body) || !end.ok())
    return fail(Code::corrupt, "{}: its checksum does not match", path);
  return in;
}

}  // namespace

std::string encode_disk_label(const DiskLabel& label) {
  LittleEndianWriter out;
  out.u64(kLabelMagic);
  out.u32(kFormat);
  out.raw(std::span<const std::uint8_t>(label.server.bytes));
  out.raw(std::span<const std::uint8_t>(label.cluster.bytes));
  out.raw(std::span<const std::uint8_t>(label.disk.bytes));
  out.u32(crc32c(out.view()));
  return out.take();
}

Result<DiskLabel> decode_disk_label(const Bytes& bytes) {
  Result<LittleEndianReader> in = begin(bytes, kLabelMagic, kLabelPath);
  if (!in) return fail(std::move(in).error());
  DiskLabel label;
  label.server.bytes = in->id();
  label.cluster.bytes = in->id();
  label.disk.bytes = in->id();
  if (!in->ok() || bytes.size() != kLabelSize || label.server.nil() || label.disk.nil())
    return fail(Code::corrupt, "{}: it is not whole", kLabelPath);
  return label;
}

std::string encode_known_disks(const std::vector<KnownDisk>& disks) {
  LittleEndianWriter out;
  out.u64(kListMagic);
  out.u32(kFormat);
  out.u32(static_cast<std::uint32_t>(disks.size()));
  for (const KnownDisk& one : disks) {
    const std::string_view name = std::string_view(one.name).substr(0, kNameMax);
    out.raw(std::span<const std::uint8_t>(one.disk.bytes));
    out.u32(static_cast<std::uint32_t>(name.size()));
    out.raw(name);
  }
  out.u32(crc32c(out.view()));
  return out.take();
}

Result<std::vector<KnownDisk>> decode_known_disks(const Bytes& bytes) {
  Result<LittleEndianReader> in = begin(bytes, kListMagic, kListPath);
  if (!in) return fail(std::move(in).error());
  const std::uint32_t count = in->u32();
  std::vector<KnownDisk> disks;
  for (std::uint32_t i = 0; i < count && in->ok() && disks.size() < kDisksMax; ++i) {
    KnownDisk one;
    one.disk.bytes = in->id();
    const std::uint32_t size = in->u32();
    std::span<const std::uint8_t> name = in->raw(size);
    one.name.assign(reinterpret_cast<const char*>(name.data()), name.size());
    disks.push_back(std::move(one));
  }
  if (!in->ok() || in->left() != 4 || disks.size() != count)
    return fail(Code::corrupt, "{}: it is not whole", kListPath);
  return disks;
}

Task<std::optional<DiskLabel>> load_disk_label(Disk& disk) {
  Bytes bytes = co_await read_small(disk, kLabelPath, kLabelSize);
  if (bytes.size() == 0) co_return std::nullopt;
  co_return co_await decode_disk_label(bytes);
}

Task<> save_disk_label(Disk& disk, DiskLabel label) {
  co_await replace_small(disk, kLabelPath, encode_disk_label(label));
}

Task<std::vector<KnownDisk>> load_known_disks(Disk& disk) {
  Bytes bytes = co_await read_small(disk, kListPath, kListSizeMax);
  if (bytes.size() == 0) co_return std::vector<KnownDisk>();
  co_return co_await decode_known_disks(bytes);
}

Task<> save_known_disks(Disk& disk, std::vector<KnownDisk> disks) {
  co_await replace_small(disk, kListPath, encode_known_disks(disks));
}

}  // namespace gfs::chunkserver
