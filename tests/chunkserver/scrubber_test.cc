// The scrubber: rot is found without a reader, a replica that lost a write is found although it verifies, and how far
// it is survives restarts.
#include "chunkserver/scrubber.h"

#include <gmock/gmock.h>

#include <set>

#include "tests/chunkserver/server_fixture.h"

namespace gfs::chunkserver {
namespace {

using testing::HasSubstr;

class ScrubTest : public ServerTest {
 protected:
  ScrubTest() {
    settings.scrub_pass = 1h;
    settings.scrub_rate = 1 << 20;
  }
  bus::ScrubStatus::Reply status(int server) {
    return ask(nodes[static_cast<std::size_t>(server)]->control(), bus::ScrubStatus{}).value();
  }
  void order(int server, bus::ScrubOrder what) {
    ASSERT_TRUE(ask(nodes[static_cast<std::size_t>(server)]->control(), bus::ControlScrub{what}));
  }
  // A chunk on these servers, of so many fragments.
  void make(std::vector<int> members, int fragments) {
    ASSERT_TRUE(configure(1, members, true));
    for (int i = 0; i < fragments; ++i)
      ASSERT_TRUE(write(members, 1, static_cast<std::uint64_t>(i) * kFragmentMax, std::string(kFragmentMax, 'a')));
    for (int one : members) master.members[chunk].push_back(id_of(one));
  }
  void rot(int server, std::uint64_t offset) {
    SimDisk& platter = nodes[static_cast<std::size_t>(server)]->platter;
    for (const std::string& path : platter.files()) {
      if (path.ends_with(".data")) platter.flip_bit(path, offset, 3);
    }
  }
  bool pass_ended(int server) { return status(server).ended_ms > 0; }
  std::map<std::string, std::string> files(int server) const {
    const SimDisk& platter = nodes[static_cast<std::size_t>(server)]->platter;
    std::map<std::string, std::string> all;
    for (const std::string& path : platter.files()) all[path] = platter.read_now(path).value();
    return all;
  }
  // The disk of a process that does not run holds this, and nothing else.
  void bring_back(int server, std::map<std::string, std::string> all) {
    auto write_all = [](Disk& disk, std::vector<std::string> gone, std::map<std::string, std::string> files) -> Task<> {
      for (const std::string& path : gone) co_await disk.remove(path);
      for (const auto& [path, text] : files) {
        std::shared_ptr<File> file = co_await disk.open(path, Disk::Mode::write);
        Bytes bytes = Bytes::of(text);
        co_await file->truncate(0);
        co_await file->write(0, std::move(bytes));
        co_await file->sync();
      }
    };
    SimDisk& platter = nodes[static_cast<std::size_t>(server)]->platter;
    std::unique_ptr<Disk> disk = platter.mount(world);
    ASSERT_TRUE(world.run(write_all(*disk, platter.files(), std::move(all))));
  }

  // The last server's disk said yes to a write in version 2, and has what was there before.
  void lose_a_write() {
    ASSERT_TRUE(configure(2, {0, 1, 2}, false));
    ASSERT_TRUE(sync(0, 2));
    const std::map<std::string, std::string> old = files(2);
    ASSERT_TRUE(write({0, 1, 2}, 2, 0, "lost here"));
    ASSERT_TRUE(sync(0, 2));
    nodes[2]->kill();
    bring_back(2, old);
    restart(2, settings);
  }

  Settings settings;
};

TEST_F(ScrubTest, C04_RotIsFoundWithoutAReader) {
  start(3, settings);
  make({0, 1, 2}, 3);
  ASSERT_TRUE(until([&] { return pass_ended(1); }, 2h));
  EXPECT_TRUE(master.damages.empty());
  rot(1, kFragmentMax + 100);
  ASSERT_TRUE(until([&] { return !master.damages.empty(); }, 3h));
  EXPECT_EQ(master.damages[0].server, id_of(1));
  EXPECT_EQ(master.damages[0].handle, chunk);
  EXPECT_EQ(master.damages[0].block, kFragmentMax / kBlockSize);
  ASSERT_TRUE(until([&] { return status(1).last_bad == 1; }, 2h));
  EXPECT_EQ(status(0).last_bad + status(0).bad, 0u);
}

// One block in a hundred: every chunk that has such a block is found by the pass that reads it first, and no other one;
// the rest of its blocks are read when it is made good. The pass is never faster than it may be.
TEST_F(ScrubTest, C17_AllRotIsFoundInOnePassAtTheRateThatIsAllowed) {
  constexpr std::uint64_t kChunks = 64, kBlocksEach = kFragmentMax / kBlockSize;
  constexpr std::int64_t kStep = 4;  // seconds
  start(1, settings);
  for (std::uint64_t i = 0; i < kChunks; ++i) {
    chunk = ChunkHandle{0x100 + i};
    make({0}, 1);
    if (HasFatalFailure()) return;
  }
  ASSERT_TRUE(until([&] { return pass_ended(0); }, 2h));
  ASSERT_TRUE(master.damages.empty());

  std::set<ChunkHandle> rotten, found;
  for (std::uint64_t i = 0; i < kChunks * kBlocksEach / 100; ++i) {
    const ChunkHandle victim{0x100 + random.below(kChunks)};
    ASSERT_TRUE(nodes[0]->platter.flip_bit(data_path(victim), random.below(kFragmentMax), 3));
    rotten.insert(victim);
  }
  const std::int64_t before = status(0).ended_ms;
  const Instant begun = world.now();
  order(0, bus::ScrubOrder::start);
  for (std::uint64_t bytes = 0; status(0).ended_ms == before; bytes = std::max(bytes, status(0).bytes)) {
    world.run_for(std::chrono::seconds(kStep));
    ASSERT_LE(world.now() - begun, 10min);
    const std::uint64_t most = bytes + kStep * settings.scrub_rate + kFragmentMax;
    EXPECT_LE(status(0).bytes, most) << "faster than " << settings.scrub_rate << " bytes a second";
  }
  for (const bus::ReportDamage& damage : master.damages) found.insert(damage.handle);
  EXPECT_EQ(found, rotten);
  EXPECT_EQ(status(0).last_bad, rotten.size());
  const std::uint64_t sound = (kChunks - rotten.size()) * kFragmentMax;
  EXPECT_GE(world.now() - begun, std::chrono::seconds(sound / settings.scrub_rate));
  EXPECT_LE(world.now() - begun, std::chrono::seconds(kChunks * kFragmentMax / settings.scrub_rate + 2 * kStep));
}

TEST_F(ScrubTest, APassGoesOnWhereItWasAfterARestart) {
  start(1, settings);
  for (std::uint64_t i = 1; i <= 20; ++i) {
    chunk = ChunkHandle{i};
    make({0}, 1);
  }
  ASSERT_TRUE(until([&] { return status(0).chunks >= 5 && status(0).begun_ms > 0; }, 2h));
  world.run_for(Scrubber::kSaveEvery + 10s);
  const bus::ScrubStatus::Reply before = status(0);
  if (before.begun_ms == 0) GTEST_FAIL() << "the pass was over too soon to be interrupted";
  restart(0, settings);
  ASSERT_TRUE(until([&] { return status(0).begun_ms == before.begun_ms; }, 10s));
  const bus::ScrubStatus::Reply after = status(0);
  EXPECT_GE(after.chunks + 8, before.chunks) << "less than a minute's work is done again";
  EXPECT_GT(after.chunks, 3u);
  ASSERT_TRUE(until([&] { return pass_ended(0); }, 2h));
}

TEST_F(ScrubTest, ItIsPausedAndHurriedByAWord) {
  start(1, settings);
  make({0}, 8);
  ASSERT_TRUE(until([&] { return status(0).bytes > 0; }, 1min));
  order(0, bus::ScrubOrder::pause);
  const std::uint64_t bytes = status(0).bytes;
  world.run_for(30min);
  EXPECT_LE(status(0).bytes, bytes + kFragmentMax);
  EXPECT_TRUE(status(0).paused);
  order(0, bus::ScrubOrder::resume);
  world.run_for(Scrubber::kSaveEvery + 10s);
  order(0, bus::ScrubOrder::pause);
  nodes[0]->kill();  // at once: what was answered is on the disk
  restart(0, settings);
  world.run_for(30min);
  EXPECT_TRUE(status(0).paused) << "also over a restart";
  EXPECT_EQ(status(0).ended_ms, 0);
  const Instant begin = world.now();
  order(0, bus::ScrubOrder::start);
  ASSERT_TRUE(until([&] { return pass_ended(0); }, 5min));
  EXPECT_GE(world.now() - begin, 7s) << "8 MiB at 1 MiB a second";
  EXPECT_LE(world.now() - begin, 30s);
  EXPECT_EQ(ask(nodes[0]->control(), bus::ControlScrub{static_cast<bus::ScrubOrder>(9)}).error().code,
            Code::invalid_argument);
}

// Who has what the others lack is not the one that is wrong.
TEST_F(ScrubTest, AReplicaThatIsAheadOfTheOthersDoesNotDoubtItself) {
  start(3, settings);
  make({0, 1, 2}, 1);
  ASSERT_TRUE(configure(2, {0, 1, 2}, false));
  ASSERT_TRUE(sync(0, 2));
  const std::map<std::string, std::string> old[] = {files(1), files(2)};
  ASSERT_TRUE(write({0, 1, 2}, 2, 0, "only here"));
  for (int one : {1, 2}) {
    nodes[static_cast<std::size_t>(one)]->kill();
    bring_back(one, old[one - 1]);
    restart(one, settings);
  }
  order(0, bus::ScrubOrder::start);
  ASSERT_TRUE(until([&] { return status(0).last_differing == 1; }, 10min)) << "it is told";
  EXPECT_TRUE(std::ranges::none_of(master.damages, [&](const auto& one) { return one.server == id_of(0); }));
  EXPECT_FALSE(inspect(0).value().damaged);
}

// A write was lost there: blocks of others, which fit, do not make it good.
TEST_F(ScrubTest, WhatIsDistrustedIsNotMendedInPlace) {
  start(3, settings);
  make({0, 1, 2}, 2);
  lose_a_write();
  order(2, bus::ScrubOrder::start);
  ASSERT_TRUE(until([&] { return !master.damages.empty(); }, 10min));
  for (int one : {0, 1, 2}) rot(one, static_cast<std::uint64_t>(one + 3) * kBlockSize);
  for (int one : {0, 1}) order(one, bus::ScrubOrder::start);
  ASSERT_TRUE(until([&] { return std::ranges::any_of(master.damages, &bus::ReportDamage::mended); }, 20min));
  nodes[2]->kill();
  restart(2, settings);
  world.run_for(30min);
  EXPECT_TRUE(inspect(2).value().damaged) << "also after a restart";
  for (const bus::ReportDamage& one : master.damages) EXPECT_FALSE(one.mended && one.server == id_of(2));
}

// Nobody is sound, but no block is bad everywhere.
TEST_F(ScrubTest, C08_ReplicasThatAreBadInDifferentPlacesMendEachOther) {
  start(3, settings);
  make({0, 1, 2}, 2);
  for (int one : {0, 1, 2}) rot(one, static_cast<std::uint64_t>(3 * one + 1) * kBlockSize + 77);
  for (int one : {0, 1, 2}) order(one, bus::ScrubOrder::start);
  auto mended = [&] {
    for (int one : {0, 1, 2}) {
      auto its = [&](const bus::ReportDamage& report) { return report.mended && report.server == id_of(one); };
      if (std::ranges::any_of(master.damages, its)) return one;
    }
    return -1;
  };
  ASSERT_TRUE(until([&] { return mended() >= 0; }, 10min));
  const int good = mended();
  EXPECT_TRUE(inspect(good).value().bad.empty());
  EXPECT_FALSE(inspect(good).value().damaged);
  ASSERT_TRUE(read(good, 1, 0, kFragmentMax));
  nodes[static_cast<std::size_t>(good)]->kill();
  restart(good, settings);
  EXPECT_FALSE(inspect(good).value().damaged) << "also after a restart";
  // The others are made equal to it, as the master orders.
  ASSERT_TRUE(configure(2, {0, 1, 2}, false));
  expect_equal({0, 1, 2});
  ASSERT_TRUE(write({0, 1, 2}, 2, kBlockSize + 5, "goes on"));
}

TEST_F(ScrubTest, C09_ABlockThatIsBadEverywhereIsAllThatIsLost) {
  start(3, settings);
  make({0, 1, 2}, 2);
  for (int one : {0, 1, 2}) {
    rot(one, 4 * kBlockSize);
    rot(one, static_cast<std::uint64_t>(one + 10) * kBlockSize);
  }
  for (int one : {0, 1, 2}) order(one, bus::ScrubOrder::start);
  ASSERT_TRUE(until(
      [&] {
        for (int one : {0, 1, 2}) {
          if (inspect(one).value().bad != std::vector<std::uint32_t>{4}) return false;
        }
        return true;
      },
      10min))
      << "the others are mended";
  EXPECT_TRUE(std::ranges::none_of(master.damages, &bus::ReportDamage::mended));
  for (int one : {0, 1, 2}) {
    EXPECT_EQ(read(one, 1, 4 * kBlockSize, kBlockSize).error().code, Code::corrupt);
    EXPECT_TRUE(read(one, 1, 5 * kBlockSize, 10 * kBlockSize));
  }
}

TEST_F(ScrubTest, WhereASoundReplicaIsLeftNobodyMendsInPlace) {
  start(3, settings);
  make({0, 1, 2}, 1);
  rot(0, 5);
  rot(1, kBlockSize + 5);
  for (int one : {0, 1}) order(one, bus::ScrubOrder::start);
  ASSERT_TRUE(until([&] { return master.damages.size() == 2; }, 10min));
  world.run_for(5min);
  EXPECT_EQ(inspect(0).value().bad.size(), 1u) << "it is replaced, by the master's order";
  EXPECT_EQ(master.damages.size(), 2u);
}

TEST_F(ScrubTest, WhereItIsOffItSaysSo) {
  settings.scrub_pass = 0s;
  start(1, settings);
  EXPECT_TRUE(status(0).off);
  EXPECT_EQ(ask(nodes[0]->control(), bus::ControlScrub{bus::ScrubOrder::start}).error().code, Code::refused);
}

// Device said yes, and kept the old sectors: bytes, checksums and journal are all as they were before the write.
TEST_F(ScrubTest, C07_AReplicaThatLostAWriteIsFoundAlthoughItVerifies) {
  start(3, settings);
  make({0, 1, 2}, 1);
  for (int one : {0, 1, 2}) nodes[static_cast<std::size_t>(one)]->kill();
  for (int one : {0, 1, 2}) restart(one, settings);
  lose_a_write();
  ASSERT_TRUE(read(2, 2)) << "it verifies";
  order(2, bus::ScrubOrder::start);
  ASSERT_TRUE(until([&] { return !master.damages.empty(); }, 10min));
  EXPECT_EQ(master.damages[0].server, id_of(2));
  EXPECT_THAT(master.damages[0].reason, HasSubstr("a write was lost"));
  EXPECT_EQ(status(2).differing + status(2).last_differing, 1u);
  order(0, bus::ScrubOrder::start);
  world.run_for(5min);
  EXPECT_EQ(master.damages.size(), 1u) << "the others do not doubt themselves";
}

TEST(ScrubCursorTest, IsReadBackAndNothingElseIs) {
  const ScrubCursor cursor{ChunkHandle{5}, 100, 50, true, true, 1, 2, 3, 4, 5, 6};
  const std::string text = encode_scrub_cursor(cursor);
  EXPECT_EQ(decode_scrub_cursor(Bytes::of(text)).value(), cursor);
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string bad = text;
    bad[i] = static_cast<char>(bad[i] ^ 4);
    EXPECT_FALSE(decode_scrub_cursor(Bytes::of(bad))) << i;
    EXPECT_FALSE(decode_scrub_cursor(Bytes::of(text.substr(0, i)))) << i;
  }
}

}  // namespace
}  // namespace gfs::chunkserver
