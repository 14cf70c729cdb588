// The master's directory is replaced by an old copy of it, on real nodes in virtual time: nobody follows it; adopted in
// a new log epoch every file that the copy knows of has its newest content, whatever happened to its chunks since.
#include <gtest/gtest.h>

#include "base/log.h"
#include "client_cli/client/filesystem.h"
#include "tests/sim/client.h"
#include "tests/sim/cluster.h"
#include "tests/sim/seeds.h"

namespace gfs::sim {
namespace {

constexpr std::uint64_t kFileSize = 3 * (128 << 10);

class Play {
 public:
  explicit Play(std::uint64_t seed) : dice_(seed) {
    log::set_level(log::Level::off);
    plan_.seed = seed;
    plan_.chunk_size = 128 << 10;
    cluster_.emplace(world_, network_, plan_);
    cluster_->start_master();
    for (int i = 0; i < kChunkservers; ++i) cluster_->start_chunkserver(i);
    EXPECT_TRUE(whole());
    filesystem_.emplace(node_, random_, bus_, client_settings(plan_));
  }

  void write_all() {
    for (int i = 0; i < 4; ++i) {
      contents_.push_back(std::string(kFileSize, static_cast<char>('a' + i)));
      write(static_cast<std::size_t>(i), 0, contents_.back());
    }
  }
  // Whatever happens between the copy and the day it is needed; one thing at a time.
  void live_on() {
    for (std::uint64_t i = 0, events = dice_.between(1, 6); i < events; ++i) {
      const std::size_t file = dice_.below(contents_.size());
      const std::uint64_t offset = dice_.below(kFileSize - 1);
      const std::uint64_t size = dice_.between(1, std::min<std::uint64_t>(kFileSize - offset, 150 << 10));
      const bool away = dice_.chance(0.6);
      const int server = static_cast<int>(dice_.below(kChunkservers));
      if (away) {
        cluster_->kill_chunkserver(server);
        world_.run_for(dice_.chance(0.5) ? 20s : 1s);  // given up, or not noticed
      }
      write(file, offset, std::string(size, static_cast<char>('0' + i)));
      if (dice_.chance(0.3)) make_another(i);
      if (away) cluster_->start_chunkserver(server);
      if (away && dice_.chance(0.7)) EXPECT_TRUE(whole());
    }
    EXPECT_TRUE(whole());
    world_.run_for(12s);  // until what was seen is on the disks of all
  }
  void restore(const std::map<std::string, std::string>& copy, std::optional<std::uint64_t> adopt) {
    cluster_->kill_master();
    if (dice_.chance(0.3)) {
      // All of them start anew, as after a power cut of the room without lost bytes.
      for (int i = 0; i < kChunkservers; ++i) cluster_->kill_chunkserver(i);
    }
    cluster_->restore_master(copy);
    cluster_->adopt_epoch = adopt;
    cluster_->start_master();
    for (int i = 0; i < kChunkservers; ++i) cluster_->start_chunkserver(i);
  }
  std::map<std::string, std::string> copy() const { return cluster_->copy_master(); }
  bool whole() {
    return world_.run_until([&] { return cluster_->whole(); }, 60s);
  }
  bool nobody_registers() {
    world_.run_for(15s);
    return cluster_->registered() == 0;
  }
  void expect_newest() {
    for (std::size_t i = 0; i < contents_.size(); ++i) {
      Result<std::string> got = read(i);
      const Instant end = world_.now() + 120s;
      while (!got && world_.now() < end) {
        world_.run_for(500ms);
        got = read(i);
      }
      ASSERT_TRUE(got) << "/f" << i << ": " << got.error().text();
      ASSERT_EQ(got->size(), contents_[i].size());
      const auto [there, here] = std::mismatch(got->begin(), got->end(), contents_[i].begin());
      ASSERT_TRUE(there == got->end()) << "/f" << i << " differs at " << there - got->begin() << ": " << *there
                                       << " instead of " << *here;
    }
  }
  void write(std::size_t file, std::uint64_t offset, const std::string& text) {
    contents_[file].replace(offset, text.size(), text);
    const Instant end = world_.now() + 120s;
    Result<> written;
    do {
      written = world_.run(write_once(fmt::format("/f{}", file), offset, text));
    } while (!written && world_.now() < end);
    EXPECT_TRUE(written) << (written ? "" : written.error().text());
  }
  const std::vector<std::string>& broken() const { return cluster_->broken(); }

 private:
  Task<> write_once(std::string path, std::uint64_t offset, std::string text) {
    std::shared_ptr<client::File> file = co_await filesystem_->open(path, client::Filesystem::Open::create, 3);
    Bytes bytes = Bytes::of(std::move(text));
    co_await file->write(offset, std::move(bytes));
    co_await file->close();
  }
  void make_another(std::uint64_t number) { (void)world_.run(write_once(fmt::format("/later{}", number), 0, "later")); }
  Result<std::string> read(std::size_t number) {
    auto whole_file = [](client::Filesystem& filesystem, std::string path) -> Task<std::string> {
      std::shared_ptr<client::File> file = co_await filesystem.open(path, client::Filesystem::Open::read);
      std::string text;
      while (true) {
        Bytes piece = co_await file->next();
        if (piece.empty()) co_return text;
        text += piece.view();
      }
    };
    return world_.run(whole_file(*filesystem_, fmt::format("/f{}", number)));
  }

  Plan plan_;
  Random dice_;
  SimExecutor world_;
  bus::SimNetwork network_{world_, 5};
  std::optional<Cluster> cluster_;
  NodeExecutor node_{world_};
  Random random_{77};
  bus::SimBus bus_{network_, node_, "client0"};
  std::optional<client::Filesystem> filesystem_;
  std::vector<std::string> contents_;
};

TEST(OldDirectory, IsFollowedOnlyWhenItIsAdoptedAndThenEverythingIsAtItsNewest) {
  for (std::uint64_t seed = 1; seed <= seeds_of_a_test(60); ++seed) {
    SCOPED_TRACE(seed);
    Play play(seed);
    play.write_all();
    const auto copy = play.copy();
    play.live_on();
    const auto right = play.copy();
    play.restore(copy, {});
    EXPECT_TRUE(play.nobody_registers());
    play.restore(copy, 0);
    EXPECT_TRUE(play.whole());
    play.expect_newest();
    for (std::size_t file = 0; file < 4; ++file) play.write(file, 1000, "written in the new epoch");
    play.expect_newest();
    play.restore(right, {});
    EXPECT_TRUE(play.nobody_registers()) << "the old epoch is over";
    // Once more the same copy: another number, and what the first adoption led to is found as well.
    play.restore(copy, 0);
    EXPECT_TRUE(play.nobody_registers());
    play.restore(copy, 3);
    EXPECT_TRUE(play.whole());
    play.expect_newest();
    for (const std::string& what : play.broken()) ADD_FAILURE() << what;
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace gfs::sim
