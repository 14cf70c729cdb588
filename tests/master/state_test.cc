// MasterState: apply() decides, repeats are answered as the first time, and replaying the encoded ops gives the same
// state and the same outcomes.
#include "master/state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"

namespace gfs::master {
namespace {

RequestId request(std::uint8_t client, std::uint64_t sequence) {
  RequestId id;
  id.client.bytes[0] = client;
  id.sequence = sequence;
  return id;
}

Op op_of(OpBody body, RequestId id = {}, WallMs time = 1000) {
  Op op{{id, 0, time}, std::move(body)};
  (void)encode_op(op);
  return op;
}

ServerId server(std::uint8_t number) {
  ServerId id;
  id.bytes[0] = number;
  return id;
}

TEST(Op, DecodesToWhatWasEncoded) {
  Op op = op_of(RenameOp{"/a", "/b", true}, request(3, 4), 77);
  std::string text = encode_op(op);
  Op again = decode_op(Bytes::of(text)).value();
  EXPECT_EQ(again.header.request, op.header.request);
  EXPECT_EQ(again.header.time, 77);
  EXPECT_EQ(again.header.digest, op.header.digest);
  EXPECT_EQ(std::get<RenameOp>(again.body).target, "/b");
  EXPECT_EQ(encode_op(again), text);
  for (std::size_t size = 0; size < text.size(); ++size)
    EXPECT_FALSE(decode_op(Bytes::of(text.substr(0, size)))) << size;
  text[0] = 99;
  EXPECT_EQ(decode_op(Bytes::of(text)).error().code, Code::malformed);
}

TEST(State, OfTwoCreatesOfOneNameOneWins) {
  MasterState state;
  Op first = op_of(CreateFileOp{"/f", 3}, request(1, 1)), second = op_of(CreateFileOp{"/f", 3}, request(2, 1));
  EXPECT_FALSE(state.check(first));
  EXPECT_FALSE(state.check(second)) << "neither is applied yet: both pass the filter";
  EXPECT_TRUE(state.apply(first).ok());
  EXPECT_EQ(state.apply(second).code, Code::already_exists);
  EXPECT_EQ(state.names().files(), 1u);
}

TEST(State, ARepeatIsAnsweredAsTheFirstTime) {
  MasterState state;
  Op create = op_of(CreateFileOp{"/f", 3}, request(1, 1));
  Decision first = state.apply(create);
  ASSERT_TRUE(state.apply(op_of(RemoveOp{"/f", false}, request(1, 2))).ok());
  std::string before = state.dump();
  Decision again = state.apply(create);
  EXPECT_TRUE(again.ok());
  EXPECT_EQ(again.info.inode, first.info.inode);
  EXPECT_EQ(state.dump(), before) << "the file is not made a second time";
  ASSERT_TRUE(state.check(create));
  EXPECT_EQ(state.check(create)->info.inode, first.info.inode);
}

TEST(State, ARecordedErrorIsRepeatedToo) {
  MasterState state;
  Op remove = op_of(RemoveOp{"/f", false}, request(1, 1));
  EXPECT_EQ(state.apply(remove).code, Code::not_found);
  ASSERT_TRUE(state.apply(op_of(CreateFileOp{"/f", 3}, request(1, 2))).ok());
  EXPECT_EQ(state.apply(remove).code, Code::not_found);
  EXPECT_EQ(state.names().files(), 1u);
}

TEST(State, AnotherContentUnderTheSameIdIsRefused) {
  MasterState state;
  ASSERT_TRUE(state.apply(op_of(CreateFileOp{"/f", 3}, request(1, 1))).ok());
  EXPECT_EQ(state.apply(op_of(CreateFileOp{"/g", 3}, request(1, 1))).code, Code::invalid_argument);
  EXPECT_EQ(state.names().files(), 1u);
}

TEST(State, N14RecordsAreBoundedAndWhatIsForgottenIsNotDoneAgain) {
  MasterState state;
  Op first = op_of(CreateFileOp{"/0", 3}, request(1, 1));
  ASSERT_TRUE(state.apply(first).ok());
  for (std::uint64_t i = 2; i <= OutcomeTable::kRequestsPerClient + 1; ++i) {
    ASSERT_TRUE(state.apply(op_of(CreateFileOp{"/" + std::to_string(i), 3}, request(1, i))).ok());
  }
  Decision again = state.apply(first);
  EXPECT_EQ(again.code, Code::record_expired);
  EXPECT_EQ(again.error().outcome(), gfs::Outcome::may_have_happened);
}

TEST(State, ClientsExpireByTheTimeInTheOps) {
  MasterState state;
  ASSERT_TRUE(state.apply(op_of(CreateFileOp{"/a", 3}, request(1, 1), 1000)).ok());
  ASSERT_TRUE(state.apply(op_of(CreateFileOp{"/b", 3}, request(2, 1), 1000 + OutcomeTable::kKept + 1)).ok());
  EXPECT_EQ(state.outcomes().clients(), 1u);
}

TEST(State, ChunksAreAllocatedOnceAndReconfiguredByCompareAndSwap) {
  MasterState state;
  InodeId file = state.apply(op_of(CreateFileOp{"/f", 3})).info.inode;
  std::vector<ServerId> members{server(1), server(2), server(3)};
  Decision made = state.apply(op_of(AllocateChunkOp{file, 4, {10}, members, server(1)}));
  EXPECT_EQ(made.handle, ChunkHandle{10});
  EXPECT_EQ(state.info(file, "/f").chunks, 5u);
  EXPECT_EQ(state.apply(op_of(AllocateChunkOp{file, 4, {11}, members, server(2)})).handle, ChunkHandle{10});
  EXPECT_EQ(state.apply(op_of(AllocateChunkOp{file, 5, {10}, members, server(2)})).code, Code::conflict);
  EXPECT_TRUE(state.apply(op_of(ReconfigureOp{{10}, {1}, {server(2)}, server(2)})).ok());
  EXPECT_EQ(state.apply(op_of(ReconfigureOp{{10}, {1}, {server(3)}, server(3)})).code, Code::conflict);
  EXPECT_EQ(state.chunks().find({10})->configuration.version, Version{2});
  EXPECT_TRUE(state.chunks().find({10})->configuration.virgin);
  (void)state.apply(op_of(ActivateOp{{10}, {1}}));
  EXPECT_TRUE(state.chunks().find({10})->configuration.virgin) << "that version is over";
  (void)state.apply(op_of(ActivateOp{{10}, {2}}));
  EXPECT_FALSE(state.chunks().find({10})->configuration.virgin);
  ASSERT_TRUE(state.apply(op_of(RemoveOp{"/f", false})).ok());
  EXPECT_EQ(state.chunks().size(), 0u);
  EXPECT_EQ(state.apply(op_of(AllocateChunkOp{file, 0, {12}, members, server(1)})).code, Code::not_found);
}

TEST(State, SizesOnlyGrow) {
  MasterState state;
  InodeId file = state.apply(op_of(CreateFileOp{"/f", 3})).info.inode;
  ASSERT_TRUE(state.apply(op_of(SetSizeOp{file, 100}, {}, 2000)).ok());
  ASSERT_TRUE(state.apply(op_of(SetSizeOp{file, 50}, {}, 1500)).ok());
  EXPECT_EQ(state.info(file, "/f").size, 100u);
  EXPECT_EQ(state.info(file, "/f").mtime_ms, 2000);
  EXPECT_EQ(state.apply(op_of(SetSizeOp{Namespace::kRoot, 1})).code, Code::is_a_directory);
}

// A random story, by its seed.
Op random_op(Random& random, std::uint64_t sequence) {
  auto path = [&] {
    std::string text;
    for (std::uint64_t i = 0, depth = random.between(1, 3); i < depth; ++i) {
      text += "/" + std::string(1, 'a' + static_cast<char>(random.below(5)));
    }
    return text;
  };
  RequestId id = request(static_cast<std::uint8_t>(random.between(1, 4)), sequence - random.below(3));
  WallMs time = 1000 + static_cast<WallMs>(sequence * random.below(20000));
  std::vector<ServerId> members{server(1), server(2)};
  const ChunkHandle chunk{random.between(1, sequence)};
  const Version version{random.between(1, 3)};
  switch (random.below(14)) {
    case 0:
      return op_of(CreateFileOp{path(), 3}, id, time);
    case 1:
      return op_of(MakeDirectoryOp{path(), random.chance(0.5)}, id, time);
    case 2:
      return op_of(RenameOp{path(), path(), random.chance(0.5)}, id, time);
    case 3:
      return op_of(RemoveOp{path(), random.chance(0.1)}, id, time);
    case 4:
      return op_of(SetSizeOp{{random.between(1, 60)}, random.below(1000)}, id, time);
    case 5:
      return op_of(AllocateChunkOp{
          {random.between(1, 60)}, static_cast<std::uint32_t>(random.below(4)), {sequence}, members, server(1)});
    case 6:
      return op_of(ReconfigureOp{chunk, version, members, server(2), {server(1)}, random.chance(0.2)});
    case 7:
      return op_of(ActivateOp{chunk, version});
    case 8:
      return op_of(SealChunkOp{chunk, version, random.below(1000)}, {}, time);
    case 9:
      return op_of(SetPolicyOp{path(), random.chance(0.5) ? bus::AckMode::all : bus::AckMode::primary}, id, time);
    case 10: {
      const std::uint64_t size = random.below(4) * (64ull << 20) + random.below(2) * 100;
      return op_of(TruncateOp{path(), {random.between(1, 60)}, size, chunk, version, {{chunk, version}}}, id, time);
    }
    case 11:
      return op_of(CloseClientOp{request(static_cast<std::uint8_t>(random.between(1, 4)), 0).client});
    case 12:
      return op_of(MarkAppendOp{{random.between(1, 60)}});
    default:
      return op_of(AddServerOp{server(static_cast<std::uint8_t>(random.below(4))), "tcp://x", "tcp://y", path()});
  }
}

TEST(State, ReplayGivesTheSameStateAndTheSameOutcomes) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    Random random(seed);
    MasterState lived, replayed;
    for (std::uint64_t i = 1; i <= 2000; ++i) {
      Op op = random_op(random, i);
      std::string text = encode_op(op);
      Decision there = lived.apply(op), here = replayed.apply(decode_op(Bytes::of(text)).value());
      ASSERT_EQ(there.code, here.code) << "seed " << seed << " op " << i;
      ASSERT_EQ(there.text, here.text);
    }
    ASSERT_GT(lived.names().files(), 0u);
    EXPECT_EQ(lived.dump(), replayed.dump()) << "seed " << seed;
  }
}

TEST(State, ARepeatIsAnsweredWithTheIndexOfTheFirst) {
  MasterState state;
  Op create = op_of(CreateFileOp{"/f", 3}, request(1, 1));
  EXPECT_EQ(state.apply(create, 7).index, 7u);
  EXPECT_EQ(state.apply(create, 9).index, 7u);
  EXPECT_EQ(state.check(create)->index, 7u);
  EXPECT_EQ(state.index(), 9u);
  Op remove = op_of(RemoveOp{"/g", false}, request(1, 2));
  EXPECT_EQ(state.apply(remove, 10).index, 10u) << "a refusal is decided somewhere, too";
}

TEST(State, M24ItsTimeNeverGoesBack) {
  MasterState state;
  (void)state.apply(op_of(CreateFileOp{"/a", 3}, {}, 2000));
  InodeId late = state.apply(op_of(CreateFileOp{"/b", 3}, {}, 1500)).info.inode;
  EXPECT_EQ(state.last_time(), 2000);
  EXPECT_EQ(state.info(late, "/b").mtime_ms, 2000);
}

TEST(State, AClientThatTakesItsLeaveIsForgotten) {
  MasterState state;
  Op close = op_of(CloseClientOp{request(1, 0).client});
  ASSERT_TRUE(state.check(close)) << "nothing is known of it: nothing to log";
  EXPECT_TRUE(state.check(close)->ok());
  ASSERT_TRUE(state.apply(op_of(CreateFileOp{"/f", 3}, request(1, 1))).ok());
  ASSERT_TRUE(state.apply(op_of(CreateFileOp{"/g", 3}, request(2, 1))).ok());
  EXPECT_FALSE(state.check(close));
  ASSERT_TRUE(state.apply(close).ok());
  EXPECT_EQ(state.outcomes().clients(), 1u);
  EXPECT_EQ(state.outcomes().find(request(1, 1)), nullptr);
  EXPECT_NE(state.outcomes().find(request(2, 1)), nullptr);
}

// The files and chunks of the tests below.
struct OneFile {
  OneFile() { file = state.apply(op_of(CreateFileOp{"/f", 3})).info.inode; }
  ChunkHandle add(std::uint32_t index) {
    ChunkHandle handle = state.last_handle().next();
    return state.apply(op_of(AllocateChunkOp{file, index, handle, {server(1), server(2)}, server(1)})).handle;
  }
  bus::FileInfo info() const { return state.info(file, "/f"); }
  Configuration configuration(ChunkHandle handle) const { return state.chunks().find(handle)->configuration; }

  MasterState state;
  InodeId file;
};

TEST(State, JoiningAndSalvageLastUntilTheVersionWasActive) {
  OneFile it;
  ChunkHandle chunk = it.add(0);
  (void)it.state.apply(op_of(ActivateOp{chunk, {1}}));
  ReconfigureOp next{chunk, {1}, {server(1), server(3)}, server(1), {server(3)}, true, bus::AckMode::primary};
  ASSERT_TRUE(it.state.apply(op_of(next)).ok());
  EXPECT_TRUE(it.configuration(chunk).joins(server(3)));
  EXPECT_TRUE(it.configuration(chunk).salvage);
  EXPECT_FALSE(it.configuration(chunk).virgin);
  EXPECT_EQ(it.configuration(chunk).ack, bus::AckMode::primary);
  (void)it.state.apply(op_of(ActivateOp{chunk, {2}}));
  EXPECT_FALSE(it.configuration(chunk).joins(server(3)));
  EXPECT_TRUE(it.configuration(chunk).has(server(3)));
  EXPECT_FALSE(it.configuration(chunk).salvage);
}

// Nobody writes in a version before its activation is in the log: whoever holds the last such one holds everything.
TEST(State, I24_TheLastSettledVersionIsKnownWithItsMembers) {
  OneFile it;
  ChunkHandle chunk = it.add(0);
  using Servers = std::vector<ServerId>;
  auto next = [&](std::uint64_t from, Servers members) {
    return it.state.apply(op_of(ReconfigureOp{chunk, {from}, std::move(members), server(1)})).ok();
  };
  EXPECT_EQ(it.configuration(chunk).settled, Version{});
  (void)it.state.apply(op_of(ActivateOp{chunk, {1}}));
  EXPECT_EQ(it.configuration(chunk).settled, Version{1});
  ASSERT_TRUE(next(1, {server(1), server(3)}));
  ASSERT_TRUE(next(2, {server(1), server(4)}));
  EXPECT_EQ(it.configuration(chunk).settled, Version{1});
  EXPECT_EQ(it.configuration(chunk).settled_members, (Servers{server(1), server(2)}));
  EXPECT_NE(it.state.dump().find("settled v1"), std::string::npos) << it.state.dump();
  (void)it.state.apply(op_of(ActivateOp{chunk, {2}}));
  EXPECT_EQ(it.configuration(chunk).settled, Version{1}) << "it is not the chunk's any more";
  (void)it.state.apply(op_of(ActivateOp{chunk, {3}}));
  EXPECT_EQ(it.configuration(chunk).settled, Version{3});
  EXPECT_EQ(it.configuration(chunk).settled_members, (Servers{server(1), server(4)}));
}

// I32: a primary that acknowledges alone counts as doing so until it has promised not to.
TEST(State, I32_LoneAcknowledgersAreKnownUntilTheyPromisedOrAreOver) {
  OneFile it;
  ASSERT_TRUE(it.state.apply(op_of(SetPolicyOp{"/f", bus::AckMode::primary})).ok());
  ChunkHandle chunk = it.add(0);
  using Servers = std::vector<ServerId>;
  const Servers all{server(1), server(2), server(3)}, rest{server(2), server(3)};
  auto lone = [&] { return it.configuration(chunk).lone; };
  auto next = [&](std::uint64_t from, Servers members, int primary, bus::AckMode ack, Servers over = {}) {
    ReconfigureOp op{chunk, {from}, std::move(members), server(static_cast<std::uint8_t>(primary)), {}, false, ack};
    op.over = std::move(over);
    return it.state.apply(op_of(op)).ok();
  };
  EXPECT_EQ(lone(), Servers{server(1)});
  (void)it.state.apply(op_of(ActivateOp{chunk, {1}}));
  EXPECT_EQ(lone(), Servers{server(1)});
  ASSERT_TRUE(next(1, all, 3, bus::AckMode::primary));
  EXPECT_EQ(lone(), (Servers{server(1), server(3)})) << "either, until it has been active";
  ASSERT_TRUE(next(2, all, 2, bus::AckMode::all));
  EXPECT_EQ(lone(), (Servers{server(1), server(3)})) << "another way of acknowledging fences nobody by itself";
  ASSERT_TRUE(next(3, rest, 2, bus::AckMode::all));
  (void)it.state.apply(op_of(ActivateOp{chunk, {4}}));
  EXPECT_EQ(lone(), Servers{server(1)}) << "the others promised";
  ASSERT_TRUE(next(4, rest, 3, bus::AckMode::primary, {server(1)}));
  EXPECT_EQ(lone(), Servers{server(3)});
  ASSERT_TRUE(next(5, rest, 3, bus::AckMode::all));
  (void)it.state.apply(op_of(ActivateOp{chunk, {6}}));
  EXPECT_TRUE(lone().empty());
}

// I11: only the version that is the chunk's seals it, and once.
TEST(State, I11_SealsAreLoggedForTheCurrentVersionOnly) {
  OneFile it;
  ChunkHandle chunk = it.add(1);
  EXPECT_EQ(it.state.apply(op_of(SealChunkOp{chunk, {2}, 100})).code, Code::conflict);
  ASSERT_TRUE(it.state.apply(op_of(SealChunkOp{chunk, {1}, 100})).ok());
  ASSERT_TRUE(it.state.apply(op_of(SealChunkOp{chunk, {1}, 50})).ok());
  EXPECT_TRUE(it.state.chunks().find(chunk)->sealed);
  EXPECT_EQ(it.state.chunks().find(chunk)->sealed_length, 100u);
  EXPECT_EQ(it.info().size, (64ull << 20) + 100) << "what is sealed is part of the file";
}

// I12: of two that race to make the next chunk one wins, and not before the last one is sealed.
TEST(State, I12_AFileThatTakesAppendsHasOneSuccessorOfASealedChunk) {
  OneFile it;
  ChunkHandle first = it.add(0);
  ASSERT_TRUE(it.state.apply(op_of(MarkAppendOp{it.file})).ok());
  EXPECT_EQ(it.add(1), ChunkHandle{}) << "the first one is open";
  ASSERT_TRUE(it.state.apply(op_of(SealChunkOp{first, {1}, 100})).ok());
  ChunkHandle next = it.add(1);
  EXPECT_NE(next, ChunkHandle{});
  EXPECT_EQ(it.add(1), next) << "the second finds the first one's";
  EXPECT_EQ(it.state.chunks().sealed_before(it.file, 1), first);
  EXPECT_EQ(it.state.chunks().sealed_before(it.file, 0), ChunkHandle{});
  EXPECT_EQ(it.state.chunks().sealed_before({it.file.value + 1}, 1), ChunkHandle{});
}

TEST(State, PoliciesAreForConfigurationsToCome) {
  OneFile it;
  ChunkHandle before = it.add(0);
  EXPECT_EQ(it.state.apply(op_of(SetPolicyOp{"/f", bus::AckMode::primary}, {}, 3000)).info.ack, bus::AckMode::primary);
  EXPECT_EQ(it.configuration(before).ack, bus::AckMode::all);
  EXPECT_EQ(it.configuration(it.add(1)).ack, bus::AckMode::primary);
  EXPECT_EQ(it.info().mtime_ms, 3000);
  EXPECT_EQ(it.state.apply(op_of(SetPolicyOp{"/", bus::AckMode::primary})).code, Code::is_a_directory);
}

TEST(State, ATruncateDropsWhatIsBehindAndIsRefusedIfTheChunkAtTheEndChanged) {
  constexpr std::uint64_t kChunk = 64ull << 20;
  OneFile it;
  ChunkHandle first = it.add(0), second = it.add(1), third = it.add(2);
  ASSERT_TRUE(it.state.apply(op_of(SealChunkOp{second, {1}, 500})).ok());
  const std::uint64_t size = kChunk + 100;
  EXPECT_EQ(it.state.apply(op_of(TruncateOp{"/f", it.file, size, second, {2}}, request(1, 1))).code, Code::conflict);
  EXPECT_EQ(it.state.apply(op_of(TruncateOp{"/f", it.file, size, first, {1}}, request(1, 1))).code, Code::conflict);
  EXPECT_EQ(it.state.apply(op_of(TruncateOp{"/f", {99}, size, second, {1}}, request(1, 1))).code, Code::conflict);
  EXPECT_EQ(it.state.apply(op_of(TruncateOp{"/f", it.file, size, second, {1}}, request(1, 1))).code, Code::conflict)
      << "the third one was not ended";
  EXPECT_EQ(it.state.apply(op_of(TruncateOp{"/f", it.file, size, second, {1}, {{third, {2}}}}, request(1, 1))).code,
            Code::conflict)
      << "not in that version";
  EXPECT_EQ(it.state.chunks().size(), 3u);
  ASSERT_TRUE(it.state.apply(op_of(TruncateOp{"/f", it.file, size, second, {1}, {{third, {1}}}}, request(1, 1))).ok())
      << "a lost race is not on record";
  EXPECT_EQ(it.info().size, size);
  EXPECT_EQ(it.info().chunks, 2u);
  EXPECT_FALSE(it.state.chunks().has(third));
  EXPECT_EQ(it.state.chunks().find(second)->sealed_length, 100u);
  std::vector<DroppedChunk> dropped = it.state.take_dropped();
  ASSERT_EQ(dropped.size(), 1u);
  EXPECT_EQ(dropped[0].handle, third);
  EXPECT_EQ(dropped[0].members.size(), 2u);
  ASSERT_TRUE(it.state.apply(op_of(TruncateOp{"/f", it.file, 5 * kChunk, {}, {}})).ok()) << "longer";
  EXPECT_EQ(it.info().chunks, 2u);
  EXPECT_EQ(it.info().size, 5 * kChunk);
  TruncateOp step{"/f", it.file, 8 * kChunk, {}, {}, {}, true};
  ASSERT_TRUE(it.state.apply(op_of(step)).ok());
  EXPECT_EQ(it.info().size, 5 * kChunk) << "a step does not lengthen it";
  step.size = kChunk;
  step.ended = {{second, {1}}};
  ASSERT_TRUE(it.state.apply(op_of(step)).ok());
  EXPECT_EQ(it.info().size, kChunk);
  EXPECT_EQ(it.info().chunks, 1u);
  ASSERT_TRUE(it.state.apply(op_of(TruncateOp{"/f", it.file, 0, {}, {}, {{first, {1}}}})).ok());
  EXPECT_EQ(it.info().chunks, 0u);
  EXPECT_EQ(it.state.apply(op_of(TruncateOp{"/g", it.file, 0, {}, {}})).code, Code::not_found);
}

TEST(State, MutantsAreWhatTheySay) {
  MasterState twice("reuse_requests");
  ASSERT_TRUE(twice.apply(op_of(CreateFileOp{"/f", 3}, request(1, 1))).ok());
  EXPECT_EQ(twice.apply(op_of(CreateFileOp{"/f", 3}, request(1, 1))).code, Code::already_exists);
  MasterState same("skip_version_bump"), two("two_successors");
  for (MasterState* state : {&same, &two}) {
    InodeId file = state->apply(op_of(CreateFileOp{"/f", 3})).info.inode;
    (void)state->apply(op_of(AllocateChunkOp{file, 0, {1}, {server(1)}, server(1)}));
    (void)state->apply(op_of(AllocateChunkOp{file, 0, {2}, {server(2)}, server(2)}));
    (void)state->apply(op_of(ReconfigureOp{{1}, {1}, {server(2)}, server(2)}));
  }
  EXPECT_EQ(same.chunks().find({1})->configuration.version, Version{1});
  EXPECT_FALSE(two.chunks().has({1}));
  EXPECT_TRUE(two.chunks().has({2}));
}

}  // namespace
}  // namespace gfs::master
