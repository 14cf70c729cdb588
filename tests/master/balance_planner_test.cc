// BalancePlanner: replicas go from full servers to empty ones and over all racks, never so that something gets worse.
#include "master/balance_planner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace gfs::master {
namespace {

constexpr std::uint64_t kMiB = 1 << 20, kChunk = 64 * kMiB, kCapacity = 100 * 1024 * kMiB;

class BalanceTest : public testing::Test {
 protected:
  BalanceTest() {
    Op create{{}, CreateFileOp{"/f", 3}};
    file = state.apply(create).info.inode;
  }

  static ServerId server(int number) {
    ServerId id;
    id.bytes[0] = static_cast<std::uint8_t>(number);
    return id;
  }
  void add(int number, const std::string& rack, double full) {
    const std::string address = "tcp://127.0.0.1:" + std::to_string(1000 + number);
    ASSERT_TRUE(state.apply({{}, AddServerOp{server(number), address, address + "1", rack}}).ok());
    bus::RegisterServer ask;
    ask.server = server(number);
    ask.session.bytes[0] = 1;
    servers.open_session(ask, "route", now);
    EXPECT_TRUE(servers.report({server(number), ask.session, {}, {}, true}));
    used[server(number)] = static_cast<std::uint64_t>(full * static_cast<double>(kCapacity));
    beat();
  }
  void beat() {
    for (const auto& [id, bytes] : used) {
      bus::Heartbeat beat{.server = id, .session = servers.find(id)->session};
      beat.capacity = kCapacity;
      beat.used = bytes;
      beat.free = kCapacity - std::min(bytes, kCapacity);
      beat.quarantined_bytes = quarantined[id];
      if (!silent.contains(id)) servers.heartbeat(beat, "route", now);
    }
  }
  ChunkHandle chunk(const std::vector<int>& numbers, std::uint64_t length = kChunk) {
    const ChunkHandle handle{state.chunks().size() + 1};
    std::vector<ServerId> members;
    for (int number : numbers) members.push_back(server(number));
    const auto index = static_cast<std::uint32_t>(state.chunks().size());
    state.apply({{}, AllocateChunkOp{file, index, handle, members, members.front()}});
    state.apply({{}, ActivateOp{handle, {1}}});
    for (ServerId member : members) servers.note(member, handle, {1}, length);
    return handle;
  }
  std::vector<BalancePlanner::Move> plan() { return planner.plan(now, to_ms(now.time_since_epoch())); }
  // What the master does with a move, and what the servers say of it afterwards.
  void carry_out(const BalancePlanner::Move& move) {
    const Chunk chunk = *state.chunks().find(move.handle);
    std::vector<ServerId> members = chunk.configuration.members;
    std::ranges::replace(members, move.from, move.to);
    const Version version = chunk.configuration.version;
    const std::uint64_t length = servers.held(move.from, move.handle)->length;
    ASSERT_TRUE(state.apply({{}, ReconfigureOp{move.handle, version, members, members.front()}}).ok());
    state.apply({{}, ActivateOp{move.handle, {version.value + 1}}});
    for (ServerId member : members) servers.note(member, move.handle, {version.value + 1}, length);
    used[move.to] += length;  // its source keeps the bytes, for days
    planner.done(move, BalancePlanner::Ended::moved, now);
    beat();
  }
  // Until nothing is to be moved any more; how many moves that took.
  std::size_t settle(std::size_t most = 2000) {
    std::size_t moves = 0;
    for (int idle = 0; idle < 5 && moves < most;) {
      now += 1s;
      beat();
      const std::vector<BalancePlanner::Move> planned = plan();
      idle = planned.empty() ? idle + 1 : 0;
      moves += planned.size();
      for (const BalancePlanner::Move& move : planned) carry_out(move);
    }
    return moves;
  }
  double share(int number) {
    plan();
    return planner.fills().at(server(number)).share;
  }
  std::size_t racks(ChunkHandle handle) {
    std::set<std::string> racks;
    for (ServerId member : state.chunks().find(handle)->configuration.members)
      racks.insert(state.servers().at(member).rack);
    return racks.size();
  }

  Instant now{100s};
  MasterState state;
  InodeId file;
  ServerTable servers{{.suspect_after = 3s, .lost_after = 10s}};
  std::map<ServerId, std::uint64_t> used, quarantined;
  std::set<ServerId> silent;
  bool whole = true;
  std::uint64_t whole_from = 0;  // handles
  BalancePlanner planner{
      state, servers, {}, [this](ChunkHandle one, const Chunk&) { return whole && one.value >= whole_from; }};
};

TEST_F(BalanceTest, WhatIsEvenStaysWhereItIs) {
  for (int number : {1, 2, 3, 4}) add(number, "r" + std::to_string(number), 0.30 + 0.04 * number);
  for (int i = 0; i < 100; ++i) chunk({1, 2, 3});
  EXPECT_EQ(settle(), 0u);
  EXPECT_FALSE(planner.filling());
}

TEST_F(BalanceTest, ANewcomerIsFilledUpToTheMeanAndNoFurther) {
  for (int number : {1, 2, 3}) add(number, "r" + std::to_string(number), 0.6);
  for (int i = 0; i < 900; ++i) chunk({1, 2, 3});
  EXPECT_EQ(settle(), 0u);
  add(4, "r4", 0);
  const std::size_t moves = settle();
  EXPECT_TRUE(
      std::ranges::all_of(std::vector{1, 2, 3, 4}, [&](int one) { return std::abs(share(one) - 0.45) <= 0.051; }))
      << share(1) << " " << share(2) << " " << share(3) << " " << share(4);
  EXPECT_LE(moves, 900u * 3 / 4) << "no more than its share";
  EXPECT_EQ(settle(), 0u) << "and then it rests";
}

TEST_F(BalanceTest, WhatWaitsToBeUnlinkedDoesNotCount) {
  for (int number : {1, 2, 3}) add(number, "r" + std::to_string(number), 0.5);
  add(4, "r4", 0.5);
  for (int i = 0; i < 100; ++i) chunk({1, 2, 3});
  used[server(1)] = kCapacity / 4 * 3;
  quarantined[server(1)] = kCapacity / 4;
  beat();
  EXPECT_EQ(settle(), 0u);
  EXPECT_NEAR(share(1), 0.5, 1e-9);
}

TEST_F(BalanceTest, OneMoveAtATimeOfAServerAndFewAltogether) {
  for (int number = 1; number <= 30; ++number) add(number, "r" + std::to_string(number), number <= 15 ? 0.9 : 0.1);
  for (int i = 0; i < 300; ++i) chunk({1 + i % 15, 1 + (i + 1) % 15, 1 + (i + 2) % 15});
  const std::vector<BalancePlanner::Move> moves = plan();
  EXPECT_EQ(moves.size(), BalancePlanner::kMovesMost);
  std::set<ServerId> seen;
  for (const BalancePlanner::Move& move : moves) {
    EXPECT_TRUE(seen.insert(move.from).second);
    EXPECT_TRUE(seen.insert(move.to).second);
  }
  EXPECT_TRUE(plan().empty()) << "those are under way";
}

TEST_F(BalanceTest, AMoveNeverCostsARack) {
  add(1, "a", 0.9);
  add(2, "b", 0.5);
  add(3, "c", 0.5);
  add(4, "b", 0.0);
  for (int i = 0; i < 50; ++i) chunk({1, 2, 3});
  for (const BalancePlanner::Move& move : plan()) EXPECT_EQ(move.from, server(2)) << "within its rack";
  add(5, "d", 0.0);
  settle(200);
  for (std::uint64_t handle = 1; handle <= 50; ++handle) EXPECT_EQ(racks({handle}), 3u);
  EXPECT_LT(share(1), 0.9);
}

// A rack was away, and its chunks were brought back to full strength in the racks that were left.
TEST_F(BalanceTest, RacksAreSpreadOverAgain) {
  for (int number : {1, 2, 3}) add(number, "a", 0.5);
  for (int number : {4, 5}) add(number, "b", 0.5);
  std::vector<ChunkHandle> crowded;
  for (int i = 0; i < 20; ++i) crowded.push_back(chunk({1, 2, 3}));
  const ChunkHandle pair = chunk({1, 2, 4});
  EXPECT_EQ(settle(), 20u);
  for (ChunkHandle handle : crowded) EXPECT_EQ(racks(handle), 2u);
  EXPECT_EQ(racks(pair), 2u) << "as many as there are";
  add(6, "c", 0.5);
  EXPECT_EQ(settle(), 21u);
  for (ChunkHandle handle : crowded) EXPECT_EQ(racks(handle), 3u);
  EXPECT_EQ(racks(pair), 3u);
}

TEST_F(BalanceTest, NobodyWithoutRoomOrInDoubtTakesAny) {
  for (int number : {1, 2, 3}) add(number, "r" + std::to_string(number), 0.9);
  add(4, "r4", 0.1);
  for (int i = 0; i < 10; ++i) chunk({1, 2, 3});
  whole = false;
  EXPECT_TRUE(plan().empty()) << "they need repair";
  whole = true;
  silent.insert(server(3));
  now += 5s;
  beat();
  EXPECT_TRUE(plan().empty()) << "a member is not heard";
  silent.clear();
  beat();
  state.apply({{}, MarkServerOp{server(4), bus::ServerMark::maint, to_ms(now.time_since_epoch()) + 100000, {}}});
  EXPECT_TRUE(plan().empty()) << "in maintenance";
  state.apply({{}, MarkServerOp{server(4), bus::ServerMark::none, 0, {}}});
  EXPECT_FALSE(plan().empty());
}

TEST_F(BalanceTest, WhatCouldNotBeMovedIsLeftAloneForAWhile) {
  for (int number : {1, 2, 3}) add(number, "r" + std::to_string(number), 0.9);
  add(4, "r4", 0.1);
  const ChunkHandle handle = chunk({1, 2, 3});
  std::vector<BalancePlanner::Move> moves = plan();
  ASSERT_EQ(moves.size(), 1u);
  EXPECT_EQ(moves.front().handle, handle);
  planner.done(moves.front(), BalancePlanner::Ended::failed, now);
  EXPECT_TRUE(plan().empty());
  now += BalancePlanner::kAvoided + 1s;
  beat();
  EXPECT_EQ(plan().size(), 1u);
}

// What was moved away is in the source's quarantine after a while: it counts once.
TEST_F(BalanceTest, WhatWasMovedAwayIsNotCountedTwice) {
  for (int number : {1, 2, 3}) add(number, "r" + std::to_string(number), 0.6);
  for (int i = 0; i < 900; ++i) chunk({1, 2, 3});
  add(4, "r4", 0);
  settle();
  const double before = share(1);
  for (ServerId one : {server(1), server(2), server(3)}) {
    std::uint64_t still = 0;
    for (std::uint64_t handle = 1; handle <= 900; ++handle) {
      if (!state.chunks().find(ChunkHandle{handle})->configuration.has(one)) still += kChunk;
    }
    quarantined[one] = still;
  }
  beat();
  EXPECT_NEAR(share(1), before, 0.01);
  now += 20min;
  beat();
  EXPECT_NEAR(share(1), before, 0.01);
}

// A very large cluster: no turn looks at more than one piece.
TEST_F(BalanceTest, TheTableIsWalkedAPieceAtATime) {
  for (int number : {1, 2, 3}) add(number, "r" + std::to_string(number), 0.6);
  for (std::size_t i = 0; i < 2 * BalancePlanner::kPiece; ++i) chunk({1, 2, 3});
  const ChunkHandle last = chunk({1, 2, 3});
  whole_from = last.value;
  add(4, "r4", 0);
  std::vector<BalancePlanner::Move> moves;
  int turns = 0;
  for (; turns < 5 && moves.empty(); ++turns) moves = plan();
  ASSERT_EQ(moves.size(), 1u);
  EXPECT_EQ(moves.front().handle, last);
  EXPECT_EQ(turns, 3);
}

}  // namespace
}  // namespace gfs::master
