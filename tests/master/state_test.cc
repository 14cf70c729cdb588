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

TEST(State, RecordsAreBoundedAndWhatIsForgottenIsNotDoneAgain) {
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
  switch (random.below(9)) {
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
      return op_of(ReconfigureOp{{random.between(1, sequence)}, {random.between(1, 3)}, members, server(2)});
    case 7:
      return op_of(ActivateOp{{random.between(1, sequence)}, {random.between(1, 3)}});
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

}  // namespace
}  // namespace gfs::master
