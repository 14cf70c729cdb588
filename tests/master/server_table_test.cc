// Sessions of chunkservers: who counts as up when, what reports say, and that repeats and old news change nothing.
#include "master/server_table.h"

#include <gtest/gtest.h>

namespace gfs::master {
namespace {

const Instant kStart{100s};

class ServerTableTest : public testing::Test {
 protected:
  ServerTableTest() : table({.suspect_after = 3s, .lost_after = 10s}) {
    ask.server.bytes[0] = 1, ask.session.bytes[0] = 1;
  }

  void open() { table.open_session(ask, "route", kStart); }
  bool beat(Instant at, bool leaving = false) {
    bus::Heartbeat heartbeat{.server = ask.server, .session = ask.session, .leaving = leaving};
    return table.heartbeat(heartbeat, "route", at);
  }
  Result<bool> report(std::vector<bus::ReportChunks::Held> chunks, std::uint64_t after = 0, bool last = true) {
    bus::ReportChunks page{ask.server, ask.session, std::move(chunks), {after}, last};
    return table.report(page);
  }
  ServerTable::Replica replica(std::uint64_t handle, bool virgin = false) const {
    return table.replica(ask.server, {handle}, virgin);
  }

  ServerTable table;
  bus::RegisterServer ask;
};

using Replica = ServerTable::Replica;

TEST_F(ServerTableTest, StatesFollowTheHeartbeats) {
  open();
  EXPECT_EQ(table.state(ask.server, kStart + 3s), "up");
  EXPECT_EQ(table.state(ask.server, kStart + 4s), "suspect");
  EXPECT_TRUE(table.overdue(ask.server, kStart + 4s));
  EXPECT_EQ(table.state(ask.server, kStart + 11s), "lost");
  EXPECT_TRUE(beat(kStart + 12s));
  EXPECT_EQ(table.state(ask.server, kStart + 12s), "up");
  EXPECT_TRUE(beat(kStart + 13s, true));
  EXPECT_EQ(table.state(ask.server, kStart + 13s), "left");
  EXPECT_TRUE(table.overdue(ask.server, kStart + 13s));
  EXPECT_FALSE(beat(kStart + 14s)) << "a session that was ended stays ended";
}

TEST_F(ServerTableTest, WhoIsKnownFromTheLogHasHisTimeToRegister) {
  table.add(ask.server, kStart);
  EXPECT_FALSE(table.up(ask.server, kStart));
  EXPECT_FALSE(table.overdue(ask.server, kStart + 3s));
  EXPECT_TRUE(table.overdue(ask.server, kStart + 4s));
  EXPECT_FALSE(beat(kStart + 1s)) << "a heartbeat is not a registration";
}

TEST_F(ServerTableTest, ReportsComeInPages) {
  open();
  EXPECT_EQ(replica(5), Replica::unknown);
  EXPECT_TRUE(report({{{5}, {1}}, {{7}, {1}, 0, true}}, 0, false).value());
  EXPECT_EQ(replica(5), Replica::ok);
  EXPECT_EQ(replica(7), Replica::damaged);
  EXPECT_EQ(replica(9), Replica::unknown);
  EXPECT_FALSE(report({{{30}, {1}}}, 20, false).value()) << "a page between is missing";
  EXPECT_TRUE(report({{{5}, {1}}, {{7}, {1}, 0, true}}, 0, false).value()) << "a repeat";
  EXPECT_TRUE(report({{{8}, {1}}}, 7, true).value());
  EXPECT_EQ(replica(9), Replica::missing);
  EXPECT_EQ(replica(9, true), Replica::ok) << "a virgin chunk need not be there";
}

TEST_F(ServerTableTest, NonsenseIsMalformed) {
  open();
  EXPECT_EQ(report({{{7}, {1}}, {{5}, {1}}}).error().code, Code::malformed);
  EXPECT_EQ(report({{{5}, {1}}}, 5).error().code, Code::malformed);
}

TEST_F(ServerTableTest, X07_AnOldReportDoesNotUnsayAnOrder) {
  open();
  table.note(ask.server, {6}, {2}, 10);
  EXPECT_TRUE(report({{{5}, {1}}, {{6}, {1}}}).value());
  EXPECT_EQ(replica(6), Replica::ok);
  EXPECT_EQ(table.find(ask.server)->holdings.at(6).version, Version{2});
  table.note(ask.server, {9}, {1}, 0);
  EXPECT_EQ(replica(9), Replica::ok);
}

TEST_F(ServerTableTest, ARepeatedRegistrationKeepsTheReport) {
  open();
  EXPECT_TRUE(report({{{5}, {1}}}).value());
  open();
  EXPECT_EQ(replica(5), Replica::ok);
  ask.session.bytes[0] = 2;
  open();
  EXPECT_EQ(replica(5), Replica::unknown) << "another life of the process has to report again";
}

TEST_F(ServerTableTest, X07_OtherSessionsAreNotHeard) {
  open();
  ask.session.bytes[0] = 9;
  EXPECT_FALSE(beat(kStart + 1s));
  EXPECT_FALSE(report({{{5}, {1}}}).value());
  table.damage({.server = ask.server, .session = ask.session, .handle = {5}});
  EXPECT_EQ(table.find(ask.server)->holdings.size(), 0u);
}

TEST_F(ServerTableTest, WhoWasSeenDeadIsOverdueUntilHeard) {
  open();
  table.note_dead(ask.server);
  EXPECT_TRUE(table.overdue(ask.server, kStart));
  EXPECT_FALSE(table.up(ask.server, kStart));
  EXPECT_EQ(table.state(ask.server, kStart), "suspect");
  EXPECT_TRUE(beat(kStart + 1s));
  EXPECT_FALSE(table.overdue(ask.server, kStart + 1s));
  table.note_dead(ask.server);
  open();
  EXPECT_TRUE(table.up(ask.server, kStart));
}

TEST_F(ServerTableTest, ASuspectReplicaIsMendedByANewerVersionOnly) {
  open();
  EXPECT_TRUE(report({{.handle = {5}, .version = {2}, .suspect = true, .sealed = true}}).value());
  EXPECT_EQ(replica(5), Replica::suspect);
  EXPECT_TRUE(table.held(ask.server, {5})->sealed);
  table.note(ask.server, {5}, {2}, 10);
  EXPECT_EQ(replica(5), Replica::suspect) << "an active primary answers without making anybody equal";
  table.note(ask.server, {5}, {3}, 10);
  EXPECT_EQ(replica(5), Replica::ok);
  table.note_suspect(ask.server, {5});
  EXPECT_EQ(replica(5), Replica::suspect);
  EXPECT_EQ(replica(5, true), Replica::ok) << "of a virgin chunk there was nothing to lose";
}

TEST_F(ServerTableTest, X07_AReportThatIsOlderThanTheMendingDoesNotUnsayIt) {
  open();
  table.note(ask.server, {5}, {3}, 10);
  EXPECT_TRUE(report({{.handle = {5}, .version = {2}, .damaged = true, .suspect = true}}).value());
  EXPECT_EQ(replica(5), Replica::ok);
  table.note(ask.server, {6}, {2}, 10);
  ask.session.bytes[0] = 2;
  open();
  table.note(ask.server, {6}, {2}, 10);
  EXPECT_TRUE(report({{.handle = {6}, .version = {2}, .suspect = true}}).value());
  EXPECT_EQ(replica(6), Replica::suspect) << "of the same version it is news";
}

// A copy of a registration may come late: of the life before the last one, too. Were it taken, the server that lives
// would be the one whose session is over.
TEST_F(ServerTableTest, EveryLifeThatIsOverStaysOver) {
  for (std::uint8_t life = 1; life <= 4; ++life) {
    ask.session.bytes[0] = life;
    open();
  }
  for (std::uint8_t life = 1; life <= 4; ++life) {
    ask.session.bytes[0] = life;
    EXPECT_EQ(table.find(ask.server)->has_ended(ask.session), life < 4);
  }
}

TEST_F(ServerTableTest, DamageIsUnsaidByItsServerOnly) {
  open();
  ASSERT_TRUE(report({{{7}, {1}}}));
  bus::ReportDamage damage{ask.server, ask.session, {7}, 3, "why", false};
  table.damage(damage);
  EXPECT_EQ(replica(7), Replica::damaged);
  damage.mended = true;
  damage.session.bytes[0] = 9;
  table.damage(damage);
  EXPECT_EQ(replica(7), Replica::damaged) << "of another life";
  damage.session = ask.session;
  table.damage(damage);
  EXPECT_EQ(replica(7), Replica::ok);
}

TEST_F(ServerTableTest, P09_WhoComesAndGoesIsUnsteadyForLongerEachTime) {
  open();
  Instant now = kStart;
  auto flap = [&] {
    now += 11s;
    ++ask.session.bytes[0];
    table.open_session(ask, "route", now);
  };
  auto unsteady = [&](Duration later) { return table.find(ask.server)->unsteady(now + later); };
  flap();
  EXPECT_FALSE(unsteady(0s)) << "once is nothing";
  flap();
  EXPECT_TRUE(unsteady(59s));
  EXPECT_FALSE(unsteady(60s));
  flap();
  EXPECT_TRUE(unsteady(119s));
  EXPECT_FALSE(unsteady(120s));
  for (int i = 0; i < 20; ++i) flap();
  EXPECT_TRUE(unsteady(29min));
  EXPECT_FALSE(unsteady(30min));
  EXPECT_FALSE(unsteady(61min)) << "long ago";
}

TEST_F(ServerTableTest, AStopOrAPauseIsNoComingAndGoing) {
  open();
  Instant now = kStart;
  for (int i = 0; i < 5; ++i) {
    now += 9s;
    EXPECT_TRUE(beat(now)) << "suspect, but not lost";
    EXPECT_TRUE(beat(now + 1s, true));
    now += 100s;
    ++ask.session.bytes[0];
    table.open_session(ask, "route", now);
  }
  EXPECT_TRUE(table.find(ask.server)->returns.empty());
}

}  // namespace
}  // namespace gfs::master
