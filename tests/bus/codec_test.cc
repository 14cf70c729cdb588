// The codec believes nobody: bytes that are cut, too deep, too many or of another type are malformed, named, and cost
// no memory; unknown keys are ignored and missing ones keep their defaults, so that old and new nodes talk.
#include "bus/codec.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/bus/example_messages.h"

namespace gfs::bus {
namespace {

Bytes hex_bytes(std::string_view text) {
  std::string bytes;
  for (std::size_t at = 0; at + 1 < text.size(); ++at) {
    if (text[at] == ' ') continue;
    bytes += static_cast<char>(std::stoi(std::string(text.substr(at, 2)), nullptr, 16));
    ++at;
  }
  return Bytes::of(std::move(bytes));
}

TEST(Codec, WhatIsNotTheMessageIsMalformed) {
  struct Case {
    const char* name;
    Bytes bytes;
  };
  const std::vector<Case> cases = {
      {"nothing", Bytes()},
      {"five bytes that claim 268 million elements", hex_bytes("dd 0f ff ff ff")},
      {"a map of 4 billion", hex_bytes("df ff ff ff ff")},
      {"a string longer than the body", hex_bytes("81 a4 70 61 74 68 db 7f ff ff ff 61")},
      {"a binary longer than the body", hex_bytes("81 a4 70 61 74 68 c6 7f ff ff ff 61")},
      {"an extension longer than the body", hex_bytes("81 a4 70 61 74 68 c9 7f ff ff ff 01")},
      {"more elements than bytes", hex_bytes("81 a1 78 dc 00 20 00 00")},
      {"the byte that means nothing", hex_bytes("c1")},
      {"arrays 17 deep", Bytes::of("\x81\xa1x" + std::string(17, '\x91') + '\x01')},
      {"arrays 100000 deep", Bytes::of(std::string(100000, '\x91') + '\x01')},
      {"maps 100000 deep", Bytes::of(std::string(100000, '\x81') + '\x01')},
      {"70000 elements", Bytes::of(std::string("\x81\xa1x\xdd\x00\x01\x11\x70", 8) + std::string(70000, '\x01'))},
      {"an array instead of a map", hex_bytes("91 a1 61")},
      {"a number instead of a map", hex_bytes("2a")},
      {"a number instead of a string", hex_bytes("81 a4 70 61 74 68 2a")},
      {"a key that is no string", hex_bytes("81 01 a1 61")},
      {"trailing bytes", hex_bytes("81 a4 70 61 74 68 a1 61 c0")},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.name);
    Result<Stat> decoded = decode<Stat>(each.bytes);
    ASSERT_FALSE(decoded.has_value());
    EXPECT_EQ(decoded.error().code, Code::malformed);
    EXPECT_NE(decoded.error().message.find("Stat"), std::string::npos) << decoded.error().message;
  }
}

TEST(Codec, DepthAndElementsUpToTheLimitsAreWelcome) {
  EXPECT_TRUE(decode<Stat>(Bytes::of("\x81\xa1x" + std::string(14, '\x91') + '\x01')).has_value());
  EXPECT_TRUE(
      decode<Stat>(Bytes::of(std::string("\x81\xa1x\xdc\xff\xff", 6) + std::string(65535, '\x01'))).has_value());
}

TEST(Codec, AMessageCutAnywhereIsMalformed) {
  each_example_message([]<class M>(const std::string& name, const M& message) {
    SCOPED_TRACE(name);
    Bytes whole = encode(message);
    ASSERT_TRUE(decode<M>(whole).has_value());
    for (std::size_t size = 0; size < whole.size(); ++size) {
      Result<M> decoded = decode<M>(whole.slice(0, size));
      ASSERT_FALSE(decoded.has_value()) << "the first " << size << " bytes of " << whole.size();
      ASSERT_EQ(decoded.error().code, Code::malformed);
    }
  });
}

TEST(Codec, AnyByteFlippedIsAMessageOrMalformed) {
  each_example_message([]<class M>(const std::string& name, const M& message) {
    SCOPED_TRACE(name);
    std::string whole = encode(message).str();
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (unsigned value : {0x00u, 0x7fu, 0x80u, 0xc1u, 0xddu, 0xffu}) {
        std::string flipped = whole;
        flipped[at] = static_cast<char>(value);
        Result<M> decoded = decode<M>(Bytes::of(flipped));
        if (decoded) {
          Bytes again = encode(*decoded);
          Result<M> twice = decode<M>(again);
          ASSERT_TRUE(twice.has_value());
          ASSERT_EQ(encode(*twice), again);
        } else {
          ASSERT_EQ(decoded.error().code, Code::malformed);
        }
      }
    }
  });
}

// As a newer node would send it: one more field, of any type, first or last.
TEST(Codec, UnknownKeysAreIgnored) {
  each_example_message([]<class M>(const std::string& name, const M& message) {
    SCOPED_TRACE(name);
    std::string known = encode(message).str();
    std::uint8_t fields = static_cast<std::uint8_t>(known[0]);
    std::string rest;
    if (fields >= 0x80 && fields <= 0x8f) {
      fields -= 0x80;
      rest = known.substr(1);
    } else {
      ASSERT_EQ(fields, 0xde);
      fields = static_cast<std::uint8_t>(known[2]);
      rest = known.substr(3);
    }
    std::string head = {'\xde', '\0', static_cast<char>(fields + 1)};
    for (std::string value :
         {"\x2a", "\xc0", "\xa3new", "\x93\x01\x02\x03", "\x81\xa1k\xcb\x40\x09\x21\xfb\x54\x44\x2d\x18"}) {
      std::string extra =
          "\xa9"
          "new_field" +
          value;
      for (const std::string& bytes : {head + extra + rest, head + rest + extra}) {
        Result<M> decoded = decode<M>(Bytes::of(bytes));
        ASSERT_TRUE(decoded.has_value()) << decoded.error().text();
        EXPECT_EQ(encode(*decoded), encode(message));
      }
    }
  });
}

// As an older node would send it: nothing at all.
TEST(Codec, MissingKeysKeepTheirDefaults) {
  each_example_message([]<class M>(const std::string& name, const M&) {
    SCOPED_TRACE(name);
    Result<M> decoded = decode<M>(hex_bytes("80"));
    ASSERT_TRUE(decoded.has_value()) << decoded.error().text();
    EXPECT_EQ(encode(*decoded), encode(M{}));
  });
  EXPECT_EQ(decode<List>(hex_bytes("80"))->limit, 1000u);
}

TEST(Codec, NumbersAndIdsOutOfRangeAreMalformed) {
  EXPECT_FALSE(decode<CreateFile>(hex_bytes("81 a8 7265706c69636173 cf 00 00 00 01 00 00 00 00")).has_value())
      << "33 bits";
  EXPECT_FALSE(decode<CreateFile>(hex_bytes("81 a8 7265706c69636173 ff")).has_value()) << "-1";
  EXPECT_FALSE(decode<Hello::Reply>(hex_bytes("81 a7 636c7573746572 c4 02 01 02")).has_value()) << "an id of 2 bytes";
}

}  // namespace
}  // namespace gfs::bus
