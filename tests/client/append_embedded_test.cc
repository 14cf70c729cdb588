// Appending to real servers: an embedded cluster with real threads, sockets and disks.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "base/log.h"
#include "base/units.h"
#include "client_cli/client/blocking.h"
#include "client_cli/client/record_reader.h"
#include "client_cli/client/record_writer.h"
#include "client_cli/embedded/cluster.h"

namespace gfs::client {
namespace {

class EmbeddedAppend : public testing::Test {
 protected:
  EmbeddedAppend() {
    log::set_level(log::Level::error);
    std::string pattern = (std::filesystem::temp_directory_path() / "gfs-append-XXXXXX").string();
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    open();
  }
  ~EmbeddedAppend() override {
    close();
    std::filesystem::remove_all(directory_);
  }
  void open() {
    Result<std::unique_ptr<embedded::Cluster>> opened = embedded::Cluster::open({.directory = directory_});
    ASSERT_TRUE(opened) << opened.error().text();
    cluster_ = std::move(*opened);
    gfs_ = std::make_unique<Blocking>(Settings{.master = cluster_->master()});
  }
  void close() {
    gfs_.reset();
    cluster_.reset();
  }

  static Task<std::vector<std::uint64_t>> write(Filesystem& fs, std::vector<std::string> records,
                                                AppendOptions options) {
    std::shared_ptr<Appender> log = co_await fs.open_appender("/log", options);
    RecordWriter writer(log);
    std::vector<Task<Appended>> appends;
    for (const std::string& record : records) appends.push_back(writer.append(record));
    std::vector<Result<Appended>> results = co_await all_of(std::move(appends));
    std::vector<std::uint64_t> offsets;
    for (Result<Appended>& result : results) {
      Appended done = co_await std::move(result);
      offsets.push_back(done.offset);
    }
    co_await log->close();
    co_return offsets;
  }
  static Task<std::vector<std::string>> read(Filesystem& fs) {
    std::shared_ptr<File> file = co_await fs.open("/log", Filesystem::Open::read);
    RecordReader reader(std::move(file), fs.chunk_size());
    std::vector<std::string> records;
    while (true) {
      std::optional<Record> record = co_await reader.next();
      if (!record) co_return records;
      records.push_back(record->bytes.str());
    }
  }
  std::vector<std::uint64_t> write(const std::vector<std::string>& records, AppendOptions options = {}) {
    using Offsets = std::vector<std::uint64_t>;
    Result<Offsets> done = gfs_->run<Offsets>([&](Filesystem& fs) { return write(fs, records, options); });
    EXPECT_TRUE(done) << done.error().text();
    return done ? *done : Offsets();
  }
  std::vector<std::string> read() {
    using Records = std::vector<std::string>;
    Result<Records> records = gfs_->run<Records>([](Filesystem& fs) { return read(fs); });
    EXPECT_TRUE(records) << records.error().text();
    return records ? *records : Records();
  }
  static std::vector<std::string> some(std::size_t count, std::size_t size_max, std::uint64_t seed) {
    Random random(seed);
    std::vector<std::string> records;
    for (std::size_t i = 0; i < count; ++i) {
      std::string record(random.below(size_max), '\0');
      for (char& c : record) c = static_cast<char>(random.next());
      records.push_back(std::move(record));
    }
    return records;
  }

  std::string directory_;
  std::unique_ptr<embedded::Cluster> cluster_;
  std::unique_ptr<Blocking> gfs_;
};

TEST_F(EmbeddedAppend, SmallAndLargeRecordsComeBackAlsoAfterReopening) {
  std::vector<std::string> records = some(500, 3000, 1);
  for (std::string& large : some(8, 2 * MiB, 2)) records.push_back(std::move(large));
  std::vector<std::uint64_t> offsets = write(records);
  EXPECT_TRUE(std::ranges::is_sorted(offsets));
  EXPECT_TRUE(read() == records);
  close();
  open();
  EXPECT_TRUE(read() == records);
  write({"one more"});
  records.emplace_back("one more");
  EXPECT_TRUE(read() == records);
}

TEST_F(EmbeddedAppend, AFullChunkIsSealedAndTheNextGoesOn) {
  std::vector<std::string> records;
  for (int i = 0; i < 6; ++i) records.emplace_back(15 * MiB, static_cast<char>('a' + i));
  std::vector<std::uint64_t> offsets = write(records);
  ASSERT_EQ(offsets.size(), 6u);
  EXPECT_EQ(offsets[4], 64 * MiB) << "four and their frames fit into a chunk";
  EXPECT_TRUE(read() == records);
  auto chunks = gfs_->run<std::vector<bus::ListChunks::Chunk>>([](Filesystem& fs) { return fs.chunks("/log"); });
  ASSERT_TRUE(chunks) << chunks.error().text();
  ASSERT_EQ(chunks->size(), 2u);
  EXPECT_TRUE(chunks->front().sealed);
}

TEST_F(EmbeddedAppend, AWriterThatKeepsItsIdRepeatsWithoutDoubling) {
  Random random(3);
  AppendOptions options;
  options.client = ClientId::random(random);
  std::vector<std::string> records = some(50, 1000, 4);
  std::vector<std::uint64_t> offsets = write(records, options);
  close();
  open();
  options.next_sequence = 1;
  EXPECT_EQ(write(records, options), offsets);
  EXPECT_TRUE(read() == records);
}

}  // namespace
}  // namespace gfs::client
