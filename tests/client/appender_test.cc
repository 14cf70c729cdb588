// Appending against servers that fail in every way: each record once, in order, and what is said in the end.
#include <algorithm>

#include "client_cli/client/append_queue.h"
#include "tests/client/fake_cluster.h"

namespace gfs::client::fake {
namespace {

class Appending : public Cluster {
 protected:
  std::shared_ptr<Appender> appender(AppendOptions options = {}) {
    Result<std::shared_ptr<Appender>> opened = run(fs().open_appender("/f", options));
    EXPECT_TRUE(opened) << opened.error().text();
    return *opened;
  }
  // All at once; in the order given.
  std::vector<Result<Appended>> append_all(Appender& appender, const std::vector<std::string>& records) {
    std::vector<Task<Appended>> tasks;
    for (const std::string& record : records) tasks.push_back(appender.append(Bytes::of(record)));
    Result<std::vector<Result<Appended>>> all = run(all_of(std::move(tasks)));
    return std::move(*all);
  }
  std::string chunk(std::uint32_t index) { return servers[1].chunks[{100 + index}]; }
  void all_equal() {
    for (std::uint32_t i = 0; i < master.chunk_count; ++i) {
      for (ChunkServer& server : servers) EXPECT_EQ(server.chunks[{100 + i}], chunk(i));
    }
  }
  static std::string joined(const std::vector<std::string>& records) {
    std::string all;
    for (const std::string& record : records) all += record;
    return all;
  }
};

TEST_F(Appending, RecordsThatWaitTogetherTravelTogether) {
  auto log = appender();
  std::vector<Result<Appended>> done = append_all(*log, {"one", "two", "three"});
  std::uint64_t offset = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(done[i]) << done[i].error().text();
    EXPECT_EQ(done[i]->offset, offset);
    EXPECT_EQ(done[i]->handle, ChunkHandle{100});
    EXPECT_EQ(done[i]->request.sequence, i + 1);
    EXPECT_FALSE(done[i]->repeat);
    offset += done[i]->length;
  }
  ASSERT_EQ(servers[0].appends.size(), 1u);
  EXPECT_EQ(servers[0].appends[0].second.sizes, (std::vector<std::uint32_t>{3, 3, 5}));
  EXPECT_EQ(servers[0].appends[0].second.previous, 0u);
  EXPECT_EQ(chunk(0), "onetwothree");
  all_equal();
}

TEST_F(Appending, WritersOfOneFileInOneProcessShareBatches) {
  auto one = appender();
  auto other = appender();
  std::vector<Task<Appended>> tasks;
  tasks.push_back(one->append(Bytes::of("one")));
  tasks.push_back(other->append(Bytes::of("two")));
  tasks.push_back(one->append(Bytes::of("three")));
  Result<std::vector<Result<Appended>>> done = run(all_of(std::move(tasks)));
  EXPECT_EQ((*done)[1]->offset, 3u);
  EXPECT_EQ((*done)[2]->offset, 6u);
  ASSERT_EQ(servers[0].appends.size(), 1u);
  EXPECT_EQ(servers[0].appends[0].second.sizes, (std::vector<std::uint32_t>{3, 3, 5}));
  ASSERT_TRUE(run(one->close()));
  EXPECT_EQ(run(one->append(Bytes::of("closed"))).error().code, Code::invalid_argument);
  ASSERT_TRUE(run(other->append(Bytes::of("four")))) << "closing one leaves the other open";
  one.reset();
  ASSERT_TRUE(run(other->append(Bytes::of("five"))));
  EXPECT_EQ(chunk(0), "onetwothreefourfive");
  all_equal();
}

TEST_F(Appending, WhoKeepsItsIdOrBatchesOtherwiseSharesNothing) {
  AppendOptions kept, kept_too, small;
  kept.client = ClientId::random(random);
  kept_too.client = ClientId::random(random);
  small.batch = 4;
  std::vector<std::shared_ptr<Appender>> all = {appender(), appender(kept), appender(kept_too), appender(small)};
  std::vector<Task<Appended>> tasks;
  for (auto& one : all) tasks.push_back(one->append(Bytes::of("x")));
  Result<std::vector<Result<Appended>>> done = run(all_of(std::move(tasks)));
  std::set<ClientId> writers;
  for (Result<Appended>& one : *done) writers.insert(one->request.client);
  EXPECT_EQ(writers.size(), 4u);
  EXPECT_EQ(servers[0].appends.size(), 4u);
  EXPECT_EQ((*done)[1]->request.client, kept.client);
}

TEST_F(Appending, OneQuestionToTheMasterThenNone) {
  auto log = appender();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(run(log->append(Bytes::of("x"))));
  EXPECT_EQ(master.calls["locate_for_append"], 1);
  world.run_for(settings.layout_age);
  ASSERT_TRUE(run(log->append(Bytes::of("x"))));
  EXPECT_EQ(master.calls["locate_for_append"], 2) << "what is known has an age";
}

TEST_F(Appending, EachPassingFaultIsRetriedAsTheSameBatchAndDoneOnce) {
  const Fault faults[] = {{Code::missing_data},   {Code::replica_failed}, {Code::replica_failed, true},
                          {Code::overloaded},     {Code::stale_version},  {Code::not_primary},
                          {Code::lease_lost},     {Code::unavailable},    {Code::ok, false, true},
                          {Code::ok, true, true}, {Code::no_space},       {Code::io_error, true},
                          {Code::suspect},        {Code::expired},        {Code::shutting_down}};
  auto log = appender();
  std::string expected;
  for (const Fault& fault : faults) {
    servers[0].appends.clear();
    servers[0].faults["append"] = {fault};
    std::vector<Result<Appended>> done = append_all(*log, {"hello ", "world\n"});
    ASSERT_TRUE(done[0]) << name_of(fault.code) << ": " << done[0].error().text();
    EXPECT_EQ(done[0]->offset, expected.size());
    EXPECT_EQ(done[0]->repeat, fault.done);
    expected += "hello world\n";
    ASSERT_EQ(servers[0].appends.size(), 2u) << name_of(fault.code);
    const auto& [first_id, first] = servers[0].appends[0];
    const auto& [second_id, second] = servers[0].appends[1];
    EXPECT_EQ(first_id, second_id);
    EXPECT_EQ(first.sizes, second.sizes);
    EXPECT_EQ(first.digest, second.digest);
    EXPECT_EQ(first.asked_ms, second.asked_ms);
  }
  EXPECT_EQ(chunk(0), expected);
  all_equal();
}

TEST_F(Appending, DefiniteErrorsAreNotRetriedAndHoldUpNobody) {
  for (Code code : {Code::corrupt, Code::not_allowed, Code::internal}) {
    auto log = appender();
    ASSERT_TRUE(run(log->append(Bytes::of("before"))));
    int before = servers[0].calls["append"];
    servers[0].faults["append"] = {{code}};
    Result<Appended> done = run(log->append(Bytes::of("refused")));
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, code);
    EXPECT_EQ(servers[0].calls["append"], before + 1);
    EXPECT_TRUE(mentions(done.error(), servers[0].control)) << done.error().text();
    EXPECT_TRUE(run(log->append(Bytes::of("after"))));
  }
}

TEST_F(Appending, GoesOnWithTheNextChunkWhenOneIsFull) {
  auto log = appender();
  std::vector<std::string> records;
  for (char letter = 'a'; letter < 'a' + 7; ++letter) records.push_back(std::string(kChunk / 3, letter));
  std::vector<Result<Appended>> done = append_all(*log, records);
  for (std::size_t i = 0; i < records.size(); ++i) {
    ASSERT_TRUE(done[i]) << done[i].error().text();
    EXPECT_EQ(done[i]->offset, i / 3 * kChunk + i % 3 * records[i].size());
    EXPECT_EQ(done[i]->handle, ChunkHandle{100 + i / 3});
  }
  EXPECT_EQ(chunk(0), records[0] + records[1] + records[2]);
  EXPECT_EQ(chunk(2), records[6]);
  all_equal();
  ASSERT_TRUE(run(log->close()));
  EXPECT_EQ(master.size, 2 * kChunk + records[6].size());
}

// The first try filled the chunk's last room and its answer was lost; meanwhile others had the chunk sealed.
TEST_F(Appending, ARepeatAsksTheChunkOfItsFirstTryBeforeItGoesOn) {
  auto log = appender();
  servers[0].faults["append"] = {{Code::replica_failed, true}};
  master.on_failed = [&] { master.states.chunks[{100}].sealed = true; };
  Result<Appended> done = run(log->append(Bytes::of("once")));
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_TRUE(done->repeat);
  EXPECT_EQ(done->handle, ChunkHandle{100});
  EXPECT_EQ(chunk(0), "once");
  EXPECT_EQ(chunk(1), "");
  servers[0].faults["append"] = {{Code::replica_failed}};
  done = run(log->append(Bytes::of("twice")));
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_FALSE(done->repeat);
  EXPECT_EQ(done->offset, kChunk);
  EXPECT_EQ(chunk(0) + "|" + chunk(1), "once|twice");
}

TEST_F(Appending, AMasterThatGivesASealedChunkNoConfigurationSendsTheRepeatToTheNext) {
  auto log = appender();
  ASSERT_TRUE(run(log->append(Bytes::of("x"))));
  servers[0].faults["append"] = {{Code::replica_failed, true}};
  master.faults["locate_for_write"] = {{Code::sealed}};
  world.after(5ms, [&] { master.states.chunks[{100}].sealed = true; });
  Result<Appended> done = run(log->append(Bytes::of("once")));
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_TRUE(done->repeat) << "what it remembers is taken over";
  EXPECT_EQ(done->handle, ChunkHandle{}) << "the chunk that answered is not the one that has it";
  EXPECT_EQ(done->offset, 1u);
  EXPECT_EQ(chunk(0) + "|" + chunk(1), "xonce|");
}

TEST_F(Appending, ASealSaysThatEarlierTriesDidNotHappen) {
  auto log = appender();
  ASSERT_TRUE(run(log->append(Bytes::of("x"))));
  servers[0].faults["append"] = {{Code::replica_failed}, {Code::sealed}, {Code::corrupt}};
  master.on_failed = [&] { master.states.chunks[{100}].sealed = true; };
  Result<Appended> done = run(log->append(Bytes::of("y")));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::corrupt) << done.error().text();
  EXPECT_EQ(done.error().outcome(), Outcome::did_not_happen);
}

TEST_F(Appending, LargeRecordsArePushedInPartsOfAMebibyte) {
  master.states.chunk_size = 64 << 20;
  auto log = appender();
  std::string record = some_bytes((16 << 20) - 5);
  Result<Appended> done = run(log->append(Bytes::of(record)));
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_TRUE(chunk(0) == record);
  RequestId id = done->request;
  EXPECT_EQ(servers[2].parts[id].size(), 16u);
  EXPECT_EQ(servers[2].parts[id][15].size(), (1u << 20) - 5);
  EXPECT_EQ(servers[0].appends.back().second.payload.size(), 0u);
  all_equal();
  EXPECT_EQ(run(log->append(Bytes::of(std::string((16 << 20) + 1, 'x')))).error().code, Code::too_large);
  EXPECT_EQ(run(log->append(Bytes())).error().code, Code::invalid_argument);
}

TEST_F(Appending, BytesThatWereLostOnTheWayArePushedAgainThenSentAlong) {
  auto log = appender();
  std::string first = some_bytes(100000), second = some_bytes(100000);
  servers[2].drops_pushes = 1;
  ASSERT_TRUE(run(log->append(Bytes::of(first))));
  EXPECT_TRUE(servers[0].appends.back().second.payload.empty());
  servers[2].drops_pushes = 1000;
  Result<Appended> done = run(log->append(Bytes::of(second)));
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(servers[0].appends.back().second.payload.size(), second.size());
  EXPECT_TRUE(chunk(0) == first + second);
}

// I14: the bytes of one append are lost on the way, the next ones come first. Each waits for the one before it.
TEST_F(Appending, I14OrderHoldsWhenAnEarlierOneIsHeldUp) {
  AppendOptions options;
  options.batch = 1;
  auto log = appender(options);
  servers[0].faults["append"] = {{Code::missing_data}, {Code::overloaded}};
  std::vector<std::string> records;
  for (int i = 0; i < 40; ++i) records.push_back(fmt::format("{:02}\n", i));
  std::vector<Result<Appended>> done = append_all(*log, records);
  for (Result<Appended>& one : done) ASSERT_TRUE(one) << one.error().text();
  EXPECT_EQ(chunk(0), joined(records));
  for (std::size_t i = 1; i < 16; ++i)
    EXPECT_EQ(servers[0].appends[i].second.previous, i) << "undecided when it was sent";
}

// A chunk remembers 64 batches of a writer: the one whose answer was lost must not be forgotten before it is repeated.
TEST_F(Appending, AWriterDoesNotOutrunWhatTheChunkRemembers) {
  AppendOptions options;
  options.batch = 1;
  auto log = appender(options);
  servers[0].faults["append"] = {{Code::ok}, {Code::ok}, {Code::ok, true, true}};
  std::vector<std::string> records;
  for (int i = 0; i < 300; ++i) records.push_back(fmt::format("{:03}\n", i));
  std::vector<Result<Appended>> done = append_all(*log, records);
  for (Result<Appended>& one : done) ASSERT_TRUE(one) << one.error().text();
  EXPECT_TRUE(done[2]->repeat);
  EXPECT_EQ(chunk(0), joined(records));
}

TEST_F(Appending, AnUnknownOutcomeIsToldAndTheNextGoesOnWithoutIt) {
  auto log = appender();
  ASSERT_TRUE(run(log->append(Bytes::of("a"))));
  servers[0].faults["append"] = std::deque<Fault>(100, {Code::ok, false, true});
  Instant start = world.now();
  Result<Appended> lost = run(log->append(Bytes::of("b")));
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().outcome(), Outcome::may_have_happened);
  EXPECT_LE(world.now() - start, settings.deadline);
  EXPECT_EQ(fs().last_request().sequence, 2u);
  servers[0].faults.clear();
  Result<Appended> next = run(log->append(Bytes::of("c")));
  ASSERT_TRUE(next) << next.error().text();
  EXPECT_EQ(servers[0].appends.back().second.previous, 0u);
  EXPECT_EQ(run(log->append_as(2, Bytes::of("b"))).error().code, Code::record_expired)
      << "never executed after a later one";
  EXPECT_EQ(chunk(0), "ac");
}

TEST_F(Appending, AWriterThatKeepsItsIdMayRepeatAfterARestart) {
  AppendOptions options;
  options.client = ClientId::random(random);
  {
    auto log = appender(options);
    std::vector<Result<Appended>> done = append_all(*log, {"one\n", "two\n", "three\n"});
    for (Result<Appended>& one : done) ASSERT_TRUE(one) << one.error().text();
    EXPECT_EQ(servers[0].appends.size(), 3u) << "each is its own batch";
  }
  fs_.reset();
  auto log = appender(options);
  Result<Appended> again = run(log->append_as(2, Bytes::of("two\n")));
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_TRUE(again->repeat);
  EXPECT_EQ(again->offset, 4u);
  EXPECT_EQ(run(log->append_as(3, Bytes::of("other"))).error().code, Code::conflict);
  EXPECT_NE(servers[0].appends.back().second.asked_ms, 17) << "nothing was said of an earlier life";
  ASSERT_TRUE(run(log->append_as(4, Bytes::of("four\n"))));
  EXPECT_EQ(chunk(0), "one\ntwo\nthree\nfour\n");
}

// What it sent may be forgotten by now: the chunk must be able to tell that it was asked for before then.
TEST_F(Appending, E13AWriterThatKeepsItsIdTellsWhenItMayHaveAskedFirst) {
  AppendOptions options;
  options.client = ClientId::random(random);
  options.asked_ms = 17;
  options.repeats_to = 2;
  auto log = appender(options);
  EXPECT_GT(*run(log->now_ms()), 17);
  ASSERT_TRUE(run(log->append_as(2, Bytes::of("two\n"))));
  EXPECT_EQ(servers[0].appends.back().second.asked_ms, 17);
  ASSERT_TRUE(run(log->append_as(3, Bytes::of("new\n"))));
  EXPECT_GT(servers[0].appends.back().second.asked_ms, 17) << "what is behind the repeats is new";
}

TEST_F(Appending, MovesToTheNewPrimaryAndTellsTheMasterWhoIsUnreachable) {
  auto log = appender();
  ASSERT_TRUE(run(log->append(Bytes::of("before"))));
  kill(servers[0]);
  Instant death = world.now();
  master.told_unreachable.clear();
  master.on_failed = [&] {
    if (world.now() < death + 3s) return;
    master.members = {&servers[1], &servers[2]};
    master.version = {2};
  };
  Result<Appended> done = run(log->append(Bytes::of(" after")));
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(chunk(0), "before after");
  EXPECT_GT(std::ranges::count(master.told_unreachable, servers[0].id), 0);
}

// A primary that stands still refuses nothing: the master knows before the try has taken too long.
TEST_F(Appending, WaitsForNoPrimaryThatTheMasterHasReplaced) {
  auto log = appender();
  ASSERT_TRUE(run(log->append(Bytes::of("before"))));
  servers[0].faults["append"] = {{.silent = true}};
  const Instant start = world.now();
  world.after(1500ms, [&] {
    master.members = {&servers[1], &servers[2]};
    master.version = {2};
  });
  Result<Appended> done = run(log->append(Bytes::of(" after")));
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(chunk(0), "before after");
  EXPECT_LT(world.now() - start, 3s);
  EXPECT_GT(std::ranges::count(master.told_unreachable, servers[0].id), 0);
}

TEST_F(Appending, GoesOnInTheCopyOfAChunkThatIsShared) {
  master.version = {7};
  auto log = appender();
  ASSERT_TRUE(run(log->append(Bytes::of("one"))));
  master.freeze();
  Result<Appended> done = run(log->append(Bytes::of("two")));
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(done->handle, ChunkHandle{1000});
  EXPECT_EQ(done->offset, 3u);
  EXPECT_EQ(servers[2].chunks[{100}], "one");
  EXPECT_EQ(servers[2].chunks[{1000}], "onetwo");
  const std::size_t asked = servers[0].appends.size();
  ASSERT_TRUE(run(log->append(Bytes::of("three"))));
  EXPECT_EQ(servers[0].appends.size(), asked + 1) << "it is known by now";
  EXPECT_EQ(master.copied, 1u);
}

// The answer of the first try was lost; what the shared chunk remembers is copied with it.
TEST_F(Appending, ARepeatIsAnsweredByTheCopy) {
  struct Row {
    const char* name;
    bool copied;  // by somebody else, before the repeat
    bool sealed;  // and its copy is full by then
    std::string first, second;
  };
  const Row rows[] = {{"it has the chunk copied", false, false, "xonce", ""},
                      {"it finds the copy", true, false, "xonce", ""},
                      {"it finds what follows the copy", true, true, "xonce", ""}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    for (ChunkServer& server : servers) server.chunks.clear();
    const std::uint64_t first_copy = AppendStates::kFirstCopy + master.copied;
    master.states.chunks.clear();
    master.states.frozen.clear();
    master.states.copies.clear();
    master.chunk_count = 0;
    master.version = {7};
    fs_.reset();
    auto log = appender();
    ASSERT_TRUE(run(log->append(Bytes::of("x"))));
    servers[0].faults["append"] = {{Code::replica_failed, true}};
    world.after(5ms, [&] {
      master.freeze();
      if (row.copied) master.copy(0);
      if (row.sealed) master.states.chunks[master.states.handle_at(0)].sealed = true;
    });
    servers[0].append_time = 4ms;
    Result<Appended> done = run(log->append(Bytes::of("once")));
    ASSERT_TRUE(done) << done.error().text();
    EXPECT_TRUE(done->repeat);
    EXPECT_EQ(done->offset, 1u);
    EXPECT_EQ(servers[1].chunks[{first_copy}], row.first);
    EXPECT_EQ(servers[1].chunks[{101}], row.second);
    ASSERT_TRUE(run(log->append(Bytes::of("more"))));
    ASSERT_TRUE(run(log->sync()));
    EXPECT_EQ(servers[0].synced_chunks.back().value, row.sealed ? 101u : first_copy);
    servers[0].synced_chunks.clear();
  }
}

// Its primary stands still; the master has the shared chunk copied by the others.
TEST_F(Appending, WaitsForNoPrimaryOfAChunkThatACopyHasReplaced) {
  master.version = {7};
  auto log = appender();
  ASSERT_TRUE(run(log->append(Bytes::of("before"))));
  servers[0].faults["append"] = {{.silent = true}};
  const Instant start = world.now();
  world.after(1500ms, [&] {
    master.freeze();
    master.members = {&servers[1], &servers[2]};
  });
  Result<Appended> done = run(log->append(Bytes::of(" after")));
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(servers[1].chunks[{1000}], "before after");
  EXPECT_LT(world.now() - start, 3s);
}

// Appends have their own idea of where the file ends; syncs go by what writes know, which may be older.
TEST_F(Appending, SyncGoesToTheChunkThatHasTheRecords) {
  master.version = {7};
  auto log = appender();
  auto file = open();
  ASSERT_TRUE(run(log->append(Bytes::of("before"))));
  world.run_for(20s);
  ASSERT_TRUE(run(file->write(0, Bytes::of("B"))));
  master.freeze();
  world.run_for(11s);
  Result<Appended> done = run(log->append(Bytes::of(" after")));
  ASSERT_TRUE(done) << done.error().text();
  ASSERT_EQ(done->handle, ChunkHandle{1000});
  ASSERT_TRUE(run(log->sync()));
  EXPECT_EQ(servers[0].synced_chunks, std::vector<ChunkHandle>{{1000}});
  EXPECT_EQ(master.size, 12u);
}

// It is slow, and that is all: nothing is sent twice.
TEST_F(Appending, ASlowPrimaryIsWaitedFor) {
  auto log = appender();
  servers[0].append_time = 4s;
  ASSERT_TRUE(run(log->append(Bytes::of("slow"))));
  EXPECT_EQ(servers[0].appends.size(), 1u);
}

TEST_F(Appending, EndsInTimeWhenEverythingIsDead) {
  for (bool silent : {false, true}) {
    auto log = appender();
    for (ChunkServer& server : servers) silent ? mute(server) : kill(server);
    Instant start = world.now();
    std::vector<Result<Appended>> done = append_all(*log, {"a", "b"});
    for (Result<Appended>& one : done) {
      ASSERT_FALSE(one);
      EXPECT_EQ(one.error().outcome(), silent ? Outcome::may_have_happened : Outcome::did_not_happen);
      EXPECT_TRUE(mentions(one.error(), servers[0].control)) << one.error().text();
    }
    EXPECT_LE(world.now() - start, settings.deadline + 100ms);
    EXPECT_GE(world.now() - start, settings.deadline - 6s);
    all_well();
  }
}

TEST_F(Appending, SyncForcesTheChunksAppendedToAndSavesTheSize) {
  auto log = appender();
  ASSERT_TRUE(run(log->sync()));
  EXPECT_EQ(servers[0].calls["sync"], 0);
  std::vector<Task<Appended>> under_way;
  under_way.push_back(log->append(Bytes::of("hello")));
  TaskGroup group;
  group.spawn<Appended>(std::move(under_way.front()));
  ASSERT_TRUE(run(log->sync())) << "what was under way is waited for";
  EXPECT_EQ(master.size, 5u);
  EXPECT_EQ(servers[0].calls["sync"], 1);
  ASSERT_TRUE(run(log->sync()));
  EXPECT_EQ(servers[0].calls["sync"], 1) << "nothing new to force";
  ASSERT_TRUE(run(log->close()));
  EXPECT_EQ(run(log->append(Bytes::of("x"))).error().code, Code::invalid_argument);
}

TEST_F(Appending, SyncHasOneDeadlineWithWhatItWaitsFor) {
  auto log = appender();
  ASSERT_TRUE(run(log->append(Bytes::of("done"))));
  for (ChunkServer& server : servers) mute(server);
  TaskGroup group;
  group.spawn<Appended>(log->append(Bytes::of("under way")));
  Instant start = world.now();
  EXPECT_FALSE(run(log->sync()));
  EXPECT_LE(world.now() - start, settings.deadline + 100ms);
}

TEST_F(Appending, ARecordOfABatchIsNotRepeatedWithoutAKeptId) {
  auto log = appender();
  append_all(*log, {"one", "two", "three"});
  for (std::uint64_t sequence : {1, 2, 3}) {
    Error refused = run(log->append_as(sequence, Bytes::of("two"))).error();
    EXPECT_EQ(refused.code, Code::record_expired) << "it cannot be told whether it was done, let alone that it was not";
  }
  EXPECT_EQ(servers[0].appends.size(), 1u);
  EXPECT_EQ(run(log->append_as(4, Bytes::of("four")))->offset, 11u);
}

TEST_F(Appending, TheSequenceOfOneThatFoundNoRoomIsNotUsedAgain) {
  auto log = appender();
  TaskGroup group;
  std::size_t refused = 0;
  Bytes record = Bytes::of("x");
  for (std::size_t i = 0; i < AppendQueue::kRecordsMax + 3; ++i) {
    group.spawn<Appended>(log->append(record), [&](Result<Appended> done) {
      if (!done && done.error().code == Code::overloaded) ++refused;
    });
  }
  world.run_for(10s);
  EXPECT_EQ(refused, 3u);
  Result<Appended> next = run(log->append(record));
  ASSERT_TRUE(next) << next.error().text();
  EXPECT_EQ(next->request.sequence, AppendQueue::kRecordsMax + 4);
  EXPECT_EQ(next->offset, AppendQueue::kRecordsMax);
}

// The chunk the appender knows is cut off; locating it for writing would make it anew, behind a hole.
TEST_F(Appending, GoesOnWithWhatATruncatedFileEndsWith) {
  auto log = appender();
  std::string large(3 << 20, 'x');
  ASSERT_TRUE(run(log->append(Bytes::of(large))));
  ASSERT_TRUE(run(log->append(Bytes::of(large))));
  ASSERT_EQ(master.chunk_count, 2u);
  cut(5);
  Result<Appended> done = run(log->append(Bytes::of("after")));
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(done->offset, 5u);
  EXPECT_EQ(chunk(0), "xxxxxafter");
  EXPECT_EQ(master.chunk_count, 1u);
  EXPECT_EQ(master.calls["locate_for_write"], 0);
  all_equal();
}

// It is known to be full; then the file is cut, and it takes more.
TEST_F(Appending, AChunkThatWasCutIsFullNoMore) {
  auto log = appender();
  std::string large(3 << 20, 'x');
  ASSERT_TRUE(run(log->append(Bytes::of(large))));
  servers[0].faults["append"] = {{Code::sealed}};
  Result<Appended> done = run(log->append(Bytes::of("more")));
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(done->offset, large.size());
}

TEST_F(Appending, SyncSkipsWhatWasCutOffAndSavesNoMoreThanThereIs) {
  auto log = appender();
  std::string large(3 << 20, 'x');
  ASSERT_TRUE(run(log->append(Bytes::of(large))));
  ASSERT_TRUE(run(log->append(Bytes::of(large))));
  cut(5);
  Result<> synced = run(log->sync());
  ASSERT_TRUE(synced) << synced.error().text();
  EXPECT_EQ(master.size, 5u);
  EXPECT_EQ(master.chunk_count, 1u);
}

TEST_F(Appending, ToADirectoryIsRefusedAndNothingIsMade) {
  master.is_directory = true;
  Result<std::shared_ptr<Appender>> opened = run(fs().open_appender("/f"));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::is_a_directory);
  EXPECT_EQ(master.calls["create"], 0);
}

TEST_F(Appending, SurvivesANetworkThatLosesAndRepeats) {
  network.set_faults({.loss = 0.05, .repeat = 0.05});
  AppendOptions options;
  options.batch = 4000;
  auto log = appender(options);
  std::vector<std::string> records;
  for (int i = 0; i < 500; ++i) records.push_back(fmt::format("{} {}\n", i, std::string(random.below(300), 'x')));
  for (int i = 0; i < 3; ++i) records.push_back(some_bytes(300000));
  std::vector<Result<Appended>> done = append_all(*log, records);
  for (Result<Appended>& one : done) ASSERT_TRUE(one) << one.error().text();
  EXPECT_TRUE(chunk(0) == joined(records));
  all_equal();
}

TEST_F(Appending, LetGoItForgetsWhatWasOnItsWay) {
  auto log = appender();
  std::optional<Result<Appended>> outcome;
  TaskGroup group;
  group.spawn<Appended>(log->append(Bytes::of("on its way")),
                        [&](Result<Appended> result) { outcome = std::move(result); });
  world.run_for(100us);
  group.cancel();
  log.reset();
  world.run_for(10s);
  EXPECT_FALSE(outcome);
  ASSERT_TRUE(run(appender()->append(Bytes::of("after"))));
}

TEST(AppendQueue, PutsBatchesTogether) {
  struct Row {
    const char* name;
    std::vector<std::size_t> sizes;
    std::vector<std::vector<std::uint32_t>> batches;
  };
  const Row rows[] = {
      {"one", {5}, {{5}}},
      {"as many as fit", {40, 40, 40, 100, 1}, {{40, 40}, {40}, {100}, {1}}},
      {"a larger one alone", {10, 1000, 10}, {{10}, {1000}, {10}}},
  };
  for (const Row& row : rows) {
    AppendQueue queue(100);
    std::uint64_t sequence = 0;
    for (std::size_t size : row.sizes)
      ASSERT_TRUE(queue.push(++sequence, Bytes::of(std::string(size, 'x')), false, {}));
    std::vector<std::vector<std::uint32_t>> batches;
    std::uint64_t first = 1;
    while (!queue.empty()) {
      std::uint64_t size = queue.next_size();
      AppendBatch batch = queue.take();
      EXPECT_EQ(batch.first, first) << row.name;
      EXPECT_EQ(batch.bytes.size(), size) << row.name;
      EXPECT_EQ(batch.digest, digest_of(piece_checksums(0, batch.bytes))) << row.name;
      first += batch.sizes.size();
      batches.push_back(batch.sizes);
    }
    EXPECT_EQ(batches, row.batches) << row.name;
  }
}

TEST(AppendQueue, OnlyConsecutiveSequencesTravelTogether) {
  AppendQueue queue(100);
  for (std::uint64_t sequence : {1, 2, 4, 5}) ASSERT_TRUE(queue.push(sequence, Bytes::of("x"), sequence == 5, {}));
  EXPECT_EQ(queue.take().sizes.size(), 2u);
  EXPECT_EQ(queue.take().sizes.size(), 1u);
  EXPECT_TRUE(queue.full()) << "one that travels alone waits for nobody";
  EXPECT_EQ(queue.take().first, 5u);
}

TEST(AppendQueue, ABatchHasItsLastRecordsDeadline) {
  AppendQueue queue(100);
  Instant soon = Instant{} + 10s;
  std::uint64_t sequence = 0;
  for (Duration later : {0ms, 400ms, 900ms, 901ms}) {
    ASSERT_TRUE(queue.push(++sequence, Bytes::of("x"), false, soon + later));
  }
  EXPECT_TRUE(queue.full()) << "it would not grow";
  AppendBatch first = queue.take(), second = queue.take();
  EXPECT_EQ(first.sizes.size(), 2u);
  EXPECT_EQ(first.deadline, soon + 400ms);
  EXPECT_EQ(second.deadline, soon + 901ms);
}

TEST(AppendQueue, IsBounded) {
  AppendQueue queue(100);
  Bytes record = Bytes::of("x");
  for (std::size_t i = 0; i < AppendQueue::kRecordsMax; ++i) ASSERT_TRUE(queue.push(i + 1, record, false, {}));
  EXPECT_EQ(queue.push(1u << 20, record, false, {}).error().code, Code::overloaded);
  EXPECT_TRUE(queue.full());
  EXPECT_EQ(queue.take().sizes.size(), 100u);
}

}  // namespace
}  // namespace gfs::client::fake
