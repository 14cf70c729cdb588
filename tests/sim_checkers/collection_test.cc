// The collection checker accepts what may go, and refuses each replica that may not.
#include "tests/sim/checkers/collection.h"

#include <gtest/gtest.h>

namespace gfs::sim {
namespace {

class CollectionCheckerTest : public testing::Test {
 protected:
  CollectionCheckerTest() {
    master::Op create{{}, master::CreateFileOp{"/f", 3}};
    const InodeId file = state.apply(create).info.inode;
    EXPECT_TRUE(state.apply({{}, master::AllocateChunkOp{file, 0, chunk, {one, other}, one}}).ok());
    EXPECT_TRUE(state.apply({{}, master::ActivateOp{chunk, {1}}}).ok());
    EXPECT_TRUE(state.apply({{}, master::ReconfigureOp{chunk, {1}, {one}, one}}).ok());
  }
  bool accepted(ServerId server, ChunkHandle handle, std::uint64_t version, bool orphan) {
    return judge_collected(state, {server, handle, {version}, orphan, state.index()}).empty();
  }

  const ServerId one{{1}}, other{{2}};
  const ChunkHandle chunk{5};
  master::MasterState state;
};

TEST_F(CollectionCheckerTest, OldCopies) {
  EXPECT_FALSE(accepted(other, chunk, 1, false)) << "version 2 is not settled: it may be called back";
  EXPECT_TRUE(state.apply({{}, master::ActivateOp{chunk, {2}}}).ok());
  EXPECT_TRUE(accepted(other, chunk, 1, false));
  EXPECT_FALSE(accepted(other, chunk, 2, false));
  EXPECT_FALSE(accepted(one, chunk, 1, false)) << "a member";
}

TEST_F(CollectionCheckerTest, Orphans) {
  EXPECT_FALSE(accepted(other, chunk, 1, true)) << "a file has it";
  EXPECT_TRUE(accepted(other, {4}, 1, true));
  EXPECT_FALSE(accepted(other, {6}, 1, true)) << "not given out yet";
}

}  // namespace
}  // namespace gfs::sim
