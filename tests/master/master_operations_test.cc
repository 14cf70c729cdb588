// What operators say of servers and of repair, over the bus: drain, maintenance, forget, may it stop, pause, speed,
// why.
#include <algorithm>

#include "bus/messages/client_repair.h"
#include "tests/master/master_fixture.h"

namespace gfs::master {
namespace {

using bus::ServerMark;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

class OperationsTest : public ChunksTest {
 protected:
  // A chunk that somebody writes to.
  bus::ChunkLayout chunk(const std::string& path) { return locate(make_file(path)).value(); }
  Result<bus::Done> mark(ServerId id, ServerMark mark, Duration time = {}, ServerId successor = {}) {
    return call(bus::MarkServer{id, mark, static_cast<std::uint64_t>(to_ms(time)), successor});
  }
  bus::AskStop::Reply stop(std::vector<ServerId> ids) { return call(bus::AskStop{std::move(ids)}).value(); }
  bus::ListRepairs::Reply repairs() { return call(bus::ListRepairs{}).value(); }
  std::string shown_state(ServerId id) {
    for (const bus::ServerInfo& one : call(bus::ListServers{true}).value().servers) {
      if (one.server == id) return one.state;
    }
    return "unknown";
  }
  std::vector<std::string> codes() { return call(bus::ClusterStatus{}).value().codes; }
  std::size_t cloned() const {
    std::size_t count = 0;
    for (const auto& one : servers) count += one->cloned.size();
    return count;
  }
};

class PatientTest : public OperationsTest {
 protected:
  // With the clocks that people have.
  PatientTest() {
    kill_master();
    settings.repair_after = 30s;
    settings.repair_after_leaving = 10min;
    settings.mass_loss_pause = 5min;
    EXPECT_TRUE(start_master());
  }
};

TEST_F(OperationsTest, X05_WhatDrainsIsCopiedElsewhereBeforeItIsTakenOff) {
  add_servers(4);
  std::vector<bus::ChunkLayout> chunks;
  for (int i = 0; i < 6; ++i) chunks.push_back(chunk("/f" + std::to_string(i)));
  const ServerId old = chunks[0].primary;
  ASSERT_TRUE(mark(old, ServerMark::drain));
  EXPECT_EQ(shown_state(old), "drain");
  EXPECT_THAT(codes(), Contains("GFS_SERVERS_DRAIN"));
  EXPECT_FALSE(stop({old}).ok);
  std::size_t fewest = 3;
  ASSERT_TRUE(wait(
      [&] {
        bool through = true;
        for (const bus::ChunkLayout& one : chunks) {
          const std::vector<ServerId> there = members(one.handle);
          fewest = std::min(fewest, there.size());
          through = through && std::ranges::count(there, old) == 0;
        }
        return through;
      },
      120s));
  EXPECT_EQ(fewest, 3u) << "first one more, then one less";
  EXPECT_TRUE(stop({old}).ok);
  for (const bus::ChunkLayout& one : chunks) EXPECT_TRUE(settled(one.handle, 3));
  EXPECT_THAT(members(chunk("/new").handle), Not(Contains(old))) << "nothing new goes there";
}

TEST_F(OperationsTest, WithoutAnybodyToTakeItsChunksADrainWaits) {
  add_servers(3);
  bus::ChunkLayout layout = chunk("/f");
  ASSERT_TRUE(mark(layout.primary, ServerMark::drain));
  world.clock.run_for(30s);
  EXPECT_EQ(members(layout.handle).size(), 3u);
  EXPECT_THAT(stop({layout.primary}).why, HasSubstr("still to leave"));
  ASSERT_TRUE(mark(layout.primary, ServerMark::none));
  EXPECT_EQ(shown_state(layout.primary), "up");
}

TEST_F(OperationsTest, AReplacementTakesTheChunksOfTheOld) {
  add_servers(3);
  std::vector<bus::ChunkLayout> chunks;
  for (int i = 0; i < 4; ++i) chunks.push_back(chunk("/f" + std::to_string(i)));
  add_servers(3);
  const ServerId old = servers[0]->id, fresh = servers[4]->id;
  ASSERT_TRUE(mark(old, ServerMark::drain, {}, fresh));
  for (const bus::ChunkLayout& one : chunks) {
    ASSERT_TRUE(wait([&] { return std::ranges::count(members(one.handle), old) == 0; }, 60s));
    EXPECT_THAT(members(one.handle), Contains(fresh));
  }
}

TEST_F(PatientTest, AServerThatIsLostIsWaitedForAndUsedWhenItComesBack) {
  add_servers(3);
  bus::ChunkLayout layout = chunk("/f");
  FakeServer& away = secondary(layout);
  away.die();
  add_servers(1);
  ASSERT_TRUE(wait([&] { return members(layout.handle).size() == 2; }, 20s)) << "it leaves, so that writers go on";
  world.clock.run_for(15s);
  EXPECT_EQ(cloned(), 0u);
  const bus::ListRepairs::Reply waiting = repairs();
  ASSERT_EQ(waiting.repairs.size(), 1u);
  EXPECT_EQ(waiting.repairs[0].state, "waiting");
  EXPECT_THAT(waiting.repairs[0].why, HasSubstr("was lost just now"));
  EXPECT_EQ(waiting.by_sound, (std::vector<std::uint64_t>{0, 0, 1, 0}));
  restart(away);
  ASSERT_TRUE(settled(layout.handle, 3));
  EXPECT_THAT(members(layout.handle), Contains(away.id));
}

TEST_F(PatientTest, AServerThatStaysAwayIsMadeUpForAfterHalfAMinute) {
  add_servers(3);
  bus::ChunkLayout layout = chunk("/f");
  const Instant died = world.clock.now();
  secondary(layout).die();
  add_servers(1);
  ASSERT_TRUE(wait([&] { return members(layout.handle).size() == 2; }, 20s));
  ASSERT_TRUE(settled(layout.handle, 3, 60s));
  EXPECT_GT(world.clock.now() - died, 39s);
  EXPECT_THAT(members(layout.handle), Contains(servers.back()->id));
}

TEST_F(PatientTest, X06_WhatIsDownToOneIsNotWaitedFor) {
  add_servers(3);
  bus::ChunkLayout layout = chunk("/f");
  add_servers(2);
  secondary(layout, 0).die();
  secondary(layout, 1).die();
  ASSERT_TRUE(wait([&] { return members(layout.handle).size() >= 2; }, 30s)) << "not 40 s";
}

TEST_F(PatientTest, NobodyMakesUpForAServerInMaintenance) {
  add_servers(3);
  bus::ChunkLayout layout = chunk("/f");
  add_servers(1);
  FakeServer& away = secondary(layout);
  ASSERT_TRUE(mark(away.id, ServerMark::maint, 20min));
  EXPECT_EQ(shown_state(away.id), "maint");
  away.die();
  world.clock.run_for(15min);
  EXPECT_EQ(cloned(), 0u);
  EXPECT_THAT(codes(), Contains("GFS_SERVERS_MAINT"));
  EXPECT_THAT(codes(), Not(Contains("GFS_SERVERS_LOST"))) << "that is known";
  ASSERT_TRUE(settled(layout.handle, 3, 10min)) << "it is over after 20 minutes";
  EXPECT_THAT(members(layout.handle), Not(Contains(away.id)));
}

TEST_F(PatientTest, AWordAboutAServerSurvivesARestartOfTheMaster) {
  add_servers(3);
  bus::ChunkLayout layout = chunk("/f");
  ASSERT_TRUE(mark(layout.primary, ServerMark::maint, 20min));
  ASSERT_TRUE(call(bus::Checkpoint{}));
  ASSERT_TRUE(call(bus::SetRepair{1, 5000, bus::SetRepair::kKeep}));
  kill_master(true);
  ASSERT_TRUE(start_master());
  EXPECT_EQ(shown_state(layout.primary), "maint");
  EXPECT_TRUE(repairs().paused);
  EXPECT_EQ(repairs().per_server, 5000u);
}

TEST_F(OperationsTest, MaintenanceIsForAWhileAndOfAServerThatIsKnown) {
  add_servers(1);
  const ServerId id = servers[0]->id;
  EXPECT_EQ(mark(id, ServerMark::maint).error().code, Code::invalid_argument);
  EXPECT_EQ(mark(id, ServerMark::maint, 24h * 31).error().code, Code::invalid_argument);
  EXPECT_EQ(mark(id, static_cast<ServerMark>(9)).error().code, Code::invalid_argument);
  EXPECT_EQ(mark(id, ServerMark::drain, {}, id).error().code, Code::invalid_argument);
  EXPECT_EQ(mark(ServerId::random(world.random), ServerMark::drain).error().code, Code::not_found);
  EXPECT_TRUE(call(bus::MarkServer{id, ServerMark::maint, 60'000, {}}, request(1)));
  world.clock.run_for(5s);
  EXPECT_TRUE(call(bus::MarkServer{id, ServerMark::maint, 60'000, {}}, request(1))) << "a repeat, at another time";
}

TEST_F(OperationsTest, OnlyAServerThatIsGoneAndNotNeededIsForgotten) {
  add_servers(3);
  bus::ChunkLayout layout = chunk("/f");
  FakeServer& gone = secondary(layout);
  EXPECT_EQ(call(bus::ForgetServer{gone.id}).error().code, Code::conflict);
  gone.die();
  ASSERT_TRUE(wait([&] { return members(layout.handle).size() == 2; }, 20s));
  ASSERT_TRUE(call(bus::ForgetServer{gone.id}, request(1)));
  EXPECT_TRUE(call(bus::ForgetServer{gone.id}, request(1))) << "a repeat";
  EXPECT_EQ(call(bus::ForgetServer{gone.id}).error().code, Code::not_found);
  EXPECT_EQ(shown_state(gone.id), "unknown");
  restart(gone);
  EXPECT_EQ(shown_state(gone.id), "up") << "a new one";
}

TEST_F(OperationsTest, AServerThatChunksCountOnIsNotForgotten) {
  settings.replicas = 1;
  kill_master();
  ASSERT_TRUE(start_master());
  add_servers(1);
  bus::ChunkLayout layout = chunk("/f");
  servers[0]->die();
  world.clock.run_for(20s);
  const Error refused = call(bus::ForgetServer{servers[0]->id}).error();
  EXPECT_EQ(refused.code, Code::conflict);
  EXPECT_THAT(refused.message, HasSubstr("1 chunks count on"));
  EXPECT_THAT(refused.message, HasSubstr("1 of them on it alone"));
}

TEST_F(OperationsTest, WhetherServersMayStopIsSaidForAllOfThemTogether) {
  add_servers(3);
  bus::ChunkLayout layout = chunk("/f");
  world.clock.run_for(5s);
  const ServerId a = servers[0]->id, b = servers[1]->id, c = servers[2]->id;
  const bus::AskStop::Reply one = stop({a});
  EXPECT_TRUE(one.ok) << one.why;
  EXPECT_EQ(one.chunks, 1u);
  EXPECT_EQ(one.fewer, 1u);
  const bus::AskStop::Reply two = stop({a, b});
  EXPECT_FALSE(two.ok);
  EXPECT_EQ(two.unwritable, 1u);
  EXPECT_EQ(two.some, std::vector<ChunkHandle>{layout.handle});
  const bus::AskStop::Reply all = stop({a, b, c});
  EXPECT_EQ(all.unreadable, 1u);
  EXPECT_THAT(all.why, HasSubstr("out of reach"));
  server(c).die();
  world.clock.run_for(4s);
  EXPECT_FALSE(stop({a}).ok) << "who is away counts for nothing";
  EXPECT_EQ(call(bus::AskStop{}).error().code, Code::invalid_argument);
  EXPECT_EQ(call(bus::AskStop{{ServerId::random(world.random)}}).error().code, Code::not_found);
}

TEST_F(OperationsTest, PausedRepairCopiesNothingUntilItGoesOn) {
  add_servers(3);
  bus::ChunkLayout layout = chunk("/f");
  ASSERT_TRUE(call(bus::SetRepair{1}));
  secondary(layout).die();
  add_servers(1);
  world.clock.run_for(60s);
  EXPECT_EQ(members(layout.handle).size(), 2u) << "the lost one goes all the same";
  EXPECT_EQ(cloned(), 0u);
  EXPECT_THAT(codes(), Contains("GFS_REPAIR_PAUSED"));
  EXPECT_THAT(repairs().held_back, HasSubstr("operator"));
  ASSERT_TRUE(call(bus::SetRepair{0}));
  ASSERT_TRUE(settled(layout.handle, 3));
  EXPECT_EQ(repairs().copied_chunks, 1u);
}

TEST_F(OperationsTest, ACopyIsToldHowFastItMayBe) {
  add_servers(3);
  bus::ChunkLayout layout = chunk("/f");
  ASSERT_TRUE(call(bus::SetRepair{bus::SetRepair::kKeep, 10 << 20, 12 << 20}));
  secondary(layout).die();
  add_servers(1);
  ASSERT_TRUE(wait([&] { return members(layout.handle).size() == 2; }, 20s));
  ASSERT_TRUE(settled(layout.handle, 3, 60s));
  ASSERT_FALSE(servers.back()->cloned.empty());
  EXPECT_EQ(servers.back()->cloned[0].rate, 2u << 20)
      << "a sixth of the cluster's, as three servers are up, which is less than half of its own";
  EXPECT_EQ(call(bus::SetRepair{5}).error().code, Code::invalid_argument);
}

TEST_F(OperationsTest, E10_AServerTakesAndGivesTwoCopiesAtATime) {
  add_servers(3);
  std::vector<bus::ChunkLayout> chunks;
  for (int i = 0; i < 8; ++i) chunks.push_back(chunk("/f" + std::to_string(i)));
  FakeServer& lost = *servers[0];
  lost.die();
  add_servers(1);
  FakeServer& spare = *servers.back();
  spare.clone_takes = 5s;
  std::uint64_t most = 0;
  ASSERT_TRUE(wait(
      [&] {
        std::uint64_t running = 0;
        for (const bus::ListRepairs::Repair& one : repairs().repairs) running += !one.target.nil();
        most = std::max(most, running);
        return repairs().copied_chunks == 8;
      },
      200s));
  EXPECT_EQ(most, 2u);
  for (const bus::ChunkLayout& one : chunks) {
    EXPECT_TRUE(settled(one.handle, 3));
    EXPECT_LE(std::ranges::count(spare.cloned, one.handle, &bus::CloneChunk::handle), 1) << "none is made twice";
  }
}

TEST_F(OperationsTest, P09_AServerThatComesAndGoesIsSparedWhileOthersCanBeHad) {
  add_servers(5);
  FakeServer& flapping = *servers[0];
  for (int i = 0; i < 3; ++i) {
    flapping.die();
    world.clock.run_for(20s);
    restart(flapping);
    ASSERT_TRUE(wait([&] { return flapping.registered(); }));
  }
  for (int i = 0; i < 10; ++i) EXPECT_THAT(members(chunk("/f" + std::to_string(i)).handle), Not(Contains(flapping.id)));
  world.clock.run_for(3min);
  std::size_t there = 0;
  for (int i = 10; i < 30; ++i)
    there += std::ranges::count(members(chunk("/f" + std::to_string(i)).handle), flapping.id);
  EXPECT_GT(there, 0u) << "it stayed for a while";
}

TEST_F(OperationsTest, WhyIsAnsweredByWhatWasDecided) {
  add_servers(3);
  bus::ChunkLayout layout = chunk("/f");
  FakeServer& lost = secondary(layout);
  lost.die();
  add_servers(1);
  ASSERT_TRUE(wait([&] { return members(layout.handle).size() == 2; }, 20s));
  ASSERT_TRUE(settled(layout.handle, 3, 60s));
  const bus::Explain::Reply why = call(bus::Explain{layout.handle}).value();
  std::vector<std::string> kinds;
  for (const bus::Explain::Decision& one : why.decisions) {
    EXPECT_EQ(one.handle, layout.handle);
    kinds.push_back(one.kind);
  }
  EXPECT_THAT(kinds, testing::IsSupersetOf({"placed", "dropped", "ordered", "copied", "joined"}));
  EXPECT_EQ(kinds.back(), "placed") << "newest first";
  EXPECT_THAT(why.now.at(0), HasSubstr("needs nothing"));
  const bus::Explain::Reply server_said = call(bus::Explain{{}, lost.id}).value();
  ASSERT_FALSE(server_said.decisions.empty());
  EXPECT_EQ(server_said.decisions[0].kind, "dropped");
  EXPECT_THAT(server_said.decisions[0].text, HasSubstr("no heartbeat in time"));
  EXPECT_EQ(call(bus::Explain{.handle = layout.handle, .limit = 1}).value().decisions.size(), 1u);
  EXPECT_EQ(call(bus::Explain{ChunkHandle{12345}}).error().code, Code::not_found);
}

TEST_F(OperationsTest, C13_AServerWhoseDisksTakeNothingGetsNoNewChunksAndHealthSaysSo) {
  add_servers(4);
  FakeServer& bad = *servers[0];
  bad.free = 0;
  bus::DiskInfo disk;
  disk.name = "/disk1";
  disk.state = bus::DiskState::read_only;
  disk.reason = "it is mounted read-only";
  bad.disks = {disk};
  ASSERT_TRUE(wait([&] { return std::ranges::count(codes(), "GFS_DISKS_BAD") == 1; }, 5s));
  for (int i = 0; i < 8; ++i) {
    EXPECT_THAT(members(chunk("/f" + std::to_string(i)).handle), Not(Contains(bad.id)));
  }
  for (const bus::ServerInfo& one : call(bus::ListServers{true}).value().servers) {
    if (one.server != bad.id) continue;
    ASSERT_EQ(one.disks.size(), 1u);
    EXPECT_EQ(one.disks[0].reason, disk.reason);
  }
  bad.disks[0].state = bus::DiskState::ok;
  EXPECT_TRUE(wait([&] { return std::ranges::count(codes(), "GFS_DISKS_BAD") == 0; }, 5s));
}

}  // namespace
}  // namespace gfs::master
