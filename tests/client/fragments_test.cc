// Cutting ranges and checksumming pieces: a table of borders, and random ranges against a model that goes byte by byte.
#include "client_cli/client/fragments.h"

#include <gtest/gtest.h>

#include <string>

#include "base/crc32c.h"
#include "base/random.h"
#include "base/units.h"

namespace gfs::client {
namespace {

TEST(Fragments, AreCutAtChunkAndBlockBorders) {
  struct Case {
    const char* name;
    std::uint64_t offset, size;
    std::vector<Fragment> expected;
  };
  const std::uint64_t chunk = 4 * MiB;
  const Case cases[] = {
      {"nothing", 0, 0, {}},
      {"one byte", 0, 1, {{0, 0, 0, 1}}},
      {"exactly a fragment", 0, MiB, {{0, 0, 0, MiB}}},
      {"one byte more", 0, MiB + 1, {{0, 0, 0, MiB}, {0, MiB, MiB, 1}}},
      {"unaligned start ends on a block",
       100000,
       MiB + KiB,
       {{0, 100000, 0, MiB + 65536 - 100000}, {0, MiB + 65536, MiB + 65536 - 100000, KiB - 65536 + 100000}}},
      {"over a chunk border", chunk - 10, 30, {{0, chunk - 10, 0, 10}, {1, 0, 10, 20}}},
      {"third chunk", 2 * chunk + 5, 3, {{2, 5, 0, 3}}},
  };
  for (const Case& c : cases) EXPECT_EQ(cut(c.offset, c.size, chunk, MiB), c.expected) << c.name;
}

TEST(Fragments, CoverTheRangeAndRespectEveryBound) {
  Random random(7);
  for (int i = 0; i < 2000; ++i) {
    std::uint64_t chunk = kBlockSize * random.between(1, 40);
    std::uint64_t most = kBlockSize * random.between(1, 16);
    std::uint64_t offset = random.below(5 * chunk), size = random.below(4 * MiB);
    std::uint64_t at = 0;
    for (const Fragment& f : cut(offset, size, chunk, most)) {
      ASSERT_EQ(f.from, at);
      ASSERT_EQ(f.chunk * chunk + f.offset, offset + at);
      ASSERT_GT(f.size, 0u);
      ASSERT_LE(f.size, most);
      ASSERT_LE(f.offset + f.size, chunk);
      at += f.size;
      if (at < size) {
        ASSERT_EQ((f.offset + f.size) % kBlockSize, 0u) << "a border inside the range";
      }
    }
    ASSERT_EQ(at, size);
  }
}

TEST(Pieces, AreTheRangeCutAtBlocks) {
  Random random(8);
  std::string text(400000, '\0');
  for (char& c : text) c = static_cast<char>(random.next());
  for (int i = 0; i < 200; ++i) {
    std::uint64_t offset = random.below(300000), size = random.below(text.size());
    Bytes bytes = Bytes::borrowed(text.data(), size);
    std::vector<std::uint32_t> model;
    std::uint64_t block = UINT64_MAX;
    for (std::uint64_t at = 0; at < size; ++at) {
      if ((offset + at) / kBlockSize != block) {
        block = (offset + at) / kBlockSize;
        std::uint64_t end = std::min(size, (block + 1) * kBlockSize - offset);
        model.push_back(crc32c(text.data() + at, end - at));
      }
    }
    std::vector<std::uint32_t> pieces = piece_checksums(offset, bytes);
    ASSERT_EQ(pieces, model);
    ASSERT_TRUE(verify_pieces(offset, bytes, pieces));
    if (size == 0) continue;
    std::vector<std::uint32_t> wrong = pieces;
    wrong[random.below(wrong.size())] ^= 1u << random.below(32);
    ASSERT_EQ(verify_pieces(offset, bytes, wrong).error().code, Code::corrupt);
    wrong = pieces;
    wrong.push_back(0);
    ASSERT_EQ(verify_pieces(offset, bytes, wrong).error().code, Code::corrupt) << "one too many";
    wrong.resize(pieces.size() - 1);
    ASSERT_EQ(verify_pieces(offset, bytes, wrong).error().code, Code::corrupt) << "one too few";
  }
}

TEST(Pieces, DigestIsOverLittleEndianWords) {
  EXPECT_EQ(digest_of({0x04030201, 0x08070605}), crc32c(std::string_view("\1\2\3\4\5\6\7\10", 8)));
}

TEST(Range, BeyondTheLastChunkNumberIsTooLarge) {
  EXPECT_TRUE(check_range(0, 1, 64 * MiB));
  EXPECT_EQ(check_range(64 * MiB * UINT32_MAX, 1, 64 * MiB).error().code, Code::too_large);
  EXPECT_EQ(check_range(UINT64_MAX, UINT64_MAX, 64 * MiB).error().code, Code::too_large);
}

}  // namespace
}  // namespace gfs::client
