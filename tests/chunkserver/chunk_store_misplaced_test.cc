// Files of chunks that are not what they should be although somebody wrote them whole: checksum files that are lost,
// cut off or another chunk's; blocks and files that went to the wrong place, with checksums that were right where they
// belong. Bytes that are not the chunk's never come out, and what is next to them still does.
#include <functional>
#include <map>

#include "base/crc32c.h"
#include "chunkserver/little_endian.h"
#include "tests/chunkserver/store_fixture.h"

namespace gfs::chunkserver {
namespace {

using Files = std::map<std::string, std::string>;

constexpr std::uint32_t kBlocksHeld = 4;
const ChunkHandle kOther{0x1ab};

// A checksum file with another checksum, of one block, in it, and its own right again.
std::string with_checksum(std::string meta, std::uint32_t block, const std::string& from, std::uint32_t from_block) {
  meta.replace(kMetaHeaderSize + 4 * block, 4, from, kMetaHeaderSize + 4 * from_block, 4);
  LittleEndianWriter crc;
  crc.u32(crc32c(std::string_view(meta).substr(0, meta.size() - 4)));
  return meta.replace(meta.size() - 4, 4, crc.view());
}

class MisplacedTest : public StoreTest {
 protected:
  // Two chunks of four different blocks each, and a store that was closed.
  void make() {
    fresh(1);
    Random random(3);
    for (ChunkHandle handle : {kChunk, kOther}) {
      texts[handle] = text_of(random, kBlocksHeld * kBlockSize);
      ASSERT_TRUE(adopt(handle, 1));
      ASSERT_TRUE(put(mutation(handle, 1, 1, 0, texts[handle])));
    }
    ASSERT_TRUE(world.run(store().close()));
    life.reset();
  }
  // The disk holds `files`, and nothing else of them.
  void reopen_with(const std::function<void(Files&)>& change) {
    Files files;
    for (const std::string& path : platter->files()) files[path] = platter->read_now(path).value();
    Files changed = files;
    change(changed);
    auto bring = [](Disk& disk, Files before, Files after) -> Task<> {
      for (const auto& [path, text] : before) {
        if (!after.contains(path)) co_await disk.remove(path);
      }
      for (const auto& [path, text] : after) {
        std::shared_ptr<File> file = co_await disk.open(path, Disk::Mode::write);
        Bytes bytes = Bytes::of(text);
        co_await file->truncate(0);
        co_await file->write(0, std::move(bytes));
        co_await file->sync();
      }
    };
    ASSERT_FALSE(files == changed);
    {
      std::unique_ptr<Disk> disk = platter->mount(world);
      ASSERT_TRUE(world.run(bring(*disk, std::move(files), std::move(changed))));
    }
    open();
  }
  Result<std::string> block(ChunkHandle handle, std::uint32_t number) {
    Result<ReadBytes> got = world.run(store().read(handle, std::uint64_t{number} * kBlockSize, kBlockSize));
    if (!got) return fail(std::move(got).error());
    return got->bytes.str();
  }
  // Blocks that can be read, each of them as it was written.
  std::uint32_t good_blocks(ChunkHandle handle) {
    std::uint32_t good = 0;
    for (std::uint32_t number = 0; number < kBlocksHeld; ++number) {
      const Result<std::string> got = block(handle, number);
      if (!got) continue;
      EXPECT_TRUE(*got == texts[handle].substr(std::size_t{number} * kBlockSize, kBlockSize)) << "wrong bytes";
      ++good;
    }
    return good;
  }

  std::map<ChunkHandle, std::string> texts;
};

const std::string kMeta = meta_path(kChunk), kData = data_path(kChunk);
const std::string kOtherMeta = meta_path(kOther), kOtherData = data_path(kOther);

TEST_F(MisplacedTest, C05_AChecksumFileThatIsLostCutOffOrAnotherChunksIsNone) {
  struct Case {
    std::string name;
    std::function<void(Files&)> change;
    bool other_is_sound;
  };
  std::vector<Case> cases = {
      {"lost", [](Files& files) { files.erase(kMeta); }, true},
      {"another chunk's", [](Files& files) { files[kMeta] = files[kOtherMeta]; }, true},
      {"swapped", [](Files& files) { std::swap(files[kMeta], files[kOtherMeta]); }, false},
  };
  for (std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{8}, kMetaHeaderSize, kMetaHeaderSize + 4,
                           kMetaHeaderSize + 4 * kBlocksHeld}) {
    cases.push_back({fmt::format("cut off at {}", size), [size](Files& files) { files[kMeta].resize(size); }, true});
  }
  cases.push_back({"its last byte is gone", [](Files& files) { files[kMeta].pop_back(); }, true});
  for (const Case& test : cases) {
    SCOPED_TRACE(test.name);
    make();
    reopen_with(test.change);
    if (HasFatalFailure()) return;
    EXPECT_EQ(good_blocks(kChunk), 0u);
    EXPECT_FALSE(store().find(kChunk)) << "it is not told to be held: the master has it copied anew";
    EXPECT_EQ(good_blocks(kOther), test.other_is_sound ? kBlocksHeld : 0);
    EXPECT_EQ(store().find(kOther).has_value(), test.other_is_sound);
    // And a new copy can be made here.
    ASSERT_TRUE(promise(2));
    const Result<> copied = make_equal(texts[kChunk], 2, target_of(texts[kChunk], 1, 1));
    ASSERT_TRUE(copied) << copied.error().text();
    EXPECT_EQ(good_blocks(kChunk), kBlocksHeld);
  }
}

TEST_F(MisplacedTest, C06_WhatWentToTheWrongPlaceDoesNotVerifyThere) {
  struct Case {
    std::string name;
    std::function<void(Files&)> change;
    std::uint32_t sound, other_sound;  // blocks
  };
  const auto move = [](const std::string& from, std::uint32_t block, std::string& to, std::uint32_t place) {
    to.replace(std::size_t{place} * kBlockSize, kBlockSize, from, std::size_t{block} * kBlockSize, kBlockSize);
  };
  for (const Case& test : {
           Case{"block 1 at 2", [&](Files& files) { move(files[kData], 1, files[kData], 2); }, 3, 4},
           Case{"block 1 at 2, with its checksum",
                [&](Files& files) {
                  move(files[kData], 1, files[kData], 2);
                  files[kMeta] = with_checksum(files[kMeta], 2, files[kMeta], 1);
                },
                3, 4},
           Case{"a block of the other chunk", [&](Files& files) { move(files[kOtherData], 2, files[kData], 2); }, 3, 4},
           Case{"a block of the other chunk, with its checksum",
                [&](Files& files) {
                  move(files[kOtherData], 2, files[kData], 2);
                  files[kMeta] = with_checksum(files[kMeta], 2, files[kOtherMeta], 2);
                },
                3, 4},
           Case{"a page at the end of another block",
                [&](Files& files) { files[kData].replace(2 * kBlockSize - 4096, 4096, files[kData], 0, 4096); }, 3, 4},
           Case{"the other chunk's bytes", [](Files& files) { files[kData] = files[kOtherData]; }, 0, 4},
           Case{"the other chunk's files",
                [](Files& files) {
                  files[kData] = files[kOtherData];
                  files[kMeta] = files[kOtherMeta];
                },
                0, 4},
           Case{"both chunks' files, exchanged",
                [](Files& files) {
                  std::swap(files[kData], files[kOtherData]);
                  std::swap(files[kMeta], files[kOtherMeta]);
                },
                0, 0},
       }) {
    SCOPED_TRACE(test.name);
    make();
    reopen_with(test.change);
    if (HasFatalFailure()) return;
    EXPECT_EQ(good_blocks(kChunk), test.sound);
    EXPECT_EQ(good_blocks(kOther), test.other_sound);
    for (ChunkHandle handle : {kChunk, kOther}) {
      const bool sound = (handle == kChunk ? test.sound : test.other_sound) == kBlocksHeld;
      const std::optional<ChunkInfo> held = store().find(handle);
      EXPECT_EQ(held && !held->damaged, sound) << "who reads it is told, and the master as well";
    }
  }
}

}  // namespace
}  // namespace gfs::chunkserver
