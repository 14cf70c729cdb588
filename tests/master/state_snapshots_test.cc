// Copies of trees in the master's state: what they share, who may change what, and that references are exact.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "master/frozen_state.h"
#include "master/snapshot_answers.h"
#include "master/state.h"
#include "tests/master/random_ops.h"

namespace gfs::master {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

ServerId server(std::uint8_t number) {
  ServerId id;
  id.bytes[0] = number;
  return id;
}

// How many files have each chunk, by a walk over all of them.
std::map<ChunkHandle, std::uint32_t> count_references(const MasterState& state) {
  std::map<ChunkHandle, std::uint32_t> references;
  for (std::uint64_t id = 1; id <= state.names().last_inode().value; ++id) {
    const Inode* inode = state.names().inode({id});
    if (inode == nullptr || inode->type != FileType::file) continue;
    for (ChunkHandle handle : state.chunks().range({id}, 0, kChunksMax)) ++references[handle];
  }
  return references;
}

// Nothing is leaked, nothing is lost.
void audit(const MasterState& state) {
  const std::map<ChunkHandle, std::uint32_t> references = count_references(state);
  std::size_t chunks = 0, places = 0;
  state.chunks().walk({}, [&](ChunkHandle handle, const Chunk& chunk) {
    ++chunks;
    auto found = references.find(handle);
    EXPECT_NE(found, references.end()) << handle.value << " is of no file";
    if (found != references.end()) {
      EXPECT_EQ(chunk.references, found->second) << handle.value;
    }
    if (chunk.inode.value != 0) {
      EXPECT_EQ(state.chunks().at(chunk.inode, chunk.index), handle);
    }
    return true;
  });
  for (const auto& [handle, count] : references) places += count;
  EXPECT_EQ(chunks, references.size()) << "a file has a chunk that is not there";
  EXPECT_EQ(places, state.chunks().places());
}

class SnapshotsTest : public testing::Test {
 protected:
  Decision run(OpBody body) {
    Op op{{{}, 0, ++time}, std::move(body)};
    (void)encode_op(op);
    return state.apply(op);
  }
  InodeId find(std::string_view path) { return state.names().find(path).value(); }
  InodeId file(const std::string& path, std::uint32_t chunks = 1) {
    const InodeId made = run(CreateFileOp{path, 3}).info.inode;
    for (std::uint32_t index = 0; index < chunks; ++index) chunk(made, index);
    return made;
  }
  ChunkHandle chunk(InodeId inode, std::uint32_t index, bool written = true) {
    const ChunkHandle handle{state.last_handle().value + 1};
    run(AllocateChunkOp{inode, index, handle, {server(1), server(2), server(3)}, server(1)});
    if (written) run(ActivateOp{handle, {1}});
    return handle;
  }
  Decision copy(const std::string& source, const std::string& target) {
    return run(SnapshotOp{source, target, !target.starts_with('/'), digest(source)});
  }
  std::uint64_t digest(std::string_view source) {
    const Result<InodeId> head = state.names().find(source);
    return head ? state.tree_chunks(*head).value().digest : 0;
  }
  ChunkHandle at(std::string_view path, std::uint32_t index = 0) { return state.chunks().at(find(path), index); }
  Version since(ChunkHandle handle) { return state.chunks().find(handle)->frozen; }
  std::uint32_t references(ChunkHandle handle) { return state.chunks().find(handle)->references; }
  // As if it was written to: the file gets its own copy.
  ChunkHandle write(std::string_view path, std::uint32_t index = 0) {
    const ChunkHandle handle{state.last_handle().value + 1};
    run(ReserveHandleOp{handle});
    const Decision replaced = run(ReplaceChunkOp{
        find(path), index, at(path, index), since(at(path, index)), handle, {server(1), server(2)}, server(2)});
    EXPECT_TRUE(replaced.ok()) << replaced.text;
    run(ActivateOp{handle, {2}});
    return handle;
  }

  MasterState state;
  WallMs time = 1000;
};

TEST_F(SnapshotsTest, ACopyHasTheSameChunksAndNamesAndNothingElse) {
  run(MakeDirectoryOp{"/a/b", true});
  const InodeId first = file("/a/f", 2);
  file("/a/b/g");
  run(SetSizeOp{first, 70'000'000});
  run(SetPolicyOp{"/a/f", bus::AckMode::primary});
  const ChunkHandle virgin = chunk(first, 2, false);
  run(SetDirectoryPolicyOp{"/a", bus::Policy{2, bus::Policy::kKeep, bus::Policy::kKeep, bus::Policy::kKeep,
                                             bus::Policy::kKeep, bus::Policy::kKeep}});
  const Decision made = copy("/a", "/c");
  ASSERT_TRUE(made.ok()) << made.text;
  EXPECT_EQ(made.files, 2u);
  EXPECT_EQ(made.directories, 2u);
  EXPECT_EQ(at("/c/f", 0), at("/a/f", 0));
  EXPECT_EQ(at("/c/f", 1), at("/a/f", 1));
  EXPECT_EQ(at("/c/b/g"), at("/a/b/g"));
  EXPECT_EQ(references(at("/a/f", 0)), 2u);
  EXPECT_EQ(at("/c/f", 2), ChunkHandle{}) << "nobody has written to it";
  EXPECT_EQ(references(virgin), 1u);
  const Inode &source = *state.names().inode(first), &copied = *state.names().inode(find("/c/f"));
  EXPECT_EQ(copied.size, source.size);
  EXPECT_EQ(copied.ack, bus::AckMode::primary);
  EXPECT_EQ(copied.mtime, source.mtime);
  EXPECT_EQ(copied.chunks, 2u);
  EXPECT_EQ(state.names().effective(find("/c")).replicas, bus::Policy::kInherit) << "rules belong to the place";
  EXPECT_EQ(state.names().usage(find("/c")), state.names().usage(find("/a")));
  audit(state);
}

TEST_F(SnapshotsTest, WhoWritesGetsHisOwnChunkAndTheLastOneKeepsIt) {
  file("/f");
  const ChunkHandle shared = at("/f");
  copy("/f", "/g");
  copy("/g", "/h");
  EXPECT_EQ(references(shared), 3u);
  const ChunkHandle own = write("/f");
  EXPECT_EQ(at("/f"), own);
  EXPECT_EQ(references(shared), 2u);
  const Chunk made = *state.chunks().find(own);
  EXPECT_EQ(made.configuration.settled, Version{2});
  EXPECT_FALSE(made.configuration.virgin);
  EXPECT_THAT(made.configuration.members, ElementsAre(server(1), server(2)));
  audit(state);
  run(RemoveOp{"/g", false, 0});
  EXPECT_EQ(references(shared), 1u);
  audit(state);
  // Nobody has to copy it any more.
  EXPECT_EQ(run(ReplaceChunkOp{find("/h"), 0, shared, {1}, {99}, {server(1)}, server(1)}).code, Code::conflict);
  run(ClaimChunkOp{find("/h"), 0});
  EXPECT_EQ(state.chunks().find(shared)->inode, find("/h"));
  audit(state);
  run(RemoveOp{"/h", false, 0});
  EXPECT_FALSE(state.chunks().has(shared));
  EXPECT_EQ(state.take_dropped().back().handle, shared);
  EXPECT_EQ(state.chunks().size(), 1u);
  audit(state);
}

// A copy that was begun before the chunk was one file's alone, and came to its end when it was shared again.
TEST_F(SnapshotsTest, ACopyOfAnEarlierSharingIsNotTaken) {
  const InodeId one = file("/f");
  const ChunkHandle shared = at("/f");
  copy("/f", "s");
  const Version before = since(shared);
  EXPECT_EQ(before, Version{1});
  run(RemoveSnapshotOp{"s"});
  EXPECT_EQ(since(shared), Version{});
  // Its owner writes, which takes a new version.
  run(ReconfigureOp{shared, {1}, {server(1), server(2)}, server(2)});
  run(ActivateOp{shared, {2}});
  copy("/f", "t");
  EXPECT_EQ(since(shared), Version{2});
  run(ReserveHandleOp{{50}});
  EXPECT_EQ(run(ReplaceChunkOp{one, 0, shared, before, {50}, {server(1)}, server(1)}).code, Code::conflict);
  EXPECT_TRUE(run(ReplaceChunkOp{one, 0, shared, {2}, {50}, {server(1)}, server(1)}).ok());
  audit(state);
}

TEST_F(SnapshotsTest, OnlyWhatIsAsItWasFrozenIsCopied) {
  const InodeId one = file("/d_f");
  const std::uint64_t frozen = digest("/d_f");
  run(ReconfigureOp{at("/d_f"), {1}, {server(1), server(2)}, server(2)});
  EXPECT_EQ(run(SnapshotOp{"/d_f", "/g", false, frozen}).code, Code::conflict) << "another version";
  const std::uint64_t again = digest("/d_f");
  const ChunkHandle more = chunk(one, 1, false);
  EXPECT_EQ(digest("/d_f"), again) << "nothing is in it";
  run(ActivateOp{more, {1}});
  EXPECT_EQ(run(SnapshotOp{"/d_f", "/g", false, again}).code, Code::conflict) << "one more chunk";
  EXPECT_TRUE(copy("/d_f", "/g").ok());
  EXPECT_EQ(digest("/d_f"), 0u) << "what is shared is frozen";
}

TEST_F(SnapshotsTest, ANamedOneIsReadOnlyWhateverIsTried) {
  run(MakeDirectoryOp{"/a/b", true});
  file("/a/f");
  file("/o");
  ASSERT_TRUE(copy("/a", "s").ok());
  const std::string in = "/.snapshots/s";
  const InodeId copied = find(in + "/f");
  const std::string before = state.names().dump();
  for (const OpBody& body : std::vector<OpBody>{
           CreateFileOp{in + "/new", 3}, MakeDirectoryOp{in + "/new", false}, MakeDirectoryOp{in + "/b/c/d", true},
           RenameOp{in + "/f", "/stolen", false}, RenameOp{"/o", in + "/o", false}, RenameOp{"/o", in + "/f", true},
           RemoveOp{in + "/f", false, 0}, RemoveOp{in, true, 1000}, RemoveOp{"/.snapshots", true, 0},
           RenameOp{"/.snapshots", "/x", false}, SetSizeOp{copied, 5},
           AllocateChunkOp{copied, 7, {77}, {server(1)}, server(1)}, SetPolicyOp{in + "/f", bus::AckMode::primary},
           TruncateOp{in + "/f", copied, 0, {}, {}, {}, false}, MarkAppendOp{copied},
           SetReplicasOp{in + "/f", copied, 2, 0, 1}, SetDirectoryPolicyOp{in, bus::Policy{}},
           SnapshotOp{"/o", in + "/o", false, digest("/o")}}) {
    const Decision decision = run(body);
    EXPECT_EQ(decision.code, Code::refused) << name_of(body) << ": " << decision.text;
  }
  run(RemoveOp{"/o", false, 1'000'000});
  InodeId item;
  state.names().trash().walk(0, {}, [&](const TrashItem& one) {
    item = one.inode;
    return false;
  });
  EXPECT_EQ(run(RestoreOp{item, in + "/o", false}).code, Code::refused);
  run(RestoreOp{item, "/o", false});
  EXPECT_EQ(run(MakeDirectoryOp{in + "/b", true}).code, Code::ok) << "it is there";
  EXPECT_EQ(state.names().inode(copied)->size, 0u);
  EXPECT_EQ(find("/.snapshots/s/f"), copied);
  EXPECT_FALSE(before.empty());
  audit(state);
  EXPECT_TRUE(run(SetDirectoryPolicyOp{"/.snapshots", bus::Policy{}}).ok()) << "all together may have a quota";
}

TEST_F(SnapshotsTest, WhatCannotBeIsSaid) {
  run(MakeDirectoryOp{"/a/b", true});
  file("/a/f");
  EXPECT_EQ(copy("/none", "s").code, Code::not_found);
  EXPECT_EQ(copy("/a", "/a/b/c").code, Code::invalid_argument);
  EXPECT_THAT(copy("/a", "/a/b/c").text, HasSubstr("into itself"));
  EXPECT_EQ(copy("/", "/x").code, Code::invalid_argument);
  EXPECT_EQ(copy("/a", "/a").code, Code::already_exists);
  EXPECT_EQ(copy("/a", "/none/x").code, Code::not_found);
  EXPECT_EQ(copy("/a", "/a/f/x").code, Code::not_a_directory);
  for (const char* name : {"", ".", "..", "x/y"}) EXPECT_EQ(copy("/a", name).code, Code::invalid_argument) << name;
  EXPECT_EQ(copy("/a", std::string(256, 'n')).code, Code::invalid_argument);
  EXPECT_FALSE(state.names().find("/.snapshots"));
  ASSERT_TRUE(copy("/a", "s").ok());
  EXPECT_EQ(copy("/a", "s").code, Code::already_exists);
  EXPECT_EQ(copy("/.snapshots", "t").code, Code::invalid_argument);
  EXPECT_EQ(run(RemoveSnapshotOp{"t"}).code, Code::not_found);
  EXPECT_EQ(run(RemoveSnapshotOp{"../a"}).code, Code::not_found);
  audit(state);
}

TEST_F(SnapshotsTest, ADirectoryOfThatNameIsInTheWayAndStaysAsItIs) {
  run(MakeDirectoryOp{"/.snapshots", false});
  file("/.snapshots/mine");
  EXPECT_EQ(copy("/.snapshots/mine", "s").code, Code::already_exists);
  EXPECT_TRUE(run(RemoveOp{"/.snapshots", true, 0}).ok());
}

TEST_F(SnapshotsTest, QuotasCountACopyInFull) {
  run(MakeDirectoryOp{"/a", false});
  run(SetSizeOp{file("/a/f"), 1000});
  run(MakeDirectoryOp{"/q", false});
  bus::Policy quota;
  quota.quota_bytes = 1500;
  run(SetDirectoryPolicyOp{"/q", quota});
  EXPECT_TRUE(copy("/a", "/q/1").ok());
  EXPECT_EQ(copy("/a", "/q/2").code, Code::quota_exceeded);
  EXPECT_EQ(state.names().usage(find("/q")).bytes, 1000u);
  bus::Policy names;
  names.quota_files = 3;
  run(SetDirectoryPolicyOp{"/", names});
  EXPECT_EQ(copy("/a", "s").code, Code::quota_exceeded) << "snapshots are below the root as well";
  EXPECT_FALSE(state.names().find("/.snapshots"));
}

TEST_F(SnapshotsTest, OneOfEverythingIsWithoutTheOthers) {
  file("/f");
  ASSERT_TRUE(copy("/", "first").ok());
  const Decision second = copy("/", "second");
  ASSERT_TRUE(second.ok()) << second.text;
  EXPECT_EQ(second.files, 1u);
  EXPECT_EQ(second.directories, 1u);
  EXPECT_FALSE(state.names().find("/.snapshots/second/.snapshots"));
  EXPECT_EQ(state.names().usage(find("/.snapshots/second")).files, 1u);
  EXPECT_EQ(references(at("/f")), 3u);
  EXPECT_EQ(copy("/.snapshots/first", "/back").files, 1u);
  EXPECT_EQ(references(at("/f")), 4u);
  audit(state);
}

TEST_F(SnapshotsTest, TooLargeATreeIsRefusedBeforeAnythingIsDone) {
  run(MakeDirectoryOp{"/a", false});
  for (std::uint64_t i = 0; i < Namespace::kCopiedAtOnce; ++i) run(CreateFileOp{"/a/" + std::to_string(i), 1});
  EXPECT_EQ(copy("/a", "s").code, Code::too_large) << "with the directory it is one too many";
  run(RemoveOp{"/a/0", false, 0});
  EXPECT_TRUE(copy("/a", "s").ok());
}

TEST_F(SnapshotsTest, TooManyAreRefused) {
  file("/f");
  for (std::size_t i = 0; i < Snapshots::kMax; ++i) ASSERT_TRUE(copy("/f", "s" + std::to_string(i)).ok());
  EXPECT_EQ(copy("/f", "more").code, Code::too_large);
  EXPECT_EQ(references(at("/f")), Snapshots::kMax + 1);
  run(RemoveSnapshotOp{"s7"});
  EXPECT_TRUE(copy("/f", "more").ok());
  audit(state);
}

TEST_F(SnapshotsTest, ACutLeavesWhatOthersHaveAlone) {
  const InodeId one = file("/f", 3);
  run(SetSizeOp{one, 3 * kChunkSize});
  copy("/f", "s");
  // The chunk that the end lies in has to be its own.
  const ChunkHandle second = at("/f", 1);
  EXPECT_EQ(run(TruncateOp{"/f", one, kChunkSize + 5, second, {1}, {}, false}).code, Code::conflict);
  const ChunkHandle own = write("/f", 1);
  const Decision cut = run(TruncateOp{"/f", one, kChunkSize + 5, own, {2}, {}, false});
  EXPECT_TRUE(cut.ok()) << cut.text << ": the shared chunk behind it needs no end";
  EXPECT_EQ(state.names().inode(one)->size, kChunkSize + 5);
  EXPECT_EQ(state.names().inode(find("/.snapshots/s"))->size, 3 * kChunkSize);
  EXPECT_EQ(at("/.snapshots/s", 1), second);
  EXPECT_NE(at("/.snapshots/s", 2), ChunkHandle{});
  audit(state);
}

TEST_F(SnapshotsTest, TheGoalOfASharedChunkIsTheHighestThatSomebodyAskedFor) {
  const InodeId one = file("/f");
  copy("/f", "/g");
  run(SetReplicasOp{"/g", find("/g"), 2, 0, 1});
  EXPECT_EQ(state.chunks().find(at("/f"))->goal, 3u);
  run(SetReplicasOp{"/f", one, 5, 0, 1});
  EXPECT_EQ(state.chunks().find(at("/g"))->goal, 5u);
}

TEST_F(SnapshotsTest, ASealOfASharedChunkIsOfAllWhoHaveIt) {
  const InodeId one = file("/f");
  run(MarkAppendOp{one});
  const ChunkHandle shared = at("/f");
  copy("/f", "s");
  run(SealChunkOp{shared, {1}, 500});
  EXPECT_EQ(state.names().inode(one)->size, 500u);
  EXPECT_TRUE(state.chunks().find(shared)->sealed);
  run(RemoveOp{"/f", false, 0});
  EXPECT_TRUE(run(SealChunkOp{shared, {1}, 500}).ok());
  EXPECT_EQ(at("/.snapshots/s"), shared);
  const ChunkHandle copied = [&] {
    copy("/.snapshots/s", "/h");
    return write("/h");
  }();
  EXPECT_TRUE(state.chunks().find(copied)->sealed);
  EXPECT_EQ(state.chunks().find(copied)->sealed_length, 500u);
}

// N06: snapshot of a snapshot, a hundred deep, written to in between; then all of them go in some order.
TEST_F(SnapshotsTest, N06_ReferencesAreExactAHundredDeepWhateverGoesFirst) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    state = MasterState();
    Random random(seed);
    run(MakeDirectoryOp{"/t", false});
    for (int i = 0; i < 5; ++i) file("/t/f" + std::to_string(i), 3);
    std::vector<std::string> all{"/t"};
    for (int depth = 0; depth < 100; ++depth) {
      const std::string source = random.chance(0.7) ? all.back() : random.pick(all);
      const std::string target = "/t" + std::to_string(depth);
      ASSERT_TRUE(copy(source, target).ok());
      all.push_back(target);
      for (int writes = 0; writes < 3; ++writes) {
        const std::string path = random.pick(all) + "/f" + std::to_string(random.below(5));
        const auto index = static_cast<std::uint32_t>(random.below(3));
        if (references(at(path, index)) > 1) write(path, index);
      }
    }
    audit(state);
    while (!all.empty()) {
      const std::size_t gone = random.below(all.size());
      const WallMs keep = random.chance(0.5) ? 1 : 0;
      ASSERT_TRUE(run(RemoveOp{all[gone], true, keep}).ok());
      all.erase(all.begin() + static_cast<std::ptrdiff_t>(gone));
      if (random.chance(0.3)) run(PurgeOp{static_cast<std::uint32_t>(random.between(1, 5))});
      if (all.size() % 20 == 0) audit(state);
    }
    time += 1000;
    while (state.names().trash().size() > 0) run(PurgeOp{7});
    EXPECT_EQ(state.chunks().size(), 0u);
    EXPECT_EQ(state.chunks().places(), 0u);
    EXPECT_EQ(state.names().usage(Namespace::kRoot), Usage());
  }
}

TEST_F(SnapshotsTest, WhateverHappensReferencesAreExactAndACheckpointKeepsThem) {
  std::size_t shared = 0;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    MasterState random_state;
    RandomOps ops(seed * 7);
    for (int i = 0; i < 1500; ++i) {
      random_state.apply(ops.next(random_state));
      if (i % 300 != 0) continue;
      audit(random_state);
      random_state.chunks().walk_borrowed([&](InodeId, std::uint32_t, ChunkHandle) { return ++shared > 0; });
      StateLoader loader({}, kChunkSize);
      FrozenState frozen(random_state);
      PieceKind kind{};
      std::string piece;
      while (frozen.next(kind, piece)) ASSERT_TRUE(loader.add(kind, piece));
      Result<MasterState> loaded = loader.finish();
      ASSERT_TRUE(loaded) << loaded.error().text();
      ASSERT_EQ(loaded->dump(), random_state.dump());
    }
    if (HasFailure()) return;
  }
  EXPECT_GT(shared, 100u);
}

TEST_F(SnapshotsTest, ACheckpointWithWrongReferencesIsRefused) {
  file("/f", 2);
  copy("/f", "s");
  copy("/f", "/g");
  run(RemoveOp{"/f", false, 0});
  std::vector<std::pair<PieceKind, std::string>> pieces;
  FrozenState frozen(state);
  PieceKind kind{};
  for (std::string piece; frozen.next(kind, piece);) pieces.emplace_back(kind, piece);
  auto load = [](const auto& from) -> Result<MasterState> {
    StateLoader loader({}, kChunkSize);
    for (const auto& [of, piece] : from) {
      Result<> added = loader.add(of, piece);
      if (!added) return fail(std::move(added));
    }
    return loader.finish();
  };
  ASSERT_TRUE(load(pieces));
  std::size_t places = 0;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (pieces[i].first != PieceKind::chunks || pieces[i].second[0] != 3) continue;
    ++places;
    auto without = pieces;
    without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_THAT(load(without).error().message, HasSubstr("files have it"));
    auto shorter = pieces;
    shorter[i].second.resize(shorter[i].second.size() - 20);
    EXPECT_THAT(load(shorter).error().message, HasSubstr("files have it"));
    auto twice = pieces;
    twice.insert(twice.begin() + static_cast<std::ptrdiff_t>(i), pieces[i]);
    EXPECT_THAT(load(twice).error().message, HasSubstr("has two chunks"));
  }
  EXPECT_EQ(places, 1u);
  auto no_snapshots = pieces;
  no_snapshots.pop_back();
  EXPECT_TRUE(load(no_snapshots)) << "then it is a tree like any other";
}

TEST_F(SnapshotsTest, TreesAreComparedByWhatTheyShare) {
  run(MakeDirectoryOp{"/a/b/c", true});
  run(MakeDirectoryOp{"/a/gone", true});
  for (const char* path : {"/a/1", "/a/2", "/a/b/3", "/a/b/c/4", "/a/gone/5", "/a/z"}) file(path);
  copy("/a", "s");
  auto page = [&](std::uint32_t limit, const std::string& after = {}) {
    return answer(state, bus::CompareTrees{"/.snapshots/s", "/a", after, limit}).value();
  };
  EXPECT_THAT(page(1000).differences, IsEmpty());
  write("/a/2");
  write("/a/b/c/4");
  run(SetSizeOp{find("/a/z"), 9});
  run(RemoveOp{"/a/gone", true, 0});
  run(RemoveOp{"/a/1", false, 0});
  run(MakeDirectoryOp{"/a/1", false});
  file("/a/b/new");
  chunk(find("/a/b/3"), 1, false);
  std::vector<std::string> text;
  auto note = [&](const bus::CompareTrees::Reply& reply) {
    for (const auto& one : reply.differences)
      text.push_back(fmt::format("{}{}", " +-M"[static_cast<int>(one.change)], one.path));
  };
  note(page(1000));
  const std::vector<std::string> expected{"M1", "M2", "Mb/c/4", "+b/new", "-gone", "Mz"};
  EXPECT_EQ(text, expected);
  for (std::uint32_t limit : {1u, 2u, 3u}) {
    text.clear();
    std::string after;
    do {
      const bus::CompareTrees::Reply reply = page(limit, after);
      EXPECT_LE(reply.differences.size(), limit);
      note(reply);
      after = reply.next;
    } while (!after.empty());
    EXPECT_EQ(text, expected) << limit;
  }
  EXPECT_EQ(page(10).differences.back().right_size, 9u);
  EXPECT_THAT(answer(state, bus::CompareTrees{"/.snapshots/s/z", "/a/z"}).value().differences, testing::SizeIs(1));
  EXPECT_THAT(answer(state, bus::CompareTrees{"/.snapshots/s/z", "/.snapshots/s/z"}).value().differences, IsEmpty());
  EXPECT_EQ(answer(state, bus::CompareTrees{"/none", "/a"}).error().code, Code::not_found);
}

TEST_F(SnapshotsTest, TheyAreListedByNameInPages) {
  EXPECT_THAT(answer(state, bus::ListSnapshots{}).snapshots, IsEmpty());
  run(SetSizeOp{file("/f"), 10});
  for (const char* name : {"b", "a", "c"}) copy("/f", name);
  const bus::ListSnapshots::Reply first = answer(state, bus::ListSnapshots{{}, 2});
  ASSERT_EQ(first.snapshots.size(), 2u);
  EXPECT_TRUE(first.more);
  EXPECT_EQ(first.snapshots[0].name, "a");
  EXPECT_EQ(first.snapshots[0].source, "/f");
  EXPECT_EQ(first.snapshots[0].bytes, 10u);
  EXPECT_GT(first.snapshots[0].time_ms, 0);
  const bus::ListSnapshots::Reply rest = answer(state, bus::ListSnapshots{"b", 2});
  ASSERT_EQ(rest.snapshots.size(), 1u);
  EXPECT_FALSE(rest.more);
  EXPECT_EQ(rest.snapshots[0].name, "c");
}

}  // namespace
}  // namespace gfs::master
