// The op log on a disk that tears, forgets, rots and fills: what was acknowledged is read back, the torn end is cut,
// and everything else that does not check out is refused with file, offset and index.
#include "master/log_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "base/sim_disk.h"
#include "master/identity.h"
#include "master/log_reader.h"

namespace gfs::master {
namespace {

using testing::HasSubstr;

const std::string kFirst = "log/0000000000000001.log";

class LogStoreTest : public testing::Test {
 protected:
  LogStoreTest() {
    log::set_level(log::Level::off);
    cluster.bytes[0] = 7;
    mount();
  }

  void mount() { disk = platter.mount(world); }
  // What is read back, by index.
  Result<std::map<std::uint64_t, std::string>> open(LogStore& log) {
    std::map<std::uint64_t, std::string> ops;
    LogStore::Replay replay = [&ops](std::uint64_t index, const Bytes& op) -> Result<> {
      EXPECT_TRUE(ops.emplace(index, op.str()).second);
      return {};
    };
    Result<> opened = world.run(log.open(cluster, epoch, behind, replay));
    if (!opened) return fail(std::move(opened));
    return ops;
  }
  Result<std::map<std::uint64_t, std::string>> reopen() {
    LogStore log(*disk, random, settings);
    return open(log);
  }
  static std::string op(std::uint64_t index) { return "op " + std::to_string(index) + std::string(index % 97, '.'); }
  // `batches` of `size` ops each.
  void fill(int batches, int size = 1) {
    LogStore log(*disk, random, settings);
    ASSERT_TRUE(world.run(log.format(cluster, 1)));
    ASSERT_TRUE(open(log));
    append(log, batches, size);
  }
  void append(LogStore& log, int batches, int size = 1) {
    for (int i = 0; i < batches; ++i) {
      std::vector<std::string> ops;
      for (int j = 0; j < size; ++j) ops.push_back(op(log.last_index() + 1 + static_cast<std::uint64_t>(j)));
      ASSERT_TRUE(world.run(log.append(ops)));
    }
  }
  void put_file(const std::string& path, const std::string& text) {
    auto write = [](Disk& to, std::string where, std::string bytes) -> Task<> {
      std::shared_ptr<File> file = co_await to.open(where, Disk::Mode::write);
      co_await file->truncate(0);
      Bytes all = Bytes::of(std::move(bytes));
      co_await file->write(0, std::move(all));
      co_await file->sync();
    };
    ASSERT_TRUE(world.run(write(*disk, path, text)));
  }
  void rename(const std::string& from, const std::string& to) {
    auto move = [](Disk& on, std::string a, std::string b) -> Task<> { co_await on.rename(a, b); };
    ASSERT_TRUE(world.run(move(*disk, from, to)));
  }
  void remove(const std::string& path) {
    auto drop = [](Disk& on, std::string where) -> Task<> { co_await on.remove(where); };
    ASSERT_TRUE(world.run(drop(*disk, path)));
  }
  std::string file(const std::string& path) { return platter.read_now(path).value_or("missing"); }
  std::map<std::string, std::string> contents() {
    std::map<std::string, std::string> all;
    for (const std::string& path : platter.files()) all[path] = file(path);
    return all;
  }
  // And nothing is changed by it.
  void expect_refused(const std::string& what, std::initializer_list<const char*> says, Code code = Code::corrupt) {
    const std::map<std::string, std::string> before = contents();
    auto got = reopen();
    EXPECT_TRUE(contents() == before) << what;
    ASSERT_FALSE(got) << what;
    EXPECT_EQ(name_of(got.error().code), name_of(code)) << what << ": " << got.error().message;
    for (const char* one : says) EXPECT_THAT(got.error().message, HasSubstr(one)) << what;
  }
  // Every op up to `last`, and nothing that was not written.
  static void expect_ops(const std::map<std::uint64_t, std::string>& ops, std::uint64_t last) {
    ASSERT_EQ(ops.size(), last);
    for (const auto& [index, text] : ops) ASSERT_EQ(text, op(index));
  }

  SimExecutor world;
  Random random{1};
  SimDisk platter{world, 1};
  std::unique_ptr<Disk> disk;
  ClusterId cluster;
  LogStore::Settings settings;
  std::uint64_t behind = 0;
  std::uint64_t epoch = 1;  // the highest there may be
};

TEST_F(LogStoreTest, ReadsBackWhatWasWrittenOverManySegments) {
  settings.segment_max = 1000;
  fill(100);
  EXPECT_GT(platter.files().size(), 5u);
  auto ops = reopen();
  ASSERT_TRUE(ops) << ops.error().text();
  expect_ops(*ops, 100);
}

TEST_F(LogStoreTest, GoesOnWhereItStopped) {
  fill(3);
  LogStore log(*disk, random, settings);
  ASSERT_TRUE(open(log));
  append(log, 3);
  ASSERT_TRUE(world.run(log.mark()));
  auto ops = reopen();
  ASSERT_TRUE(ops);
  expect_ops(*ops, 6);
}

TEST_F(LogStoreTest, M03ALastRecordCutAtAnyByteIsCutOffOnce) {
  fill(6);
  std::string whole = file(kFirst);
  std::size_t last = whole.size() - kRecordHeaderSize - op(6).size();
  for (std::size_t size = last + 1; size < whole.size(); ++size) {
    put_file(kFirst, whole.substr(0, size));
    auto ops = reopen();
    ASSERT_TRUE(ops) << size << ops.error().text();
    expect_ops(*ops, 5);
    EXPECT_EQ(file(kFirst), whole.substr(0, last)) << "the second start finds a clean log";
  }
}

TEST_F(LogStoreTest, M02AWholeBatchCutAtAnyPlaceIsCutOff) {
  fill(3, 1);
  LogStore log(*disk, random, settings);
  ASSERT_TRUE(open(log));
  std::size_t before = file(kFirst).size();
  append(log, 1, 20);
  std::string whole = file(kFirst);
  for (std::size_t size = before; size < whole.size(); size += 13) {
    put_file(kFirst, whole.substr(0, size));
    auto ops = reopen();
    ASSERT_TRUE(ops) << size << ops.error().text();
    ASSERT_GE(ops->size(), 3u);
    expect_ops(*ops, ops->size());
  }
}

TEST_F(LogStoreTest, ATornSectorWithinAnUnacknowledgedBatchIsATornTail) {
  fill(3, 1);
  LogStore log(*disk, random, settings);
  ASSERT_TRUE(open(log));
  std::size_t before = file(kFirst).size();
  append(log, 1, 40);
  std::string whole = file(kFirst);
  std::size_t sector = (before / 512 + 2) * 512;
  std::fill_n(whole.begin() + static_cast<std::ptrdiff_t>(sector), 512, '\0');
  put_file(kFirst, whole);
  auto ops = reopen();
  ASSERT_TRUE(ops) << ops.error().text();
  EXPECT_GE(ops->size(), 3u);
  EXPECT_LT(ops->size(), 43u);
}

TEST_F(LogStoreTest, M04M06AFlippedBitInTheMiddleIsRefusedAndNothingIsChanged) {
  fill(60);
  std::string whole = file(kFirst);
  std::size_t last = whole.size() - kRecordHeaderSize - op(60).size();
  for (std::size_t at = 0; at < last; at += at < kSegmentHeaderSize + 200 ? 1 : 7) {
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << (at % 8)));
    put_file(kFirst, flipped);
    auto ops = reopen();
    ASSERT_FALSE(ops) << "byte " << at;
    Code code = ops.error().code;
    EXPECT_TRUE(code == Code::corrupt || code == Code::wrong_version) << at << " " << ops.error().text();
    EXPECT_THAT(ops.error().message, HasSubstr("0000000000000001.log"));
    EXPECT_EQ(file(kFirst), flipped) << "byte " << at;
  }
}

TEST_F(LogStoreTest, M05ZeroedAndExchangedBytesInTheMiddleAreRefused) {
  fill(300);
  std::string whole = file(kFirst);
  std::string zeroed = whole;
  std::fill_n(zeroed.begin() + 4096, 4096, '\0');
  put_file(kFirst, zeroed);
  expect_refused("a zeroed block", {"offset", "index"});
  std::string doubled = whole;
  doubled.replace(8192, 4096, whole.substr(4096, 4096));
  put_file(kFirst, doubled);
  expect_refused("an older block of the same file", {"offset", "index"});
}

TEST_F(LogStoreTest, AMissingRecordIsRefusedThoughAllOthersVerify) {
  fill(4);
  std::string whole = file(kFirst);
  std::size_t first = kSegmentHeaderSize, size = kRecordHeaderSize + op(1).size();
  std::string without = whole.substr(0, first) + whole.substr(first + size);
  put_file(kFirst, without);
  expect_refused("the first record is gone", {"offset 56", "index 1"});
}

TEST_F(LogStoreTest, M08M20SegmentsThatDoNotBelongTogetherAreRefused) {
  settings.segment_max = 500;
  fill(40);
  std::vector<std::string> files = platter.files();
  ASSERT_GE(files.size(), 5u);
  std::string third = file(files[2]), fourth = file(files[3]);

  remove(files[2]);
  expect_refused("a segment is missing", {"missing", files[3].c_str()});
  put_file(files[2], fourth);
  expect_refused("one segment twice", {files[2].substr(4).c_str(), "offset 0"});
  put_file(files[3], third);
  expect_refused("two exchanged", {files[2].substr(4).c_str(), "offset 0"});
  put_file(files[2], third);
  put_file(files[3], fourth);
  ASSERT_TRUE(reopen());

  ClusterId mine = std::exchange(cluster, ClusterId{});
  cluster.bytes[0] = 99;
  expect_refused("another cluster's", {mine.text().c_str(), cluster.text().c_str()}, Code::wrong_cluster);
  cluster = mine;

  std::string newer = file(files[0]);
  newer[8] = 9;
  put_file(files[0], newer);
  expect_refused("a newer format", {"format 9", "reads 1"}, Code::wrong_version);
}

TEST_F(LogStoreTest, M08ADoubledOrForeignSegmentIsRefused) {
  settings.segment_max = 500;
  fill(40);
  const std::vector<std::string> files = platter.files();
  const std::string last = file(files.back());
  put_file("log/" + segment_name(41), last);
  expect_refused("the last one again, under the next name", {"0000000000000029.log", "offset 0"});
  remove("log/" + segment_name(41));
  SegmentHeader foreign{ClusterId{}, 1, 41, 77, 0};
  foreign.cluster.bytes[0] = 99;
  put_file("log/" + segment_name(41), encode_segment_header(foreign));
  expect_refused("another cluster's, behind the last one", {foreign.cluster.text().c_str(), cluster.text().c_str()},
                 Code::wrong_cluster);
  std::string newer = encode_segment_header(foreign);
  newer[8] = 2;
  put_file("log/" + segment_name(41), newer);
  expect_refused("a newer format behind the last one", {"format 2"}, Code::wrong_version);
  remove("log/" + segment_name(41));
  put_file(files[1], newer);
  expect_refused("a newer format in the middle", {"format 2", files[1].substr(4).c_str()}, Code::wrong_version);
}

TEST_F(LogStoreTest, ARefusalNamesTheIndexToCutAt) {
  settings.segment_max = 500;
  fill(40);
  const std::vector<std::string> files = platter.files();
  const std::uint64_t third = parse_segment_name(files[2].substr(4));
  const std::string cut = fmt::format("gfs-cli log repair DIR --cut-at {} ", third - 1);
  std::string whole = file(files[2]);
  std::string bad = whole;
  bad[kSegmentHeaderSize + 60] ^= 1;
  put_file(files[2], bad);
  expect_refused("its first record", {cut.c_str()});
  remove(files[2]);
  expect_refused("no such segment", {cut.c_str()});
}

// A log epoch begins in a segment of its own; from then on it never falls.
TEST_F(LogStoreTest, AnEpochRisesAtTheBorderOfASegment) {
  settings.segment_max = 1000;
  fill(5);
  {
    LogStore log(*disk, random, settings);
    epoch = 3;
    ASSERT_TRUE(open(log));
    EXPECT_EQ(log.position().epoch, 1u) << "the highest there may be is not yet begun";
    ASSERT_TRUE(world.run(log.begin_epoch(3)));
    ASSERT_TRUE(world.run(log.begin_epoch(3)));
    append(log, 40);
    EXPECT_EQ(log.position().epoch, 3u);
    EXPECT_EQ(log.position().index, 45u);
  }
  auto ops = reopen();
  ASSERT_TRUE(ops) << ops.error().text();
  expect_ops(*ops, 45);
  const std::vector<std::string> files = platter.files();
  ASSERT_GE(files.size(), 3u);
  EXPECT_EQ(decode_segment_header(Bytes::of(file(files[0])))->epoch, 1u);
  EXPECT_EQ(decode_segment_header(Bytes::of(file(files[1])))->epoch, 3u);

  epoch = 2;
  expect_refused("an identity that is older than the log", {"of epoch 3", "this directory of 2"});
  epoch = 4;
  ASSERT_TRUE(reopen()) << "one that was saved, and then nothing";
  SegmentHeader fallen{cluster, 2, 46, 5, 0};
  put_file("log/" + segment_name(46), encode_segment_header(fallen));
  expect_refused("an epoch that falls", {"of epoch 2", "the one before it of 3"});
}

TEST_F(LogStoreTest, ACheckpointOfAnotherEpochIsNotJoined) {
  fill(5);
  {
    LogStore log(*disk, random, settings);
    epoch = 2;
    ASSERT_TRUE(open(log));
    ASSERT_TRUE(world.run(log.begin_epoch(2)));
    append(log, 5);
  }
  behind = 8;
  LogStore log(*disk, random, settings);
  log.must_join(1);
  auto got = open(log);
  ASSERT_FALSE(got);
  EXPECT_THAT(got.error().message, HasSubstr("it is of epoch 2, the checkpoint of that index of 1"));
  LogStore good(*disk, random, settings);
  good.must_join(2);
  EXPECT_TRUE(open(good));
}

TEST_F(LogStoreTest, AnEpochCanBeginInAnEmptyLog) {
  fill(0);
  LogStore log(*disk, random, settings);
  epoch = 2;
  ASSERT_TRUE(open(log));
  ASSERT_TRUE(world.run(log.begin_epoch(2)));
  append(log, 3);
  auto ops = reopen();
  ASSERT_TRUE(ops) << ops.error().text();
  EXPECT_EQ(ops->begin()->first, 2u) << "a mark came first: two segments cannot have one name";
}

// Where two logs went different ways their entries at one index differ, and the checksums tell.
TEST_F(LogStoreTest, ChecksumsTellLogsApartThatWentDifferentWays) {
  fill(5);
  std::map<std::string, std::string> copy = contents();
  std::vector<std::uint32_t> first, second;
  auto go_on = [&](const std::string& text, std::vector<std::uint32_t>& checks) {
    LogStore log(*disk, random, settings);
    ASSERT_TRUE(open(log));
    std::vector<std::string> more{text, op(7)};
    ASSERT_TRUE(world.run(log.append(more)));
    for (std::uint64_t index = 0; index <= 8; ++index) checks.push_back(log.check_at(index));
  };
  go_on("one way", first);
  for (const auto& [path, text] : copy) put_file(path, text);
  go_on("another", second);
  EXPECT_EQ(first[0], 0u);
  EXPECT_EQ(first[8], 0u) << "there is none";
  for (std::size_t index = 1; index <= 5; ++index) EXPECT_EQ(first[index], second[index]);
  EXPECT_NE(first[6], second[6]);
  EXPECT_NE(first[7], second[7]) << "the same entry behind another one";
  LogStore again(*disk, random, settings);
  ASSERT_TRUE(open(again));
  EXPECT_EQ(again.check_at(7), second[7]) << "a restart knows them still";
  EXPECT_EQ(again.position().check, second[7]);
}

TEST_F(LogStoreTest, AnEarlierSegmentMayNotBeTorn) {
  settings.segment_max = 500;
  fill(20);
  std::vector<std::string> files = platter.files();
  std::string whole = file(files[1]);
  put_file(files[1], whole.substr(0, whole.size() - 1));
  expect_refused("a segment before the last one", {files[1].substr(4).c_str(), "offset"});
}

TEST_F(LogStoreTest, ALogWithoutSegmentsOrWithStrangersIsRefused) {
  fill(2);
  put_file("log/notes.txt", "x");
  expect_refused("a stranger", {"notes.txt"});
  remove("log/notes.txt");
  rename(kFirst, "elsewhere");
  expect_refused("no segment", {"missing"});
}

// It was whole before there was an identity: an empty one is not an empty cluster.
TEST_F(LogStoreTest, AnEmptiedFirstSegmentIsRefused) {
  for (std::size_t size : {0u, 10u, 56u}) {
    fill(3);
    put_file(kFirst, std::string(size, '\0'));
    expect_refused("emptied", {kFirst.substr(4).c_str(), "index 1"});
    remove(kFirst);
  }
}

TEST_F(LogStoreTest, M09AnUnfinishedNewSegmentIsBegunAgain) {
  settings.segment_max = 500;
  fill(5);
  std::uint64_t next = 6;
  for (std::size_t size : {0u, 10u, 56u}) {
    put_file("log/" + segment_name(next), std::string(size, '\0'));
    LogStore log(*disk, random, settings);
    auto ops = open(log);
    ASSERT_TRUE(ops) << ops.error().text();
    expect_ops(*ops, next - 1);
    append(log, 6);
    next = log.last_index() + 1;
    // The segment that was just filled is full, or the next test case's file could not be the following one.
    while (file(platter.files().back()).size() < settings.segment_max) {
      append(log, 1);
      next = log.last_index() + 1;
    }
  }
}

TEST_F(LogStoreTest, M01M09PowerCutsAtAnyMomentKeepWhatWasAcknowledged) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SimExecutor clock;
    SimDisk platter_here(clock, seed);
    Random dice(seed);
    LogStore::Settings small{.segment_max = 3000};
    std::uint64_t acknowledged = 0, written = 0;
    {
      auto first = platter_here.mount(clock);
      LogStore log(*first, dice, small);
      ASSERT_TRUE(clock.run(log.format(cluster, 1)));
    }
    for (int life = 0; life < 6; ++life) {
      auto mounted = platter_here.mount(clock);
      LogStore log(*mounted, dice, small);
      std::uint64_t found = 0;
      LogStore::Replay replay = [&](std::uint64_t index, const Bytes& text) -> Result<> {
        EXPECT_EQ(index, found + 1);
        EXPECT_TRUE(text.view().starts_with("op " + std::to_string(index))) << index;
        found = index;
        return {};
      };
      Result<> opened = clock.run(log.open(cluster, 1, behind, replay));
      ASSERT_TRUE(opened) << "seed " << seed << " life " << life << ": " << opened.error().text();
      ASSERT_GE(found, acknowledged) << "seed " << seed << " life " << life;
      ASSERT_LE(found, written) << "seed " << seed << " life " << life;
      acknowledged = written = found;  // what was read back is durable by now
      auto work = [&]() -> Task<> {
        while (true) {
          std::vector<std::string> ops;
          for (std::uint64_t i = 0, size = dice.between(1, 12); i < size; ++i) ops.push_back(op(++written));
          co_await log.append(std::move(ops));
          acknowledged = written;
        }
      };
      TaskGroup group;
      group.spawn(work());
      clock.run_for(std::chrono::microseconds(dice.below(20000)));
      if (dice.chance(0.7)) platter_here.power_cut();
      group.cancel();
    }
  }
}

TEST_F(LogStoreTest, M15AFullDiskFailsTheBatchWholeAndServiceGoesOn) {
  fill(3);
  LogStore log(*disk, random, settings);
  ASSERT_TRUE(open(log));
  std::string before = file(kFirst);
  platter.set_capacity(platter.used());
  std::vector<std::string> batch(50, std::string(1000, 'x'));
  Result<> appended = world.run(log.append(batch));
  ASSERT_FALSE(appended);
  EXPECT_EQ(appended.error().code, Code::no_space);
  EXPECT_EQ(file(kFirst), before);
  EXPECT_EQ(log.last_index(), 3u);
  platter.set_capacity(1 << 30);
  append(log, 2);
  auto ops = reopen();
  ASSERT_TRUE(ops);
  expect_ops(*ops, 5);
}

TEST_F(LogStoreTest, M15AFullDiskAtTheChangeOfSegmentsIsSurvivedToo) {
  settings.segment_max = 300;
  fill(8);
  LogStore log(*disk, random, settings);
  ASSERT_TRUE(open(log));
  std::uint64_t last = 0;
  platter.set_capacity(platter.used());
  for (int i = 0; i < 10; ++i) {
    std::vector<std::string> one{op(log.last_index() + 1)};
    if (!world.run(log.append(one))) ++last;
  }
  ASSERT_GT(last, 0u);
  ASSERT_TRUE(reopen()) << "a start finds the unfinished segment";
  platter.set_capacity(1 << 30);
  append(log, 5);
  auto ops = reopen();
  ASSERT_TRUE(ops) << ops.error().text();
  expect_ops(*ops, log.last_index());
}

TEST_F(LogStoreTest, NoMarkComesBehindASegmentThatCouldNotBeBegun) {
  settings.segment_max = 300;
  fill(8);
  LogStore log(*disk, random, settings);
  ASSERT_TRUE(open(log));
  platter.set_capacity(platter.used());
  bool refused = false;
  for (int i = 0; i < 10 && !refused; ++i) {
    std::vector<std::string> one{op(log.last_index() + 1)};
    refused = !world.run(log.append(one));
  }
  ASSERT_TRUE(refused);
  platter.set_capacity(1 << 30);
  ASSERT_TRUE(world.run(log.mark()));
  auto ops = reopen();
  ASSERT_TRUE(ops) << ops.error().text();
  append(log, 3);
  ops = reopen();
  ASSERT_TRUE(ops) << ops.error().text();
}

TEST_F(LogStoreTest, M17AnErrorOfTheDiskIsNotAFullDisk) {
  fill(1);
  LogStore log(*disk, random, settings);
  ASSERT_TRUE(open(log));
  platter.set_faults({.sync_error = 1});
  std::vector<std::string> one{op(2)};
  Result<> appended = world.run(log.append(one));
  ASSERT_FALSE(appended);
  EXPECT_EQ(appended.error().code, Code::io_error);
}

TEST_F(LogStoreTest, M16AFailedSyncIsMadeGoodByTheNextStart) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SimExecutor clock;
    SimDisk platter_here(clock, seed);
    Random dice(seed);
    auto first = platter_here.mount(clock);
    LogStore log(*first, dice, {});
    ASSERT_TRUE(clock.run(log.format(cluster, 1)));
    LogStore::Replay none = [](std::uint64_t, const Bytes&) -> Result<> { return {}; };
    ASSERT_TRUE(clock.run(log.open(cluster, 1, 0, none)));
    std::vector<std::string> big;
    for (std::uint64_t i = 1; i <= 600; ++i) big.push_back(op(i));
    platter_here.set_faults({.sync_error = 1});
    ASSERT_FALSE(clock.run(log.append(big)));
    platter_here.set_faults({});
    first.reset();

    // The next life reads it from memory, and from then on it must be there for good.
    std::uint64_t found = 0;
    LogStore::Replay count = [&found](std::uint64_t index, const Bytes&) -> Result<> {
      found = index;
      return {};
    };
    auto second = platter_here.mount(clock);
    LogStore again(*second, dice, {});
    ASSERT_TRUE(clock.run(again.open(cluster, 1, 0, count)));
    std::uint64_t seen = found;
    std::vector<std::string> one{op(seen + 1)};
    ASSERT_TRUE(clock.run(again.append(one)));
    platter_here.power_cut();
    second.reset();
    auto third = platter_here.mount(clock);
    LogStore last(*third, dice, {});
    found = 0;
    Result<> opened = clock.run(last.open(cluster, 1, 0, count));
    ASSERT_TRUE(opened) << "seed " << seed << ": " << opened.error().text();
    EXPECT_EQ(found, seen + 1) << "seed " << seed;
  }
}

TEST_F(LogStoreTest, AnIdentityIsReadBackAndDamageIsFound) {
  Identity identity{cluster, 5};
  std::string text = encode_identity(identity);
  EXPECT_EQ(decode_identity(Bytes::of(text)).value().cluster, cluster);
  EXPECT_EQ(decode_identity(Bytes::of(text)).value().epoch, 5u);
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string flipped = text;
    flipped[at] = static_cast<char>(flipped[at] ^ 4);
    EXPECT_FALSE(decode_identity(Bytes::of(flipped))) << at;
    EXPECT_FALSE(decode_identity(Bytes::of(text.substr(0, at)))) << at;
  }
}

}  // namespace
}  // namespace gfs::master
