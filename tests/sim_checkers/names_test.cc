// Both judges of concurrent histories of names, on histories that are right and histories that must be refused: reads
// that are stale or from the future, a change without effect, one done twice, one said undone that shows.
#include <gtest/gtest.h>

#include "tests/sim/checkers/certificate.h"
#include "tests/sim/checkers/linearizable.h"

namespace gfs::sim {
namespace {

using Kind = NameOp::Kind;

class NameHistoryTest : public testing::Test {
 protected:
  // An operation from `from` to `to` (seconds); a change is logged at `index`.
  NameEvent& did(int from, int to, Kind kind, const std::string& path, std::uint64_t index, Code code = Code::ok) {
    NameEvent event;
    event.op.kind = kind;
    event.op.path = path;
    event.invoked = Instant{} + std::chrono::seconds(from);
    event.ended = Instant{} + std::chrono::seconds(to);
    event.fate = Fate::ok;
    event.code = code;
    event.index = index;
    if (kind != Kind::exists && kind != Kind::list) {
      event.request = {client_, ++requests_};
      if (code == Code::ok) log_[event.request] = index;
    }
    events_.push_back(event);
    return events_.back();
  }
  NameEvent& exists(int from, int to, const std::string& path, bool there, std::uint64_t index) {
    NameEvent& event = did(from, to, Kind::exists, path, index);
    event.seen.exists = there;
    return event;
  }
  bool certified() const { return check_certificate(events_, log_).empty(); }
  Linear searched() const { return check_linearizable(events_).verdict; }

  const ClientId client_ = [] {
    Random random(1);
    return ClientId::random(random);
  }();
  std::uint64_t requests_ = 0;
  std::vector<NameEvent> events_;
  LogIndex log_;
};

TEST_F(NameHistoryTest, ConcurrentOperationsThatFit) {
  did(0, 10, Kind::create, "/a", 5);
  did(1, 9, Kind::create, "/a", 6, Code::already_exists);
  exists(2, 3, "/a", true, 7);
  exists(1, 8, "/a", false, 4);
  NameEvent& renamed = did(11, 12, Kind::rename, "/a", 9);
  renamed.op.target = "/b";
  NameEvent& listed = did(13, 14, Kind::list, "", 9);
  listed.seen.entries = {"/b"};
  EXPECT_TRUE(certified()) << check_certificate(events_, log_)[0];
  EXPECT_EQ(searched(), Linear::yes);
}

TEST_F(NameHistoryTest, AStaleReadIsRefused) {
  did(0, 1, Kind::create, "/a", 5);
  exists(2, 3, "/a", false, 4);
  EXPECT_FALSE(certified());
  EXPECT_EQ(searched(), Linear::no);
}

TEST_F(NameHistoryTest, AStaleReadThatClaimsToBeFreshIsRefused) {
  did(0, 1, Kind::create, "/a", 5);
  exists(2, 3, "/a", false, 5);
  EXPECT_FALSE(certified());
  EXPECT_EQ(searched(), Linear::no);
}

TEST_F(NameHistoryTest, TwoReadersThatSeeAChangeInTurnAndThenNotAreRefused) {
  did(0, 10, Kind::create, "/a", 5);
  exists(1, 2, "/a", true, 5);
  exists(3, 4, "/a", false, 4);
  EXPECT_FALSE(certified());
  EXPECT_EQ(searched(), Linear::no);
}

TEST_F(NameHistoryTest, AChangeDoneTwiceIsRefused) {
  did(0, 1, Kind::create, "/a", 5);
  did(2, 3, Kind::remove, "/a", 6);
  did(4, 5, Kind::remove, "/a", 7);
  EXPECT_FALSE(certified());
  EXPECT_EQ(searched(), Linear::no);
}

TEST_F(NameHistoryTest, ARefusalWithoutReasonIsRefused) {
  did(0, 1, Kind::create, "/a", 5, Code::already_exists);
  EXPECT_FALSE(certified());
  EXPECT_EQ(searched(), Linear::no);
}

TEST_F(NameHistoryTest, WhatIsUnknownMayShowAtAnyTimeOrNever) {
  did(0, 1, Kind::create, "/a", 7).fate = Fate::unknown;
  exists(2, 3, "/a", false, 6);
  exists(4, 5, "/a", true, 7);
  EXPECT_TRUE(certified());
  EXPECT_EQ(searched(), Linear::yes);
  events_.pop_back();
  log_.clear();
  EXPECT_TRUE(certified());
  EXPECT_EQ(searched(), Linear::yes);
}

TEST_F(NameHistoryTest, WhatIsUnknownHappensOnceAndNotBeforeItWasAskedFor) {
  did(4, 5, Kind::create, "/a", 7).fate = Fate::unknown;
  exists(2, 3, "/a", true, 7);
  EXPECT_FALSE(certified());
  EXPECT_EQ(searched(), Linear::no);
}

TEST_F(NameHistoryTest, WhatIsNotInTheLogDidNotHappen) {
  did(0, 1, Kind::create, "/a", 5);
  log_.clear();
  EXPECT_FALSE(certified());
  did(0, 1, Kind::make_directory, "/d", 6);
  events_.erase(events_.begin());
  NameEvent& again = did(2, 3, Kind::make_directory, "/d", 6);
  again.op.flag = true;  // as mkdir -p of what is there: nothing to log
  log_.erase(again.request);
  EXPECT_TRUE(certified());
}

TEST_F(NameHistoryTest, AnswersNameAnIndexNotBeforeTheirOwnEntry) {
  did(0, 1, Kind::create, "/a", 5).index = 9;  // a repeat, answered later
  exists(2, 3, "/a", true, 9);
  EXPECT_TRUE(certified());
  events_[0].index = 4;
  EXPECT_FALSE(certified());
  events_[0].index = 0;
  EXPECT_FALSE(certified());
}

TEST_F(NameHistoryTest, TheSearchGivesUpAndSaysSo) {
  for (int i = 0; i < 12; ++i) did(0, 100, Kind::create, "/x" + std::to_string(i), 1).fate = Fate::unknown;
  exists(1, 99, "/y", true, 1);
  EXPECT_EQ(check_linearizable(events_, 1000).verdict, Linear::undecided);
}

TEST_F(NameHistoryTest, AHistoryIsCutWhereNothingBehindTheCutCouldBeSeen) {
  did(0, 1, Kind::create, "/a", 5);
  exists(2, 20, "/b", true, 6);  // sees what begins behind the cut
  did(10, 11, Kind::create, "/b", 6);
  std::vector<NameEvent> first = first_events(events_, 0, 2);
  ASSERT_EQ(first.size(), 2u);
  EXPECT_EQ(first[0].fate, Fate::ok);
  EXPECT_EQ(first[1].fate, Fate::unknown);
  EXPECT_EQ(check_linearizable(first).verdict, Linear::yes);
}

// Both judges agree on random histories, which are made by executing operations one by one inside their intervals; and
// with one answer falsified both say no, or the lie happens to be possible.
TEST_F(NameHistoryTest, RandomHistories) {
  int refused = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Random random(seed);
    events_.clear();
    log_.clear();
    Tree tree;
    std::uint64_t index = 0;
    for (int i = 0; i < 40; ++i) {
      const int at = 10 * i;
      const Kind kind = random.chance(0.5) ? Kind::exists : random.chance(0.6) ? Kind::create : Kind::remove;
      NameOp op{kind, "/n" + std::to_string(random.below(3)), "", false};
      NameSeen seen;
      const Code code = apply_to_tree(tree, op, seen);
      if (kind != Kind::exists && code == Code::ok) ++index;
      NameEvent& event = did(at - static_cast<int>(random.below(25)), at + static_cast<int>(random.below(25)), kind,
                             op.path, index + 1, code);
      event.seen = seen;
      if (kind != Kind::exists && code == Code::ok) log_[event.request] = event.index;
    }
    auto by_time = [](const NameEvent& one, const NameEvent& other) { return one.invoked < other.invoked; };
    std::sort(events_.begin(), events_.end(), by_time);
    EXPECT_TRUE(certified()) << seed;
    EXPECT_EQ(searched(), Linear::yes) << seed;
    for (NameEvent& event : events_) {
      if (event.op.kind != Kind::exists || event.ended - event.invoked > 5s) continue;
      event.seen.exists = !event.seen.exists;
      EXPECT_FALSE(certified()) << seed;
      if (searched() == Linear::no) ++refused;
      break;
    }
  }
  EXPECT_GT(refused, 10);
}

}  // namespace
}  // namespace gfs::sim
