#include "tests/sim/history.h"

#include <cstring>

#include "base/crc32c.h"

namespace gfs::sim {

Bytes content_of(std::uint64_t id, std::uint64_t offset, std::uint64_t size) {
  std::string out(size, '\0');
  for (std::uint64_t at = 0; at < size; at += kCell) {
    const auto number = static_cast<std::uint32_t>((offset + at) / kCell);
    std::memcpy(&out[at], &id, 8);
    std::memcpy(&out[at + 8], &number, 4);
    const std::uint32_t crc = crc32c(&out[at], 12);
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
  if (crc != crc32c(cell, 12) || number != static_cast<std::uint32_t>(offset / kCell)) return -1;
  return static_cast<std::int64_t>(id);
}

std::string data_path(std::size_t file) { return "/data/f" + std::to_string(file); }

}  // namespace gfs::sim
