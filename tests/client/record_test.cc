// Records: the frame's format, and reading back exactly what was appended, over gaps, rubbish and chunk borders.
#include "client_cli/client/record_reader.h"
#include "client_cli/client/record_writer.h"
#include "tests/client/fake_cluster.h"

namespace gfs::client::fake {
namespace {

using What = RecordFound::What;

TEST(RecordFormat, IsThis) {
  std::string frame = framed("abc");
  ASSERT_EQ(frame.size(), 19u);
  EXPECT_EQ(frame.substr(0, 8), std::string("\xc1\x9e\x5e\xa7\x03\0\0\0", 8));
  EXPECT_EQ(frame.substr(16), "abc");
  EXPECT_EQ(record_format::get(frame.data() + 8), crc32c("abc", 3));
  EXPECT_EQ(record_format::get(frame.data() + 12), crc32c(frame.data(), 12));
}

TEST(RecordFormat, KnowsARecordFromAnythingElse) {
  std::string frame = framed("some bytes");
  EXPECT_EQ(record_at(frame + "more").what, What::record);
  EXPECT_EQ(record_at(frame + "more").size, frame.size());
  for (std::size_t size = 0; size < frame.size(); ++size) {
    EXPECT_EQ(record_at(std::string_view(frame).substr(0, size)).what, What::unfinished) << size;
  }
  for (std::size_t i = 0; i < frame.size(); ++i) {
    std::string flipped = frame;
    flipped[i] ^= 1;
    EXPECT_NE(record_at(flipped).what, What::record) << i;
  }
  EXPECT_EQ(record_at(framed("")).what, What::record);
  EXPECT_EQ(record_at(std::string(100, '\0')).what, What::nothing);
  EXPECT_EQ(next_magic("xx" + frame, 0), 2u);
  EXPECT_EQ(next_magic("xx" + frame.substr(0, 2), 0), 2u) << "it may have begun at the end";
  EXPECT_EQ(next_magic("xxxx", 1), 4u);
}

// A magic every few bytes, each claiming to be 16 MiB: none may lead to a look at so many.
TEST(RecordFormat, WhatOnlyLooksLikeAHeaderCostsNothing) {
  std::string frame = framed(std::string(1000, 'x'));
  EXPECT_EQ(record_at(frame).looked, 1000u);
  for (std::size_t i = 4; i < kRecordHeader; ++i) {
    std::string flipped = frame;
    flipped[i] ^= 1;
    EXPECT_EQ(record_at(flipped).what, What::nothing) << i;
    EXPECT_EQ(record_at(flipped).looked, 0u) << i;
  }
}

class Records : public Cluster {
 protected:
  void write(const std::vector<std::string>& records) {
    Result<std::shared_ptr<Appender>> log = run(fs().open_appender("/f"));
    ASSERT_TRUE(log) << log.error().text();
    RecordWriter writer(*log);
    for (const std::string& record : records) {
      Result<Appended> done = run(writer.append(record));
      ASSERT_TRUE(done) << done.error().text();
    }
    ASSERT_TRUE(run((*log)->close()));
  }
  void write_raw(const std::string& bytes) {
    Result<std::shared_ptr<Appender>> log = run(fs().open_appender("/f"));
    ASSERT_TRUE(run((*log)->append(Bytes::of(bytes))));
  }
  std::vector<std::string> rest(RecordReader& reader) {
    std::vector<std::string> all;
    while (true) {
      Result<std::optional<Record>> next = run(reader.next());
      EXPECT_TRUE(next) << next.error().text();
      if (!next || !*next) return all;
      all.push_back((*next)->bytes.str());
    }
  }
  RecordReader reader(std::uint64_t offset = 0) { return {open(Filesystem::Open::read), fs().chunk_size(), offset}; }
};

TEST_F(Records, ComeBackAndMoreMayFollowLater) {
  write({"one", "", "three"});
  RecordReader all = reader();
  EXPECT_EQ(rest(all), (std::vector<std::string>{"one", "", "three"}));
  EXPECT_EQ(rest(all), std::vector<std::string>());
  write({"four"});
  EXPECT_EQ(rest(all), std::vector<std::string>{"four"});
  RecordReader later = reader(19);
  EXPECT_EQ(rest(later), (std::vector<std::string>{"", "three", "four"}));
  RecordReader inside = reader(5);
  EXPECT_EQ(rest(inside), (std::vector<std::string>{"", "three", "four"}));
}

TEST_F(Records, AcrossChunksAndTheGapsBehindThem) {
  std::vector<std::string> records;
  for (int i = 0; i < 9; ++i) records.push_back(some_bytes(kChunk / 2 - 100000 + random.below(50000)));
  write(records);
  EXPECT_EQ(master.chunk_count, 5u);
  RecordReader all = reader();
  EXPECT_TRUE(rest(all) == records);
  EXPECT_EQ(all.skipped(), 0u);
  // cat and get see them without the gaps; a positional read sees zeros there.
  std::string expected, got;
  for (const std::string& record : records) expected += framed(record);
  auto file = open(Filesystem::Open::read);
  EXPECT_EQ(file->size(), 4 * kChunk + records.back().size() + kRecordHeader);
  while (true) {
    Result<Bytes> piece = run(file->next());
    ASSERT_TRUE(piece) << piece.error().text();
    if (piece->empty()) break;
    got += piece->view();
  }
  EXPECT_TRUE(got == expected);
  Result<Bytes> gap = run(file->read(kChunk - 100, 116));
  ASSERT_TRUE(gap) << gap.error().text();
  EXPECT_EQ(gap->view(), std::string(100, '\0') + framed(records[2]).substr(0, 16));
}

TEST_F(Records, WhatIsNoneIsPassedOver) {
  std::string broken = framed("broken");
  broken[17] ^= 1;
  write({"one"});
  write_raw("rubbish");
  write({"two"});
  write_raw(broken + framed("longer than what follows").substr(0, 20));
  write({"three"});
  RecordReader all = reader();
  EXPECT_EQ(rest(all), (std::vector<std::string>{"one", "two", "three"}));
  EXPECT_EQ(all.skipped(), 7 + broken.size() + 20);
}

// Real headers whose bytes never came, in front of and between records, up to the end of a chunk.
TEST_F(Records, HeadersWithoutTheirBytesHideNothing) {
  std::string empty_promise = framed(std::string(3 << 20, 'x')).substr(0, kRecordHeader);
  std::string many;
  for (int i = 0; i < 100; ++i) many += empty_promise;
  write({"one"});
  write_raw(many);
  write({"two"});
  write_raw(many);
  RecordReader all = reader();
  EXPECT_EQ(rest(all), (std::vector<std::string>{"one", "two"}));
  std::string fills = some_bytes(kChunk - 40000), four = some_bytes(100000);
  write({fills});
  write_raw(many);
  write({four});
  EXPECT_EQ(master.chunk_count, 2u);
  EXPECT_TRUE(rest(all) == (std::vector<std::string>{fills, four}));
  RecordReader anew = reader();
  servers[0].calls["read"] = servers[1].calls["read"] = servers[2].calls["read"] = 0;
  EXPECT_TRUE(rest(anew) == (std::vector<std::string>{"one", "two", fills, four}));
  int reads = servers[0].calls["read"] + servers[1].calls["read"] + servers[2].calls["read"];
  EXPECT_LT(reads, 20) << "no piece is read again for each of them";
}

// Of one chunk, at hand without waiting.
class FileInMemory final : public File {
 public:
  FileInMemory(Executor& executor, std::string content) : executor_(executor), content_(std::move(content)) {}
  const FileInfo& info() const override { return info_; }
  std::uint64_t size() const override { return content_.size(); }
  Executor& executor() const override { return executor_; }
  Task<Bytes> read(std::uint64_t, std::uint64_t) override { co_return Bytes(); }
  Task<Bytes> next() override { co_return Bytes(); }
  Task<Written> read_written(std::uint64_t offset) override {
    co_return Written{offset, Bytes::of(content_.substr(offset, kFragmentMax))};
  }
  Task<> write(std::uint64_t, Bytes) override { co_return; }
  Task<> append(Bytes) override { co_return; }
  Task<> sync() override { co_return; }
  Task<> close() override { co_return; }

 private:
  Executor& executor_;
  FileInfo info_;
  std::string content_;
};

TEST(RecordReading, OthersGetTheirTurnWhileBytesAreLookedThrough) {
  for (const std::string& content : {std::string(6 << 20, 'x'), framed("") + std::string(6 << 20, '\xc1')}) {
    SimExecutor world;
    RecordReader reader(std::make_shared<FileInMemory>(world, content), 64 << 20);
    bool others = false;
    world.post([&] { others = true; });
    while (true) {
      Result<std::optional<Record>> record = world.run(reader.next());
      ASSERT_TRUE(record);
      if (!*record) break;
    }
    EXPECT_TRUE(others);
    EXPECT_GE(reader.skipped(), (6u << 20) - 1);
  }
}

// The members changed while a reader was at the end: what the old ones say is the end of long ago.
TEST_F(Records, TheEndIsAskedForOnceMoreWhenThereIsANewerVersion) {
  master.members = {&servers[0]};
  write({"one"});
  RecordReader all = reader();
  EXPECT_EQ(rest(all), std::vector<std::string>{"one"});
  master.members = {&servers[1]};
  master.version = {2};
  servers[1].chunks[{100}] = servers[0].chunks[{100}] + framed("two");
  EXPECT_EQ(rest(all), std::vector<std::string>{"two"});
}

TEST_F(Records, AnOffsetBeyondEveryFileIsRefused) {
  write({"one"});
  for (std::uint64_t offset : {kChunk << 32, UINT64_MAX / 2}) {
    RecordReader far = reader(offset);
    EXPECT_EQ(run(far.next()).error().code, Code::too_large);
  }
}

// A primary that counted its length before its secondaries had answered left holes of zeros behind a failed append.
TEST_F(Records, E3ExactlyTheAcknowledgedOnesComeBackFromEveryReplica) {
  Result<std::shared_ptr<Appender>> log = run(fs().open_appender("/f"));
  RecordWriter writer(*log);
  std::vector<std::string> acknowledged;
  for (int i = 0; i < 60; ++i) {
    if (i % 3 == 0) servers[0].faults["append"] = {{Code::replica_failed, i % 2 == 0}};
    if (i % 7 == 0) servers[0].faults["append"] = {{Code::corrupt}};
    std::string record = some_bytes(random.below(200000));
    if (run(writer.append(record))) acknowledged.push_back(record);
  }
  EXPECT_GT(acknowledged.size(), 40u);
  for (ChunkServer& down : servers) {
    kill(down);
    RecordReader all = reader();
    EXPECT_TRUE(rest(all) == acknowledged);
    all_well();
  }
}

TEST_F(Records, AtMost16MiBWithItsFrame) {
  Result<std::shared_ptr<Appender>> log = run(fs().open_appender("/f"));
  RecordWriter writer(*log);
  EXPECT_EQ(run(writer.append(std::string(kRecordMax + 1, 'x'))).error().code, Code::too_large);
  EXPECT_EQ(servers[0].calls["append"], 0);
}

}  // namespace
}  // namespace gfs::client::fake
