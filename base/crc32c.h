// CRC32C (Castagnoli), by ISA-L: what protects every block, frame and record. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace gfs {

// Standard CRC32C: crc32c("123456789") == 0xe3069283. `before` continues a checksum:
// crc32c(b, crc32c(a)) == crc32c(a + b).
std::uint32_t crc32c(const void* data, std::size_t size, std::uint32_t before = 0);
inline std::uint32_t crc32c(std::string_view text, std::uint32_t before = 0) { return crc32c(text.data(), text.size(), before); }
inline std::uint32_t crc32c(std::span<const std::uint8_t> bytes, std::uint32_t before = 0) {
  return crc32c(bytes.data(), bytes.size(), before);
}

// Of `size` zero bytes after `before`.
std::uint32_t crc32c_zeros(std::size_t size, std::uint32_t before = 0);

}  // namespace gfs
