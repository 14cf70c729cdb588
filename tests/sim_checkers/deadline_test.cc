// A client whose time is over while an operation is in flight: it is told that the outcome is unknown, never that it
// failed. Here each operation is done, by real servers, and every word of that to the client is lost.
#include "base/task_group.h"
#include "tests/sim_checkers/cluster_fixture.h"

namespace gfs::sim {
namespace {

using client::Filesystem;

struct Mutation {
  std::string kind;  // of the message that asks for it
  std::function<Task<>(Filesystem&)> prepare, run;
  std::function<Task<bool>(Filesystem&)> done;
};

template <class T>
Task<> finish(Task<T> task) {
  co_await std::move(task);
}
Task<> nothing() { co_return; }
Task<> append(Filesystem& to, std::string path, std::string text) {
  client::AppendOptions options;
  std::shared_ptr<client::Appender> appender = co_await to.open_appender(path, options);
  Bytes record = Bytes::of(std::move(text));
  co_await appender->append(std::move(record));
}
Task<bool> has(Filesystem& from, std::string path, std::string text) {
  const std::string all = co_await ClusterTest::read(from, path);
  co_return all.find(text) != std::string::npos;
}
Task<bool> gone(Filesystem& from, std::string path) {
  const bool there = co_await from.exists(path);
  co_return !there;
}
Task<bool> is_long(Filesystem& from, std::string path, std::uint64_t size) {
  const bus::FileInfo info = co_await from.stat(path);
  co_return info.size == size;
}
Task<bool> is_kept(Filesystem& from, std::string path, std::uint32_t replicas) {
  const bus::FileInfo info = co_await from.stat(path);
  co_return info.replicas == replicas;
}

std::vector<Mutation> mutations() {
  auto file = [](std::string path) {
    return [path](Filesystem& to) { return ClusterTest::write(to, path, "before"); };
  };
  auto none = [](Filesystem&) { return nothing(); };
  return {
      {"master.create", none, [](Filesystem& to) { return finish(to.create("/new")); },
       [](Filesystem& to) { return to.exists("/new"); }},
      {"master.make_directory", none, [](Filesystem& to) { return finish(to.make_directory("/directory")); },
       [](Filesystem& to) { return to.exists("/directory"); }},
      {"master.rename", file("/source"), [](Filesystem& to) { return finish(to.rename("/source", "/target")); },
       [](Filesystem& to) { return to.exists("/target"); }},
      {"master.remove", file("/removed"), [](Filesystem& to) { return finish(to.remove("/removed")); },
       [](Filesystem& to) { return gone(to, "/removed"); }},
      {"master.truncate", file("/cut"), [](Filesystem& to) { return finish(to.truncate("/cut", 3)); },
       [](Filesystem& to) { return is_long(to, "/cut", 3); }},
      {"master.set_replicas", file("/copies"), [](Filesystem& to) { return finish(to.set_replicas("/copies", 2)); },
       [](Filesystem& to) { return is_kept(to, "/copies", 2); }},
      {"master.create_snapshot", file("/origin"),
       [](Filesystem& to) { return finish(to.create_snapshot("/origin", "/snapshot")); },
       [](Filesystem& to) { return to.exists("/snapshot"); }},
      {"chunk.write", file("/written"), [](Filesystem& to) { return ClusterTest::write(to, "/written", "after!"); },
       [](Filesystem& to) { return has(to, "/written", "after!"); }},
      {"chunk.append", [](Filesystem& to) { return append(to, "/log", "before"); },
       [](Filesystem& to) { return append(to, "/log", "after!"); },
       [](Filesystem& to) { return has(to, "/log", "after!"); }},
  };
}

enum class Then : std::uint8_t { silence, refusals };

struct DeadlineTest : ClusterTest, testing::WithParamInterface<Then> {
  // From the first message of that kind on the client hears nothing.
  void cut_off(const std::string& kind) {
    asked.reset();
    network.set_judge([this, kind](const std::string&, const std::string& to, const bus::Frames& frames) {
      Result<bus::Envelope> envelope = bus::decode<bus::Envelope>(frames.envelope);
      if (envelope && envelope->kind == kind && !asked) asked = world.now();
      return bus::SimNetwork::Odds{.loss = asked && to == "client0" ? 1.0 : 0.0};
    });
  }
  void kill_all() {
    cluster->kill_master();
    for (int i = 0; i < plan.chunkservers; ++i) cluster->kill_chunkserver(i);
  }
  void start_all() {
    cluster->start_master();
    for (int i = 0; i < plan.chunkservers; ++i) cluster->start_chunkserver(i);
    ASSERT_TRUE(world.run_until([this] { return cluster->whole(); }, 60s));
  }

  std::optional<Instant> asked;
};

// Or everybody dies while the client waits: then its later tries are refused, which is no word on the first one.
TEST_P(DeadlineTest, P17_WhatWasInFlightIsUnknownNeverFailed) {
  plan.deadline = 6s;
  start(5);
  for (const Mutation& mutation : mutations()) {
    SCOPED_TRACE(mutation.kind);
    ASSERT_TRUE(world.run(mutation.prepare(*filesystem), 30s));
    cut_off(mutation.kind);
    std::optional<Result<>> ended;
    TaskGroup group;
    group.spawn(mutation.run(*filesystem), [&ended](Result<> result) { ended.emplace(std::move(result)); });
    ASSERT_TRUE(world.run_until([this] { return asked.has_value(); }, 5s));
    world.run_for(1s);
    if (GetParam() == Then::refusals) kill_all();
    ASSERT_TRUE(world.run_until([&ended] { return ended.has_value(); }, plan.deadline));
    network.set_judge({});
    if (GetParam() == Then::refusals) start_all();
    ASSERT_FALSE(*ended);
    EXPECT_EQ(ended->error().outcome(), Outcome::may_have_happened) << ended->error().text();
    const Result<bool> done = world.run(mutation.done(*filesystem), 120s);
    ASSERT_TRUE(done) << done.error().text();
    EXPECT_TRUE(*done) << "it was done before anything went wrong";
  }
}

INSTANTIATE_TEST_SUITE_P(Endings, DeadlineTest, testing::Values(Then::silence, Then::refusals),
                         [](const auto& ending) { return ending.param == Then::silence ? "silence" : "refusals"; });

}  // namespace
}  // namespace gfs::sim
