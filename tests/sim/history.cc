#include "tests/sim/history.h"

#include <bit>
#include <cstring>

#include "base/crc32c.h"

namespace gfs::sim {

namespace {

// Masked, because bytes followed by their own CRC32C all have one and the same CRC32C: every block of cells would have
// the same checksum whatever is in it, and the chunkservers could not tell two of them apart.
std::uint32_t cell_check(const void* cell) { return std::rotr(crc32c(cell, 12), 15) + 0xa282ead8; }

}  // namespace

std::uint64_t History::begin(std::size_t file, std::uint64_t offset, std::uint64_t size, Instant now,
                             std::uint64_t client) {
  writes.push_back({writes.size() + 1, file, offset, size, now, {}, Fate::pending, client, false});
  by_file[file].push_back(writes.size());
  return writes.size();
}

void History::end(std::uint64_t id, Fate fate, Instant now) {
  WriteOp& op = writes[id - 1];
  if (op.fate != Fate::pending) return;
  // The answer may have been on its way when the power went.
  if (fate == Fate::ok && (op.invoked <= last_loss || lone.contains(op.file))) fate = Fate::unknown;
  op.fate = fate;
  op.ended = now;
  ++(fate == Fate::ok ? ok : fate == Fate::failed ? failed : unknown);
}

void History::synced(const std::vector<std::uint64_t>& ids, Instant began) {
  if (began <= last_loss) return;
  for (std::uint64_t id : ids) {
    WriteOp& op = writes[id - 1];
    if (op.fate == Fate::ok && op.ended <= began) op.synced = true;
  }
}

void History::power_lost(Instant now) {
  last_loss = now;
  for (WriteOp& op : writes) {
    if (op.fate != Fate::ok || op.synced) continue;
    op.fate = Fate::unknown;
    --ok;
    ++unknown;
  }
}

Bytes content_of(std::uint64_t id, std::uint64_t offset, std::uint64_t size) {
  std::string out(size, '\0');
  for (std::uint64_t at = 0; at < size; at += kCell) {
    const auto number = static_cast<std::uint32_t>((offset + at) / kCell);
    std::memcpy(&out[at], &id, 8);
    std::memcpy(&out[at + 8], &number, 4);
    const std::uint32_t crc = cell_check(&out[at]);
    std::memcpy(&out[at + 12], &crc, 4);
  }
  return Bytes::of(std::move(out));
}

std::int64_t writer_of(const std::uint8_t* cell, std::uint64_t offset) {
  static constexpr std::uint8_t kZeros[kCell] = {};
  if (std::memcmp(cell, kZeros, kCell) == 0) return 0;
  std::uint64_t id = 0;
  std::uint32_t number = 0;
  std::uint32_t crc = 0;
  std::memcpy(&id, cell, 8);
  std::memcpy(&number, cell + 8, 4);
  std::memcpy(&crc, cell + 12, 4);
  if (crc != cell_check(cell) || number != static_cast<std::uint32_t>(offset / kCell)) return -1;
  return static_cast<std::int64_t>(id);
}

std::string data_path(std::size_t file) { return "/data/f" + std::to_string(file); }

}  // namespace gfs::sim
