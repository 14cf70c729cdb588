// What a running master shows of its log is what its directory holds.
#include "master/log_service.h"

#include <gmock/gmock.h>

#include "master/directory_view.h"
#include "tests/master/shipping_fixture.h"

namespace gfs::master {
namespace {

class LogServiceTest : public ShippingTest {
 protected:
  template <class M>
  Result<typename M::Reply> say(bus::Endpoint& from, M message) {
    bus::CallOptions options{20s};
    return seas.clock.run(from.call(bus::Peer::at(kLeaderAddress), std::move(message), options));
  }

  struct Entry {
    std::uint64_t index = 0, epoch = 0;
    std::string op;
    bool operator==(const Entry&) const = default;
  };
  // As a reader gets them who asks for so many bytes at a time.
  std::vector<Entry> entries_behind(std::uint64_t after, std::uint32_t bytes) {
    Asker asker(seas, "reader", bus::kReader);
    std::vector<Entry> entries;
    while (true) {
      bus::ReadLog::Reply reply = say(asker.endpoint, bus::ReadLog{after, bytes}).value();
      if (reply.sizes.empty()) return entries;
      std::size_t at = 0;
      after = reply.first - 1;
      for (std::uint32_t size : reply.sizes) {
        entries.push_back({++after, reply.epoch, reply.payload.slice(at, size).str()});
        at += size;
      }
      EXPECT_EQ(at, reply.payload.size());
    }
  }
  // As the files have them.
  std::vector<Entry> entries_in_files() {
    std::vector<Entry> entries;
    VisitRecord visit = [&](const LogRecord& record) {
      entries.push_back({record.header.index, record.header.epoch, record.op.str()});
      return true;
    };
    view_files(std::move(visit));
    return entries;
  }
  DirectoryView view_files(VisitRecord visit = {}) {
    Identity identity{seas.cluster, seas.epoch};
    EXPECT_TRUE(seas.clock.run(save_identity(*leader->disk, identity)));
    return seas.clock.run(view_directory(*leader->disk, std::move(visit))).value();
  }
};

TEST_F(LogServiceTest, ItsFilesAreThoseOfTheDirectory) {
  start(true);
  change(200);
  checkpoint();
  change(200);
  checkpoint();
  change(200);
  Asker asker(seas, "reader", bus::kReader);
  const DirectoryView files = view_files();
  ASSERT_GT(files.segments.size(), 4u);
  ASSERT_EQ(files.checkpoints.size(), 2u);
  for (std::uint32_t limit : {1u, 3u, 1000u, 0u}) {
    SCOPED_TRACE(limit);
    std::vector<bus::ViewLog::Segment> segments;
    std::vector<bus::ViewLog::CheckpointFile> checkpoints;
    for (bool more = true; more;) {
      bus::ViewLog ask{segments.empty() ? 0 : segments.back().first, limit};
      bus::ViewLog::Reply page = say(asker.endpoint, ask).value();
      EXPECT_EQ(page.cluster, seas.cluster);
      EXPECT_EQ(page.epoch, seas.epoch);
      EXPECT_EQ(page.last, leader->log.last_index());
      EXPECT_LE(page.segments.size(), std::max(limit, 1u));
      segments.insert(segments.end(), page.segments.begin(), page.segments.end());
      checkpoints.insert(checkpoints.end(), page.checkpoints.begin(), page.checkpoints.end());
      more = page.more;
    }
    ASSERT_EQ(segments.size(), files.segments.size());
    for (std::size_t i = 0; i < segments.size(); ++i) {
      EXPECT_EQ(segments[i].file, files.segments[i].name);
      EXPECT_EQ(segments[i].epoch, files.segments[i].epoch);
      EXPECT_EQ(segments[i].first, files.segments[i].first);
      EXPECT_EQ(segments[i].last, files.segments[i].last);
      EXPECT_EQ(segments[i].bytes, files.segments[i].bytes);
    }
    ASSERT_EQ(checkpoints.size(), 2u);
    for (std::size_t i = 0; i < checkpoints.size(); ++i) {
      EXPECT_EQ(checkpoints[i].file, files.checkpoints[i].name);
      EXPECT_EQ(checkpoints[i].epoch, files.checkpoints[i].epoch);
      EXPECT_EQ(checkpoints[i].index, files.checkpoints[i].index);
      EXPECT_EQ(checkpoints[i].bytes, files.checkpoints[i].bytes);
    }
  }
}

TEST_F(LogServiceTest, EveryEntryIsToldOnceAndInOrder) {
  start(true);
  change(400);
  const std::vector<Entry> files = entries_in_files();
  ASSERT_EQ(files.size(), leader->log.last_index());
  ASSERT_FALSE(leader->recent.has(1)) << "nothing is read from files";
  for (std::uint32_t bytes : {0u, 700u, 1u << 20}) EXPECT_EQ(entries_behind(0, bytes), files) << bytes;
  for (std::uint64_t after : {std::uint64_t{1}, std::uint64_t{200}, files.size() - 1, files.size(), files.size() + 7}) {
    SCOPED_TRACE(after);
    const std::vector<Entry> told = entries_behind(after, 1000);
    const auto begin = files.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(after, files.size()));
    EXPECT_EQ(told, std::vector<Entry>(begin, files.end()));
  }
}

TEST_F(LogServiceTest, EntriesBeforeARestartAreOfTheirOwnEpoch) {
  start(true);
  change(100);
  const std::uint64_t before = leader->log.last_index();
  kill();
  seas.epoch = 2;
  start();
  ASSERT_TRUE(seas.clock.run(leader->log.begin_epoch(2)));
  change(100);
  const std::vector<Entry> told = entries_behind(0, 5000);
  EXPECT_EQ(told, entries_in_files());
  EXPECT_EQ(told.at(before - 1).epoch, 1u);
  EXPECT_EQ(told.at(before).epoch, 2u);
}

TEST_F(LogServiceTest, WhoeverAsksForWhatIsTrimmedGetsTheOldestThereIs) {
  start(true);
  change(200);
  checkpoint();
  change(200);
  checkpoint();
  const std::uint64_t oldest = leader->log.first_index();
  ASSERT_GT(oldest, 1u);
  Asker asker(seas, "reader", bus::kReader);
  bus::ReadLog::Reply reply = say(asker.endpoint, bus::ReadLog{0, 1000}).value();
  EXPECT_EQ(reply.oldest, oldest);
  EXPECT_EQ(reply.first, oldest);
  EXPECT_EQ(entries_behind(0, 1000), entries_in_files());
}

TEST_F(LogServiceTest, ManyMayReadButNotFromDiskAtOnce) {
  start(true);
  change(200);
  ASSERT_FALSE(leader->recent.has(1));
  std::vector<std::unique_ptr<Asker>> readers;
  for (int i = 0; i < 6; ++i)
    readers.push_back(std::make_unique<Asker>(seas, "reader" + std::to_string(i), bus::kClient));
  for (int round = 0; round < 3; ++round) {
    for (auto& reader : readers) EXPECT_EQ(say(reader->endpoint, bus::ReadLog{0, 100}).value().first, 1u);
  }
  std::size_t told = 0, overloaded = 0;
  TaskGroup group;
  for (auto& reader : readers) {
    auto count = [&](Result<bus::ReadLog::Reply> reply) {
      told += reply.has_value();
      overloaded += !reply && reply.error().code == Code::overloaded;
    };
    bus::CallOptions options{20s};
    group.spawn(reader->endpoint.call(bus::Peer::at(kLeaderAddress), bus::ReadLog{50, 100}, options), count);
  }
  seas.clock.run_for(5s);
  EXPECT_GE(told, 2u);
  EXPECT_GT(overloaded, 0u);
  EXPECT_EQ(told + overloaded, 6u);
  EXPECT_EQ(leader->shipping.shadows(), 0u) << "they take nothing from shadows";
}

TEST_F(LogServiceTest, DamageIsAnErrorThatNamesTheFile) {
  start(true);
  change(300);
  const LogStore::Segment segment = leader->log.segment_of(1);
  auto damage = [](Disk& disk, std::string path) -> Task<> {
    std::shared_ptr<File> file = co_await disk.open(path, Disk::Mode::write);
    co_await file->write(1000, Bytes::of("damage"));
  };
  ASSERT_TRUE(seas.clock.run(damage(*leader->disk, segment.path)));
  Asker asker(seas, "reader", bus::kReader);
  std::uint64_t after = 0;
  Result<bus::ReadLog::Reply> reply;
  while ((reply = say(asker.endpoint, bus::ReadLog{after, 1}))) ++after;
  EXPECT_EQ(reply.error().code, Code::corrupt);
  EXPECT_THAT(reply.error().message, testing::HasSubstr(segment.path));
  EXPECT_LT(after, segment.last);
  EXPECT_TRUE(say(asker.endpoint, bus::ReadLog{leader->log.last_index() - 1, 1}));
}

}  // namespace
}  // namespace gfs::master
