// What the master has servers put away, over the bus: not before its time, not twice, not when the log may be older
// than the truth; and an operator's word on its way. What is garbage: collection_planner_test.cc.
#include <algorithm>

#include "tests/master/master_fixture.h"

namespace gfs::master {
namespace {

using testing::Contains;
using testing::Not;

class CollectorTest : public ChunksTest {
 protected:
  // Three servers with a chunk that no file has any more.
  void make_garbage() {
    settings.collect_after = 10s;
    restart_master();
    add_servers(3);
    layout = locate(make_file("/f")).value();
    ASSERT_TRUE(call(bus::Remove{"/f", false, true}));
  }
  std::size_t orders() {
    std::size_t sum = 0;
    for (const auto& one : servers) sum += one->collected.size();
    return sum;
  }
  bus::CollectionStatus::Server status_of(const FakeServer& one) {
    for (const bus::CollectionStatus::Server& line : call(bus::CollectionStatus{}).value().servers) {
      if (line.server == one.id) return line;
    }
    return {};
  }
  std::vector<std::string> codes() { return call(bus::ClusterStatus{}).value().codes; }

  bus::ChunkLayout layout;
};

TEST_F(CollectorTest, GarbageIsPutAwayOnceAndNotBeforeItsTime) {
  make_garbage();
  world.clock.run_for(9s);
  EXPECT_EQ(orders(), 0u);
  ASSERT_TRUE(wait([&] { return orders() == 3; }));
  for (const auto& one : servers) {
    ASSERT_EQ(one->collected[0].items.size(), 1u);
    EXPECT_EQ(one->collected[0].items[0].handle, layout.handle);
    EXPECT_EQ(one->collected[0].items[0].version, layout.version);
  }
  world.clock.run_for(60s);
  EXPECT_EQ(orders(), 3u);
  EXPECT_EQ(status_of(*servers[0]).garbage, 0u);
}

TEST_F(CollectorTest, ALostAnswerIsAskedForAgain) {
  make_garbage();
  for (const auto& one : servers) one->collect_replies_lost = 1;
  ASSERT_TRUE(wait([&] { return orders() == 3; }));
  ASSERT_TRUE(wait([&] { return status_of(*servers[0]).garbage == 0; }, 60s));
  EXPECT_EQ(orders(), 3u) << "it is not held any more, so nothing is to be ordered";
}

TEST_F(CollectorTest, AfterARestartTheTimeBeginsAnew) {
  make_garbage();
  world.clock.run_for(9s);
  restart_master();
  world.clock.run_for(8s);
  EXPECT_EQ(orders(), 0u);
  EXPECT_TRUE(wait([&] { return orders() == 3; }));
}

// C21
TEST_F(CollectorTest, ARefusalIsToldAndAnOperatorsWordHandedOn) {
  make_garbage();
  for (const auto& one : servers) one->collect_answer = bus::CollectChunks::Done::refused;
  ASSERT_TRUE(wait([&] { return orders() == 3; }));
  EXPECT_THAT(codes(), Contains("GFS_COLLECTION_REFUSED"));
  EXPECT_EQ(status_of(*servers[1]).refused, 1u);
  world.clock.run_for(30s);
  EXPECT_EQ(orders(), 3u) << "it is not pressed";
  EXPECT_EQ(call(bus::AllowCollection{servers[1]->id, 10, 60000})->servers, 1u);
  EXPECT_EQ(servers[1]->allowed[0].up_to, 10u);
  EXPECT_TRUE(servers[0]->allowed.empty());
  ASSERT_TRUE(wait([&] { return servers[1]->collected.size() == 2; }, 5s)) << "at once";
  EXPECT_EQ(call(bus::AllowCollection{{}, 10, 60000})->servers, 3u);
  ASSERT_TRUE(wait([&] { return servers[0]->collected.size() == 2 && servers[2]->collected.size() == 2; }, 5s));
  EXPECT_THAT(codes(), Not(Contains("GFS_COLLECTION_REFUSED")));
  servers[1]->die();
  world.clock.run_for(5s);
  EXPECT_EQ(call(bus::AllowCollection{servers[1]->id, 10, 60000}).error().code, Code::unavailable);
  EXPECT_EQ(call(bus::AllowCollection{ServerId{{9}}, 10, 60000}).error().code, Code::not_found);
}

// A member's replica counts for what was acknowledged: an older one must not come in its place.
TEST_F(CollectorTest, AMembersReplicaIsRestoredOnlyIfItIsNewEnough) {
  add_servers(4);
  layout = locate(make_file("/f")).value();
  FakeServer& member = secondary(layout);
  ASSERT_TRUE(call(bus::RestoreChunk{member.id, layout.handle, {}}));
  EXPECT_EQ(member.restored[0].at_least, layout.version);
  for (const auto& one : servers) {
    if (std::ranges::count(members(layout.handle), one->id) > 0) continue;
    ASSERT_TRUE(call(bus::RestoreChunk{one->id, layout.handle, {}}));
    EXPECT_EQ(one->restored[0].at_least, Version{}) << "no member: an old copy does no harm";
  }
  EXPECT_EQ(call(bus::RestoreChunk{{}, layout.handle, {}}).error().code, Code::invalid_argument);
}

TEST_F(CollectorTest, AnOldLogCollectsNothing) {
  make_garbage();
  servers[2]->hold(ChunkHandle{layout.handle.value + 100}, Version{1});
  world.clock.run_for(60s);
  EXPECT_EQ(orders(), 0u);
  EXPECT_THAT(codes(), Contains("GFS_UNKNOWN_CHUNKS"));
  EXPECT_EQ(status_of(*servers[2]).unknown, 1u);
  EXPECT_NE(call(bus::CollectionStatus{}).value().held_back, "");
  servers[2]->held.pop_back();
  EXPECT_TRUE(wait([&] { return orders() == 3; }));
}

}  // namespace
}  // namespace gfs::master
