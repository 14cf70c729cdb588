// The trash and the rules of directories, as parts of the namespace and as the log's ops change them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "master/state.h"

namespace gfs::master {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr WallMs kDay = 24 * 3600 * 1000;

class TrashTest : public testing::Test {
 protected:
  TrashTest() {
    for (std::string path : {"/a/b/c", "/q"}) do_op(MakeDirectoryOp{path, true});
  }
  Decision do_op(OpBody body) {
    Op op{{{}, 0, time}, std::move(body)};
    (void)encode_op(op);
    return state.apply(op);
  }
  InodeId file(const std::string& path, std::uint64_t size = 0) {
    const InodeId inode = do_op(CreateFileOp{path, 3, true}).info.inode;
    if (size > 0) do_op(SetSizeOp{inode, size});
    return inode;
  }
  void chunk(InodeId inode, std::uint32_t index) {
    const ServerId one{.bytes = {1}};
    ASSERT_TRUE(do_op(AllocateChunkOp{inode, index, state.last_handle().next(), {one}, one}).ok());
  }
  Decision remove(const std::string& path, WallMs keep = 3 * kDay) { return do_op(RemoveOp{path, true, keep}); }
  std::vector<std::string> trash() {
    std::vector<std::string> paths;
    state.names().trash().walk(0, {}, [&](const TrashItem& item) {
      paths.push_back(item.path);
      return true;
    });
    return paths;
  }
  Usage below(const std::string& path) { return state.names().usage(state.names().find(path).value()); }
  bool exists(const std::string& path) { return state.names().find(path).has_value(); }
  void rule(const std::string& path, bus::Policy policy) {
    ASSERT_TRUE(do_op(SetDirectoryPolicyOp{path, policy}).ok());
  }

  MasterState state;
  WallMs time = kDay;
};

TEST_F(TrashTest, WhatIsRemovedComesBackAsItWas) {
  const InodeId inode = file("/a/b/f", 700);
  chunk(inode, 0);
  file("/a/b/c/g", 30);
  const Decision removed = remove("/a/b");
  EXPECT_EQ(removed.files, 2u);
  EXPECT_EQ(removed.directories, 2u);
  EXPECT_EQ(removed.info.mtime_ms, time + 3 * kDay);
  EXPECT_FALSE(exists("/a/b"));
  EXPECT_EQ(below("/"), (Usage{0, 2, 0}));
  EXPECT_EQ(state.names().trashed(), (Usage{2, 2, 730}));
  EXPECT_THAT(trash(), ElementsAre("/a/b"));
  EXPECT_EQ(state.chunks().size(), 1u) << "its chunks are still its own";

  // The name may be in use again meanwhile: that is not touched.
  ASSERT_TRUE(do_op(MakeDirectoryOp{"/a/b", false}).ok());
  EXPECT_EQ(do_op(RestoreOp{removed.info.inode, "/a/b"}).code, Code::already_exists);
  EXPECT_EQ(do_op(RestoreOp{removed.info.inode, "/x/y/b"}).code, Code::not_found) << "its directory is not there";
  EXPECT_EQ(do_op(RestoreOp{removed.info.inode, "/a/b/x/y/z", true}).code, Code::ok);
  EXPECT_EQ(state.names().find("/a/b/x/y/z/f").value(), inode);
  EXPECT_EQ(state.names().inode(inode)->size, 700u);
  EXPECT_EQ(below("/a"), (Usage{2, 5, 730}));
  EXPECT_EQ(state.names().trashed(), Usage());
  EXPECT_TRUE(trash().empty());
  EXPECT_EQ(do_op(RestoreOp{removed.info.inode, "/again"}).code, Code::not_found) << "once";
}

TEST_F(TrashTest, WhatHasALongPathOrNoneAboveItAnyMoreComesBackToo) {
  std::string deep;
  for (int i = 0; i < 15; ++i) deep += "/" + std::string(255, static_cast<char>('a' + i));
  ASSERT_TRUE(do_op(MakeDirectoryOp{deep, true}).ok());
  file(deep + "/f", 5);
  const Decision one = remove(deep + "/f");
  EXPECT_THAT(trash(), ElementsAre(deep + "/f"));
  remove(deep.substr(0, 256));
  ASSERT_TRUE(do_op(RestoreOp{one.info.inode, deep + "/f", true}).ok());
  EXPECT_EQ(below("/").bytes, 5u);
}

TEST_F(TrashTest, N12GoesInTheOrderOfItsTimeAndInBoundedSteps) {
  for (int i = 0; i < 3; ++i) chunk(file("/a/b/f" + std::to_string(i)), 0);
  chunk(file("/q/g"), 0);
  remove("/a/b", 2 * kDay);
  const InodeId first = remove("/q/g", kDay).info.inode;
  EXPECT_THAT(trash(), ElementsAre("/q/g", "/a/b"));
  EXPECT_EQ(state.names().trash().first()->inode, first);
  EXPECT_EQ(do_op(PurgeOp{10}).files, 0u) << "both are kept";
  time += kDay;
  EXPECT_EQ(do_op(RestoreOp{first, "/q/g"}).code, Code::not_found) << "its time is over, taken apart or not";
  EXPECT_EQ(do_op(PurgeOp{10}).files, 1u);
  EXPECT_THAT(trash(), ElementsAre("/a/b"));
  EXPECT_EQ(state.chunks().size(), 3u);
  time += kDay;
  std::uint64_t steps = 0, files = 0, directories = 0;
  while (!trash().empty()) {
    const Decision some = do_op(PurgeOp{2});
    ASSERT_TRUE(some.ok());
    ASSERT_LE(some.files + some.directories, 2u);
    files += some.files;
    directories += some.directories;
    ASSERT_LT(++steps, 20u);
  }
  EXPECT_EQ(files, 3u);
  EXPECT_EQ(directories, 2u);
  EXPECT_EQ(state.chunks().size(), 0u);
  EXPECT_EQ(state.names().trashed(), Usage());
  EXPECT_TRUE(do_op(PurgeOp{2}).ok()) << "nothing is left";
}

TEST_F(TrashTest, AFileOfManyChunksLosesThemInSteps) {
  const InodeId inode = file("/f");
  for (std::uint32_t i : {0, 1, 2, 7, 100, 5000}) chunk(inode, i);
  remove("/f");
  ASSERT_EQ(do_op(ExpireOp{{inode}}).files, 1u);
  std::size_t chunks = 6, steps = 0;
  while (state.names().inode(inode) != nullptr) {
    ASSERT_TRUE(do_op(PurgeOp{2}).ok());
    ASSERT_LT(state.chunks().size(), chunks);
    ASSERT_GE(state.chunks().size() + 2, chunks);
    chunks = state.chunks().size();
    ASSERT_LT(++steps, 10u);
  }
  EXPECT_EQ(chunks, 0u);
}

TEST_F(TrashTest, ForGoodMeansForGood) {
  file("/f");
  EXPECT_EQ(remove("/f", 0).info.inode, InodeId{});
  EXPECT_TRUE(trash().empty());
  // A tree too large to go in one step is out of sight and out of reach at once, and is taken apart later.
  ASSERT_TRUE(do_op(MakeDirectoryOp{"/big", false}).ok());
  for (std::uint64_t i = 0; i < Namespace::kRemovedAtOnce; ++i) file("/big/" + std::to_string(i));
  const Decision big = remove("/big", 0);
  EXPECT_EQ(big.files, Namespace::kRemovedAtOnce);
  EXPECT_EQ(big.info.inode, InodeId{});
  EXPECT_FALSE(exists("/big"));
  ASSERT_THAT(trash(), ElementsAre("/big"));
  const InodeId item = state.names().trash().first()->inode;
  EXPECT_EQ(do_op(RestoreOp{item, "/big"}).code, Code::not_found);
  EXPECT_EQ(do_op(PurgeOp{5000}).files, Namespace::kRemovedAtOnce);
  EXPECT_TRUE(trash().empty());
}

TEST_F(TrashTest, WhatHasManyChunksGoesThatWayTooAlsoWhenItIsReplaced) {
  const InodeId one = file("/one"), two = file("/two");
  for (std::uint32_t i = 0; i <= Namespace::kRemovedAtOnce; ++i) {
    chunk(one, i);
    chunk(two, i);
  }
  remove("/one", 0);
  EXPECT_EQ(state.chunks().size(), 2 * Namespace::kRemovedAtOnce + 2) << "not in this op";
  file("/three");
  ASSERT_TRUE(do_op(RenameOp{"/three", "/two", true}).ok());
  EXPECT_THAT(trash(), testing::UnorderedElementsAre("/one", "/two"));
  EXPECT_EQ(do_op(RestoreOp{two, "/x"}).code, Code::not_found);
  EXPECT_EQ(do_op(PurgeOp{5000}).files, 2u);
  EXPECT_EQ(state.chunks().size(), 0u);
  EXPECT_EQ(below("/").files, 1u);
}

TEST_F(TrashTest, ManySmallThingsGoInOneStep) {
  for (int i = 0; i < 50; ++i) {
    file("/f" + std::to_string(i));
    remove("/f" + std::to_string(i), 1000 + i);
  }
  time += 1024;
  EXPECT_EQ(do_op(PurgeOp{1000}).files, 25u) << "those whose time is over";
}

TEST_F(TrashTest, NoSizeIsTooLargeToBeTakenAwayAgain) {
  const InodeId one = file("/a/1", 1), two = file("/a/2");
  ASSERT_TRUE(do_op(SetSizeOp{two, ~0ull}).ok());
  EXPECT_EQ(state.names().inode(two)->size, state.size_max());
  for (int i = 0; i < 17000; ++i) {
    const InodeId hole = file("/a/h" + std::to_string(i));
    ASSERT_TRUE(do_op(TruncateOp{"/a/h" + std::to_string(i), hole, state.size_max()}).ok());
  }
  ASSERT_TRUE(do_op(SetSizeOp{one, 2}).ok());
  ASSERT_TRUE(remove("/a", 0).ok());
  while (!trash().empty()) ASSERT_TRUE(do_op(PurgeOp{1000}).ok());
  EXPECT_EQ(below("/"), (Usage{0, 1, 0}));
  EXPECT_EQ(state.names().trashed(), Usage());
}

// A file of the same name is another file: whoever writes to the old one goes on there, and nowhere else.
TEST_F(TrashTest, N02WhoHoldsTheOldFileNeverWritesToTheNewOne) {
  const InodeId old = file("/f", 10);
  remove("/f");
  const InodeId fresh = file("/f");
  ASSERT_NE(fresh, old);
  chunk(old, 0);
  ASSERT_TRUE(do_op(SetSizeOp{old, 500}).ok());
  EXPECT_EQ(state.names().inode(fresh)->size, 0u);
  EXPECT_EQ(state.chunks().end(fresh), 0u);
  ASSERT_EQ(do_op(ExpireOp{{old}}).files, 1u);
  ASSERT_TRUE(do_op(PurgeOp{10}).ok());
  EXPECT_EQ(do_op(SetSizeOp{old, 600}).code, Code::not_found);
  const ServerId one{.bytes = {1}};
  EXPECT_EQ(do_op(AllocateChunkOp{old, 1, state.last_handle().next(), {one}, one}).code, Code::not_found);
}

TEST_F(TrashTest, N09ATreeAsDeepAsAPathIsLongComesAndGoes) {
  std::string deep;
  while (deep.size() + 2 <= 4096) deep += "/d";
  const std::uint64_t levels = deep.size() / 2;
  ASSERT_TRUE(do_op(MakeDirectoryOp{deep, true}).ok());
  EXPECT_EQ(below("/").directories, levels + 4);
  EXPECT_EQ(do_op(MakeDirectoryOp{deep + "/d", true}).code, Code::invalid_argument);
  const Decision removed = remove("/d", 0);
  EXPECT_EQ(removed.directories, levels);
  std::uint64_t steps = 0;
  while (!trash().empty()) {
    ASSERT_TRUE(do_op(PurgeOp{1000}).ok());
    ASSERT_LT(++steps, 2 * levels);
  }
  EXPECT_EQ(below("/"), (Usage{0, 4, 0}));
}

TEST_F(TrashTest, ANewEpochKeepsWhatIsThereForAWhile) {
  file("/f");
  file("/g");
  const InodeId kept = remove("/f", kDay).info.inode;
  const InodeId expired = remove("/g", kDay).info.inode;
  ASSERT_EQ(do_op(ExpireOp{{expired}}).files, 1u);
  time += 2 * kDay;
  ASSERT_TRUE(do_op(BeginEpochOp{2}).ok());
  EXPECT_EQ(do_op(PurgeOp{10}).files, 1u);
  EXPECT_TRUE(do_op(RestoreOp{kept, "/f"}).ok());
}

TEST_F(TrashTest, AWriterGoesOnInTheTrash) {
  const InodeId inode = file("/a/f", 10);
  remove("/a");
  ASSERT_TRUE(do_op(SetSizeOp{inode, 50}).ok());
  EXPECT_EQ(state.names().trashed().bytes, 50u);
  chunk(inode, 0);
}

TEST_F(TrashTest, RulesComeFromTheNearestDirectory) {
  rule("/", {.replicas = 2, .trash_ms = 1000});
  rule("/a/b", {.replicas = 1, .ack = static_cast<std::int64_t>(bus::AckMode::primary)});
  const Inode& near = *state.names().inode(file("/a/b/c/f"));
  EXPECT_EQ(near.replicas, 1);
  EXPECT_EQ(near.ack, bus::AckMode::primary);
  const Inode& far = *state.names().inode(file("/a/f"));
  EXPECT_EQ(far.replicas, 2);
  EXPECT_EQ(far.ack, bus::AckMode::all);
  EXPECT_EQ(state.names().inode(do_op(CreateFileOp{"/a/asked", 4}).info.inode)->replicas, 4) << "who asks, gets";
  EXPECT_EQ(remove("/a/f").info.mtime_ms, time + 1000);
  EXPECT_EQ(remove("/a/b/c/f", 0).info.inode, InodeId{}) << "for good, whatever the rules say";
  rule("/a", {.trash_ms = 0});
  EXPECT_EQ(remove("/a/asked").info.inode, InodeId{});
  // What is kept stays as it is, what is none is taken away.
  bus::Policy change{.replicas = bus::Policy::kInherit, .minimum_for_writing = 1};
  change.ack = change.trash_ms = change.quota_files = change.quota_bytes = bus::Policy::kKeep;
  rule("/a/b", change);
  const bus::Policy now = state.names().effective(state.names().find("/a/b/c").value());
  EXPECT_EQ(now.replicas, 2);
  EXPECT_EQ(now.minimum_for_writing, 1);
  EXPECT_EQ(now.ack, static_cast<std::int64_t>(bus::AckMode::primary));
  EXPECT_EQ(do_op(SetDirectoryPolicyOp{"/nothing", {}}).code, Code::not_found);
  file("/f");
  EXPECT_EQ(do_op(SetDirectoryPolicyOp{"/f", {.replicas = 1}}).code, Code::not_a_directory);
  // A directory's rules go with it.
  remove("/a", 0);
  ASSERT_TRUE(do_op(MakeDirectoryOp{"/a/b", true}).ok());
  EXPECT_EQ(state.names().effective(state.names().find("/a/b").value()).minimum_for_writing, bus::Policy::kInherit);
}

TEST_F(TrashTest, N11AQuotaOfNamesHoldsOnEveryWayIn) {
  rule("/a", {.quota_files = 4});  // b and c are there
  file("/a/1");
  EXPECT_EQ(do_op(MakeDirectoryOp{"/a/x/y", true}).code, Code::quota_exceeded);
  EXPECT_FALSE(exists("/a/x")) << "nothing of it";
  file("/a/b/2");
  const Decision full = do_op(CreateFileOp{"/a/b/c/3", 3});
  EXPECT_EQ(full.code, Code::quota_exceeded);
  EXPECT_THAT(full.text, HasSubstr("/a may hold 4 files and directories, has 4"));
  file("/q/f");
  EXPECT_EQ(do_op(RenameOp{"/q/f", "/a/f"}).code, Code::quota_exceeded);
  EXPECT_EQ(do_op(RenameOp{"/q/f", "/a/1", true}).code, Code::ok) << "one comes, one goes";
  EXPECT_EQ(do_op(RenameOp{"/a/1", "/a/b/c/1"}).code, Code::ok) << "it was below it before";
  const InodeId item = remove("/a/b/c/1").info.inode;
  file("/a/b/c/4");
  EXPECT_EQ(do_op(RestoreOp{item, "/a/1"}).code, Code::quota_exceeded);
  remove("/a/b/c/4");
  EXPECT_EQ(do_op(RestoreOp{item, "/a/x/1", true}).code, Code::quota_exceeded);
  EXPECT_EQ(do_op(RestoreOp{item, "/a/1"}).code, Code::ok);
  rule("/a", {.quota_files = 2});
  EXPECT_EQ(do_op(CreateFileOp{"/a/5", 3}).code, Code::quota_exceeded);
  EXPECT_EQ(remove("/a/1", 0).code, Code::ok) << "less is always possible";
}

TEST_F(TrashTest, N11AQuotaOfBytesHoldsWhereChunksAndSizesCome) {
  rule("/a", {.quota_bytes = 100});
  const InodeId inode = file("/a/b/f", 99);
  chunk(inode, 0);
  ASSERT_TRUE(do_op(SetSizeOp{inode, 130}).ok()) << "what was written counts, but is not taken back";
  const ServerId one{.bytes = {1}};
  const Decision full = do_op(AllocateChunkOp{inode, 1, state.last_handle().next(), {one}, one});
  EXPECT_EQ(full.code, Code::quota_exceeded);
  EXPECT_THAT(full.text, HasSubstr("/a may hold 100 bytes, has 130"));
  EXPECT_EQ(do_op(TruncateOp{"/a/b/f", inode, 200, state.chunks().at(inode, 0), {1}}).code, Code::quota_exceeded);
  EXPECT_EQ(do_op(TruncateOp{"/a/b/f", inode, 0, {}, {}, {{state.chunks().at(inode, 0), {1}}}}).code, Code::ok);
  EXPECT_EQ(below("/a").bytes, 0u);
  file("/q/g", 101);
  EXPECT_EQ(do_op(RenameOp{"/q/g", "/a/g"}).code, Code::quota_exceeded);
}

TEST_F(TrashTest, ReplicasOfAFileChangeInSteps) {
  const InodeId inode = file("/f");
  for (std::uint32_t i = 0; i < 3; ++i) chunk(inode, i);
  ASSERT_TRUE(do_op(SetReplicasOp{"/f", inode, 5, 0, 2}).ok());
  EXPECT_EQ(state.names().inode(inode)->replicas, 5);
  EXPECT_EQ(state.chunks().find(state.chunks().at(inode, 1))->goal, 5u);
  EXPECT_EQ(state.chunks().find(state.chunks().at(inode, 2))->goal, 3u);
  ASSERT_TRUE(do_op(SetReplicasOp{"/f", inode, 5, 2, 2}).ok());
  EXPECT_EQ(state.chunks().find(state.chunks().at(inode, 2))->goal, 5u);
  EXPECT_EQ(do_op(SetReplicasOp{"/f", InodeId{999}, 5, 0, 2}).code, Code::conflict);
  EXPECT_EQ(do_op(SetReplicasOp{"/a", inode, 5, 0, 2}).code, Code::is_a_directory);
  EXPECT_EQ(do_op(SetReplicasOp{"/g", inode, 5, 0, 2}).code, Code::not_found);
}

}  // namespace
}  // namespace gfs::master
