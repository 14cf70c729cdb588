// Ids: who and what is meant. Strong types, so that a Version is never passed as a Serial.
#pragma once

#include <fmt/format.h>

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/random.h"

namespace gfs {

// 128 random bits with a meaning given by Tag. Nil (all zero) means "none".
template <class Tag>
struct Uuid {
  std::array<std::uint8_t, 16> bytes{};

  auto operator<=>(const Uuid&) const = default;
  bool nil() const { return *this == Uuid{}; }

  static Uuid random(Random& random) {
    Uuid id;
    do {
      for (std::size_t i = 0; i < 16; i += 8) {
        std::uint64_t word = random.next();
        for (std::size_t j = 0; j < 8; ++j) id.bytes[i + j] = static_cast<std::uint8_t>(word >> (8 * j));
      }
    } while (id.nil());
    return id;
  }

  // 8-4-4-4-12 lower-case hex digits.
  std::string text() const {
    std::string out;
    for (std::size_t i = 0; i < 16; ++i) {
      if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
      out += "0123456789abcdef"[bytes[i] >> 4];
      out += "0123456789abcdef"[bytes[i] & 15];
    }
    return out;
  }
  static std::optional<Uuid> parse(std::string_view text) {
    Uuid id;
    std::size_t digits = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      char c = text[i];
      if (c == '-' && (i == 8 || i == 13 || i == 18 || i == 23)) continue;
      int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
      if (value < 0 || digits == 32) return std::nullopt;
      id.bytes[digits / 2] = static_cast<std::uint8_t>(id.bytes[digits / 2] << 4 | value);
      ++digits;
    }
    if (digits != 32) return std::nullopt;
    return id;
  }
};

using ClusterId = Uuid<struct ClusterTag>;  // minted once by format; every envelope carries it
using ServerId = Uuid<struct ServerTag>;    // a chunkserver, whatever its address; kept in its data directory
using ClientId = Uuid<struct ClientTag>;    // one run of one client (or what it chose to keep)
using DiskId = Uuid<struct DiskTag>;        // a data directory of a chunkserver, wherever it is mounted
using SessionId = Uuid<struct SessionTag>;  // one life of a chunkserver process as the master knows it

template <class Tag>
struct Number {
  std::uint64_t value = 0;
  auto operator<=>(const Number&) const = default;
  Number next() const { return {value + 1}; }
};

using ChunkHandle = Number<struct HandleTag>;  // 0 is none; never reused
using InodeId = Number<struct InodeTag>;       // a file or directory, whatever its name; 0 is none; never reused
using Version = Number<struct VersionTag>;     // of a chunk's configuration; granted by the master, starts at 1
using Serial = Number<struct SerialTag>;       // of a mutation within one version; given by the primary, starts at 1

// Names one request of one client, for ever: repeats of it are answered from the record of the first.
struct RequestId {
  ClientId client;
  std::uint64_t sequence = 0;
  auto operator<=>(const RequestId&) const = default;
  std::string text() const { return client.text() + ":" + std::to_string(sequence); }
};

// 16 hex digits, as handles and inodes are shown.
inline std::string hex(std::uint64_t value) { return fmt::format("{:016x}", value); }
template <class Tag>
std::string hex(Number<Tag> number) {
  return hex(number.value);
}

}  // namespace gfs

// "{}": ids as people see them.
template <class Tag>
struct fmt::formatter<gfs::Uuid<Tag>> : fmt::formatter<std::string> {
  auto format(const gfs::Uuid<Tag>& id, fmt::format_context& context) const {
    return fmt::formatter<std::string>::format(id.text(), context);
  }
};
template <>
struct fmt::formatter<gfs::RequestId> : fmt::formatter<std::string> {
  auto format(const gfs::RequestId& id, fmt::format_context& context) const {
    return fmt::formatter<std::string>::format(id.text(), context);
  }
};
template <>
struct fmt::formatter<gfs::ChunkHandle> : fmt::formatter<std::string> {
  auto format(gfs::ChunkHandle handle, fmt::format_context& context) const {
    return fmt::formatter<std::string>::format(gfs::hex(handle), context);
  }
};
template <>
struct fmt::formatter<gfs::InodeId> : fmt::formatter<std::string> {
  auto format(gfs::InodeId inode, fmt::format_context& context) const {
    return fmt::formatter<std::string>::format(gfs::hex(inode), context);
  }
};
template <>
struct fmt::formatter<gfs::Version> : fmt::formatter<std::uint64_t> {
  auto format(gfs::Version version, fmt::format_context& context) const {
    return fmt::formatter<std::uint64_t>::format(version.value, context);
  }
};
template <>
struct fmt::formatter<gfs::Serial> : fmt::formatter<std::uint64_t> {
  auto format(gfs::Serial serial, fmt::format_context& context) const {
    return fmt::formatter<std::uint64_t>::format(serial.value, context);
  }
};
