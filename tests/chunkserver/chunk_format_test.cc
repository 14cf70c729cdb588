// What lies on a chunkserver's disk beside bytes: every field comes back, every flipped bit is found, and other formats
// are refused with both numbers.
#include "chunkserver/chunk_format.h"

#include <gtest/gtest.h>

#include "base/crc32c.h"
#include "chunkserver/little_endian.h"

namespace gfs::chunkserver {
namespace {

ChunkMeta example() {
  ChunkMeta meta;
  meta.handle.value = 0xab;
  meta.version.value = 3;
  meta.primary.bytes[0] = 1;
  meta.serial.value = 9;
  meta.length = 3 * kBlockSize + 5;
  meta.lsn = 77;
  meta.fence.value = 4;
  meta.fenced_primary.bytes[0] = 2;
  meta.sealed = true;
  meta.suspect = true;
  meta.checksums = {1, 2, 3, 4};
  ClientId client;
  client.bytes[3] = 7;
  meta.records.add(client, {.first = 5, .count = 2, .index = 1, .offset = 10, .size = 20, .digest = 30, .time_ms = 40});
  return meta;
}

// Makes its checksum right again.
std::string signed_anew(std::string bytes) {
  LittleEndianWriter crc;
  crc.u32(crc32c(std::string_view(bytes).substr(0, bytes.size() - 4)));
  return bytes.replace(bytes.size() - 4, 4, crc.view());
}

TEST(ChunkFormat, EveryFieldOfMetadataComesBack) {
  const ChunkMeta meta = example();
  Result<ChunkMeta> back = decode_meta(Bytes::of(encode_meta(meta)), meta.handle);
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_EQ(back->version, meta.version);
  EXPECT_EQ(back->primary, meta.primary);
  EXPECT_EQ(back->serial, meta.serial);
  EXPECT_EQ(back->length, meta.length);
  EXPECT_EQ(back->lsn, meta.lsn);
  EXPECT_EQ(back->fence, meta.fence);
  EXPECT_EQ(back->fenced_primary, meta.fenced_primary);
  EXPECT_FALSE(back->damaged);
  EXPECT_TRUE(back->sealed);
  EXPECT_TRUE(back->suspect);
  EXPECT_EQ(back->checksums, meta.checksums);
  EXPECT_EQ(back->records, meta.records);
}

TEST(ChunkFormat, EveryFlippedBitOfMetadataIsFound) {
  const ChunkMeta meta = example();
  const std::string good = encode_meta(meta);
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ (1 << bit));
      EXPECT_FALSE(decode_meta(Bytes::of(bad), meta.handle)) << "byte " << i;
    }
  }
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(decode_meta(Bytes::of(good.substr(0, size)), meta.handle));
  Result<ChunkMeta> swapped = decode_meta(Bytes::of(good), ChunkHandle{0xac});
  ASSERT_FALSE(swapped);
  EXPECT_EQ(swapped.error().code, Code::corrupt);
}

TEST(ChunkFormat, WellSignedNonsenseIsRefused) {
  const std::string good = encode_meta(example());
  struct Case {
    const char* name;
    std::size_t byte;
    char value;
    Code code;
  };
  for (const Case& test :
       {Case{"another format", 8, 1, Code::wrong_version}, Case{"an unknown flag", 12, 16, Code::corrupt},
        Case{"a fence below the version", 72, 2, Code::corrupt},
        Case{"more blocks than the length has", 100, 5, Code::corrupt},
        Case{"larger records", 104, 1, Code::corrupt}}) {
    std::string bad = good;
    bad[test.byte] = test.value;
    Result<ChunkMeta> meta = decode_meta(Bytes::of(signed_anew(bad)), ChunkHandle{0xab});
    ASSERT_FALSE(meta) << test.name;
    EXPECT_EQ(meta.error().code, test.code) << test.name << ": " << meta.error().text();
  }
}

// A file of the first format, of an empty chunk: shorter than any of this one.
TEST(ChunkFormat, TheFirstFormatIsRefusedWithBothNumbers) {
  LittleEndianWriter old;
  old.u64(kMetaMagic);
  old.u32(1);
  old.zeros(80 - 12 + 4);
  Result<ChunkMeta> meta = decode_meta(Bytes::of(signed_anew(old.take())), ChunkHandle{0xab});
  ASSERT_FALSE(meta);
  EXPECT_EQ(meta.error().code, Code::wrong_version);
  EXPECT_NE(meta.error().message.find("format 1, this program reads 2"), std::string::npos) << meta.error().message;
}

TEST(ChunkFormat, NamesAreOursOrNothing) {
  EXPECT_EQ(handle_in_name("00000000000000ab.meta", ".meta"), ChunkHandle{0xab});
  for (const char* odd : {"ab.meta", "00000000000000AB.meta", "00000000000000ab.data", "00000000000000ab.meta\n",
                          "0000000000000000.meta", ""}) {
    EXPECT_FALSE(handle_in_name(odd, ".meta")) << odd;
  }
}

}  // namespace
}  // namespace gfs::chunkserver
