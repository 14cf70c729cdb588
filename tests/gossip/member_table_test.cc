#include "gossip/member_table.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace gfs::gossip {
namespace {

using News = MemberTable::News;

NodeId node(std::uint8_t number) { return NodeId{{number}}; }

MemberRecord record(std::uint8_t number, std::uint64_t incarnation, MemberStatus status, std::uint64_t stamp = 1,
                    std::uint8_t accuser = 9) {
  MemberRecord made;
  made.node = node(number);
  made.incarnation = incarnation;
  made.status = status;
  made.stamp = stamp;
  made.address = "a" + std::to_string(stamp);
  if (status == MemberStatus::suspect) made.accuser = node(accuser);
  return made;
}

TEST(MemberTable, WhichOfTwoStatementsCounts) {
  using enum MemberStatus;
  struct Row {
    MemberStatus known;
    std::uint64_t known_incarnation;
    MemberStatus told;
    std::uint64_t told_incarnation;
    bool counts;
  };
  const Row rows[] = {
      {alive, 5, alive, 6, true},   {alive, 5, alive, 5, false},    {alive, 5, alive, 4, false},
      {alive, 5, suspect, 5, true}, {alive, 5, suspect, 4, false},  {alive, 5, dead, 5, true},
      {alive, 5, dead, 4, false},   {alive, 5, left, 5, true},      {suspect, 5, alive, 5, false},
      {suspect, 5, alive, 6, true}, {suspect, 5, suspect, 6, true}, {suspect, 5, dead, 5, true},
      {suspect, 5, dead, 4, false}, {dead, 5, alive, 5, false},     {dead, 5, suspect, 5, false},
      {dead, 5, alive, 6, true},    {dead, 5, left, 5, true},       {left, 5, dead, 5, false},
      {left, 5, suspect, 5, false}, {left, 5, alive, 5, false},     {left, 5, alive, 6, true},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(testing::Message() << "known " << int(row.known) << "@" << row.known_incarnation << ", told "
                                    << int(row.told) << "@" << row.told_incarnation);
    MemberTable table(10);
    table.merge(record(1, row.known_incarnation, alive), false, {});
    if (row.known != alive) table.merge(record(1, row.known_incarnation, row.known), false, {});
    ASSERT_EQ(table.find(node(1))->record.status, row.known);
    const News news = table.merge(record(1, row.told_incarnation, row.told), false, {});
    EXPECT_EQ(news == News::status, row.counts);
    EXPECT_EQ(table.find(node(1))->record.status, row.counts ? row.told : row.known);
    EXPECT_EQ(table.find(node(1))->record.incarnation, row.counts ? row.told_incarnation : row.known_incarnation);
    EXPECT_EQ(table.present(), is_present(table.find(node(1))->record.status) ? 1u : 0u);
  }
}

// An incarnation that nobody can have come by.
TEST(MemberTable, P14_AJumpOfTheIncarnationIsNotBelieved) {
  MemberTable table(10);
  EXPECT_EQ(table.merge(record(1, std::uint64_t{1} << 63, MemberStatus::alive), true, {}), News::refused);
  EXPECT_EQ(table.find(node(1)), nullptr);
  EXPECT_EQ(table.merge(record(1, 5, MemberStatus::alive), true, {}), News::newcomer);
  EXPECT_EQ(table.merge(record(1, 5 + kIncarnationJump + 1, MemberStatus::dead), false, {}), News::refused);
  EXPECT_EQ(table.merge(record(1, UINT64_MAX, MemberStatus::alive), true, {}), News::refused);
  EXPECT_EQ(table.find(node(1))->record.incarnation, 5u);
  EXPECT_EQ(table.find(node(1))->record.status, MemberStatus::alive);
  EXPECT_EQ(table.merge(record(1, 5 + kIncarnationJump, MemberStatus::alive), false, {}), News::status);
}

TEST(MemberTable, OfTheUnknownOnlyLifeIsBelieved) {
  MemberTable table(2);
  EXPECT_EQ(table.merge(record(1, 5, MemberStatus::dead), false, {}), News::none);
  EXPECT_EQ(table.merge(record(1, 5, MemberStatus::left), false, {}), News::none);
  EXPECT_TRUE(table.all().empty());
  EXPECT_EQ(table.merge(record(1, 5, MemberStatus::suspect), false, {}), News::newcomer);
  EXPECT_EQ(table.merge(record(2, 5, MemberStatus::alive), false, {}), News::newcomer);
  EXPECT_EQ(table.merge(record(3, 5, MemberStatus::alive), false, {}), News::refused) << "there is no room";
  EXPECT_EQ(table.present(), 2u);
}

TEST(MemberTable, WhatAMemberSaysOfItselfGoesByItsStamp) {
  MemberTable table(10);
  const Instant first = Instant{} + 1s, second = first + 1s;
  table.merge(record(1, 5, MemberStatus::alive, 10), false, first);
  EXPECT_EQ(table.find(node(1))->fresh, first);
  EXPECT_EQ(table.merge(record(1, 5, MemberStatus::alive, 9), false, second), News::none);
  EXPECT_EQ(table.find(node(1))->record.address, "a10");
  EXPECT_EQ(table.find(node(1))->fresh, first);
  EXPECT_EQ(table.merge(record(1, 4, MemberStatus::alive, 11), false, second), News::none) << "even if that is old";
  EXPECT_EQ(table.find(node(1))->record.address, "a11");
  EXPECT_EQ(table.find(node(1))->record.incarnation, 5u);
  EXPECT_EQ(table.find(node(1))->fresh, second);
  EXPECT_EQ(table.find(node(1))->heard, Instant{});
  table.merge(record(1, 5, MemberStatus::alive, 11), true, second);
  EXPECT_EQ(table.find(node(1))->heard, second);
}

// By the member's own clock, which shows something else than ours: 0 when ours shows 5 s.
TEST(MemberTable, HoweverLongNewsTookTheyAreOfTheTimeWhenTheyWereMade) {
  MemberTable table(10);
  const Instant start = Instant{} + 1000s;
  struct Row {
    const char* name;
    std::uint64_t stamp_ms;
    bool first_hand;
    Duration told, lived;
  };
  const Row rows[] = {
      {"of a newcomer nothing else is known", 1000, false, 6s, 6s},
      {"from itself, a second under way", 2000, true, 8s, 8s},
      {"from others, dated by that", 4000, false, 60s, 10s},
      {"older than what is known", 3000, false, 61s, 10s},
      {"from itself, late: dated as well", 10000, true, 20s + 42s, 62s},  // the base is old: a new one
      {"from itself, quicker", 70000, true, 75s, 75s},
      {"from others, at once", 72000, false, 77s, 77s},
      {"from others, late", 73000, false, 90s, 78s},
      {"never later than now", 95000, false, 91s, 91s},
      {"its clock was set forward", 10'000'000, false, 95s, 95s},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    table.merge(record(1, 1, MemberStatus::alive, row.stamp_ms), row.first_hand, start + row.told);
    EXPECT_EQ(to_ms(table.find(node(1))->lived - start), to_ms(row.lived));
  }
}

TEST(MemberTable, TheVerdictWithTheHigherNumberCountsWhateverElseIsSaid) {
  MemberTable table(10);
  table.merge(record(1, 5, MemberStatus::alive), false, {});
  MemberRecord lost = record(1, 3, MemberStatus::alive, 0);
  lost.verdict = Verdict::lost;
  lost.verdict_number = 7;
  EXPECT_EQ(table.merge(lost, false, {}), News::verdict);
  MemberRecord back = lost;
  back.verdict = Verdict::back;
  back.verdict_number = 6;
  EXPECT_EQ(table.merge(back, false, {}), News::none);
  EXPECT_EQ(table.find(node(1))->record.verdict, Verdict::lost);
  back.verdict_number = 8;
  EXPECT_EQ(table.merge(back, false, {}), News::verdict);
  EXPECT_EQ(table.find(node(1))->record.verdict, Verdict::back);
}

TEST(MemberTable, EachAccuserCountsOnceAndAContradictionTakesThemAway) {
  MemberTable table(10);
  table.merge(record(1, 5, MemberStatus::alive), false, {});
  EXPECT_EQ(table.merge(record(1, 5, MemberStatus::suspect, 1, 2), false, {}), News::status);
  EXPECT_EQ(table.merge(record(1, 5, MemberStatus::suspect, 1, 2), false, {}), News::none);
  EXPECT_EQ(table.merge(record(1, 5, MemberStatus::suspect, 1, 3), false, {}), News::accuser);
  EXPECT_EQ(table.merge(record(1, 4, MemberStatus::suspect, 1, 4), false, {}), News::none);
  EXPECT_EQ(table.find(node(1))->accusers.size(), 2u);
  EXPECT_EQ(table.merge(record(1, 6, MemberStatus::alive), false, {}), News::status);
  EXPECT_TRUE(table.find(node(1))->accusers.empty());
  EXPECT_TRUE(table.find(node(1))->record.accuser.nil());
}

// Whatever comes in whatever order, and twice: all tables believe the same in the end.
TEST(MemberTable, TheOrderOfStatementsDoesNotMatter) {
  Random random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<MemberRecord> said;
    for (std::uint8_t number = 1; number <= 4; ++number) {
      said.push_back(record(number, 1, MemberStatus::alive));
      for (int i = 0; i < 6; ++i) {
        MemberRecord one = record(number, random.between(1, 4), static_cast<MemberStatus>(random.between(1, 4)),
                                  random.between(1, 5), static_cast<std::uint8_t>(random.between(5, 9)));
        one.verdict_number = random.below(3);
        one.verdict = static_cast<Verdict>(one.verdict_number);
        said.push_back(one);
      }
    }
    std::vector<std::vector<std::string>> beliefs;
    const MemberRecord self = record(200, 1, MemberStatus::alive);
    for (int copy = 0; copy < 4; ++copy) {
      MemberTable table(10);
      // Life comes first: the dead are not believed of somebody unknown.
      for (std::uint8_t number = 1; number <= 4; ++number)
        table.merge(record(number, 1, MemberStatus::alive), false, {});
      for (std::size_t i = said.size(); i > 1; --i) std::swap(said[i - 1], said[random.below(i)]);
      for (const MemberRecord& one : said) table.merge(one, false, {});
      if (copy % 2 == 1) {
        for (const MemberRecord& one : said) table.merge(one, false, {});
      }
      NodeId high;
      high.bytes.fill(0xff);
      std::vector<std::string> belief;
      for (const MemberRecord& one : table.records({}, high, self, 100)) {
        belief.push_back(fmt::format("{} {}@{} {} {}", one.node, static_cast<int>(one.status), one.incarnation,
                                     one.stamp, one.verdict_number));
      }
      beliefs.push_back(std::move(belief));
    }
    for (const std::vector<std::string>& belief : beliefs) {
      EXPECT_EQ(belief.size(), 5u);
      EXPECT_EQ(belief, beliefs[0]);
    }
  }
}

TEST(MemberTable, ARangeIsCutIntoPiecesWithoutGapsAndOverlaps) {
  NodeId high;
  high.bytes.fill(0xff);
  const auto next = [](NodeId at) {
    for (std::size_t i = 16; i-- > 0;) {
      if (++at.bytes[i] != 0) break;
    }
    return at;
  };
  const std::pair<NodeId, NodeId> ranges[] = {{{}, high}, {node(1), node(2)}, {node(5), node(5)}, {{}, next({})}};
  for (auto [low, top] : ranges) {
    const auto parts = split(low, top, 16);
    ASSERT_FALSE(parts.empty());
    EXPECT_LE(parts.size(), 16u);
    EXPECT_EQ(parts.front().first, low);
    EXPECT_EQ(parts.back().second, top);
    for (std::size_t i = 1; i < parts.size(); ++i) EXPECT_EQ(parts[i].first, next(parts[i - 1].second));
    for (auto [first, last] : parts) EXPECT_LE(first, last);
  }
  EXPECT_EQ(split({}, high, 16).size(), 16u);
  EXPECT_TRUE(split(node(2), node(1), 16).empty());
}

TEST(MemberTable, PartsTellWhetherTablesDiffer) {
  const MemberRecord self = record(200, 1, MemberStatus::alive);
  MemberTable one(10), other(10);
  for (std::uint8_t number = 1; number <= 5; ++number) {
    one.merge(record(number, 1, MemberStatus::alive, 1), false, {});
    other.merge(record(number, 1, MemberStatus::alive, 100), false, {});
  }
  EXPECT_EQ(one.part(node(1), node(5), self).digest, other.part(node(1), node(5), self).digest) << "load is no matter";
  other.merge(record(3, 1, MemberStatus::suspect), false, {});
  EXPECT_NE(one.part(node(1), node(5), self).digest, other.part(node(1), node(5), self).digest);
  EXPECT_EQ(one.part(node(4), node(5), self).digest, other.part(node(4), node(5), self).digest);
  EXPECT_EQ(one.part(node(4), node(255), self).count, 3u) << "this one belongs to it";
  EXPECT_EQ(one.records(node(1), node(255), self, 4).size(), 4u);
  // Who came later never knew the dead.
  MemberTable later(10);
  for (std::uint8_t number : {1, 2, 4, 5}) later.merge(record(number, 1, MemberStatus::alive), false, {});
  EXPECT_NE(one.part(node(1), node(5), self).digest, later.part(node(1), node(5), self).digest);
  one.merge(record(3, 1, MemberStatus::dead), false, {});
  EXPECT_EQ(one.part(node(1), node(5), self).digest, later.part(node(1), node(5), self).digest);
  EXPECT_EQ(one.part(node(1), node(5), self).count, 4u);
  EXPECT_EQ(one.records(node(1), node(5), self, 10).size(), 5u) << "they are told all the same, where parts differ";
}

// Parts are compared by those that are present: they must not be crowded out by the dead.
TEST(MemberTable, ThePresentAreToldBeforeTheDead) {
  const MemberRecord self = record(200, 1, MemberStatus::alive);
  MemberTable table(100);
  for (std::uint8_t number = 1; number <= 30; ++number) {
    table.merge(record(number, 1, MemberStatus::alive), false, {});
    if (number <= 20) table.merge(record(number, 1, MemberStatus::dead), false, {});
  }
  const std::vector<MemberRecord> told = table.records(node(1), node(255), self, 12);
  ASSERT_EQ(told.size(), 12u);
  for (std::size_t i = 0; i < 11; ++i) EXPECT_EQ(told[i].status, MemberStatus::alive) << i;
  EXPECT_EQ(told[11].status, MemberStatus::dead);
}

TEST(MemberTable, WhoAccusesIsRememberedUpToABound) {
  MemberTable table(100);
  table.merge(record(1, 1, MemberStatus::alive), false, {});
  for (int accuser = 2; accuser < 200; ++accuser)
    table.merge(record(1, 1, MemberStatus::suspect, 1, static_cast<std::uint8_t>(accuser)), false, {});
  EXPECT_EQ(table.find(node(1))->accusers.size(), kAccusersMax);
}

}  // namespace
}  // namespace gfs::gossip
