#include "master/identity.h"

#include "base/crc32c.h"
#include "master/little_endian.h"
#include "master/log_store.h"

namespace gfs::master {

namespace {

constexpr std::string_view kMagic{"GFSMSTR\n", 8};
constexpr std::uint32_t kFormat = 1;
constexpr std::size_t kSize = 8 + 4 + 16 + 8 + 4;
const std::string kPath = "identity";
const std::string kTemporaryPath = "identity.tmp";

}  // namespace

std::string encode_identity(const Identity& identity) {
  std::string text(kMagic);
  put(text, kFormat);
  text.append(reinterpret_cast<const char*>(identity.cluster.bytes.data()), 16);
  put(text, identity.epoch);
  put(text, crc32c(text));
  return text;
}

Result<Identity> decode_identity(const Bytes& bytes) {
  if (bytes.size() < 12 || !bytes.view().starts_with(kMagic))
    return fail(Code::corrupt, "{}: not a master's identity file", kPath);
  const std::uint8_t* at = bytes.data() + kMagic.size();
  std::uint32_t format = take<std::uint32_t>(at);
  if (format != kFormat)
    return fail(Code::wrong_version, "{}: format {}, this program reads {}", kPath, format, kFormat);
  if (bytes.size() != kSize) return fail(Code::corrupt, "{}: {} bytes instead of {}", kPath, bytes.size(), kSize);
  Identity identity;
  for (std::uint8_t& byte : identity.cluster.bytes) byte = *at++;
  identity.epoch = take<std::uint64_t>(at);
  if (take<std::uint32_t>(at) != crc32c(bytes.data(), kSize - 4) || identity.cluster.nil()) {
    return fail(Code::corrupt, "{}: its checksum does not match", kPath);
  }
  return identity;
}

Task<Identity> load_identity(Disk& disk) {
  bool exists = co_await disk.exists(kPath);
  if (!exists)
    co_await fail(Code::not_formatted, "the directory has no {} file: it was never formatted for a master", kPath);
  std::shared_ptr<File> file = co_await disk.open(kPath, Disk::Mode::read);
  Bytes bytes = co_await file->read(0, kSize + 1);
  co_return co_await decode_identity(bytes);
}

Task<> save_identity(Disk& disk, Identity identity) {
  std::shared_ptr<File> file = co_await disk.open(kTemporaryPath, Disk::Mode::write);
  Bytes bytes = Bytes::of(encode_identity(identity));
  co_await file->truncate(0);
  co_await file->write(0, std::move(bytes));
  co_await file->sync();
  file.reset();
  co_await disk.rename(kTemporaryPath, kPath);
  co_await disk.sync_directory("");
}

Task<> check_empty(Disk& disk) {
  std::vector<Disk::Entry> entries = co_await disk.list("");
  for (const Disk::Entry& entry : entries) {
    if (entry.name == "LOCK" || entry.name == kTemporaryPath || entry.name == "log") continue;
    if (entry.name == kPath) co_await fail(Code::refused, "the directory is formatted already");
    co_await fail(Code::refused, "the directory is not empty: {} is in it", entry.name);
  }
  bool unused = co_await LogStore::is_unused(disk);
  if (!unused) co_await fail(Code::refused, "the directory is not empty: a log is in it");
}

}  // namespace gfs::master
