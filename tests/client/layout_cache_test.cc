// The layout cache's age, bound and rules of versions; which replica is turned to first.
#include "client_cli/client/layout_cache.h"

#include <gtest/gtest.h>

#include <set>

#include "client_cli/client/replica_choice.h"

namespace gfs::client {
namespace {

using Use = LayoutCache::Use;
constexpr InodeId kFile{7}, kOther{8};
constexpr Instant kStart{};

bus::ChunkLayout layout(std::uint32_t index, std::uint64_t version) {
  bus::ChunkLayout made;
  made.index = index;
  made.handle = {100 + index};
  made.version = {version};
  return made;
}

TEST(LayoutCache, ForgetsWhatIsOld) {
  LayoutCache cache(30s, 10);
  cache.put(kFile, layout(0, 1), Use::write, kStart);
  EXPECT_TRUE(cache.find(kFile, 0, Use::write, kStart + 29s));
  EXPECT_FALSE(cache.find(kFile, 0, Use::write, kStart + 30s));
  EXPECT_EQ(cache.size(), 0u);
}

TEST(LayoutCache, OnlyLayoutsForWritingServeWrites) {
  LayoutCache cache(30s, 10);
  cache.put(kFile, layout(0, 1), Use::read, kStart);
  EXPECT_TRUE(cache.find(kFile, 0, Use::read, kStart));
  EXPECT_FALSE(cache.find(kFile, 0, Use::write, kStart));
  cache.put(kFile, layout(0, 1), Use::write, kStart);
  cache.put(kFile, layout(0, 1), Use::read, kStart);
  EXPECT_TRUE(cache.find(kFile, 0, Use::write, kStart)) << "the same version again, for reading, takes nothing away";
  cache.put(kFile, layout(0, 2), Use::read, kStart);
  EXPECT_FALSE(cache.find(kFile, 0, Use::write, kStart));
}

TEST(LayoutCache, NeverGoesBackToAnOlderVersion) {
  LayoutCache cache(30s, 10);
  cache.put(kFile, layout(0, 5), Use::write, kStart);
  cache.put(kFile, layout(0, 4), Use::write, kStart);
  EXPECT_EQ(cache.find(kFile, 0, Use::read, kStart)->version.value, 5u);
  cache.drop(kFile, 0, {4});
  EXPECT_TRUE(cache.find(kFile, 0, Use::read, kStart)) << "what failed was older than what is here";
  cache.drop(kFile, 0, {5});
  EXPECT_FALSE(cache.find(kFile, 0, Use::read, kStart));
}

TEST(LayoutCache, IsBoundedLeastRecentlyUsedFirst) {
  LayoutCache cache(30s, 3);
  for (std::uint32_t i = 0; i < 3; ++i) cache.put(kFile, layout(i, 1), Use::read, kStart);
  EXPECT_TRUE(cache.find(kFile, 0, Use::read, kStart));
  cache.put(kFile, layout(3, 1), Use::read, kStart);
  EXPECT_EQ(cache.size(), 3u);
  EXPECT_TRUE(cache.find(kFile, 0, Use::read, kStart));
  EXPECT_FALSE(cache.find(kFile, 1, Use::read, kStart));
}

TEST(LayoutCache, DropsAFileAndNoOther) {
  LayoutCache cache(30s, 10);
  for (std::uint32_t i = 0; i < 3; ++i) cache.put(kFile, layout(i, 1), Use::read, kStart);
  cache.put(kOther, layout(0, 1), Use::read, kStart);
  cache.drop_file(kFile);
  EXPECT_EQ(cache.size(), 1u);
  EXPECT_TRUE(cache.find(kOther, 0, Use::read, kStart));
}

bus::Member member(Random& random, std::string address, bool up = true) {
  return {ServerId::random(random), std::move(address), "data", "r", up};
}

TEST(ReplicaChoice, PrefersTheWellThenTheNear) {
  Random random(3);
  bus::ChunkLayout chunk = layout(0, 1);
  chunk.members = {member(random, "tcp://127.0.0.1:1", false), member(random, "tcp://10.0.0.1:1"),
                   member(random, "tcp://127.0.0.1:2"), member(random, "tcp://10.0.0.2:1")};
  ReplicaChoice choice(random);
  std::vector<bus::Member> order = choice.order(chunk, kStart);
  ASSERT_EQ(order.size(), 4u);
  EXPECT_EQ(order.front().control, "tcp://127.0.0.1:2");
  EXPECT_FALSE(order.back().up);
  choice.failed(order.front().server, kStart);
  EXPECT_NE(choice.order(chunk, kStart).front().control, "tcp://127.0.0.1:2");
  EXPECT_EQ(choice.order(chunk, kStart + 11s).front().control, "tcp://127.0.0.1:2") << "forgiven after a while";
}

TEST(ReplicaChoice, SpreadsOverEqualsAndStaysForOneChunk) {
  Random random(4);
  std::set<ServerId> first;
  ReplicaChoice choice(random);
  bus::ChunkLayout chunk = layout(0, 1);
  for (int i = 0; i < 3; ++i) chunk.members.push_back(member(random, fmt::format("tcp://10.0.0.{}:1", i)));
  EXPECT_EQ(choice.order(chunk, kStart).front().server, choice.order(chunk, kStart).front().server);
  for (std::uint64_t handle = 0; handle < 3; ++handle) {
    chunk.handle = {handle};
    first.insert(choice.order(chunk, kStart).front().server);
  }
  EXPECT_EQ(first.size(), 3u);
  chunk.members.clear();
  EXPECT_TRUE(choice.order(chunk, kStart).empty());
}

}  // namespace
}  // namespace gfs::client
