// Links that swallow what is large: messages over 1400 bytes are lost, smaller ones pass, heartbeats and gossip among
// them. That two hear each other is no proof that anything can be written from one to the other: what proves it is what
// is written.
#include <algorithm>
#include <map>

#include "base/task_group.h"
#include "tests/sim_checkers/cluster_fixture.h"

namespace gfs::sim {
namespace {

constexpr std::size_t kPasses = 1400;
constexpr int kWriters = 8;

struct BlackHole : ClusterTest {
  BlackHole() { plan.deadline = 30s; }
  ~BlackHole() override { group.cancel(); }

  // Between these two; an empty name: anybody.
  void swallow(std::string one, std::string other) {
    network.set_judge([one, other](const std::string& from, const std::string& to, const bus::Frames& frames) {
      const auto is = [](const std::string& host, const std::string& name) { return name.empty() || host == name; };
      const bool there = (is(from, one) && is(to, other)) || (is(from, other) && is(to, one));
      return bus::SimNetwork::Odds{.loss = there && frames.size() > kPasses ? 1.0 : 0.0};
    });
  }
  // Writes files of 100 KiB, one after the other.
  Task<> keep_writing() {
    while (true) {
      const std::string path = fmt::format("/f{}", ++last_file);
      std::string text(100 << 10, static_cast<char>('a' + last_file % 26));
      const Instant begun = world.now();
      const Result<> written = co_await write(*filesystem, path, text).outcome();
      longest = std::max(longest, world.now() - begun);
      if (written) files[path] = std::move(text);
      if (!written) failed.push_back(path + ": " + written.error().text());
      co_await world.sleep(200ms);
    }
  }
  void write_for(Duration time) {
    longest = {};
    while (group.size() < kWriters) group.spawn(keep_writing());
    world.run_for(time);
  }
  bus::ClusterStatus::Reply status() { return world.run(filesystem->status(), 30s).value(); }
  static bool says(const bus::ClusterStatus::Reply& status, const std::string& code) {
    return std::ranges::find(status.codes, code) != status.codes.end();
  }
  bool copied_within(Duration time) {
    const Instant until = world.now() + time;
    while (status().chunks_under > 0 && world.now() < until) world.run_for(1s);
    return status().chunks_under == 0;
  }
  void expect_all_there() {
    for (const auto& [path, text] : files) {
      const Result<std::string> back = get(path);
      ASSERT_TRUE(back) << path << ": " << back.error().text();
      ASSERT_TRUE(*back == text) << path;
    }
  }

  std::map<std::string, std::string> files;  // that were acknowledged
  std::vector<std::string> failed;
  int last_file = 0;
  Duration longest{};
  TaskGroup group;
};

// Each chunk of both of them finds out by itself, and is led by somebody else then.
TEST_F(BlackHole, P19_WritersGoOnAroundALinkThatSwallowsWhatIsLarge) {
  start(5);
  swallow("cs0", "cs1");
  write_for(60s);
  EXPECT_TRUE(failed.empty()) << failed.front();
  EXPECT_LE(longest, 5s);
  EXPECT_GE(files.size(), 500u);
  group.cancel();
  expect_all_there();
  EXPECT_EQ(status().chunks_under, 0u);
  EXPECT_FALSE(says(status(), "GFS_SERVERS_SLOW")) << "none of the two is to blame";
}

// Its heartbeats come, the master's questions are answered, and nothing can be written to it.
TEST_F(BlackHole, P19_AServerThatGetsNothingLargeIsNotHealthyThoughItsHeartbeatsCome) {
  start(5);
  bool lost = false;
  cluster->on_server_state = [&lost](ServerId, std::string_view state, unsigned) { lost = lost || state == "lost"; };
  swallow("cs0", "");
  write_for(60s);
  EXPECT_LE(failed.size(), static_cast<std::size_t>(kWriters)) << "one for each writer, at most";
  EXPECT_TRUE(says(status(), "GFS_SERVERS_SLOW"));
  EXPECT_FALSE(lost);
  const std::size_t before = failed.size();
  write_for(15s);
  EXPECT_EQ(failed.size(), before);
  EXPECT_LE(longest, 1s) << "it gets no new chunks";
  group.cancel();
  EXPECT_TRUE(copied_within(120s)) << "copied to the others";
  expect_all_there();
  for (const std::string& one : failed) {
    const std::string path = one.substr(0, one.find(':'));
    const Result<std::string> back = get(path);
    EXPECT_TRUE(back) << "no chunk stands still: " << path << ": " << back.error().text();
  }
}

}  // namespace
}  // namespace gfs::sim
