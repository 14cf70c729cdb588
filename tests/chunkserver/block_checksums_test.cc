// Checksums: whatever a write does, the plan's checksums are those of the bytes the chunk has afterwards; what is on
// disk verifies in its own place only.
#include "chunkserver/block_checksums.h"

#include <gtest/gtest.h>

#include "base/crc32c.h"
#include "base/random.h"
#include "chunkserver/chunk_format.h"

namespace gfs::chunkserver {
namespace {

std::string random_text(Random& random, std::size_t size) {
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(random.next());
  return text;
}

TEST(BlockChecksums, PlansAreTheChecksumsOfTheBytesAfterwards) {
  Random random(7);
  std::string model;
  std::vector<std::uint32_t> checksums;
  for (int i = 0; i < 300; ++i) {
    const std::uint64_t offset = random.below(5) == 0 ? random.below(400000) : random.below(model.size() + 1);
    const std::string text = random_text(random, 1 + random.below(random.chance(0.5) ? 300 : 200000));
    const Bytes bytes = Bytes::of(text);
    const std::uint64_t length = model.size();
    std::map<std::uint32_t, Bytes> old;
    for (std::uint32_t block : blocks_to_merge(length, offset, text.size())) {
      old[block] = Bytes::of(model.substr(std::uint64_t{block} * kBlockSize, kBlockSize));
    }
    const std::uint32_t tail = length % kBlockSize == 0 ? 0 : checksums.back();
    BlockChange change = change_of(length, tail, offset, bytes, wire_checksums(offset, bytes), old);
    if (model.size() < offset + text.size()) model.resize(offset + text.size());
    model.replace(offset, text.size(), text);
    ASSERT_EQ(change.length, model.size());
    checksums.resize(blocks_of(model.size()));
    for (std::size_t j = 0; j < change.checksums.size(); ++j) checksums[change.first + j] = change.checksums[j];
    for (std::uint32_t block = 0; block < checksums.size(); ++block) {
      ASSERT_EQ(checksums[block], crc32c(model.substr(std::uint64_t{block} * kBlockSize, kBlockSize)))
          << "step " << i << " block " << block;
    }
  }
}

TEST(BlockChecksums, PiecesAreCutAtTheBorders) {
  std::vector<Piece> pieces = pieces_of(100000, 100000);
  ASSERT_EQ(pieces.size(), 3u);
  EXPECT_EQ(pieces[0].size, 31072u);
  EXPECT_EQ(pieces[1].size, 65536u);
  EXPECT_EQ(pieces[2].size, 3392u);
  EXPECT_EQ(pieces[2].block, 3u);
}

TEST(BlockChecksums, SaltDependsOnChunkAndBlockAndUndoesItself) {
  const ChunkHandle a{1}, b{2};
  EXPECT_NE(salted(a, 0, 5), salted(a, 1, 5));
  EXPECT_NE(salted(a, 0, 5), salted(b, 0, 5));
  EXPECT_EQ(salted(a, 3, salted(a, 3, 5)), 5u);
}

TEST(BlockChecksums, WireChecksumsFindEveryFlippedByte) {
  Random random(1);
  std::string text = random_text(random, 70000);
  std::vector<std::uint32_t> checksums = wire_checksums(1000, Bytes::of(text));
  EXPECT_TRUE(verify_wire(1000, Bytes::of(text), checksums));
  text[69999] ^= 1;
  Result<> found = verify_wire(1000, Bytes::of(text), checksums);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Code::corrupt);
  checksums.pop_back();
  EXPECT_EQ(verify_wire(1000, Bytes::of(text), checksums).error().code, Code::invalid_argument);
}

TEST(BlockChecksums, ACutKeepsTheChecksumOfWhatIsLeft) {
  const std::string text(kBlockSize, 'x');
  const BlockChange whole = cut_of(2 * kBlockSize, {});
  EXPECT_EQ(whole.length, 2 * kBlockSize);
  EXPECT_TRUE(whole.checksums.empty());
  const BlockChange part = cut_of(2 * kBlockSize + 10, Bytes::of(text));
  EXPECT_EQ(part.first, 2u);
  EXPECT_EQ(part.checksums, std::vector<std::uint32_t>{crc32c(text.substr(0, 10))});
}

TEST(BlockChecksums, DigestsOfStatesSeeEverythingThatCounts) {
  const std::uint32_t digest = state_digest(5, false, {1, 2}, 3);
  EXPECT_EQ(digest, state_digest(5, false, {1, 2}, 3));
  EXPECT_NE(digest, state_digest(6, false, {1, 2}, 3));
  EXPECT_NE(digest, state_digest(5, true, {1, 2}, 3));
  EXPECT_NE(digest, state_digest(5, false, {1, 3}, 3));
  EXPECT_NE(digest, state_digest(5, false, {1, 2}, 4));
}

}  // namespace
}  // namespace gfs::chunkserver
