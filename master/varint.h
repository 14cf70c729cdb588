// Numbers in as few bytes as they need, and a reader for bytes that may be anything.
//
// A varint is seven bits a byte, the lowest first; the top bit says that another byte follows (LEB128).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace gfs::master {

inline void put_varint(std::string& text, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) text += static_cast<char>(value | 0x80);
  text += static_cast<char>(value);
}

// Whatever comes, it never reads beyond the end: from the first thing that is not there on it gives zeros and has
// failed. What it gives are views of the bytes it was made with.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes)
      : begin_(reinterpret_cast<const std::uint8_t*>(bytes.data())), at_(begin_), end_(begin_ + bytes.size()) {}

  std::uint64_t varint() {
    if (at_ != end_ && *at_ < 0x80) return *at_++;  // most are
    return longer_varint();
  }
  // Little-endian.
  template <class T>
  T fixed() {
    T value = 0;
    const std::string_view from = bytes(sizeof(T));
    for (std::size_t i = 0; i < from.size(); ++i)
      value |= static_cast<T>(static_cast<T>(static_cast<std::uint8_t>(from[i])) << (8 * i));
    return value;
  }
  std::string_view bytes(std::uint64_t count) {
    if (count > left()) {
      fail();
      return {};
    }
    const std::string_view taken(reinterpret_cast<const char*>(at_), count);
    at_ += count;
    return taken;
  }

  std::size_t at() const { return static_cast<std::size_t>(at_ - begin_); }
  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  bool done() const { return at_ == end_; }
  bool failed() const { return failed_; }

 private:
  std::uint64_t longer_varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && at_ != end_; shift += 7) {
      const std::uint8_t byte = *at_++;
      if (shift == 63 && byte > 1) break;  // more than 64 bits
      value |= std::uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return value;
    }
    fail();
    return 0;
  }
  void fail() {
    failed_ = true;
    at_ = end_;
  }

  const std::uint8_t* begin_;
  const std::uint8_t* at_;
  const std::uint8_t* end_;
  bool failed_ = false;
};

}  // namespace gfs::master
