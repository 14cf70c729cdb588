// What a log epoch does to the state: no number of a lost future is given again, and a chunk gets the members that were
// found to hold its newest content.
#include <gtest/gtest.h>

#include "master/epoch.h"
#include "master/frozen_state.h"
#include "master/state.h"

namespace gfs::master {
namespace {

ServerId server(std::uint8_t number) {
  ServerId id;
  id.bytes[0] = number;
  return id;
}

class StateEpochsTest : public testing::Test {
 protected:
  template <class Body>
  Decision apply(Body body) {
    Op op{{}, std::move(body)};
    (void)encode_op(op);
    return state.apply(op);
  }
  InodeId make(const std::string& path) { return apply(CreateFileOp{path, 3}).info.inode; }
  Chunk chunk() { return *state.chunks().find(ChunkHandle{1}); }
  void place(const std::string& path) {
    const std::vector<ServerId> members{server(1), server(2), server(3)};
    apply(AllocateChunkOp{make(path), 0, ChunkHandle{1}, members, server(1)});
  }

  MasterState state;
};

TEST_F(StateEpochsTest, InodeNumbersGoOnAboveAllThatCanHaveBeenGiven) {
  const InodeId before = make("/a");
  ASSERT_TRUE(apply(BeginEpochOp{2}).ok());
  const InodeId second = make("/b");
  EXPECT_GT(second, inodes_of(2));
  // The same copy adopted as another epoch: nothing that the first one gave.
  MasterState other;
  std::swap(state, other);
  EXPECT_EQ(make("/a"), before);
  ASSERT_TRUE(apply(BeginEpochOp{3}).ok());
  EXPECT_GT(make("/b").value, second.value + (1ull << 31));
  EXPECT_EQ(state.epoch(), 3u);
}

TEST_F(StateEpochsTest, AnEpochRisesAndHasABound) {
  ASSERT_TRUE(apply(BeginEpochOp{5}).ok());
  for (std::uint64_t epoch : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{5}, kEpochMax + 1, UINT64_MAX}) {
    EXPECT_EQ(apply(BeginEpochOp{epoch}).code, Code::refused) << epoch;
    EXPECT_EQ(state.epoch(), 5u);
  }
  ASSERT_TRUE(apply(BeginEpochOp{kEpochMax}).ok());
  EXPECT_GT(make("/last"), inodes_of(kEpochMax));
}

TEST_F(StateEpochsTest, IsPartOfACheckpoint) {
  for (std::uint64_t epoch : {std::uint64_t{1}, std::uint64_t{4}}) {
    if (epoch > 1) ASSERT_TRUE(apply(BeginEpochOp{epoch}).ok());
    make("/e" + std::to_string(epoch));
    FrozenState frozen(state);
    StateLoader loader({}, kChunkSize);
    PieceKind kind{};
    std::string piece;
    while (frozen.next(kind, piece)) ASSERT_TRUE(loader.add(kind, piece));
    Result<MasterState> loaded = loader.finish();
    ASSERT_TRUE(loaded) << loaded.error().text();
    EXPECT_EQ(loaded->epoch(), epoch);
    EXPECT_EQ(loaded->dump(), state.dump());
    Op op{{}, CreateFileOp{"/next", 3}};
    (void)encode_op(op);
    EXPECT_EQ(loaded->apply(op).info.inode, state.names().last_inode().next());
  }
}

TEST_F(StateEpochsTest, AChunkGetsTheHoldersOfItsNewestContent) {
  place("/f");
  apply(ActivateOp{ChunkHandle{1}, Version{1}});
  apply(BeginEpochOp{2});
  const Version next = versions_of(2).next();
  RestoreChunkOp op{ChunkHandle{1}, Version{1}, next, Version{7}, {server(3), server(9)}, server(9)};
  ASSERT_TRUE(apply(op).ok());
  EXPECT_EQ(chunk().configuration.version, next);
  EXPECT_EQ(chunk().configuration.members, op.members);
  EXPECT_EQ(chunk().configuration.primary, server(9));
  EXPECT_EQ(chunk().configuration.settled, Version{7});
  EXPECT_FALSE(chunk().configuration.virgin);
  EXPECT_EQ(apply(op).code, Code::conflict) << "once";
  EXPECT_TRUE(is_of_epoch(2, ChunkHandle{1}, next));
  EXPECT_FALSE(is_of_epoch(3, ChunkHandle{1}, next));
}

TEST_F(StateEpochsTest, MembersMayStayAsTheyAre) {
  place("/f");
  apply(BeginEpochOp{2});
  const Configuration before = chunk().configuration;
  RestoreChunkOp op{ChunkHandle{1}, Version{1}, versions_of(2).next(), {}, {}, {}};
  ASSERT_TRUE(apply(op).ok());
  Configuration after = chunk().configuration;
  EXPECT_EQ(after.version, op.version);
  after.version = before.version;
  EXPECT_TRUE(after == before) << "virgin as it was";
  RestoreChunkOp back{ChunkHandle{1}, op.version, op.version, {}, {}, {}};
  EXPECT_EQ(apply(back).code, Code::conflict) << "a version never falls or stays";
}

// Whoever may have acknowledged alone is fenced, whoever of the holders it was.
TEST_F(StateEpochsTest, InAFileAcknowledgedByItsPrimaryEveryHolderMayHaveGoneOnAlone) {
  make("/p");
  apply(SetPolicyOp{"/p", bus::AckMode::primary});
  const InodeId file = *state.names().find("/p");
  apply(AllocateChunkOp{file, 0, ChunkHandle{1}, {server(1), server(2)}, server(1)});
  apply(BeginEpochOp{2});
  apply(
      RestoreChunkOp{ChunkHandle{1}, Version{1}, versions_of(2).next(), Version{3}, {server(2), server(3)}, server(2)});
  EXPECT_EQ(chunk().configuration.lone, (std::vector<ServerId>{server(2), server(3)}));
}

}  // namespace
}  // namespace gfs::master
