#include "base/crc32c.h"

#include <isa-l.h>

#include <algorithm>
#include <array>

namespace gfs {

namespace {

// Polynomials over GF(2) modulo Castagnoli's, bit-reversed as the checksum has them: bit 31 is x^0.
constexpr std::uint32_t kPolynomial = 0x82f63b78;
constexpr std::uint32_t kOne = 1u << 31;

constexpr std::uint32_t multiply(std::uint32_t a, std::uint32_t b) {
  std::uint32_t product = 0;
  for (std::uint32_t bit = kOne; bit != 0; bit >>= 1) {
    if (a & bit) product ^= b;
    b = b & 1 ? (b >> 1) ^ kPolynomial : b >> 1;
  }
  return product;
}

// [k] = x^(8 * 2^k): what 2^k zero bytes do to a checksum.
constexpr std::array<std::uint32_t, 64> zero_powers() {
  std::array<std::uint32_t, 64> powers{};
  std::uint32_t power = kOne >> 1;
  for (int i = 0; i < 3; ++i) power = multiply(power, power);
  for (std::uint32_t& entry : powers) {
    entry = power;
    power = multiply(power, power);
  }
  return powers;
}
constexpr std::array<std::uint32_t, 64> kZeroPowers = zero_powers();

}  // namespace

std::uint32_t crc32c(const void* data, std::size_t size, std::uint32_t before) {
  // ISA-L leaves the inversions before and after to its caller, and takes lengths as int.
  constexpr std::size_t kPiece = std::size_t{1} << 30;
  const auto* at = static_cast<const unsigned char*>(data);
  std::uint32_t state = ~before;
  while (size > 0) {
    std::size_t piece = std::min(size, kPiece);
    state = crc32_iscsi(const_cast<unsigned char*>(at), static_cast<int>(piece), state);
    at += piece;
    size -= piece;
  }
  return ~state;
}

std::uint32_t crc32c_zeros(std::size_t size, std::uint32_t before) {
  std::uint32_t state = ~before;
  for (std::size_t k = 0; size != 0; size >>= 1, ++k) {
    if (size & 1) state = multiply(kZeroPowers[k], state);
  }
  return ~state;
}

}  // namespace gfs
