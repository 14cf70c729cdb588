// Reading against servers that are dead, silent, old or damaged: falling over, refreshing, and clear errors in time.
#include "tests/client/fake_cluster.h"

namespace gfs::client::fake {
namespace {

using Reading = Cluster;

// The first client of this kind picked one replica at random, never tried another, and crashed when there was none.
TEST_F(Reading, E6SucceedsWithZeroOneOrTwoDeadReplicas) {
  std::string content = some_bytes(2 * kChunk + 777);
  for (int dead = 0; dead < 3; ++dead) {
    for (int rotation = 0; rotation < 3; ++rotation) {
      has(content);
      all_well();
      auto file = open(Filesystem::Open::read);
      for (int i = 0; i < dead; ++i) kill(servers[(rotation + i) % 3]);
      Result<Bytes> all = run(file->read(0, content.size()));
      ASSERT_TRUE(all) << dead << " dead: " << all.error().text();
      ASSERT_EQ(all->view(), content);
    }
  }
}

TEST_F(Reading, E6OfAChunkWithoutReplicasIsAClearErrorInTime) {
  has("hello");
  master.members.clear();
  auto file = open(Filesystem::Open::read);
  Instant start = world.now();
  Result<Bytes> got = run(file->read(0, 5));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::unavailable);
  EXPECT_NE(got.error().message.find("no replica"), std::string::npos) << got.error().text();
  EXPECT_LE(world.now() - start, settings.deadline + 100ms);
}

TEST_F(Reading, EndsInTimeWhenEveryReplicaIsGoneAndNamesThemAll) {
  for (bool silent : {false, true}) {
    has("hello");
    auto file = open(Filesystem::Open::read);
    for (ChunkServer& server : servers) silent ? mute(server) : kill(server);
    Instant start = world.now();
    Result<Bytes> got = run(file->read(0, 5));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, silent ? Code::deadline : Code::unreachable);
    EXPECT_LE(world.now() - start, settings.deadline + 100ms);
    for (ChunkServer& server : servers) EXPECT_TRUE(mentions(got.error(), server.control)) << got.error().text();
    all_well();
  }
}

TEST_F(Reading, TakesDamagedBytesFromAnotherReplica) {
  std::string content = some_bytes(200000);
  has(content);
  servers[0].flips_bits = servers[1].flips_bits = true;
  auto file = open(Filesystem::Open::read);
  Result<Bytes> got = run(file->read(70000, 100000));
  ASSERT_TRUE(got) << got.error().text();
  EXPECT_EQ(got->view(), content.substr(70000, 100000));
  EXPECT_LE(servers[0].calls["read"] + servers[1].calls["read"], 2) << "a damaged replica is not asked again";
}

TEST_F(Reading, SaysSoWhenEveryReplicaIsDamaged) {
  has("hello");
  for (ChunkServer& server : servers) server.flips_bits = true;
  auto file = open(Filesystem::Open::read);
  Result<Bytes> got = run(file->read(0, 5));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::corrupt);
  for (ChunkServer& server : servers) {
    EXPECT_TRUE(mentions(got.error(), server.control)) << got.error().text();
    EXPECT_EQ(server.calls["read"], 1);
  }
}

TEST_F(Reading, AsksForTheLayoutAgainWhenItIsOld) {
  has("hello");
  auto file = open(Filesystem::Open::read);
  for (ChunkServer& server : servers) server.faults["read"] = {{Code::stale_version}};
  int before = master.calls["locate_for_read"];
  Result<Bytes> got = run(file->read(0, 5));
  ASSERT_TRUE(got) << got.error().text();
  EXPECT_EQ(got->view(), "hello");
  EXPECT_EQ(master.calls["locate_for_read"], before + 1);
}

TEST_F(Reading, HolesAndShortChunksAreZerosAndTheEndIsTheEnd) {
  std::string content = some_bytes(3 * kChunk);
  has(content);
  for (ChunkServer& server : servers) server.chunks[{100}].resize(1000);
  master.holes.insert(1);
  content.replace(1000, 2 * kChunk - 1000, std::string(2 * kChunk - 1000, '\0'));
  auto file = open(Filesystem::Open::read);
  Result<Bytes> got = run(file->read(0, 10 * kChunk));
  ASSERT_TRUE(got) << got.error().text();
  EXPECT_TRUE(got->view() == content);
  EXPECT_TRUE(run(file->read(3 * kChunk, 1))->empty());
}

TEST_F(Reading, NextGoesThroughTheFileAheadOfItsReader) {
  std::string content = some_bytes(kChunk + 3 * (1 << 20) + 5);
  has(content);
  auto file = open(Filesystem::Open::read);
  std::string all;
  while (true) {
    Result<Bytes> piece = run(file->next());
    ASSERT_TRUE(piece) << piece.error().text();
    if (piece->empty()) break;
    all += piece->view();
  }
  EXPECT_TRUE(all == content);
}

TEST_F(Reading, NextStandsBeforeAPieceThatFailed) {
  std::string content = some_bytes(3 << 20);
  has(content);
  auto file = open(Filesystem::Open::read);
  ASSERT_TRUE(run(file->next()));
  for (ChunkServer& server : servers) kill(server);
  Result<Bytes> piece = run(file->next());
  while (piece && !piece->empty()) piece = run(file->next());  // what was read ahead
  all_well();
  std::string tail;
  if (!piece) {
    for (piece = run(file->next()); piece && !piece->empty(); piece = run(file->next())) tail += piece->view();
    ASSERT_TRUE(piece) << piece.error().text();
    EXPECT_TRUE(content.ends_with(tail));
    EXPECT_FALSE(tail.empty());
  }
}

TEST_F(Reading, SizeOfAFileBeingWrittenComesFromItsLastChunk) {
  has(some_bytes(kChunk + 100));
  master.size = 10;  // as of its last fsync
  EXPECT_EQ(run(fs().stat("/f"))->size, kChunk + 100);
  EXPECT_EQ(open()->size(), kChunk + 100);
  kill(servers[0]);
  mute(servers[1]);
  EXPECT_EQ(run(fs().stat("/f"))->size, kChunk + 100) << "the primary is dead, another one knows";
  kill(servers[2]);
  Instant start = world.now();
  EXPECT_EQ(run(fs().stat("/f"))->size, 10u) << "nobody knows: the master's size stands";
  EXPECT_LE(world.now() - start, 5s);
}

TEST_F(Reading, AfterOpenSeesANewConfiguration) {
  has("old bytes");
  auto file = open(Filesystem::Open::read);
  ASSERT_TRUE(run(file->read(0, 3)));
  has("new bytes and more");
  master.version = {2};
  auto again = open(Filesystem::Open::read);
  EXPECT_EQ(run(again->read(0, 100))->view(), "new bytes and more");
}

}  // namespace
}  // namespace gfs::client::fake
