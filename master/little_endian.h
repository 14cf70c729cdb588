// How numbers stand in the master's files: little-endian, whatever the machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace gfs::master {

template <class T>
void put(std::string& text, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) text += static_cast<char>(value >> (8 * i) & 255);
}

// The caller has checked that the bytes are there.
template <class T>
T take(const std::uint8_t*& at) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) value |= static_cast<T>(static_cast<T>(*at++) << (8 * i));
  return value;
}

inline void put_text(std::string& text, std::string_view value) {
  put(text, static_cast<std::uint32_t>(value.size()));
  text += value;
}

template <class Id>
void put_uuid(std::string& text, const Id& id) {
  text.append(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
}

// Takes one after the other from bytes that may be anything: what is not there reads as 0, and `failed()` tells.
class Taker {
 public:
  explicit Taker(std::string_view bytes) : left_(bytes) {}

  template <class T>
  T number() {
    if (!has(sizeof(T))) return T{};
    const auto* at = reinterpret_cast<const std::uint8_t*>(left_.data());
    const T value = take<T>(at);
    left_.remove_prefix(sizeof(T));
    return value;
  }
  std::string_view bytes(std::size_t size) {
    if (!has(size)) return {};
    const std::string_view taken = left_.substr(0, size);
    left_.remove_prefix(size);
    return taken;
  }
  std::string_view text() { return bytes(number<std::uint32_t>()); }
  template <class Id>
  Id uuid() {
    Id id;
    const std::string_view taken = bytes(id.bytes.size());
    for (std::size_t i = 0; i < taken.size(); ++i) id.bytes[i] = static_cast<std::uint8_t>(taken[i]);
    return id;
  }

  bool failed() const { return failed_; }
  bool at_end() const { return left_.empty(); }

 private:
  bool has(std::size_t size) {
    if (!failed_ && left_.size() >= size) return true;
    failed_ = true;
    left_ = {};
    return false;
  }

  std::string_view left_;
  bool failed_ = false;
};

}  // namespace gfs::master
