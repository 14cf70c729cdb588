// Explicit little-endian integers for what lies on disk: the same bytes whatever machine wrote them. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace gfs::chunkserver {

class LittleEndianWriter {
 public:
  void u8(std::uint8_t value) { out_.push_back(static_cast<char>(value)); }
  void u32(std::uint32_t value) { put(value, 4); }
  void u64(std::uint64_t value) { put(value, 8); }
  void raw(std::span<const std::uint8_t> bytes) {
    out_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  void raw(std::string_view bytes) { out_.append(bytes); }
  void zeros(std::size_t count) { out_.append(count, '\0'); }
  void reserve(std::size_t size) { out_.reserve(size); }

  std::size_t size() const { return out_.size(); }
  std::string_view view() const { return out_; }
  std::string take() { return std::move(out_); }

 private:
  void put(std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) out_.push_back(static_cast<char>(value >> (8 * i)));
  }
  std::string out_;
};

// Reading past the end gives zeros and ok() == false from then on: check once, after the last field.
class LittleEndianReader {
 public:
  explicit LittleEndianReader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  std::uint8_t u8() { return static_cast<std::uint8_t>(get(1)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(get(4)); }
  std::uint64_t u64() { return get(8); }
  std::array<std::uint8_t, 16> id() {
    std::array<std::uint8_t, 16> out{};
    std::span<const std::uint8_t> from = raw(16);
    for (std::size_t i = 0; i < from.size(); ++i) out[i] = from[i];
    return out;
  }
  std::span<const std::uint8_t> raw(std::size_t size) {
    if (size > left()) {
      ok_ = false;
      return {};
    }
    std::span<const std::uint8_t> out = bytes_.subspan(at_, size);
    at_ += size;
    return out;
  }

  std::size_t at() const { return at_; }
  std::size_t left() const { return bytes_.size() - at_; }
  bool ok() const { return ok_; }

 private:
  std::uint64_t get(std::size_t size) {
    std::uint64_t value = 0;
    std::span<const std::uint8_t> from = raw(size);
    for (std::size_t i = 0; i < from.size(); ++i) value |= static_cast<std::uint64_t>(from[i]) << (8 * i);
    return value;
  }
  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

}  // namespace gfs::chunkserver
