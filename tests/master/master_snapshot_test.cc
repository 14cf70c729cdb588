// Snapshots over the bus: what is frozen and when, who waits, who copies a chunk, and what a crash leaves.
#include <algorithm>
#include <string>

#include "tests/master/master_fixture.h"

namespace gfs::master {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class SnapshotServiceTest : public ChunksTest {
 protected:
  Result<bus::CreateSnapshot::Reply> create(const std::string& source, const std::string& target,
                                            RequestId request = {}) {
    return call(bus::CreateSnapshot{source, target}, request, 60s);
  }
  bus::ChunkLayout written(InodeId file, std::uint32_t index = 0) { return locate(file, index).value(); }
  bus::LocateForRead::Reply reading(InodeId file) { return call(bus::LocateForRead{file}).value(); }
  InodeId inode_of(const std::string& path) { return call(bus::Stat{path}).value().inode; }
  std::size_t copies() const {
    std::size_t sum = 0;
    for (const auto& one : servers) sum += one->copied.size();
    return sum;
  }
  // Begins it; where its answer goes.
  template <class M>
  std::shared_ptr<std::optional<Result<typename M::Reply>>> begin(M ask, RequestId request = {}) {
    auto answer = std::make_shared<std::optional<Result<typename M::Reply>>>();
    bus::CallOptions options{60s, request};
    group.spawn(client->call(bus::Peer::at(kMasterAddress), std::move(ask), options),
                [answer](Result<typename M::Reply> reply) { *answer = std::move(reply); });
    return answer;
  }

  TaskGroup group;
};

TEST_F(SnapshotServiceTest, ItsChunksAreFrozenBeforeItIsThereAndCopiedByThoseWhoHoldThemWhenWrittenTo) {
  add_servers(4);
  call(bus::MakeDirectory{"/d"});
  const InodeId file = make_file("/d/f");
  const bus::ChunkLayout before = written(file);
  EXPECT_FALSE(last_order(before.primary).frozen);
  const bus::CreateSnapshot::Reply made = create("/d", "s").value();
  EXPECT_EQ(made.files, 1u);
  EXPECT_EQ(made.directories, 1u);
  EXPECT_EQ(made.chunks, 1u);
  EXPECT_EQ(made.info.path, "/.snapshots/s");
  EXPECT_TRUE(last_order(before.primary).frozen);
  EXPECT_EQ(last_order(before.primary).version, before.version) << "no new version: it was led";
  EXPECT_EQ(found(before.handle).references, 2u);
  EXPECT_EQ(copies(), 0u);

  const bus::ChunkLayout after = written(file);
  EXPECT_NE(after.handle, before.handle);
  std::vector<ServerId> old_members, new_members;
  for (const bus::Member& member : before.members) old_members.push_back(member.server);
  for (const bus::Member& member : after.members) new_members.push_back(member.server);
  EXPECT_THAT(new_members, testing::UnorderedElementsAreArray(old_members)) << "nothing goes over the network";
  EXPECT_EQ(copies(), 3u);
  const bus::Configure order = last_order(after.primary);
  EXPECT_FALSE(order.frozen);
  EXPECT_FALSE(order.virgin);
  EXPECT_EQ(order.version, Version{2});
  // Whoever read the file before knows the old chunk in its old version.
  EXPECT_GT(found(before.handle).chunk.version, before.version);
  const bus::LocateForRead::Reply snapshot = reading(inode_of("/.snapshots/s/f"));
  EXPECT_EQ(snapshot.layout.at(0).handle, before.handle);
  EXPECT_EQ(snapshot.layout.at(0).version, found(before.handle).chunk.version);
  EXPECT_EQ(reading(file).layout.at(0).handle, after.handle);
  EXPECT_EQ(written(file).handle, after.handle) << "it is the file's own now";
  EXPECT_EQ(copies(), 3u);
  EXPECT_EQ(locate(inode_of("/.snapshots/s/f")).error().code, Code::refused);
  EXPECT_EQ(call(bus::LocateForAppend{inode_of("/.snapshots/s/f")}).error().code, Code::refused);
  EXPECT_EQ(call(bus::Truncate{"/.snapshots/s/f", 5}).error().code, Code::refused);
}

TEST_F(SnapshotServiceTest, TheLastOneThatHasAChunkWritesToIt) {
  add_servers(3);
  const InodeId file = make_file("/f");
  const bus::ChunkLayout before = written(file);
  ASSERT_TRUE(create("/f", "/g"));
  ASSERT_TRUE(call(bus::Remove{"/f", false, true}));
  const bus::ChunkLayout mine = written(inode_of("/g"));
  EXPECT_EQ(mine.handle, before.handle);
  EXPECT_GT(mine.version, before.version) << "the version it was frozen in takes no mutation any more";
  EXPECT_FALSE(last_order(mine.primary).frozen);
  EXPECT_EQ(found(mine.handle).inode, inode_of("/g"));
  EXPECT_EQ(copies(), 0u);
}

TEST_F(SnapshotServiceTest, WhoWantsToWriteWaitsUntilItIsMade) {
  add_servers(3);
  const InodeId file = make_file("/f"), other = make_file("/o");
  const bus::ChunkLayout before = written(file);
  server(before.primary).configure_takes = 2s;
  auto made = begin(bus::CreateSnapshot{"/f", "s"});
  world.clock.run_for(500ms);
  auto writer = begin(bus::LocateForWrite{file, 0, {}});
  auto appender = begin(bus::LocateForAppend{file, {}, {}});
  auto cutter = begin(bus::Truncate{"/f", 3});
  world.clock.run_for(1s);
  EXPECT_FALSE(*made);
  EXPECT_FALSE(*writer);
  EXPECT_FALSE(*appender);
  EXPECT_FALSE(*cutter);
  EXPECT_TRUE(reading(file).layout.at(0).handle == before.handle) << "readers do not";
  server(before.primary).configure_takes = {};
  EXPECT_TRUE(locate(other)) << "nor does anybody else";
  ASSERT_TRUE(wait([&] { return made->has_value() && writer->has_value() && appender->has_value() && *cutter; }));
  ASSERT_TRUE(**made);
  ASSERT_TRUE(**writer) << (**writer).error().text();
  ASSERT_TRUE(**appender) << (**appender).error().text();
  ASSERT_TRUE(**cutter) << (**cutter).error().text();
  EXPECT_NE((**writer)->handle, before.handle);
  EXPECT_EQ((**appender)->layout.handle, (**writer)->handle) << "one copy, whoever asks";
  EXPECT_EQ(copies(), 3u);
}

TEST_F(SnapshotServiceTest, AFileThatIsBeingCutIsWaitedFor) {
  add_servers(3);
  const InodeId file = make_file("/f");
  const bus::ChunkLayout before = written(file);
  server(before.primary).truncate_takes = 2s;
  auto cut = begin(bus::Truncate{"/f", 3});
  world.clock.run_for(500ms);
  auto made = begin(bus::CreateSnapshot{"/f", "s"});
  world.clock.run_for(1s);
  EXPECT_FALSE(*made);
  ASSERT_TRUE(wait([&] { return made->has_value(); }));
  ASSERT_TRUE(**made) << (**made).error().text();
  ASSERT_TRUE(*cut && **cut);
  EXPECT_EQ(call(bus::Stat{"/.snapshots/s"}).value().size, 3u) << "after it, as a whole";
}

// I29: a chunk without anybody who can be heard ends the snapshot, not the others.
TEST_F(SnapshotServiceTest, I29_ADeadChunkStallsTheOthersNoLongerThanADeadline) {
  add_servers(6);
  call(bus::MakeDirectory{"/d"});
  settings.minimum_for_writing = 2;
  const InodeId dead = make_file("/d/dead"), live = make_file("/d/live");
  bus::ChunkLayout gone = written(dead), there = written(live);
  for (int tries = 0; tries < 50; ++tries) {
    const bool apart = std::ranges::none_of(gone.members, [&](const bus::Member& one) {
      return std::ranges::any_of(there.members, [&](const bus::Member& other) { return one.server == other.server; });
    });
    if (apart) break;
    const InodeId again = make_file("/d/more" + std::to_string(tries));
    gone = written(again);
  }
  for (const bus::Member& member : gone.members) server(member.server).die();
  const Instant begun = world.clock.now();
  auto made = begin(bus::CreateSnapshot{"/d", "s"});
  world.clock.run_for(3s);
  auto writer = begin(bus::LocateForWrite{live, 0, {}});
  ASSERT_TRUE(wait([&] { return made->has_value(); }, 60s));
  EXPECT_EQ((**made).error().code, Code::unavailable);
  EXPECT_THAT((**made).error().message, HasSubstr("cannot be frozen"));
  EXPECT_LT(world.clock.now() - begun, 45s);
  ASSERT_TRUE(wait([&] { return writer->has_value(); }));
  ASSERT_TRUE(**writer) << (**writer).error().text();
  EXPECT_EQ((**writer)->handle, there.handle) << "nothing was done";
  EXPECT_FALSE(last_order((**writer)->primary).frozen);
  EXPECT_FALSE(call(bus::Exists{"/.snapshots"}).value().exists);
}

TEST_F(SnapshotServiceTest, AMemberThatGoesAwayIsReplacedAndTheSnapshotIsMade) {
  add_servers(4);
  const InodeId file = make_file("/f");
  const bus::ChunkLayout before = written(file);
  server(before.primary).die();
  Result<bus::CreateSnapshot::Reply> made = create("/f", "s");
  for (int tries = 0; !made && tries < 5; ++tries) made = create("/f", "s");
  ASSERT_TRUE(made) << made.error().text();
  EXPECT_GT(found(before.handle).chunk.version, before.version);
  EXPECT_TRUE(last_order(found(before.handle).chunk.primary).frozen);
}

TEST_F(SnapshotServiceTest, ARepeatIsTheFirstOne) {
  add_servers(3);
  const InodeId file = make_file("/f");
  written(file);
  const bus::CreateSnapshot::Reply first = create("/f", "s", request(1)).value();
  written(file);  // it goes on
  const bus::CreateSnapshot::Reply again = create("/f", "s", request(1)).value();
  EXPECT_EQ(again.info.inode, first.info.inode);
  EXPECT_EQ(create("/f", "s", request(2)).error().code, Code::already_exists);
  EXPECT_EQ(create("/f", "t", request(1)).error().code, Code::invalid_argument);
  kill_master(true);
  ASSERT_TRUE(start_master());
  EXPECT_EQ(create("/f", "s", request(1)).value().info.inode, first.info.inode);
  EXPECT_EQ(create("/f", "s", request(2)).error().code, Code::already_exists) << "the refusal is remembered too";
  EXPECT_EQ(call(bus::RemoveSnapshot{"s"}, request(3)).value().files, 1u);
  EXPECT_EQ(call(bus::RemoveSnapshot{"s"}, request(3)).value().files, 1u);
  EXPECT_EQ(call(bus::RemoveSnapshot{"s"}, request(4)).error().code, Code::not_found);
  EXPECT_THAT(call(bus::ListSnapshots{}).value().snapshots, IsEmpty());
}

TEST_F(SnapshotServiceTest, WhoReadsWaitsWhileAChunkChangesHands) {
  add_servers(3);
  const InodeId file = make_file("/f");
  const bus::ChunkLayout before = written(file);
  ASSERT_TRUE(create("/f", "s"));
  for (const auto& one : servers) one->copy_takes = 1s;
  auto writer = begin(bus::LocateForWrite{file, 0, {}});
  world.clock.run_for(500ms);
  EXPECT_EQ(reading(file).layout.at(0).handle, before.handle) << "not while it is copied";
  for (const auto& one : servers) one->configure_takes = 1s;
  world.clock.run_for(700ms);
  auto reader = begin(bus::LocateForRead{file});
  world.clock.run_for(500ms);
  EXPECT_FALSE(*reader) << "the old chunk's readers are being fenced";
  EXPECT_EQ(reading(inode_of("/.snapshots/s")).layout.at(0).handle, before.handle) << "the snapshot's do not wait";
  ASSERT_TRUE(wait([&] { return reader->has_value() && writer->has_value(); }));
  EXPECT_EQ((**reader)->layout.at(0).handle, (**writer)->handle);
}

TEST_F(SnapshotServiceTest, ACopyThatFailsIsLeftOutAndCopiesThatDifferAreNotTaken) {
  add_servers(3);
  const InodeId file = make_file("/f");
  const bus::ChunkLayout before = written(file);
  ASSERT_TRUE(create("/f", "s"));
  secondary(before, 0).copy_answers = {Code::no_space};
  const bus::ChunkLayout after = written(file);
  EXPECT_EQ(after.members.size(), 2u);
  ASSERT_TRUE(create("/f", "t"));
  secondary(after).copy_digest = 8;
  const Result<bus::ChunkLayout> third = locate(file);
  ASSERT_FALSE(third) << "which of them is right is not known";
  EXPECT_EQ(third.error().code, Code::unavailable);
  EXPECT_THAT(third.error().message, HasSubstr("differ"));
  secondary(after).copy_digest = 7;
  EXPECT_TRUE(locate(file));
}

TEST_F(SnapshotServiceTest, AFileThatTakesAppendsGoesOnInItsOwnCopyOfTheLastChunk) {
  add_servers(3);
  const InodeId file = make_file("/f");
  const bus::ChunkLayout first = call(bus::LocateForAppend{file}).value().layout;
  ASSERT_TRUE(create("/f", "s"));
  const bus::ChunkLayout own = call(bus::LocateForAppend{file, first.version, {}}).value().layout;
  EXPECT_NE(own.handle, first.handle);
  EXPECT_EQ(own.index, 0u);
  // A chunk behind it: it is the own one that is sealed.
  ASSERT_TRUE(create("/f", "t"));
  const bus::ChunkLayout next = locate(file, 1).value();
  EXPECT_EQ(next.index, 1u);
  const InodeId in_t = inode_of("/.snapshots/t");
  EXPECT_EQ(reading(in_t).layout.at(0).handle, own.handle);
  EXPECT_FALSE(reading(in_t).layout.at(0).sealed);
  EXPECT_TRUE(reading(file).layout.at(0).sealed);
  EXPECT_EQ(last_order(next.primary).before, reading(file).layout.at(0).handle);
}

TEST_F(SnapshotServiceTest, ACutOfASharedChunkIsOfAnOwnCopyAndWhatIsBehindIsJustLetGo) {
  add_servers(3);
  const InodeId file = make_file("/f");
  const bus::ChunkLayout first = written(file, 0), second = written(file, 1);
  ASSERT_TRUE(create("/f", "s"));
  const std::size_t released = server(second.primary).released.size();
  ASSERT_TRUE(call(bus::Truncate{"/f", 1000}));
  const bus::ChunkLayout own = written(file);
  EXPECT_NE(own.handle, first.handle);
  EXPECT_EQ(server(own.primary).truncated.back().handle, own.handle);
  EXPECT_EQ(server(second.primary).released.size(), released);
  EXPECT_EQ(reading(inode_of("/.snapshots/s")).layout.size(), 2u);
  EXPECT_EQ(found(second.handle).references, 1u);
}

// N07: a copy that servers are making is in no file yet, and nobody collects it.
TEST_F(SnapshotServiceTest, N07_WhatIsBeingCopiedIsNoGarbageAndWhatASnapshotHasIsNone) {
  settings.collect_after = 5s;
  kill_master();
  ASSERT_TRUE(start_master());
  add_servers(3);
  const InodeId file = make_file("/f");
  const bus::ChunkLayout before = written(file);
  ASSERT_TRUE(create("/f", "s"));
  // One of them has its copy for long, the others are slow.
  for (std::size_t other : {0, 1}) secondary(before, other).copy_takes = 25s;
  auto writer = begin(bus::LocateForWrite{file, 0, {}});
  world.clock.run_for(22s);
  ASSERT_FALSE(*writer);
  ASSERT_TRUE(wait([&] { return writer->has_value(); }));
  ASSERT_TRUE(**writer) << (**writer).error().text();
  EXPECT_EQ((**writer)->members.size(), 3u);
  ASSERT_TRUE(call(bus::Remove{"/f", false, true}));
  ASSERT_TRUE(
      wait([&] { return std::ranges::all_of(servers, [](const auto& one) { return !one->collected.empty(); }); }, 120s))
      << "the file's own copy is garbage now";
  world.clock.run_for(60s);
  for (const auto& one : servers) {
    EXPECT_NE(one->holding(before.handle), nullptr) << "the snapshot has it";
    EXPECT_EQ(one->holding((**writer)->handle), nullptr);
  }
  ASSERT_TRUE(call(bus::RemoveSnapshot{"s"}));
  EXPECT_TRUE(
      wait([&] { return std::ranges::all_of(servers, [](const auto& one) { return one->held.empty(); }); }, 120s))
      << "now nobody has";
}

// A copy of which no file came is garbage, and its handle is given to nobody else.
TEST_F(SnapshotServiceTest, N07_ACopyThatCameToNothingIsCollected) {
  settings.collect_after = 5s;
  kill_master();
  ASSERT_TRUE(start_master());
  add_servers(3);
  const InodeId file = make_file("/f");
  const bus::ChunkLayout before = written(file);
  ASSERT_TRUE(create("/f", "s"));
  for (const auto& one : servers) {
    if (one->id != before.primary) one->copy_answers = {Code::no_space, Code::no_space, Code::no_space};
  }
  EXPECT_EQ(locate(file).error().code, Code::no_space);
  EXPECT_EQ(locate(file).error().code, Code::no_space);
  EXPECT_EQ(server(before.primary).copied[0].handle, server(before.primary).copied[1].handle)
      << "whoever has made his copy need not again";
  const ChunkHandle lost = server(before.primary).copied.back().handle;
  EXPECT_NE(server(before.primary).holding(lost), nullptr);
  restart_master();
  EXPECT_GT(written(make_file("/other")).handle, lost);
  EXPECT_TRUE(
      wait([&] { return std::ranges::all_of(servers, [&](const auto& one) { return one->holding(lost) == nullptr; }); },
           300s));
  EXPECT_TRUE(call_until_ok(bus::LocateForWrite{file, 0, {}}));
}

TEST_F(SnapshotServiceTest, AMemberThatIsSlowOrAwayIsNotWaitedForOnceThereAreEnough) {
  add_servers(3);
  const InodeId file = make_file("/f");
  const bus::ChunkLayout before = written(file);
  ASSERT_TRUE(create("/f", "s"));
  secondary(before, 0).copy_takes = 25s;
  Instant begun = world.clock.now();
  EXPECT_EQ(written(file).members.size(), 2u);
  EXPECT_LT(world.clock.now() - begun, 4s);
  ASSERT_TRUE(settled(written(file).handle, 3, 120s)) << "it gets its third one later";
  secondary(before, 0).copy_takes = {};
  ASSERT_TRUE(create("/f", "t"));
  const bus::ChunkLayout next = call(bus::LocateForRead{file}).value().layout.at(0);
  secondary(next, 0).die();
  world.clock.run_for(4s);
  begun = world.clock.now();
  EXPECT_GE(written(file).members.size(), 2u);
  EXPECT_LT(world.clock.now() - begun, 10s);
}

// Nobody writes to a chunk of which a copy is being made, even if it is one file's alone meanwhile: it may be shared
// again before that comes to its end (SnapshotsTest.ACopyOfAnEarlierSharingIsNotTaken).
TEST_F(SnapshotServiceTest, ACopyUnderWayIsWaitedForEvenIfNobodyElseHasTheChunk) {
  add_servers(3);
  const InodeId file = make_file("/f");
  const bus::ChunkLayout before = written(file);
  ASSERT_TRUE(create("/f", "s"));
  for (const auto& one : servers) one->copy_takes = 3s;
  auto first = begin(bus::LocateForWrite{file, 0, {}});
  world.clock.run_for(500ms);
  ASSERT_TRUE(call(bus::RemoveSnapshot{"s"}));
  auto second = begin(bus::LocateForWrite{file, 0, {}});
  world.clock.run_for(500ms);
  EXPECT_FALSE(*second);
  auto made = begin(bus::CreateSnapshot{"/f", "t"});
  ASSERT_TRUE(wait([&] { return *first && *second && *made; }));
  ASSERT_TRUE(**made) << (**made).error().text();
  ASSERT_TRUE(**first) << (**first).error().text();
  ASSERT_TRUE(**second) << (**second).error().text();
  const ChunkHandle kept = reading(inode_of("/.snapshots/t")).layout.at(0).handle;
  const bus::ChunkLayout own = written(file);
  EXPECT_EQ(kept, before.handle);
  EXPECT_NE(own.handle, kept);
}

TEST_F(SnapshotServiceTest, WhatGoesAwayWhileItIsFrozenIsNotThere) {
  add_servers(3);
  const InodeId file = make_file("/f");
  const bus::ChunkLayout before = written(file);
  server(before.primary).configure_takes = 2s;
  auto made = begin(bus::CreateSnapshot{"/f", "s"});
  world.clock.run_for(500ms);
  ASSERT_TRUE(call(bus::Remove{"/f", false, true}));
  ASSERT_TRUE(wait([&] { return made->has_value(); }));
  EXPECT_EQ((**made).error().code, Code::not_found);
}

// A reader's way to have a chunk active does not copy it, and works in a snapshot too.
TEST_F(SnapshotServiceTest, AChunkIsMadeReadableAsItIs) {
  add_servers(3);
  const InodeId file = make_file("/f");
  const bus::ChunkLayout before = written(file);
  ASSERT_TRUE(create("/f", "s"));
  restart_master();
  const std::size_t orders_before = orders();
  ASSERT_TRUE(call_until_ok(bus::MakeReadable{inode_of("/.snapshots/s"), 0}));
  EXPECT_GT(orders(), orders_before);
  EXPECT_TRUE(last_order(found(before.handle).chunk.primary).frozen);
  ASSERT_TRUE(call(bus::MakeReadable{file, 0}));
  EXPECT_EQ(copies(), 0u);
  EXPECT_EQ(call(bus::MakeReadable{file, 7}).error().code, Code::not_found);
}

TEST_F(SnapshotServiceTest, ItsFilesAreAsLongAsWhatIsInThem) {
  add_servers(3);
  const InodeId file = make_file("/f");
  written(file);
  EXPECT_EQ(call(bus::Stat{"/f"}).value().size, 0u);
  EXPECT_EQ(create("/f", "s").value().info.size, 100u) << "as the primary said";
  EXPECT_EQ(call(bus::Stat{"/f"}).value().size, 100u);
  EXPECT_THAT(call(bus::CompareTrees{"/.snapshots/s", "/f"}).value().differences, IsEmpty());
}

// N05: the master dies at every step of a snapshot and of the first write after it: it is there as a whole or not at
// all, and whoever wrote before it goes on.
TEST_F(SnapshotServiceTest, N05_ACrashAtAnyStepLeavesTheWholeSnapshotOrNone) {
  add_servers(3);
  call(bus::MakeDirectory{"/d"});
  std::vector<InodeId> files;
  for (int i = 0; i < 3; ++i) files.push_back(make_file("/d/f" + std::to_string(i)));
  for (InodeId file : files) written(file);
  int whole = 0, none = 0, over = 0;
  for (std::uint64_t step = 1; over < 3; step += 1 + step / 20) {
    const std::string name = "s" + std::to_string(step);
    auto made = begin(bus::CreateSnapshot{"/d", name}, request(step));
    auto writer = begin(bus::LocateForWrite{files[0], 0, {}});
    for (std::uint64_t i = 0; i < step; ++i) {
      world.clock.step();
      if (*made && !*writer && i + 1 == step / 2) writer = begin(bus::LocateForWrite{files[0], 0, {}});
    }
    const bool acknowledged = made->has_value() && **made;
    if (acknowledged && *writer) ++over;
    kill_master(step % 2 == 0);
    group.cancel();
    ASSERT_TRUE(start_master());
    for (const auto& one : servers) {
      FakeServer& fake = *one;
      ASSERT_TRUE(wait([&] { return fake.registered(); }));
    }
    const bool there = call_until_ok(bus::Exists{"/.snapshots/" + name}).value().exists;
    if (acknowledged) {
      EXPECT_TRUE(there) << "step " << step;
    }
    ++(there ? whole : none);
    if (there) {
      EXPECT_EQ(call(bus::List{"/.snapshots/" + name}).value().entries.size(), 3u) << "step " << step;
    }
    const bus::ListChunks::Chunk shared = call(bus::ListChunks{"/d/f1"}).value().chunks.at(0);
    EXPECT_EQ(found(shared.handle).references, there ? 2u : 1u) << "step " << step;
    for (InodeId file : files) {
      const Result<bus::ChunkLayout> layout = call_until_ok(bus::LocateForWrite{file, 0, {}});
      ASSERT_TRUE(layout) << "step " << step << ": " << layout.error().text();
      EXPECT_EQ(found(layout->handle).references, 1u);
      EXPECT_FALSE(last_order(layout->primary).handle == layout->handle && last_order(layout->primary).frozen);
    }
    if (there) {
      ASSERT_TRUE(call(bus::RemoveSnapshot{name}));
    }
    if (HasFailure()) return;
  }
  EXPECT_GT(whole, 3);
  EXPECT_GT(none, 3);
}

}  // namespace
}  // namespace gfs::master
