// The packed table of chunks agrees with a plain one under random changes; what is frozen stays as it was and comes
// back whole; pieces that are damaged are refused, or at least do no harm; a chunk costs little memory.
#include "master/chunk_table.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <map>

#include "base/random.h"

namespace gfs::master {
namespace {

// What ChunkTable promises, as plainly as can be.
struct Plain {
  std::map<ChunkHandle, Chunk> chunks;

  std::map<std::uint32_t, ChunkHandle> file(InodeId inode) const {
    std::map<std::uint32_t, ChunkHandle> places;
    for (const auto& [handle, chunk] : chunks) {
      if (chunk.inode == inode) places[chunk.index] = handle;
    }
    return places;
  }
  void reconfigure(ChunkHandle handle, Configuration next, ServerId over) {
    Configuration& now = chunks.at(handle).configuration;
    next.version = now.version.next();
    next.virgin = now.virgin;
    next.settled = now.settled;
    next.settled_members = now.settled_members;
    if (!now.virgin) next.lone = now.lone;
    std::erase(next.lone, over);
    if (next.ack == bus::AckMode::primary && std::ranges::find(next.lone, next.primary) == next.lone.end())
      next.lone.push_back(next.primary);
    now = next;
  }
  void activated(ChunkHandle handle, Version version) {
    Configuration& now = chunks.at(handle).configuration;
    if (now.version != version) return;
    now.lone = now.lone_when_active();
    now.virgin = now.salvage = false;
    now.joining.clear();
    now.settled = version;
    now.settled_members = now.members;
  }
};

using Content = std::vector<std::pair<ChunkHandle, Chunk>>;

Content content(const ChunkTable& table, ChunkHandle after = {}, std::size_t most = 1 << 30) {
  Content found;
  table.walk(after, [&](ChunkHandle handle, const Chunk& chunk) {
    found.emplace_back(handle, chunk);
    return found.size() < most;
  });
  return found;
}

ServerId server(std::uint64_t number) {
  ServerId id;
  for (std::size_t i = 0; i < 8; ++i) id.bytes[i] = static_cast<std::uint8_t>(number >> (8 * i));
  return id;
}

// A chunk as most are: three members, active.
Chunk usual(InodeId inode, std::uint32_t index, std::uint64_t number = 0) {
  Chunk chunk{.inode = inode, .index = index};
  Configuration& configuration = chunk.configuration;
  configuration = {.version = {1}, .members = {server(1 + number % 7), server(10 + number % 5), server(20)}};
  configuration.primary = configuration.members[number % 3];
  return chunk;
}

// A plain table and a packed one, and random changes to both.
class Pair {
 public:
  explicit Pair(std::uint64_t seed) : random_(seed) {}

  void change() {
    if (plain.chunks.empty() || random_.chance(growing)) return add();
    const ChunkHandle handle = some();
    Chunk& chunk = plain.chunks.at(handle);
    const Version version{chunk.configuration.version.value + (random_.chance(0.1) ? 1 : 0)};
    const std::uint64_t length = random_.below(random_.chance(0.5) ? kChunkSize : 3);
    switch (random_.below(8)) {
      case 0:
      case 1:
        reconfigure(handle, version);
        break;
      case 2:
      case 3:
        table.activated(handle, version);
        plain.activated(handle, version);
        break;
      case 4:
        table.seal(handle, length);
        if (!std::exchange(chunk.sealed, true)) chunk.sealed_length = length;
        break;
      case 5:
        table.cut(handle, length);
        if (chunk.sealed) chunk.sealed_length = std::min(chunk.sealed_length, length);
        break;
      default:
        drop(chunk.inode, static_cast<std::uint32_t>(chunk.index + random_.below(3)));
    }
  }

  void look() {
    const ChunkHandle handle = random_.chance(0.8) && !plain.chunks.empty() ? some() : ChunkHandle{random_.below(1000)};
    auto found = plain.chunks.find(handle);
    EXPECT_EQ(table.has(handle), found != plain.chunks.end());
    EXPECT_EQ(table.find(handle), found == plain.chunks.end() ? std::nullopt : std::optional(found->second));
    EXPECT_EQ(table.size(), plain.chunks.size());
    auto behind = plain.chunks.upper_bound(handle);
    const Content next = content(table, handle, 1);
    ASSERT_EQ(next.empty(), behind == plain.chunks.end());
    if (!next.empty()) EXPECT_EQ(next.front().first, behind->first);

    const InodeId inode{random_.between(1, kFiles + 1)};
    const auto index = static_cast<std::uint32_t>(random_.below(120));
    const auto count = static_cast<std::uint32_t>(random_.below(50));
    const std::map<std::uint32_t, ChunkHandle> file = plain.file(inode);
    std::vector<ChunkHandle> range;
    ChunkHandle sealed;
    for (const auto& [place, one] : file) {
      if (place >= index && place < index + count) range.push_back(one);
      if (place < index && plain.chunks.at(one).sealed) sealed = one;
    }
    EXPECT_EQ(table.range(inode, index, count), range);
    EXPECT_EQ(table.at(inode, index), file.contains(index) ? file.at(index) : ChunkHandle{});
    EXPECT_EQ(table.end(inode), file.empty() ? 0 : file.rbegin()->first + 1);
    EXPECT_EQ(table.sealed_before(inode, index), sealed);
  }

  Plain plain;
  ChunkTable table;
  double growing = 0.5;

 private:
  static constexpr std::uint64_t kFiles = 30;

  ChunkHandle some() {
    auto at = plain.chunks.lower_bound({random_.between(1, last_.value)});
    return at == plain.chunks.end() ? plain.chunks.rbegin()->first : at->first;
  }
  std::vector<ServerId> servers(std::size_t count) {
    std::vector<ServerId> chosen;
    for (std::size_t i = 0; i < count; ++i) chosen.push_back(server(random_.between(1, 300)));
    return chosen;
  }
  Configuration configuration() {
    Configuration next;
    next.members = servers(random_.chance(0.95) ? random_.between(1, 4) : random_.below(80));
    next.primary = next.members.empty() ? ServerId{} : random_.pick(next.members);
    if (random_.chance(0.3)) next.joining = {random_.pick(servers(3)), next.primary};
    next.salvage = random_.chance(0.1);
    next.ack = random_.chance(0.3) ? bus::AckMode::primary : bus::AckMode::all;
    return next;
  }
  void add() {
    const InodeId inode{random_.between(1, kFiles)};
    const auto index = random_.chance(0.9) ? table.end(inode) : static_cast<std::uint32_t>(random_.below(100));
    if (table.at(inode, index).value != 0) return;
    ChunkHandle handle{last_.value + random_.between(1, 3)};
    if (random_.chance(0.001)) handle.value += std::uint64_t{1} << 48;  // another epoch
    if (random_.chance(0.1)) handle.value = random_.between(1, last_.value + 1);
    if (plain.chunks.contains(handle)) return;
    last_ = std::max(last_, handle);
    Chunk chunk{inode, index, static_cast<std::uint32_t>(random_.between(1, 4)), configuration()};
    chunk.configuration.version = {random_.chance(0.9) ? 1 : random_.next() >> 8};
    chunk.configuration.lone = chunk.configuration.lone_when_active();
    table.add(handle, chunk);
    plain.chunks.emplace(handle, chunk);
  }
  void reconfigure(ChunkHandle handle, Version version) {
    const Configuration next = configuration();
    const ServerId over = server(random_.between(1, 300));
    const Result<> done = table.reconfigure(handle, version, next, {over});
    ASSERT_EQ(done.has_value(), version == plain.chunks.at(handle).configuration.version);
    if (done) plain.reconfigure(handle, next, over);
  }
  void drop(InodeId inode, std::uint32_t first) {
    const std::vector<DroppedChunk> dropped = table.drop(inode, first).chunks;
    std::size_t next = 0;
    for (const auto& [index, handle] : plain.file(inode)) {
      if (index < first) continue;
      ASSERT_LT(next, dropped.size());
      EXPECT_EQ(dropped[next].handle, handle);
      EXPECT_EQ(dropped[next].version, plain.chunks.at(handle).configuration.version);
      EXPECT_EQ(dropped[next++].members, plain.chunks.at(handle).configuration.members);
      plain.chunks.erase(handle);
    }
    EXPECT_EQ(next, dropped.size());
  }

  Random random_;
  ChunkHandle last_{1};
};

std::vector<std::string> pieces(ChunkTable::Frozen frozen) {
  std::vector<std::string> all;
  for (std::string piece; frozen.next(piece); piece.clear()) all.push_back(piece);
  return all;
}

TEST(ChunkTable, AgreesWithAPlainTable) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    Pair pair(seed);
    for (int step = 1; step <= 12000; ++step) {
      if (step % 3000 == 0) pair.growing = 0.9 - pair.growing;
      pair.change();
      if (step % 10 == 0) pair.look();
      ASSERT_FALSE(HasFailure()) << "seed " << seed << " step " << step;
      if (step % 1000 == 0)
        ASSERT_EQ(content(pair.table), Content(pair.plain.chunks.begin(), pair.plain.chunks.end())) << "seed " << seed;
    }
  }
}

TEST(ChunkTable, SaysWhatIsNotThere) {
  ChunkTable table;
  table.add({5}, usual({1}, 3));
  EXPECT_EQ(table.reconfigure({6}, {1}, {}).error().code, Code::not_found);
  EXPECT_EQ(table.reconfigure({5}, {2}, {}).error().code, Code::conflict);
  table.activated({6}, {1});
  table.seal({6}, 1);
  table.cut({6}, 1);
  EXPECT_EQ(table.size(), 1u);
  EXPECT_TRUE(content(table, {5}).empty());
  EXPECT_TRUE(content(table, {~0ull}).empty());
  EXPECT_EQ(table.end({~0ull}), 0u);
}

TEST(ChunkTable, WhatIsFrozenStaysAsItWas) {
  for (std::uint64_t seed = 11; seed <= 12; ++seed) {
    Pair pair(seed);
    Random random(seed);
    std::optional<ChunkTable::Frozen> frozen;
    std::string before;
    ChunkTable loaded;
    int checked = 0;
    for (int step = 1; step <= 12000; ++step) {
      if (step % 4000 == 0) pair.growing = 0.9 - pair.growing;
      pair.change();
      if (!random.chance(0.05)) continue;
      if (!frozen) {
        frozen = pair.table.freeze();
        before = pair.table.dump();
        loaded = {};
      }
      std::string piece;
      if (frozen->next(piece)) {
        EXPECT_LE(piece.size(), 18u << 10);
        const Result<> done = loaded.load(piece);
        ASSERT_TRUE(done) << done.error().text();
      } else {
        ASSERT_EQ(loaded.dump(), before) << "seed " << seed << " step " << step;
        frozen.reset();
        ++checked;
      }
    }
    EXPECT_GT(checked, 10);
  }
}

TEST(ChunkTable, WhatIsLoadedGoesOnLikeTheOther) {
  Pair pair(5);
  for (int step = 0; step < 3000; ++step) pair.change();
  ChunkTable loaded;
  for (const std::string& piece : pieces(pair.table.freeze())) ASSERT_TRUE(loaded.load(piece));
  EXPECT_EQ(pieces(loaded.freeze()).size(), pieces(pair.table.freeze()).size());
  std::swap(pair.table, loaded);
  for (int step = 0; step < 3000; ++step) {
    pair.change();
    if (step % 10 == 0) pair.look();
  }
  EXPECT_EQ(content(pair.table), Content(pair.plain.chunks.begin(), pair.plain.chunks.end()));
}

TEST(ChunkTable, AnEmptyTableHasNoPieces) { EXPECT_TRUE(pieces(ChunkTable().freeze()).empty()); }

TEST(ChunkTable, DamagedPiecesDoNoHarm) {
  Pair pair(7);
  for (int step = 0; step < 80; ++step) pair.change();
  const std::vector<std::string> whole = pieces(pair.table.freeze());
  ASSERT_EQ(whole.size(), 2u) << "servers, chunks";
  std::size_t refused = 0;
  auto try_with = [&](std::size_t which, const std::string& damaged) {
    ChunkTable table;
    Result<> loaded;
    for (std::size_t i = 0; i < whole.size() && loaded; ++i) loaded = table.load(i == which ? damaged : whole[i]);
    if (!loaded) EXPECT_EQ(loaded.error().code, Code::malformed) << loaded.error().text();
    if (!loaded) ++refused;
    EXPECT_LE(table.dump().size(), 100 * (whole[0].size() + whole[1].size()));
  };
  std::size_t tried = 0;
  for (std::size_t which : {0u, 1u}) {
    for (std::size_t at = 0; at < whole[which].size(); ++at) {
      try_with(which, whole[which].substr(0, at));
      for (int bits : {0x01, 0x80}) {
        std::string damaged = whole[which];
        damaged[at] = static_cast<char>(damaged[at] ^ bits);
        try_with(which, damaged);
      }
      tried += 3;
    }
  }
  EXPECT_GT(refused, tried / 4);
}

// What is wrong with a piece is said.
TEST(ChunkTable, RefusesWhatCannotBe) {
  auto one = [](ChunkHandle handle, const Chunk& chunk) {
    ChunkTable table;
    table.add(handle, chunk);
    return pieces(table.freeze());
  };
  const std::vector<std::string> fifth = one({5}, usual({1}, 0));
  ChunkTable table;
  EXPECT_NE(table.load(fifth[1]).error().message.find("server slot 1 of 1"), std::string::npos);
  ASSERT_TRUE(table.load(fifth[0]));
  EXPECT_NE(table.load(fifth[0]).error().message.find("twice"), std::string::npos);
  ASSERT_TRUE(table.load(fifth[1]));
  EXPECT_NE(table.load(fifth[1]).error().message.find("comes behind chunk 0000000000000005"), std::string::npos);
  EXPECT_NE(table.load(one({4}, usual({1}, 1))[1]).error().message.find("comes behind"), std::string::npos);
  EXPECT_NE(table.load(one({6}, usual({1}, 0))[1]).error().message.find("are both number 0 of file"),
            std::string::npos);
  for (const std::string& piece : {std::string(), std::string("\3x"), std::string("\1"), std::string("\2")}) {
    EXPECT_EQ(table.load(piece).error().code, Code::malformed);
  }
  EXPECT_EQ(content(table), (Content{{{5}, usual({1}, 0)}}));
}

#if !defined(__SANITIZE_ADDRESS__) && !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
TEST(ChunkTable, AChunkCostsLittleMemory) {
  constexpr std::uint64_t kChunks = 200000, kOpen = 50;
  constexpr std::uint64_t kEpoch = std::uint64_t{2} << 48;
  // {chunks of a file; files that grow at the same time}
  for (const auto& [length, open] : {std::pair{1u, 1u}, {20u, 1u}, {1000u, 1u}, {1000u, 50u}}) {
    const std::size_t before = mallinfo2().uordblks;
    ChunkTable table;
    for (std::uint64_t i = 0; i < kChunks; ++i) {
      const std::uint64_t group = i / (length * open), in_group = i % (length * open);
      const InodeId inode{1 + group * open + in_group % open};
      table.add({kEpoch + i + 1}, usual(inode, static_cast<std::uint32_t>(in_group / open), i));
      // It takes a while until it is active, and until it is sealed.
      if (i >= kOpen) table.activated({kEpoch + i + 1 - kOpen}, {1});
      if (i >= 2 * kOpen && i % 2 == 0) table.seal({kEpoch + i + 1 - 2 * kOpen}, kChunkSize - i % 4096);
    }
    const double each = static_cast<double>(mallinfo2().uordblks - before) / kChunks;
    EXPECT_LE(each, 64) << length << " chunks a file, " << open << " files at a time";
  }
}
#endif

}  // namespace
}  // namespace gfs::master
