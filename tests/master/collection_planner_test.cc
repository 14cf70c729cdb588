// CollectionPlanner: what is garbage, and, one by one, everything that keeps a replica from being taken for it.
#include "master/collection_planner.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace gfs::master {
namespace {

using Done = bus::CollectChunks::Done;

class CollectionTest : public testing::Test {
 protected:
  CollectionTest() {
    Op create{{}, CreateFileOp{"/f", 3}};
    file = state.apply(create).info.inode;
    for (int number : {1, 2, 3, 4}) {
      state.apply({{}, AddServerOp{server(number), "tcp://" + std::to_string(number), "", "r"}});
      open(number);
    }
    now += 2min;
    beat();
  }

  static ServerId server(int number) {
    ServerId id;
    id.bytes[0] = static_cast<std::uint8_t>(number);
    return id;
  }
  void open(int number) {
    bus::RegisterServer ask;
    ask.server = server(number);
    ask.session.bytes[0] = 1;
    servers.open_session(ask, "route", now);
    bus::ReportChunks page{server(number), ask.session, {}, {}, true};
    EXPECT_TRUE(servers.report(page));
  }
  void beat() {
    for (const auto& [id, one] : servers.all()) {
      bus::Heartbeat beat{.server = id, .session = one.session};
      servers.heartbeat(beat, "route", now);
    }
  }
  // A chunk that was active at version 1 with these members, who hold it.
  ChunkHandle chunk(std::vector<int> numbers) {
    const ChunkHandle handle = state.last_handle().next();
    std::vector<ServerId> members;
    for (int number : numbers) members.push_back(server(number));
    const auto index = static_cast<std::uint32_t>(handle.value);
    EXPECT_TRUE(state.apply({{}, AllocateChunkOp{file, index, handle, members, members.front()}}).ok());
    EXPECT_TRUE(state.apply({{}, ActivateOp{handle, {1}}}).ok());
    for (ServerId member : members) servers.note(member, handle, {1}, 0);
    return handle;
  }
  // The next version with these members, settled.
  void move(ChunkHandle handle, std::vector<int> numbers, bool settle = true) {
    const Version from = state.chunks().find(handle)->configuration.version;
    std::vector<ServerId> members;
    for (int number : numbers) members.push_back(server(number));
    EXPECT_TRUE(state.apply({{}, ReconfigureOp{handle, from, members, members.front()}}).ok());
    if (!settle) return;
    EXPECT_TRUE(state.apply({{}, ActivateOp{handle, from.next()}}).ok());
    for (ServerId member : members) servers.note(member, handle, from.next(), 0);
  }
  // A chunk of three, and an old copy of it on server 4.
  ChunkHandle with_old_copy() {
    const ChunkHandle handle = chunk({1, 2, 4});
    move(handle, {1, 2, 3});
    return handle;
  }
  ChunkHandle orphan() {
    const ChunkHandle handle = chunk({1, 2, 3});
    EXPECT_TRUE(state.apply({{}, RemoveOp{"/f", false}}).ok());
    Op create{{}, CreateFileOp{"/f", 3}};
    file = state.apply(create).info.inode;
    return handle;
  }
  std::vector<ChunkHandle> look(int number, std::vector<bus::ListHeld::Held> held, ChunkHandle after = {},
                                bool last = true) {
    const bus::ListHeld::Reply page{std::move(held), last};
    found = planner.look(server(number), {after, 1024}, page, now);
    std::vector<ChunkHandle> due;
    for (const CollectionPlanner::Item& item : found.due) due.push_back(item.handle);
    return due;
  }
  // Whether it is to go once it has been so for long enough, and nothing else happens.
  bool goes(int number, ChunkHandle handle, std::uint64_t version = 1, std::uint64_t fence = 0) {
    const bus::ListHeld::Held held{handle, {version}, {std::max(version, fence)}};
    const bool early = !look(number, {held}).empty();
    now += 10min;
    beat();
    const bool late = !look(number, {held}).empty();
    EXPECT_FALSE(early);
    return late;
  }

  Instant now{100s};
  MasterState state;
  InodeId file;
  ServerTable servers{{.suspect_after = 3s, .lost_after = 10s}};
  CollectionPlanner planner{state, servers, 10min, now};
  CollectionPlanner::Found found;
};

TEST_F(CollectionTest, AnOrphanGoesWhenItHasBeenOneForAWhile) {
  const ChunkHandle handle = orphan();
  EXPECT_TRUE(goes(1, handle, 3, 4));
  EXPECT_EQ(found.due[0].version, Version{3});
  EXPECT_EQ(found.due[0].fence, Version{4});
  EXPECT_EQ(found.due[0].why, bus::Garbage::orphan);
  EXPECT_EQ(planner.held_back(now), "");
}

TEST_F(CollectionTest, AnOldCopyGoesWhenItsChunkIsWhole) {
  const ChunkHandle handle = with_old_copy();
  EXPECT_TRUE(goes(4, handle));
  EXPECT_EQ(found.due[0].why, bus::Garbage::stale);
}

TEST_F(CollectionTest, MembersStay) {
  const ChunkHandle handle = chunk({1, 2, 3});
  move(handle, {1, 2, 3});
  EXPECT_FALSE(goes(1, handle, 2));
  EXPECT_FALSE(goes(1, handle, 1)) << "it has missed a version, and is a member";
}

TEST_F(CollectionTest, TheTimeBeginsAnewWhenAnythingChanges) {
  const ChunkHandle handle = with_old_copy();
  const auto held = [&](std::uint64_t version, std::uint64_t fence) {
    return bus::ListHeld::Held{handle, {version}, {fence}};
  };
  EXPECT_TRUE(look(4, {held(1, 1)}).empty());
  now += 9min;
  beat();
  EXPECT_TRUE(look(4, {held(1, 2)}).empty());
  now += 9min;
  beat();
  EXPECT_TRUE(look(4, {held(1, 2)}).empty()) << "it was promised something meanwhile";
  move(handle, {1, 2, 3});
  now += 9min;
  beat();
  EXPECT_TRUE(look(4, {held(1, 2)}).empty()) << "the chunk has another version";
  now += 9min;
  beat();
  EXPECT_TRUE(look(4, {}).empty());
  EXPECT_EQ(planner.counts(server(4)).garbage, 0u);
  EXPECT_TRUE(look(4, {held(1, 2)}).empty()) << "it was away";
}

TEST_F(CollectionTest, OldCopiesStayWhileTheChunkIsNotWhole) {
  const ChunkHandle handle = chunk({1, 2, 4});
  move(handle, {1, 2});
  EXPECT_FALSE(goes(4, handle)) << "fewer members than its goal: it may become a learner";
  move(handle, {1, 2, 3}, false);
  EXPECT_FALSE(goes(4, handle)) << "not settled: it may be called back";
}

TEST_F(CollectionTest, OldCopiesStayWhileAMemberIsNotSound) {
  const ChunkHandle handle = with_old_copy();
  servers.note_suspect(server(2), handle);
  EXPECT_FALSE(goes(4, handle)) << "suspect";
  move(handle, {1, 2, 3});
  EXPECT_TRUE(goes(4, handle));
  servers.damage({server(3), servers.find(server(3))->session, handle});
  EXPECT_FALSE(goes(4, handle)) << "damaged";
  move(handle, {1, 2, 3});
  servers.note_missing(server(3), handle);
  EXPECT_FALSE(goes(4, handle)) << "missing";
  move(handle, {1, 2, 3});
  bus::RegisterServer again;
  again.server = server(3);
  again.session.bytes[0] = 2;
  servers.open_session(again, "route", now);
  EXPECT_TRUE(servers.report({server(3), again.session, {{.handle = handle, .version = {2}}}, {}, true}));
  EXPECT_FALSE(goes(4, handle)) << "behind";
  move(handle, {1, 2, 3});
  servers.note_dead(server(3));
  EXPECT_TRUE(look(4, {{handle, {1}, {1}}}).empty()) << "not heard";
}

// layout_recall.cc: a member that was given up holds what was acknowledged.
TEST_F(CollectionTest, WhoHoldsTheSettledVersionOrALaterOneStays) {
  const ChunkHandle handle = chunk({1, 2, 4});
  move(handle, {1, 2, 3}, false);
  EXPECT_FALSE(goes(4, handle, 1)) << "version 1 is the settled one";
  EXPECT_TRUE(state.apply({{}, ActivateOp{handle, {2}}}).ok());
  for (int number : {1, 2, 3}) servers.note(server(number), handle, {2}, 0);
  EXPECT_FALSE(goes(4, handle, 2)) << "it was carried forward";
  EXPECT_FALSE(goes(4, handle, 1, 3)) << "it was promised a version that the log does not know";
  EXPECT_TRUE(goes(4, handle, 1, 2));
}

TEST_F(CollectionTest, OldCopiesStayWhileSomebodyJoins) {
  const ChunkHandle handle = with_old_copy();
  std::vector<ServerId> members{server(1), server(2), server(3)};
  ASSERT_TRUE(state.apply({{}, ReconfigureOp{handle, {2}, members, server(1), {server(3)}}}).ok());
  for (ServerId member : members) servers.note(member, handle, {3}, 0);
  EXPECT_FALSE(goes(4, handle));
}

// Its file is acknowledged by primaries alone: what it took last may be nowhere else.
TEST_F(CollectionTest, WhoMayHaveAcknowledgedAloneStays) {
  ASSERT_TRUE(state.apply({{}, SetPolicyOp{"/f", bus::AckMode::primary}}).ok());
  const ChunkHandle handle = chunk({4, 1, 2});
  const std::vector<ServerId> members{server(1), server(2), server(3)};
  ReconfigureOp without{handle, {1}, members, server(1)};
  without.ack = bus::AckMode::primary;
  ASSERT_TRUE(state.apply({{}, without}).ok());
  ASSERT_TRUE(state.apply({{}, ActivateOp{handle, {2}}}).ok());
  for (ServerId member : members) servers.note(member, handle, {2}, 0);
  EXPECT_FALSE(goes(4, handle));
}

// C21: a master whose log is older than the truth.
TEST_F(CollectionTest, UnknownHandlesAreNeverGarbageAndStopEverything) {
  const ChunkHandle garbage = orphan();
  const ChunkHandle later{state.last_handle().value + 5};
  EXPECT_TRUE(goes(1, garbage));
  EXPECT_FALSE(goes(2, later));
  EXPECT_EQ(planner.counts(server(2)).unknown, 1u);
  EXPECT_NE(planner.held_back(now).find("older than the truth"), std::string::npos);
  look(2, {});
  EXPECT_EQ(planner.held_back(now), "") << "it is gone";
  look(2, {{later, {1}, {1}}});
  while (state.last_handle() < later) chunk({1, 2, 3});
  look(2, {{later, {1}, {1}}});
  EXPECT_EQ(planner.held_back(now), "") << "it was given out";
}

TEST_F(CollectionTest, HandlesOfAnEarlierEpochAreLeftAlone) {
  const ChunkHandle earlier = orphan();
  const std::vector<ServerId> members{server(1), server(2), server(3)};
  ASSERT_TRUE(state.apply({{}, BeginEpochOp{2}}).ok());
  look(2, {{ChunkHandle{12345}, {1}, {1}}});
  EXPECT_EQ(planner.held_back(now), "") << "it was given out in the time that is lost";
  const ChunkHandle next{(std::uint64_t{2} << 48) + 1};
  ASSERT_TRUE(state.apply({{}, AllocateChunkOp{file, 0, next, members, members.front()}}).ok());
  EXPECT_FALSE(goes(1, earlier));
  EXPECT_EQ(planner.held_back(now), "");
}

TEST_F(CollectionTest, AYoungMasterCollectsNothing) {
  CollectionPlanner young(state, servers, 10min, now);
  EXPECT_EQ(young.held_back(now), "") << "all have reported";
  state.apply({{}, AddServerOp{server(5), "tcp://5", "", "r"}});
  EXPECT_NE(young.held_back(now).find("4 of 5"), std::string::npos);
  EXPECT_EQ(young.held_back(now + 61s), "") << "it had its time";
}

TEST_F(CollectionTest, APageAtATimeAndABoundedOrder) {
  std::vector<ChunkHandle> handles;
  for (int i = 0; i < 200; ++i) handles.push_back(chunk({1, 2, 3}));
  ASSERT_TRUE(state.apply({{}, RemoveOp{"/f", false}}).ok());
  std::vector<bus::ListHeld::Held> first, second;
  for (int i = 0; i < 200; ++i) (i < 100 ? first : second).push_back({handles[i], {1}, {1}});
  look(1, first, {}, false);
  look(1, second, handles[99]);
  EXPECT_EQ(planner.counts(server(1)).garbage, 200u) << "what is not on a page that does not reach there stays";
  now += 10min;
  beat();
  EXPECT_EQ(look(1, first, {}, false).size(), CollectionPlanner::kOrderMax);
  EXPECT_EQ(found.through, handles[CollectionPlanner::kOrderMax - 1]) << "the rest of the page is asked for again";
  for (const CollectionPlanner::Item& item : found.due) planner.done(server(1), item, Done::quarantined, now);
  EXPECT_EQ(planner.counts(server(1)).garbage, 200u - CollectionPlanner::kOrderMax);
  std::reverse(second.begin(), second.end());
  look(1, second, handles[99]);
  EXPECT_EQ(found.through, second.front().handle) << "a page that does not ascend counts as far as it does";
}

TEST_F(CollectionTest, WhatTheServerSays) {
  const ChunkHandle handle = orphan();
  ASSERT_TRUE(goes(1, handle));
  const CollectionPlanner::Item item = found.due[0];
  planner.done(server(1), item, Done::refused, now);
  EXPECT_EQ(planner.counts(server(1)).refused, 1u);
  EXPECT_EQ(look(1, {{handle, {1}, {1}}}).size(), 1u) << "it is asked again";
  planner.done(server(1), item, Done::busy, now);
  EXPECT_EQ(planner.counts(server(1)).refused, 0u);
  EXPECT_TRUE(look(1, {{handle, {1}, {1}}}).empty()) << "something happens with it: the time begins anew";
  now += 10min;
  beat();
  EXPECT_EQ(look(1, {{handle, {1}, {1}}}).size(), 1u);
  planner.done(server(1), item, Done::refused, now);
  look(1, {});
  EXPECT_EQ(planner.counts(server(1)).refused, 0u);
  EXPECT_EQ(planner.counts(server(1)).garbage, 0u);
}

}  // namespace
}  // namespace gfs::master
