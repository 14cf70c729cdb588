// HealingPlanner: what is in need is found, the most endangered first, a few at a time, and not for ever in vain.
#include "master/healing_planner.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace gfs::master {
namespace {

class HealingTest : public testing::Test {
 protected:
  HealingTest() {
    Op create{{}, CreateFileOp{"/f", 3}};
    file = state.apply(create).info.inode;
  }

  static ServerId server(int number) {
    ServerId id;
    id.bytes[0] = static_cast<std::uint8_t>(number);
    return id;
  }
  void open(int number, std::uint8_t session = 1) {
    bus::RegisterServer ask;
    ask.server = server(number);
    ask.session.bytes[0] = session;
    servers.open_session(ask, "route", now);
  }
  void report(int number, std::vector<bus::ReportChunks::Held> held) {
    bus::ReportChunks page{server(number), servers.find(server(number))->session, std::move(held), {}, true};
    EXPECT_TRUE(servers.report(page));
  }
  void beat() {
    for (const auto& [id, one] : servers.all()) {
      bus::Heartbeat beat{.server = id, .session = one.session};
      if (!silent.contains(id)) servers.heartbeat(beat, "route", now);
    }
  }
  // A chunk that was active, and that its members hold.
  ChunkHandle chunk(std::vector<int> numbers) {
    const ChunkHandle handle{state.chunks().size() + 1};
    std::vector<ServerId> members;
    for (int number : numbers) members.push_back(server(number));
    const auto index = static_cast<std::uint32_t>(state.chunks().size());
    state.apply({{}, AllocateChunkOp{file, index, handle, members, members.front()}});
    state.apply({{}, ActivateOp{handle, {1}}});
    for (ServerId member : members) servers.note(member, handle, {1}, 0);
    return handle;
  }
  std::string need(ChunkHandle handle) {
    std::optional<HealingPlanner::Need> need = planner.examine(handle, *state.chunks().find(handle), now);
    if (!need) return "nothing";
    return (need->cure == HealingPlanner::Cure::settle ? "settle " : "copy ") + std::to_string(need->sound);
  }
  std::vector<ChunkHandle> plan() {
    std::vector<ChunkHandle> handles;
    for (const HealingPlanner::Order& order : planner.plan(now, to_ms(now.time_since_epoch())))
      handles.push_back(order.handle);
    return handles;
  }

  Instant now{100s};
  MasterState state;
  InodeId file;
  ServerTable servers{{.suspect_after = 3s, .lost_after = 10s}};
  std::set<ServerId> silent;
  bool restarted = false;
  HealingPlanner planner{state, servers, {.heal_after = 1s, .clock = {0s, 0s, 0s}}, [this](ChunkHandle, const Chunk&) {
                           return restarted;
                         }};
};

TEST_F(HealingTest, WhatAChunkNeeds) {
  for (int number : {1, 2, 3}) open(number);
  ChunkHandle whole = chunk({1, 2, 3}), pair = chunk({1, 2});
  EXPECT_EQ(need(whole), "nothing");
  EXPECT_EQ(need(pair), "copy 2");
  restarted = true;
  EXPECT_EQ(need(whole), "settle 3");
  restarted = false;
  servers.note_suspect(server(2), whole);
  EXPECT_EQ(need(whole), "settle 2");
  servers.note(server(2), whole, {2}, 0);
  EXPECT_EQ(need(whole), "settle 3") << "it holds another version than the others";
  servers.note_missing(server(2), whole);
  report(2, {});
  EXPECT_EQ(need(whole), "settle 2");
}

TEST_F(HealingTest, NothingIsExpectedOfServersThatAreNotThere) {
  for (int number : {1, 2}) open(number);
  EXPECT_EQ(need(chunk({1, 2})), "nothing") << "the goal is met as far as it goes";
  open(3);
  EXPECT_EQ(need({1}), "copy 2");
}

TEST_F(HealingTest, MembersAreGivenUpWhenTheyAreLostNotBefore) {
  for (int number : {1, 2, 3, 4}) open(number);
  ChunkHandle handle = chunk({1, 2, 3});
  silent.insert(server(3));
  now += 5s;
  beat();
  EXPECT_EQ(need(handle), "nothing") << "overdue, but it may come back";
  now += 6s;
  beat();
  EXPECT_EQ(need(handle), "settle 2");
}

// A writer went on without a server that is silent. It is waited for, unless only one is left that is heard of: whoever
// is silent, too, may be as good as lost.
TEST_F(HealingTest, TheLastThatIsHeardOfWaitsForNobody) {
  HealingPlanner patient{
      state, servers, {.heal_after = 0s, .clock = {}}, [](ChunkHandle, const Chunk&) { return false; }};
  for (int number : {1, 2, 3, 4}) open(number);
  const ChunkHandle handle = chunk({1, 2});
  servers.note(server(3), handle, {1}, 0);
  silent.insert(server(3));
  now += 5s;
  beat();
  EXPECT_TRUE(patient.plan(now, 0).empty());
  EXPECT_TRUE(patient.wait(handle, *patient.examine(handle, *state.chunks().find(handle), now)));
  silent.insert(server(2));
  now += 4s;
  beat();
  EXPECT_EQ(need(handle), "copy 2");
  EXPECT_EQ(patient.plan(now, 0).size(), 1u);
}

// I02: a version was logged, and nobody was told before the master died.
TEST_F(HealingTest, I02_AVersionThatNobodyHoldsIsMadeActive) {
  for (int number : {1, 2, 3}) open(number);
  ChunkHandle handle = chunk({1, 2, 3});
  std::vector<ServerId> members = state.chunks().find(handle)->configuration.members;
  ASSERT_TRUE(state.apply({{}, ReconfigureOp{handle, {1}, members, members[1]}}).ok());
  EXPECT_EQ(need(handle), "settle 3");
}

TEST_F(HealingTest, JoiningMembersAreMadeEqualOrDropped) {
  for (int number : {1, 2, 3}) open(number);
  ChunkHandle handle = chunk({1, 2});
  ASSERT_TRUE(
      state.apply({{}, ReconfigureOp{handle, {1}, {server(1), server(2), server(3)}, server(1), {server(3)}}}).ok());
  EXPECT_EQ(need(handle), "settle 2") << "who joins counts for nothing";
}

TEST_F(HealingTest, AVirginChunkIsItsWritersBusiness) {
  for (int number : {1, 2, 3}) open(number);
  state.apply({{}, AllocateChunkOp{file, 0, {1}, {server(1)}, server(1)}});
  EXPECT_EQ(need({1}), "nothing");
}

TEST_F(HealingTest, X06_TheMostEndangeredFirstAndAFewAtATime) {
  for (int number : {1, 2, 3}) open(number);
  for (int i = 0; i < 10; ++i) chunk({1, 2});
  ChunkHandle alone = chunk({3});
  EXPECT_TRUE(plan().empty()) << "not at once";
  now += 1s;
  std::vector<ChunkHandle> first = plan();
  ASSERT_EQ(first.size(), 3 * CopyLimits::kPerServer) << "as many as three servers can take";
  EXPECT_EQ(first.front(), alone);
  EXPECT_TRUE(plan().empty());
  planner.done(first[1], HealingPlanner::Outcome::carried_out, now);
  std::vector<ChunkHandle> next = plan();
  ASSERT_EQ(next.size(), 1u);
  EXPECT_EQ(std::count(first.begin(), first.end(), next.front()), 0);
}

TEST_F(HealingTest, WhatDoesNotGetBetterIsTriedLessOften) {
  for (int number : {1, 2, 3}) open(number);
  ChunkHandle handle = chunk({1, 2});
  std::vector<std::int64_t> tries;
  const Instant begin = now;
  while (now < begin + 200s) {
    beat();
    for (ChunkHandle one : plan()) {
      tries.push_back(to_ms(now - begin) / 1000);
      planner.done(one, HealingPlanner::Outcome::failed, now);
    }
    now += 1s;
  }
  EXPECT_EQ(tries, (std::vector<std::int64_t>{1, 3, 7, 15, 31, 63, 127, 191}));
  servers.note(server(3), handle, {1}, 0);
}

// Orders that are carried out and change nothing leave the slots to those whom they help.
TEST_F(HealingTest, WhatSettlesWithoutNeedingLessIsTriedLessOften) {
  for (int number : {1, 2, 3}) open(number);
  std::vector<ChunkHandle> hopeless;
  for (std::size_t i = 0; i < CopyLimits::at_once(3); ++i) {
    hopeless.push_back(chunk({1, 2, 3}));
    bus::ReportDamage report{server(1), servers.find(server(1))->session, hopeless.back(), 0, "bad"};
    servers.damage(report);
    servers.note_suspect(server(2), hopeless.back());
  }
  ChunkHandle other = chunk({1, 2, 3});
  servers.note_suspect(server(2), other);
  std::size_t vain = 0;
  bool helped = false;
  const Instant begin = now;
  while (now < begin + 60s) {
    beat();
    for (ChunkHandle one : plan()) {
      if (one == other) helped = true, servers.note(server(2), one, {2}, 0);
      if (one != other) ++vain;
      planner.done(one, HealingPlanner::Outcome::carried_out, now);
    }
    now += 250ms;
  }
  EXPECT_TRUE(helped);
  EXPECT_LE(vain, 6 * hopeless.size());
}

TEST_F(HealingTest, TheListIsBoundedAndTheEndangeredFindAPlaceInIt) {
  for (int number : {1, 2, 3}) open(number);
  for (std::size_t i = 0; i < HealingPlanner::kPatientsMax; ++i) chunk({1, 2});
  ChunkHandle alone = chunk({3});
  now += 1s;
  for (std::size_t i = 0; i <= HealingPlanner::kPatientsMax / HealingPlanner::kPiece; ++i) (void)planner.plan(now, 0);
  EXPECT_EQ(planner.patients().size(), HealingPlanner::kPatientsMax);
  now += 1s;
  beat();
  std::vector<ChunkHandle> begun;
  for (int i = 0; i < 10; ++i) {
    for (ChunkHandle one : plan()) {
      begun.push_back(one);
      planner.done(one, HealingPlanner::Outcome::failed, now);
    }
  }
  EXPECT_EQ(std::count(begun.begin(), begun.end(), alone), 1);
}

TEST_F(HealingTest, ChunksThatGoAreForgotten) {
  for (int number : {1, 2, 3}) open(number);
  chunk({1, 2});
  EXPECT_TRUE(plan().empty());
  EXPECT_EQ(planner.patients().size(), 1u);
  ASSERT_TRUE(state.apply({{}, RemoveOp{"/f", false}}).ok());
  now += 2s;
  EXPECT_TRUE(plan().empty());
  EXPECT_EQ(planner.patients().size(), 0u);
}

// Those that wait for a server in maintenance are no reason to leave others alone.
TEST_F(HealingTest, WhoWaitsGivesItsPlaceToOthers) {
  for (int number : {1, 2, 3, 4, 5}) {
    state.apply({{}, AddServerOp{server(number), "tcp://" + std::to_string(number), "", "r"}});
    open(number);
    report(number, {});
  }
  const WallMs wall = 1'000'000;
  for (std::size_t i = 0; i < HealingPlanner::kPatientsMax; ++i) servers.note(server(5), chunk({1, 2}), {1}, 0);
  ASSERT_TRUE(state.apply({{}, MarkServerOp{server(5), bus::ServerMark::maint, wall + 3600'000, {}}}).ok());
  silent.insert(server(5));
  now += 11s;
  beat();
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(planner.plan(now, wall).empty()) << "all wait for the one in maintenance";
  const ChunkHandle other = chunk({3, 4});
  std::vector<ChunkHandle> ordered;
  for (int i = 0; i < 16; ++i) {
    now += 1s;
    beat();
    for (const HealingPlanner::Order& order : planner.plan(now, wall)) ordered.push_back(order.handle);
  }
  EXPECT_EQ(ordered, std::vector<ChunkHandle>{other});
}

// What happened is known of all chunks after one walk from the beginning.
TEST_F(HealingTest, TheWalkHurriesOnceAroundWhenAServerIsLost) {
  for (int number : {1, 2, 3}) open(number);
  for (std::size_t i = 0; i < 2 * HealingPlanner::kPiece; ++i) chunk({1, 2, 3});
  EXPECT_FALSE(planner.hurries());
  plan();
  silent.insert(server(3));
  now += 11s;
  beat();
  plan();
  EXPECT_TRUE(planner.hurries()) << "the second half";
  plan();
  EXPECT_FALSE(planner.hurries()) << "and the first one";
  EXPECT_EQ(planner.patients().size(), 2 * HealingPlanner::kPiece);
}

TEST_F(HealingTest, AServerHasDrainedWhenAWholeWalkMetNoneOfItsChunks) {
  for (int number : {1, 2, 3, 4}) open(number);
  const ChunkHandle early = chunk({1, 2, 3});
  for (std::size_t i = 0; i < HealingPlanner::kPiece; ++i) chunk({1, 2, 3});
  plan();  // half a walk
  state.apply({{}, AddServerOp{server(3), "tcp://127.0.0.1:1", "tcp://127.0.0.1:2", "r"}});
  state.apply({{}, AddServerOp{server(4), "tcp://127.0.0.1:3", "tcp://127.0.0.1:4", "r"}});
  ASSERT_TRUE(state.apply({{}, MarkServerOp{server(4), bus::ServerMark::drain, 0, {}}}).ok());
  ASSERT_TRUE(state.apply({{}, MarkServerOp{server(3), bus::ServerMark::drain, 0, {}}}).ok());
  plan();
  EXPECT_EQ(planner.drained(server(4)), std::nullopt) << "that walk began before";
  plan();
  plan();
  EXPECT_EQ(planner.drained(server(4)), true);
  EXPECT_EQ(planner.drained(server(3)), std::nullopt);
  state.apply({{}, MarkServerOp{server(4), bus::ServerMark::none, 0, {}}});
  EXPECT_EQ(planner.drained(server(4)), false);
  state.apply({{}, MarkServerOp{server(4), bus::ServerMark::drain, 0, {}}});
  EXPECT_EQ(planner.drained(server(4)), true) << "nothing was looked at meanwhile";
  state.apply({{}, MarkServerOp{server(4), bus::ServerMark::none, 0, {}}});
  plan();
  state.apply({{}, MarkServerOp{server(4), bus::ServerMark::drain, 0, {}}});
  EXPECT_EQ(planner.drained(server(4)), std::nullopt) << "it may have got some";
  EXPECT_TRUE(state.chunks().has(early));
}

}  // namespace
}  // namespace gfs::master
