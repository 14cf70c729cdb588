// Writing against servers that fail in every way: what is retried, under which id, and what is said in the end.
#include <algorithm>
#include <set>

#include "tests/client/fake_cluster.h"

namespace gfs::client::fake {
namespace {

using Writing = Cluster;

TEST_F(Writing, GoesToEveryMemberAndItsSizeToTheMaster) {
  std::string content = some_bytes(3 * (1 << 20) + 12345);
  auto file = open();
  ASSERT_TRUE(run(file->append(Bytes::of(content))));
  Result<> closed = run(file->close());
  ASSERT_TRUE(closed) << closed.error().text();
  for (ChunkServer& server : servers) EXPECT_EQ(server.chunks[{100}], content);
  EXPECT_EQ(master.size, content.size());
  EXPECT_EQ(servers[0].synced.size(), 1u);
  EXPECT_EQ(run(file->append(Bytes::of("x"))).error().code, Code::invalid_argument) << "closed";
}

TEST_F(Writing, OfASmallNewFileTakesFiveQuestionsAndNoMore) {
  ASSERT_TRUE(run(fs().stat("/f")));
  master.calls.clear();  // hello, once for all
  auto file = open(Filesystem::Open::create_new);
  ASSERT_TRUE(run(file->append(Bytes::of(some_bytes(4096)))));
  ASSERT_TRUE(run(file->close()));
  using Calls = std::map<std::string, int>;
  EXPECT_EQ(master.calls, (Calls{{"create", 1}, {"locate_for_write", 1}, {"set_size", 1}}));
  EXPECT_EQ(servers[0].calls, (Calls{{"write", 1}, {"sync", 1}}));
}

TEST_F(Writing, EachPassingFaultIsRetriedUnderOneIdAndAppliedOnce) {
  const Fault faults[] = {{Code::missing_data},   {Code::replica_failed}, {Code::replica_failed, true},
                          {Code::overloaded},     {Code::stale_version},  {Code::not_primary},
                          {Code::lease_lost},     {Code::unavailable},    {Code::ok, false, true},
                          {Code::ok, true, true}, {Code::no_space},       {Code::io_error, true}};
  auto file = open();
  std::uint64_t at = 0;
  for (const Fault& fault : faults) {
    servers[0].requests.clear();
    servers[0].faults["write"] = {fault};
    Result<> written = run(file->write(at, Bytes::of("hello")));
    ASSERT_TRUE(written) << name_of(fault.code) << ": " << written.error().text();
    ASSERT_EQ(servers[0].requests.size(), 2u) << name_of(fault.code);
    EXPECT_EQ(servers[0].requests[0], servers[0].requests[1]) << name_of(fault.code);
    at += 5;
  }
  for (const auto& [id, times] : servers[0].times) EXPECT_EQ(times, 1) << id.text();
  EXPECT_EQ(servers[1].chunks[{100}].size(), at);
}

TEST_F(Writing, DefiniteErrorsAreNotRetried) {
  for (Code code : {Code::corrupt, Code::invalid_argument, Code::not_allowed}) {
    auto file = open();
    int before = servers[0].calls["write"];
    servers[0].faults["write"] = {{code}};
    Result<> written = run(file->write(0, Bytes::of("hello")));
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, code);
    EXPECT_EQ(servers[0].calls["write"], before + 1);
    EXPECT_TRUE(mentions(written.error(), servers[0].control)) << written.error().text();
  }
}

TEST_F(Writing, AFullDiskIsToldAfterAskingTheMasterOnce) {
  auto file = open();
  servers[0].faults["write"] = {{Code::no_space}, {Code::no_space}, {Code::no_space}};
  Result<> written = run(file->write(0, Bytes::of("hello")));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Code::no_space);
  EXPECT_EQ(servers[0].calls["write"], 2);
  EXPECT_EQ(master.calls["locate_for_write"], 2);
}

TEST_F(Writing, AnEarlierUnknownTryKeepsTheOutcomeOpen) {
  auto file = open();
  servers[0].faults["write"] = {{Code::replica_failed, true}, {Code::corrupt}};
  Result<> written = run(file->write(0, Bytes::of("hello")));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Code::replica_failed) << written.error().text();
  EXPECT_EQ(written.error().outcome(), Outcome::may_have_happened);
}

TEST_F(Writing, MovesToTheNewConfigurationWhenThePrimaryDies) {
  auto file = open();
  ASSERT_TRUE(run(file->write(0, Bytes::of("before"))));
  kill(servers[0]);
  Instant death = world.now();
  master.on_failed = [&] {
    if (world.now() < death + 3s) return;  // its heartbeat is not overdue yet
    master.members = {&servers[1], &servers[2]};
    master.version = {2};
  };
  Result<> written = run(file->write(6, Bytes::of(" after")));
  ASSERT_TRUE(written) << written.error().text();
  EXPECT_EQ(servers[2].chunks[{100}], "before after");
  Result<> synced = run(file->sync());
  ASSERT_TRUE(synced) << synced.error().text();
  EXPECT_EQ(servers[1].synced, std::set<Version>{{2}});
}

TEST_F(Writing, TellsTheMasterWhoIsUnreachable) {
  auto file = open();
  ASSERT_TRUE(run(file->write(0, Bytes::of("before"))));
  kill(servers[0]);
  master.told_unreachable.clear();
  master.on_failed = [&] {
    if (std::ranges::count(master.told_unreachable, servers[0].id) == 0) return;
    master.members = {&servers[1], &servers[2]};
    master.version = {2};
  };
  Instant start = world.now();
  Result<> written = run(file->write(6, Bytes::of(" after")));
  ASSERT_TRUE(written) << written.error().text();
  EXPECT_LE(world.now() - start, 1s) << "it looks at once";
}

// It hears orders, and the bytes do not get there: a link that swallows what is large.
TEST_F(Writing, P19_APrimaryThatGetsNoBytesIsLeftForAnother) {
  auto file = open();
  ASSERT_TRUE(run(file->write(0, Bytes::of("before"))));
  servers[0].faults["write"] = std::deque<Fault>(1000, {Code::missing_data});
  master.told_unreachable.clear();
  master.on_failed = [&] {
    if (std::ranges::count(master.told_unreachable, servers[0].id) == 0) return;
    master.members = {&servers[1], &servers[0], &servers[2]};
    master.version = {2};
  };
  servers[0].calls.clear();
  Result<> written = run(file->write(6, Bytes::of(" after")));
  ASSERT_TRUE(written) << written.error().text();
  EXPECT_EQ(servers[0].calls["write"], 3) << "by the way of each of three members";
  EXPECT_EQ(servers[1].calls["write"], 1);
}

// What was shared with a snapshot is replaced, for the file, by a copy: another chunk, of a lower version.
TEST_F(Writing, GoesOnInTheCopyOfAChunkThatIsShared) {
  master.version = {7};
  auto file = open();
  ASSERT_TRUE(run(file->write(0, Bytes::of("before"))));
  master.freeze();
  servers[0].requests.clear();
  ASSERT_TRUE(run(file->write(0, Bytes::of("after!"))));
  for (ChunkServer& server : servers) {
    EXPECT_EQ(server.chunks[{100}], "before");
    EXPECT_EQ(server.chunks[{1000}], "after!");
  }
  ASSERT_EQ(servers[0].requests.size(), 2u) << "refused, then at once in the copy";
  EXPECT_EQ(servers[0].requests[0], servers[0].requests[1]);
  ASSERT_TRUE(run(file->write(6, Bytes::of("more"))));
  EXPECT_EQ(servers[0].requests.size(), 3u) << "it is known by now";
  EXPECT_EQ(run(file->read(0, 10))->view(), "after!more");
  ASSERT_TRUE(run(file->sync()));
  EXPECT_EQ(servers[0].synced_chunks, std::vector<ChunkHandle>{{1000}});
}

TEST_F(Writing, FindsTheCopyThatSomebodyElseHadMade) {
  master.version = {7};
  auto file = open();
  ASSERT_TRUE(run(file->write(0, Bytes::of("before"))));
  master.freeze();
  master.copy(0);
  master.freeze();
  master.copy(0);
  ASSERT_TRUE(run(file->write(0, Bytes::of("after!"))));
  EXPECT_EQ(master.copied, 2u);
  EXPECT_EQ(servers[2].chunks[{1000}], "before");
  EXPECT_EQ(servers[2].chunks[{1001}], "after!");
}

TEST_F(Writing, AllPartsOfALongWriteFindTheCopy) {
  master.version = {7};
  std::string content = some_bytes(3 << 20);
  auto file = open();
  ASSERT_TRUE(run(file->write(0, Bytes::of(std::string(3 << 20, 'x')))));
  world.after(12ms, [&] { master.freeze(); });
  Result<> first, second;
  TaskGroup group;
  group.spawn<void>(file->write(0, Bytes::of(content)), [&](Result<> done) { first = std::move(done); });
  world.after(11ms, [&] {
    group.spawn<void>(file->write(0, Bytes::of(content)), [&](Result<> done) { second = std::move(done); });
  });
  world.run_for(5s);
  EXPECT_TRUE(first) << first.error().text();
  EXPECT_TRUE(second) << second.error().text();
  for (ChunkServer& server : servers) EXPECT_EQ(server.chunks[{1000}], content);
  EXPECT_EQ(master.copied, 1u);
}

// Five tries without an answer are the end, if they are of one chunk.
TEST_F(Writing, ACopyIsAStepForward) {
  master.version = {7};
  auto file = open();
  ASSERT_TRUE(run(file->write(0, Bytes::of("before"))));
  servers[0].faults["write"] = std::deque<Fault>(3, {.silent = true});
  settings.deadline = 60s;
  fs_.reset();
  file = open();
  world.after(12s, [&] {
    master.freeze();
    servers[0].faults["write"] = {{.silent = true}, {.silent = true}, {.silent = true}};
  });
  Result<> written = run(file->write(0, Bytes::of("after!")));
  ASSERT_TRUE(written) << written.error().text();
}

TEST_F(Writing, ASyncOfASharedChunkCopiesNothing) {
  auto file = open();
  ASSERT_TRUE(run(file->write(0, Bytes::of("before"))));
  master.freeze();
  world.run_for(settings.layout_age + 1s);
  ASSERT_TRUE(run(file->sync()));
  EXPECT_EQ(master.copied, 0u);
  EXPECT_EQ(servers[0].synced_chunks, std::vector<ChunkHandle>{{100}});
  EXPECT_EQ(master.size, 6u);
  // Its primary of the layout for reading is none any more: then the master is asked for one, as before a write.
  ASSERT_TRUE(run(file->write(0, Bytes::of("again!"))));
  world.run_for(settings.layout_age + 1s);
  servers[0].faults["sync"] = {{Code::not_primary}};
  int located = master.calls["locate_for_write"];
  ASSERT_TRUE(run(file->sync()));
  EXPECT_EQ(master.calls["locate_for_write"], located + 1);
}

// I13: a write of unknown outcome was given up, others follow. Its copies, should they come late, are below the floor.
TEST_F(Writing, I13EveryWriteNamesTheLowestOneStillWanted) {
  auto file = open();
  ASSERT_TRUE(run(file->write(0, Bytes::of("first"))));
  std::uint64_t first = servers[0].requests.back().sequence;
  EXPECT_EQ(servers[0].floors.back(), first) << "none is wanted but itself";
  servers[0].faults["write"] = std::deque<Fault>(100, {Code::ok, false, true});
  Result<> lost = run(file->write(0, Bytes::of("lost!")));
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().outcome(), Outcome::may_have_happened);
  std::uint64_t given_up = servers[0].requests.back().sequence;
  servers[0].faults.clear();
  ASSERT_TRUE(run(file->write(0, Bytes::of("later"))));
  EXPECT_GT(servers[0].floors.back(), given_up);
  EXPECT_EQ(servers[0].floors.back(), servers[0].requests.back().sequence);
}

TEST_F(Writing, TheFloorStaysBelowWhatIsStillOnItsWay) {
  auto file = open();
  servers[0].faults["write"] = {{Code::overloaded}};
  std::vector<Task<>> both;
  both.push_back(file->write(0, Bytes::of("one")));
  both.push_back(file->write(3, Bytes::of("two")));
  Result<std::vector<Result<>>> done = run(all_of(std::move(both)));
  for (Result<>& one : *done) EXPECT_TRUE(one);
  ASSERT_EQ(servers[0].floors.size(), 3u);
  std::uint64_t first = servers[0].requests.front().sequence;
  EXPECT_EQ(servers[0].floors, (std::vector<std::uint64_t>{first, first, first}));
  ASSERT_TRUE(run(file->write(kChunk, Bytes::of("another chunk"))));
  EXPECT_EQ(servers[0].floors.back(), servers[0].requests.back().sequence);
}

// One is still being repeated, the next was given up: it lies above the floor, so whoever comes then has to wait.
TEST_F(Writing, I13WaitsForOlderOnesSoThatTheFloorIsAboveWhatWasGivenUp) {
  auto file = open();
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(run(file->write(0, Bytes::of("first"))));  // from here on all ids are writes
  const std::uint64_t first = servers[0].requests.back().sequence;
  auto sent = [&](std::uint64_t sequence) {
    return std::ranges::find(servers[0].requests, sequence, &RequestId::sequence) != servers[0].requests.end();
  };
  std::optional<Result<>> repeated, later;
  TaskGroup group, given_up;
  servers[0].held_up = {first + 1, first + 2};
  group.spawn<void>(file->write(0, Bytes::of("older")), [&](Result<> done) { repeated = std::move(done); });
  given_up.spawn<void>(file->write(0, Bytes::of("grave")));
  world.run_for(1s);
  ASSERT_TRUE(sent(first + 1) && sent(first + 2));
  given_up.cancel();
  group.spawn<void>(file->write(0, Bytes::of("later")), [&](Result<> done) { later = std::move(done); });
  world.run_for(3s);
  EXPECT_FALSE(sent(first + 3));
  servers[0].held_up = {first + 2};
  world.run_for(3s);
  ASSERT_TRUE(repeated && *repeated);
  ASSERT_TRUE(later && *later);
  EXPECT_EQ(servers[0].floors.back(), first + 3);
  EXPECT_EQ(servers[0].chunks[{100}], "later");

  // It is not waited for longer than one's own deadline.
  servers[0].held_up = {first + 4, first + 5};
  group.spawn<void>(file->write(0, Bytes::of("older")));
  given_up.spawn<void>(file->write(0, Bytes::of("grave")));
  world.run_for(1s);
  given_up.cancel();
  std::optional<Result<>> cut_off;
  group.spawn<void>(file->write(0, Bytes::of("newer")), [&](Result<> done) { cut_off = std::move(done); });
  for (int i = 0; i < 3 && !cut_off; ++i) world.run_for(settings.deadline / 2);
  ASSERT_TRUE(cut_off);
}

TEST_F(Writing, TheSizeThatIsSavedIsWhatTheChunksHaveNow) {
  auto file = open();
  ASSERT_TRUE(run(file->write(0, Bytes::of("0123456789"))));
  ASSERT_TRUE(run(file->write(kChunk, Bytes::of("cut off"))));
  cut(5);
  Result<> synced = run(file->sync());
  ASSERT_TRUE(synced) << synced.error().text();
  EXPECT_EQ(master.size, 5u);
  EXPECT_EQ(master.chunk_count, 1u) << "what is gone is not made anew";
  EXPECT_EQ(master.calls["locate_for_write"], 0);
}

TEST_F(Writing, EndsInTimeWhenEverythingIsDead) {
  for (bool silent : {false, true}) {
    auto file = open();
    for (ChunkServer& server : servers) silent ? mute(server) : kill(server);
    Instant start = world.now();
    Result<> written = run(file->write(0, Bytes::of("hello")));
    ASSERT_FALSE(written);
    EXPECT_LE(world.now() - start, settings.deadline + 100ms);
    EXPECT_GE(world.now() - start, settings.deadline - 6s);
    EXPECT_TRUE(mentions(written.error(), servers[0].control)) << written.error().text();
    EXPECT_EQ(written.error().outcome(), silent ? Outcome::may_have_happened : Outcome::did_not_happen);
    all_well();
  }
}

TEST_F(Writing, LaterFailuresOfAppendsAreToldBySyncAndNothingIsCalledSafe) {
  auto file = open();
  servers[0].faults["write"] = {{Code::corrupt}};
  ASSERT_TRUE(run(file->append(Bytes::of("lost"))));
  EXPECT_EQ(run(file->sync()).error().code, Code::corrupt);
  EXPECT_EQ(run(file->append(Bytes::of("more"))).error().code, Code::corrupt);
  EXPECT_EQ(run(file->close()).error().code, Code::corrupt);
  EXPECT_EQ(master.size, 0u);
}

TEST_F(Writing, AFailedSyncIsAnErrorAndIsDoneAgainByTheNext) {
  auto file = open();
  ASSERT_TRUE(run(file->write(0, Bytes::of("hello"))));
  servers[0].faults["sync"] = {{Code::corrupt}};
  EXPECT_FALSE(run(file->sync()));
  EXPECT_EQ(master.calls["set_size"], 0);
  ASSERT_TRUE(run(file->sync()));
  EXPECT_EQ(master.size, 5u);
  EXPECT_EQ(servers[0].calls["sync"], 2);
  ASSERT_TRUE(run(file->sync()));
  EXPECT_EQ(servers[0].calls["sync"], 2) << "nothing new to force";
}

TEST_F(Writing, KeepsNoMoreThanTheWindowInFlight) {
  settings.window = 2 << 20;
  auto file = open();
  for (ChunkServer& server : servers) server.faults["write"] = std::deque<Fault>(2, {Code::ok, false, true});
  std::string content = some_bytes(3 << 20);
  Task<> appending = file->append(Bytes::of(content));
  Instant start = world.now();
  ASSERT_TRUE(run(std::move(appending)));
  EXPECT_GE(world.now() - start, 4s) << "the third fragment waited for the first ones' second tries";
  ASSERT_TRUE(run(file->close()));
  EXPECT_EQ(servers[2].chunks[{100}], content);
}

// A write that nobody answers holds two thirds of the window until the very moment at which the append gives up.
TEST_F(Writing, AnAppendCutOffByTheWindowIsToldBySyncUnlessNothingOfItWasSent) {
  settings.window = 3 << 19;
  settings.call_deadline = 7s;  // fewer time-outs than end a write by themselves
  const std::uint64_t size = 3 << 19;
  for (bool half_fits : {true, false}) {
    has(some_bytes(half_fits ? kChunk - (1 << 19) : kChunk - (1 << 20)));
    auto file = open();
    std::optional<Result<>> written, appended;
    TaskGroup group;
    servers[0].faults["write"] = {{Code::ok, false, true}};
    group.spawn<void>(file->write(2 * kChunk, Bytes::of(some_bytes(1 << 20))), [&](Result<> r) { written = r; });
    group.spawn<void>(file->append(Bytes::of(some_bytes(size))), [&](Result<> r) { appended = r; });
    world.run_for(1s);
    servers[0].faults["write"] = std::deque<Fault>(100, {Code::ok, false, true});
    world.run_for(settings.deadline);
    servers[0].faults.clear();
    ASSERT_TRUE(written && !*written && appended && !*appended);
    EXPECT_EQ(appended->error().code, half_fits ? Code::deadline : Code::overloaded) << appended->error().text();
    EXPECT_EQ(run(file->sync()).has_value(), !half_fits);
    EXPECT_EQ(run(file->close()).has_value(), !half_fits);
  }
}

TEST_F(Writing, ACreateWhoseAnswerWasLostIsDoneOnce) {
  master.faults["create"] = {{Code::ok, true, true}};
  Result<std::shared_ptr<File>> file = run(fs().open("/f", Filesystem::Open::create_new));
  ASSERT_TRUE(file) << file.error().text();
  ASSERT_EQ(master.requests.size(), 2u);
  EXPECT_EQ(master.requests[0], master.requests[1]);
  EXPECT_EQ(master.requests[0], fs().last_request());
}

TEST_F(Writing, AMasterThatIsNotThereIsNamedInTime) {
  kill(master);
  Instant start = world.now();
  Result<FileInfo> made = run(fs().create("/f"));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::unreachable);
  EXPECT_TRUE(mentions(made.error(), master.control));
  EXPECT_LE(world.now() - start, settings.deadline);
}

TEST_F(Writing, SurvivesANetworkThatLosesAndRepeats) {
  network.set_faults({.loss = 0.05, .repeat = 0.05});
  std::string content = some_bytes(6 * (1 << 20) + 99);
  auto file = open();
  for (std::size_t at = 0; at < content.size(); at += 1 << 20) {
    Result<> appended = run(file->append(Bytes::of(content.substr(at, 1 << 20))));
    ASSERT_TRUE(appended) << appended.error().text();
  }
  Result<> closed = run(file->close());
  ASSERT_TRUE(closed) << closed.error().text();
  for (ChunkServer& server : servers) {
    EXPECT_TRUE(server.chunks[{100}] + server.chunks[{101}] == content);
    for (const auto& [id, times] : server.times) EXPECT_EQ(times, 1) << id.text();
  }
  Result<Bytes> back = run(open(Filesystem::Open::read)->read(0, content.size()));
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_TRUE(back->view() == content);
}

TEST_F(Writing, AFileThatIsLetGoForgetsWhatWasOnItsWay) {
  auto file = open();
  ASSERT_TRUE(run(file->append(Bytes::of("on its way"))));
  file.reset();
  world.run_for(10s);
  auto again = open();
  ASSERT_TRUE(run(again->append(Bytes::of("acknowledged"))));
  ASSERT_TRUE(run(again->close()));
  EXPECT_TRUE(servers[1].chunks[{100}].ends_with("acknowledged"));
}

TEST_F(Writing, AHandleForReadingRefusesToWrite) {
  auto file = open(Filesystem::Open::read);
  EXPECT_EQ(run(file->write(0, Bytes::of("x"))).error().code, Code::invalid_argument);
}

}  // namespace
}  // namespace gfs::client::fake
