// Replicas that move, over the bus: the target joins, it is in the log, and only then the source leaves.
#include "bus/messages/client_repair.h"
#include "tests/master/master_fixture.h"

namespace gfs::master {
namespace {

using testing::Contains;
using testing::Not;

class SelfBalancingTest : public ChunksTest {
 protected:
  SelfBalancingTest() {
    master.reset();
    settings.balance_threshold = 10;
    EXPECT_TRUE(start_master());
  }
  // Three that are nearly full hold a chunk; then an empty one comes.
  bus::ChunkLayout full_servers_and_a_newcomer() {
    add_servers(3);
    for (const auto& one : servers) one->free = one->capacity / 10;
    const InodeId file = make_file("/f");
    const bus::ChunkLayout layout = locate(file).value();
    for (const auto& one : servers) {
      if (bus::ReportChunks::Held* held = one->holding(layout.handle)) held->length = 64 << 20;
    }
    restart_master();
    EXPECT_TRUE(call_until_ok(bus::LocateForWrite{file, 0, {}}));
    add_servers(1);
    servers.back()->free = servers.back()->capacity;
    return layout;
  }
  bus::ShowBalance::Reply balance() { return call(bus::ShowBalance{}).value(); }
};

TEST_F(SelfBalancingTest, AFullServersReplicaMovesToAnEmptyOne) {
  const bus::ChunkLayout layout = full_servers_and_a_newcomer();
  FakeServer& newcomer = *servers.back();
  std::size_t most = 0, least = 9;
  ASSERT_TRUE(wait(
      [&] {
        const std::vector<ServerId> now = members(layout.handle);
        most = std::max(most, now.size());
        least = std::min(least, now.size());
        return balance().moved == 1;
      },
      60s));
  EXPECT_THAT(members(layout.handle), Contains(newcomer.id));
  EXPECT_EQ(members(layout.handle).size(), 3u);
  EXPECT_EQ(least, 3u) << "added before one was taken away";
  EXPECT_EQ(newcomer.cloned.size(), 1u);
  const bus::Explain::Reply why = call(bus::Explain{layout.handle, {}, 50}).value();
  EXPECT_TRUE(std::ranges::any_of(why.decisions, [](const auto& one) { return one.kind == "moved"; }));
}

TEST_F(SelfBalancingTest, ItStopsWhenToldAndStaysStopped) {
  ASSERT_TRUE(call(bus::SetRepair{.balance = 0}, request(1)));
  const bus::ChunkLayout layout = full_servers_and_a_newcomer();
  world.clock.run_for(30s);
  EXPECT_TRUE(balance().stopped);
  EXPECT_THAT(members(layout.handle), Not(Contains(servers.back()->id)));
  ASSERT_TRUE(call(bus::SetRepair{.balance = 1}, request(2)));
  EXPECT_TRUE(wait([&] { return balance().moved == 1; }, 60s));
}

// What an operator said of the target while it copied.
TEST_F(SelfBalancingTest, ATargetThatIsToRestMeanwhileTakesNobodysPlace) {
  const bus::ChunkLayout layout = full_servers_and_a_newcomer();
  FakeServer& newcomer = *servers.back();
  newcomer.clone_takes = 5s;
  ASSERT_TRUE(wait([&] { return newcomer.cloned.size() == 1; }, 60s));
  bus::MarkServer mark;
  mark.server = newcomer.id;
  mark.mark = bus::ServerMark::maint;
  mark.for_ms = 3'600'000;
  ASSERT_TRUE(call(mark, request(1)));
  world.clock.run_for(30s);
  EXPECT_THAT(members(layout.handle), Not(Contains(newcomer.id)));
  EXPECT_EQ(balance().moved, 0u);
}

// X05: what is to take it dies on the way, and so does another member: nothing was taken away before.
TEST_F(SelfBalancingTest, X05_TheSourceGoesOnlyWhenTheTargetIsAMemberInTheLog) {
  const bus::ChunkLayout layout = full_servers_and_a_newcomer();
  FakeServer& newcomer = *servers.back();
  for (const auto& one : servers) one->configure_replies_lost = one.get() == &newcomer ? 0 : 1;
  ASSERT_TRUE(wait([&] { return members(layout.handle).size() == 4; }, 60s));
  newcomer.die();
  FakeServer& other = secondary(layout);
  other.die();
  for (const auto& one : servers) one->configure_replies_lost = 0;
  world.clock.run_for(60s);
  const std::vector<ServerId> left = members(layout.handle);
  EXPECT_EQ(left.size(), 2u);
  for (const auto& one : servers) {
    if (one.get() != &newcomer && one.get() != &other) EXPECT_THAT(left, Contains(one->id));
  }
  EXPECT_EQ(balance().moved, 0u);
}

TEST_F(SelfBalancingTest, ATargetThatCannotCopyIsNotTriedForever) {
  const bus::ChunkLayout layout = full_servers_and_a_newcomer();
  servers.back()->clone_answers = {Code::no_space};
  ASSERT_TRUE(wait([&] { return balance().failed == 1; }, 60s));
  world.clock.run_for(60s);
  EXPECT_EQ(servers.back()->cloned.size(), 1u);
  EXPECT_EQ(members(layout.handle).size(), 3u);
}

}  // namespace
}  // namespace gfs::master
