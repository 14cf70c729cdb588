#include "chunkserver/identity.h"

#include "base/crc32c.h"
#include "chunkserver/disk_label.h"
#include "chunkserver/little_endian.h"

namespace gfs::chunkserver {

namespace {

constexpr std::uint64_t kMagic = 0x31444953534647;  // "GFSSID1"
constexpr std::uint32_t kFormat = 1;
constexpr std::size_t kSize = 8 + 4 + 16 + 16 + 4;
constexpr const char* kPath = "identity";
constexpr const char* kTemporaryPath = "identity.tmp";

}  // namespace

std::string encode_identity(const Identity& identity) {
  LittleEndianWriter out;
  out.u64(kMagic);
  out.u32(kFormat);
  out.raw(std::span<const std::uint8_t>(identity.server.bytes));
  out.raw(std::span<const std::uint8_t>(identity.cluster.bytes));
  out.u32(crc32c(out.view()));
  return out.take();
}

Result<Identity> decode_identity(const Bytes& bytes) {
  LittleEndianReader in(bytes.span());
  if (in.u64() != kMagic) return fail(Code::corrupt, "{}: not an identity file", kPath);
  const std::uint32_t format = in.u32();
  if (in.ok() && format != kFormat)
    return fail(Code::wrong_version, "{}: format {}, this program reads {}", kPath, format, kFormat);
  Identity identity;
  identity.server.bytes = in.id();
  identity.cluster.bytes = in.id();
  const std::uint32_t checksum = in.u32();
  if (!in.ok() || bytes.size() != kSize || checksum != crc32c(bytes.data(), kSize - 4) || identity.server.nil()) {
    return fail(Code::corrupt, "{}: its checksum does not match", kPath);
  }
  return identity;
}

Task<Identity> load_identity(Disk& disk, Random& random) {
  if (co_await disk.exists(kPath)) {
    std::shared_ptr<File> file = co_await disk.open(kPath, Disk::Mode::read);
    Bytes bytes = co_await file->read(0, kSize + 1);
    co_return co_await decode_identity(bytes);
  }
  if (std::optional<DiskLabel> label = co_await load_disk_label(disk)) {
    co_await fail(Code::conflict,
                  "it is disk {} of server {}, but not its first directory: name the one with the {} "
                  "file before it",
                  label->disk, label->server, kPath);
  }
  if (co_await disk.exists("chunks")) {
    std::vector<Disk::Entry> chunks = co_await disk.list("chunks");
    if (!chunks.empty()) co_await fail(Code::not_formatted, "the directory has chunks but no {} file", kPath);
  }
  Identity identity;
  identity.server = ServerId::random(random);
  co_await save_identity(disk, identity);
  co_return identity;
}

Task<> save_identity(Disk& disk, Identity identity) {
  std::shared_ptr<File> file = co_await disk.open(kTemporaryPath, Disk::Mode::write);
  Bytes bytes = Bytes::of(encode_identity(identity));
  co_await file->write(0, std::move(bytes));
  co_await file->truncate(kSize);
  co_await file->sync();
  file.reset();
  co_await disk.rename(kTemporaryPath, kPath);
  co_await disk.sync_directory("");
}

}  // namespace gfs::chunkserver
