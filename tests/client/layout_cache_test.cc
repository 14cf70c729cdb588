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

bus::ChunkLayout layout(std::uint32_t index, std::uint64_t version, std::uint64_t handle = 0) {
  bus::ChunkLayout made;
  made.index = index;
  made.handle = {handle == 0 ? 100 + index : handle};
  made.version = {version};
  return made;
}

// Asked and answered at once.
void put(LayoutCache& cache, InodeId inode, const bus::ChunkLayout& layout, Use use, Instant now) {
  cache.put(inode, layout, use, cache.question(), now);
}

TEST(LayoutCache, ForgetsWhatIsOld) {
  LayoutCache cache(30s, 10);
  put(cache, kFile, layout(0, 1), Use::write, kStart);
  EXPECT_TRUE(cache.find(kFile, 0, Use::write, kStart + 29s));
  EXPECT_FALSE(cache.find(kFile, 0, Use::write, kStart + 30s));
  EXPECT_EQ(cache.size(), 0u);
}

TEST(LayoutCache, OnlyLayoutsForWritingServeWrites) {
  LayoutCache cache(30s, 10);
  put(cache, kFile, layout(0, 1), Use::read, kStart);
  EXPECT_TRUE(cache.find(kFile, 0, Use::read, kStart));
  EXPECT_FALSE(cache.find(kFile, 0, Use::write, kStart));
  put(cache, kFile, layout(0, 1), Use::write, kStart);
  put(cache, kFile, layout(0, 1), Use::read, kStart);
  EXPECT_TRUE(cache.find(kFile, 0, Use::write, kStart)) << "the same version again, for reading, takes nothing away";
  put(cache, kFile, layout(0, 2), Use::read, kStart);
  EXPECT_FALSE(cache.find(kFile, 0, Use::write, kStart));
}

TEST(LayoutCache, NeverGoesBackToAnOlderVersion) {
  LayoutCache cache(30s, 10);
  put(cache, kFile, layout(0, 5), Use::write, kStart);
  put(cache, kFile, layout(0, 4), Use::write, kStart);
  EXPECT_EQ(cache.find(kFile, 0, Use::read, kStart)->version.value, 5u);
  cache.drop(kFile, 0, {{100}, {4}});
  EXPECT_TRUE(cache.find(kFile, 0, Use::read, kStart)) << "what failed was older than what is here";
  cache.drop(kFile, 0, {{100}, {5}});
  EXPECT_FALSE(cache.find(kFile, 0, Use::read, kStart));
}

TEST(LayoutCache, ACopyReplacesWhatWasSharedHoweverLowItsVersion) {
  LayoutCache cache(30s, 10);
  put(cache, kFile, layout(0, 7), Use::write, kStart);
  put(cache, kFile, layout(0, 1, 205), Use::read, kStart);
  EXPECT_EQ(cache.find(kFile, 0, Use::read, kStart)->handle.value, 205u);
  EXPECT_FALSE(cache.find(kFile, 0, Use::write, kStart)) << "what was given for writing was another chunk";
  put(cache, kFile, layout(0, 8), Use::write, kStart);
  EXPECT_EQ(cache.find(kFile, 0, Use::read, kStart)->handle.value, 205u) << "there is no way back";
  cache.note_sealed(kFile, 0, {{100}, {1}}, 5);
  EXPECT_FALSE(cache.find(kFile, 0, Use::read, kStart)->sealed);
  cache.drop(kFile, 0, {{100}, {9}});
  EXPECT_TRUE(cache.find(kFile, 0, Use::read, kStart)) << "what failed was what it is a copy of";
  cache.note_sealed(kFile, 0, {{205}, {1}}, 5);
  EXPECT_TRUE(cache.find(kFile, 0, Use::read, kStart)->sealed);
  cache.drop(kFile, 0, {{205}, {1}});
  EXPECT_FALSE(cache.find(kFile, 0, Use::read, kStart));
}

TEST(LayoutCache, KeepsNoAnswerFromBeforeTheFileWasOpened) {
  LayoutCache cache(30s, 10);
  const LayoutCache::Question before = cache.question();
  cache.drop_file(kOther);
  cache.put(kFile, layout(0, 1), Use::read, before, kStart);
  EXPECT_TRUE(cache.find(kFile, 0, Use::read, kStart)) << "another file's opening is nothing to it";
  cache.drop_file(kFile);
  cache.put(kFile, layout(0, 1), Use::read, before, kStart);
  EXPECT_FALSE(cache.find(kFile, 0, Use::read, kStart));
  put(cache, kFile, layout(0, 1), Use::read, kStart);
  EXPECT_TRUE(cache.find(kFile, 0, Use::read, kStart));
  const LayoutCache::Question later = cache.question();
  cache.drop(kFile, 0, {{100}, {1}});
  cache.put(kFile, layout(0, 1), Use::read, later, kStart);
  EXPECT_FALSE(cache.find(kFile, 0, Use::read, kStart)) << "nor one from before it proved wrong";
}

TEST(LayoutCache, OfManyOpensItRemembersTheLatest) {
  LayoutCache cache(30s, 10);
  const LayoutCache::Question before = cache.question();
  for (std::uint64_t inode = 100; inode < 10000; ++inode) cache.drop_file({inode});
  cache.put(kFile, layout(0, 1), Use::read, before, kStart);
  EXPECT_EQ(cache.size(), 0u) << "it may have been this file";
  const LayoutCache::Question now = cache.question();
  cache.drop_file(kOther);
  cache.put(kFile, layout(0, 1), Use::read, now, kStart);
  EXPECT_EQ(cache.size(), 1u);
}

TEST(LayoutCache, IsBoundedLeastRecentlyUsedFirst) {
  LayoutCache cache(30s, 3);
  for (std::uint32_t i = 0; i < 3; ++i) put(cache, kFile, layout(i, 1), Use::read, kStart);
  EXPECT_TRUE(cache.find(kFile, 0, Use::read, kStart));
  put(cache, kFile, layout(3, 1), Use::read, kStart);
  EXPECT_EQ(cache.size(), 3u);
  EXPECT_TRUE(cache.find(kFile, 0, Use::read, kStart));
  EXPECT_FALSE(cache.find(kFile, 1, Use::read, kStart));
}

TEST(LayoutCache, DropsAFileAndNoOther) {
  LayoutCache cache(30s, 10);
  for (std::uint32_t i = 0; i < 3; ++i) put(cache, kFile, layout(i, 1), Use::read, kStart);
  put(cache, kOther, layout(0, 1), Use::read, kStart);
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
