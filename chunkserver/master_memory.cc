#include "chunkserver/master_memory.h"

#include "base/crc32c.h"
#include "base/log.h"
#include "base/probe.h"
#include "chunkserver/little_endian.h"

namespace gfs::chunkserver {

namespace {

constexpr std::uint64_t kMagic = 0x314e4545534647;  // "GFSEEN1"
constexpr std::uint32_t kFormat = 1;
constexpr std::size_t kSize = 8 + 4 + 16 + 3 * 8 + 4 + 8 + 4;
constexpr const char* kPath = "master_seen";
constexpr const char* kTemporaryPath = "master_seen.tmp";

}  // namespace

std::string encode_master_seen(ClusterId cluster, const MasterSeen& seen) {
  LittleEndianWriter out;
  out.u64(kMagic);
  out.u32(kFormat);
  out.raw(std::span<const std::uint8_t>(cluster.bytes));
  out.u64(seen.position.epoch);
  out.u64(seen.position.term);
  out.u64(seen.position.index);
  out.u32(seen.position.check);
  out.u64(static_cast<std::uint64_t>(seen.epoch_since_ms));
  out.u32(crc32c(out.view()));
  return out.take();
}

Result<MasterSeen> decode_master_seen(const Bytes& bytes, ClusterId cluster) {
  LittleEndianReader in(bytes.span());
  if (in.u64() != kMagic) return fail(Code::corrupt, "{}: it does not begin like one", kPath);
  const std::uint32_t format = in.u32();
  if (in.ok() && format != kFormat)
    return fail(Code::wrong_version, "{}: format {}, this program reads {}", kPath, format, kFormat);
  ClusterId of;
  of.bytes = in.id();
  MasterSeen seen;
  seen.position.epoch = in.u64();
  seen.position.term = in.u64();
  seen.position.index = in.u64();
  seen.position.check = in.u32();
  seen.epoch_since_ms = static_cast<std::int64_t>(in.u64());
  const std::uint32_t checksum = in.u32();
  if (!in.ok() || bytes.size() != kSize || checksum != crc32c(bytes.data(), kSize - 4))
    return fail(Code::corrupt, "{}: its checksum does not match", kPath);
  if (of != cluster) return fail(Code::wrong_cluster, "{}: it is of cluster {}, not {}", kPath, of, cluster);
  return seen;
}

Task<> MasterMemory::load(ClusterId cluster) {
  const bool exists = co_await disk_.exists(kPath);
  if (!exists) co_return;
  std::shared_ptr<File> file = co_await disk_.open(kPath, Disk::Mode::read);
  Bytes bytes = co_await file->read(0, kSize + 1);
  Result<MasterSeen> read = decode_master_seen(bytes, cluster);
  if (!read && read.error().code == Code::wrong_version) co_await std::move(read);
  if (!read) {
    log::error("master_seen_damaged", {{"why", read.error().text()}, {"then", "the next master is taken at its word"}});
    co_return;
  }
  seen_ = written_ = read->position;
  epoch_since_ms_ = read->epoch_since_ms;
}

Result<> MasterMemory::check(ServerId self, const bus::LogPosition& said) const {
  const bool same = said.epoch == seen_.epoch && said.term == seen_.term && said.index == seen_.index;
  const bool differs = same && said.check != 0 && seen_.check != 0 && said.check != seen_.check;
  if (!said.behind(seen_) && !differs) return {};
  PROBE("a chunkserver refused a master that is behind");
  return fail(Code::refused, "{}", bus::refusal_of(said, self, seen_, differs));
}

Task<> MasterMemory::note(ClusterId cluster, bus::LogPosition said, std::int64_t now_ms) {
  const bool rises = said.epoch > written_.epoch;
  if (said.epoch > seen_.epoch) epoch_since_ms_ = now_ms;
  seen_ = said;
  const Instant now = executor_.now();
  const bool due = seen_ != written_ && group_.empty() && (!tried_ || now >= *tried_ + kWriteAfter);
  if (!rises && !due) co_return;
  tried_ = now;
  if (rises) co_await group_.idle();
  group_.spawn(keep(cluster, said));
  if (rises) co_await group_.idle();
}

Task<> MasterMemory::keep(ClusterId cluster, bus::LogPosition position) {
  Result<> kept = co_await write(cluster, position).outcome();
  if (kept) {
    written_ = position;
  } else {
    log::write_limited(log::Level::warn, "master_seen_not_written", {{"why", kept.error().text()}});
  }
}

Task<> MasterMemory::write(ClusterId cluster, bus::LogPosition position) {
  std::shared_ptr<File> file = co_await disk_.open(kTemporaryPath, Disk::Mode::write);
  Bytes bytes = Bytes::of(encode_master_seen(cluster, {position, epoch_since_ms_}));
  co_await file->write(0, std::move(bytes));
  co_await file->truncate(kSize);
  co_await file->sync();
  file.reset();
  co_await disk_.rename(kTemporaryPath, kPath);
  co_await disk_.sync_directory("");
}

}  // namespace gfs::chunkserver
