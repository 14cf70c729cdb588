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
  auto file = open(Filesystem::Open::read);
  master.members.clear();
  world.run_for(settings.layout_age);
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

// P11: a server that answers everything, and slowly.
TEST_F(Reading, P11ASlowReplicaIsOvertakenByAnother) {
  has("hello");
  auto file = open(Filesystem::Open::read);
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(run(file->read(0, 5)));
  std::size_t first = 0;
  for (std::size_t i = 0; i < std::size(servers); ++i) {
    if (servers[i].calls["read"] > servers[first].calls["read"]) first = i;
  }
  servers[first].faults["read"] = std::deque<Fault>(100, Fault{.late = 3s});
  const int before = servers[first].calls["read"];
  Instant start = world.now();
  Result<Bytes> got = run(file->read(0, 5));
  ASSERT_TRUE(got) << got.error().text();
  EXPECT_EQ(got->view(), "hello");
  EXPECT_LT(world.now() - start, 1s);
  start = world.now();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(run(file->read(0, 5)));
  EXPECT_LT(world.now() - start, 1s);
  EXPECT_EQ(servers[first].calls["read"], before + 1) << "others are asked first for a while";
}

TEST_F(Reading, WhereAllAreSlowTheFirstAnswerCountsAndFewAreAskedTwice) {
  has("hello");
  auto file = open(Filesystem::Open::read);
  for (ChunkServer& server : servers) server.faults["read"] = std::deque<Fault>(1000, Fault{.late = 300ms});
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(run(file->read(0, 5)));
  int calls = 0;
  for (ChunkServer& server : servers) calls += server.calls["read"];
  EXPECT_LE(calls, 100 + 10 + 10 + 1);
}

TEST_F(Reading, AReplicaThatFailsWhileTheFirstIsSlowIsNoReasonToFail) {
  has("hello");
  auto file = open(Filesystem::Open::read);
  for (std::size_t slow = 0; slow < std::size(servers); ++slow) {
    for (std::size_t i = 0; i < std::size(servers); ++i)
      servers[i].faults["read"] = {i == slow ? Fault{.late = 400ms} : Fault{Code::overloaded}};
    Result<Bytes> got = run(file->read(0, 5));
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_EQ(got->view(), "hello");
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

// After a restart of everything no member knows how far a chunk was committed: only an active version can tell.
TEST_F(Reading, HasAChunkMadeActiveWhenNobodyKnowsHowFarItIsCommitted) {
  has("hello");
  for (const char* kind : {"read", "length"}) {
    for (ChunkServer& server : servers) server.faults[kind] = std::deque<Fault>(2, {Code::unavailable});
  }
  master.calls.clear();
  auto file = open(Filesystem::Open::read);
  EXPECT_EQ(file->size(), 5u);
  EXPECT_GT(master.calls["make_readable"], 0);
  master.calls.clear();
  Result<Bytes> got = run(file->read(0, 5));
  ASSERT_TRUE(got) << got.error().text();
  EXPECT_EQ(got->view(), "hello");
  EXPECT_GT(master.calls["make_readable"], 0);
  EXPECT_EQ(master.calls["locate_for_write"], 0) << "who reads has nothing copied";
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

TEST_F(Reading, SizeIsThatOfTheLastChunkThatHoldsAByte) {
  has(some_bytes(kChunk));
  master.size = 0;         // not fsynced yet
  master.chunk_count = 4;  // 1 and 3 are placed and nowhere written, 2 was never asked for
  master.holes = {2};
  servers[1].chunks[{103}] = "";
  EXPECT_EQ(open(Filesystem::Open::read)->size(), kChunk);
  EXPECT_EQ(run(fs().stat("/f"))->size, kChunk);
}

TEST_F(Reading, OpenFailsIfNobodyTellsTheSizeAndStatGivesTheMasters) {
  for (Filesystem::Open how : {Filesystem::Open::read, Filesystem::Open::write}) {
    has("hello");
    master.size = 2;
    for (ChunkServer& server : servers) server.faults["length"] = std::deque<Fault>(1000, {Code::stale_version});
    mute(servers[1]);
    EXPECT_EQ(run(fs().stat("/f"))->size, 2u);
    Instant start = world.now();
    Result<std::shared_ptr<File>> file = run(fs().open("/f", how));
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().code, Code::unavailable) << file.error().text();
    EXPECT_LE(world.now() - start, settings.deadline + 100ms);
    for (ChunkServer& server : servers) EXPECT_TRUE(mentions(file.error(), server.control)) << file.error().text();
    EXPECT_EQ(master.calls["make_readable"] > 0, how == Filesystem::Open::write) << "only a writer changes anything";

    world.run_for(10s);
    for (ChunkServer& server : servers) server.faults["length"] = std::deque<Fault>(4, {Code::lease_lost});
    all_well();
    EXPECT_EQ(open(how)->size(), 5u) << "they know again soon enough";
  }
}

TEST_F(Reading, WhoJoinedAnothersQuestionToTheMasterAsksAgainWhenThatOneRunsOutOfTime) {
  has("hello");
  auto file = open(Filesystem::Open::read);
  world.run_for(settings.layout_age);
  kill(master);
  Result<Bytes> early, late = Bytes();
  TaskGroup group;
  group.spawn<Bytes>(file->read(0, 5), [&](Result<Bytes> got) { early = std::move(got); });
  world.run_for(settings.deadline / 2);
  group.spawn<Bytes>(file->read(0, 5), [&](Result<Bytes> got) { late = std::move(got); });
  world.run_for(settings.deadline / 2 + 2s);
  EXPECT_FALSE(early);
  master.up();
  world.run_for(5s);
  ASSERT_TRUE(late) << late.error().text();
  EXPECT_EQ(late->view(), "hello");
}

TEST_F(Reading, StatOfAnEmptyFileIsOneMessage) {
  auto file = open(Filesystem::Open::create);
  int others = master.calls["locate_for_read"];
  ASSERT_TRUE(run(fs().stat("/f")));
  EXPECT_EQ(master.calls["stat"], 1);
  EXPECT_EQ(master.calls["locate_for_read"], others);
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

// A shared chunk gets a newer version before its copy is written to; and may be another file's alone afterwards.
TEST_F(Reading, BelievesNoNewerVersionOfAChunkThatIsAnotherFilesByNow) {
  master.version = {7};
  has("old bytes");
  auto file = open(Filesystem::Open::read);
  ASSERT_TRUE(run(file->read(0, 3)));
  int asked = master.calls["locate_for_read"];
  master.version = {8};
  EXPECT_EQ(run(file->read(0, 9))->view(), "old bytes");
  EXPECT_EQ(master.calls["locate_for_read"], asked + 1) << "it is this file's still";
  ASSERT_TRUE(run(file->read(0, 9)));
  EXPECT_EQ(master.calls["locate_for_read"], asked + 1) << "and that is known now";
  master.freeze();
  const ChunkHandle copy = master.copy(0);
  master.version = {9};
  for (ChunkServer& server : servers) {
    server.chunks[copy] = "new bytes";
    server.chunks[{100}] = "others' bytes";
  }
  EXPECT_EQ(run(file->read(0, 9))->view(), "new bytes");
}

TEST_F(Reading, TheSizeIsNotThatOfAnotherFilesChunk) {
  master.version = {7};
  has("hello");
  master.freeze();
  master.faults["locate_for_read"] = {{.done = true, .late = 100ms}};
  world.after(50ms, [&] {
    master.copy(0);
    master.version = {8};
    for (ChunkServer& server : servers) server.chunks[{100}] = "others' bytes";
  });
  EXPECT_EQ(open(Filesystem::Open::read)->size(), 5u);
}

TEST_F(Reading, AfterOpenSeesTheCopyOfAChunkThatWasShared) {
  master.version = {7};
  has("old bytes");
  auto file = open(Filesystem::Open::read);
  ASSERT_TRUE(run(file->read(0, 3)));
  master.freeze();
  const ChunkHandle copy = master.copy(0);
  for (ChunkServer& server : servers) server.chunks[copy] = "new bytes";
  auto again = open(Filesystem::Open::read);
  EXPECT_EQ(run(again->read(0, 9))->view(), "new bytes");
}

// The shared chunk is there as ever: nobody would refuse what is asked by an answer from before.
TEST_F(Reading, WhoOpensJoinsNoQuestionThatWasAskedBefore) {
  has(std::string(kChunk, 'o'));
  auto file = open(Filesystem::Open::read);
  master.faults["locate_for_read"] = {{.done = true, .late = 3s}};
  Result<Bytes> early;
  TaskGroup group;
  group.spawn<Bytes>(file->read(0, 3), [&](Result<Bytes> got) { early = std::move(got); });
  world.run_for(100ms);
  master.freeze();
  const ChunkHandle copy = master.copy(0);
  for (ChunkServer& server : servers) server.chunks[copy] = std::string(kChunk, 'n');
  auto again = open(Filesystem::Open::read);
  EXPECT_EQ(run(again->read(0, 3))->view(), "nnn");
  world.run_for(4s);
  ASSERT_TRUE(early) << early.error().text();
  EXPECT_EQ(early->view(), "ooo");
  EXPECT_EQ(run(again->read(0, 3))->view(), "nnn");
}

TEST_F(Reading, DamageOfASharedChunkIsNotThatOfItsCopy) {
  has("hello");
  auto file = open(Filesystem::Open::read);
  for (ChunkServer& server : servers) server.flips_bits = true;
  master.freeze();
  world.after(10ms, [&] {
    master.copy(0);
    for (ChunkServer& server : servers) server.flips_bits = false;
  });
  Result<Bytes> got = run(file->read(0, 5));
  ASSERT_TRUE(got) << got.error().text();
  EXPECT_EQ(got->view(), "hello");
}

}  // namespace
}  // namespace gfs::client::fake
