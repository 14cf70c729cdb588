// The append checker accepts what may be, and refuses each thing that may not: a record lost, doubled, moved, out of
// order, of nobody, said not to have happened, seen and gone. Records are built and parsed as the simulator does.
#include "tests/sim/checkers/append.h"

#include <gtest/gtest.h>

namespace gfs::sim {
namespace {

constexpr std::uint64_t kChunk = 64ull << 20;
constexpr std::uint64_t kStart = kChunk - 1000;

class AppendCheckerTest : public testing::Test {
 protected:
  AppendCheckerTest() { appends_.starts = {kStart, kStart}; }

  static RecordName name(std::uint64_t number, int writer = 1) { return {0, writer, number}; }
  void wrote(std::uint64_t number, Fate fate, std::uint64_t offset = 0, int writer = 1) {
    appends_.begin(name(number, writer), 100, static_cast<std::uint64_t>(writer), now_ += 1s);
    if (fate != Fate::pending) appends_.end(name(number, writer), fate, offset, now_ += 1s);
  }
  void there(std::uint64_t number, std::uint64_t offset, int writer = 1) {
    found_.push_back({name(number, writer), offset, 100});
  }
  // The first complaint; empty: none.
  std::string judged() {
    judge_appends(history_, appends_, 0, found_);
    return history_.faults_found.empty() ? "" : history_.faults_found[0];
  }

  History history_;
  AppendHistory appends_;
  Instant now_{};
  std::vector<Placed> found_;
};

TEST_F(AppendCheckerTest, WhatWasAcknowledgedIsThereAndWhatIsUnknownMayBe) {
  wrote(1, Fate::ok, kStart);
  wrote(2, Fate::unknown);
  wrote(3, Fate::unknown);
  wrote(4, Fate::failed);
  wrote(5, Fate::ok, kChunk);
  wrote(6, Fate::pending);
  there(1, kStart);
  there(3, kStart + 100);
  there(5, kChunk);
  there(6, kChunk + 100);
  EXPECT_EQ(judged(), "");
}

TEST_F(AppendCheckerTest, ALostRecord) {
  wrote(1, Fate::ok, kStart);
  EXPECT_NE(judged().find("is not there"), std::string::npos);
}

TEST_F(AppendCheckerTest, ADoubledRecordEvenIfUnknown) {
  wrote(1, Fate::unknown);
  there(1, kStart);
  there(1, kStart + 100);
  EXPECT_NE(judged().find("twice"), std::string::npos);
}

TEST_F(AppendCheckerTest, ARecordElsewhereThanAnswered) {
  wrote(1, Fate::ok, kStart);
  there(1, kStart + 100);
  EXPECT_NE(judged().find("acknowledged at"), std::string::npos);
}

TEST_F(AppendCheckerTest, ARecordSaidNotToHaveHappened) {
  wrote(1, Fate::failed);
  there(1, kStart);
  EXPECT_NE(judged().find("not to have happened"), std::string::npos);
}

TEST_F(AppendCheckerTest, ARecordOfNobody) {
  there(1, kStart);
  EXPECT_NE(judged().find("nobody appended"), std::string::npos);
}

TEST_F(AppendCheckerTest, AWritersOrderIsKeptAlsoByWhatIsUnknown) {
  wrote(1, Fate::unknown);
  wrote(2, Fate::ok, kStart);
  there(2, kStart);
  there(1, kStart + 100);
  EXPECT_NE(judged().find("behind record 2"), std::string::npos);
}

TEST_F(AppendCheckerTest, TwoWritersHaveNoOrder) {
  wrote(2, Fate::ok, kStart, 1);
  wrote(1, Fate::ok, kStart + 100, 2);
  there(2, kStart, 1);
  there(1, kStart + 100, 2);
  EXPECT_EQ(judged(), "");
}

TEST_F(AppendCheckerTest, WhatAReaderSawStays) {
  wrote(1, Fate::unknown);
  Parsed seen;
  seen.records.push_back({name(1), kStart, 100});
  check_seen(history_, appends_, 0, seen);
  EXPECT_TRUE(history_.faults_found.empty());
  EXPECT_NE(judged().find("is gone"), std::string::npos);
}

TEST_F(AppendCheckerTest, ARepeatMayDecideWhatWasUnknownButAFailedOneDecidesNothing) {
  wrote(1, Fate::unknown);
  wrote(1, Fate::failed);
  EXPECT_EQ(appends_.ops.at(name(1)).fate, Fate::unknown);
  wrote(1, Fate::ok, kStart);
  EXPECT_EQ(appends_.ops.at(name(1)).fate, Fate::ok);
  EXPECT_EQ(appends_.unknown, 0u);
  EXPECT_EQ(appends_.ok, 1u);
  there(1, kStart);
  EXPECT_EQ(judged(), "");
}

TEST_F(AppendCheckerTest, WithEveryMachineWithoutPowerOnlyWhatWasSyncedIsSure) {
  wrote(1, Fate::ok, kStart);
  appends_.synced({name(1)}, now_);
  wrote(2, Fate::ok, kStart + 100);
  appends_.begin(name(3), 100, 1, now_);
  appends_.power_lost(now_ += 1s);
  appends_.end(name(3), Fate::ok, kStart + 200, now_ += 1s);  // the answer was on its way
  EXPECT_EQ(appends_.ops.at(name(2)).fate, Fate::unknown);
  EXPECT_EQ(appends_.ops.at(name(3)).fate, Fate::unknown);
  there(1, kStart);
  EXPECT_EQ(judged(), "");
  found_.clear();
  EXPECT_NE(judged().find("is not there"), std::string::npos);
}

TEST(Records, AreParsedAsTheyLieAndGapsEndWithTheirChunk) {
  const std::string first(record_of({0, 1, 1}, kRecordMin).view());
  const std::string second(record_of({0, 2, 700}, 5000).view());
  const std::uint64_t begin = kChunk - first.size() - 100;
  const std::string text = first + std::string(100, '\0') + second;
  Parsed parsed = parse_records(text, begin, kChunk);
  EXPECT_EQ(parsed.wrong, "");
  ASSERT_EQ(parsed.records.size(), 2u);
  EXPECT_EQ(parsed.records[1].name, (RecordName{0, 2, 700}));
  EXPECT_EQ(parsed.records[1].offset, kChunk);
  EXPECT_EQ(parsed.end, kChunk + 5000);

  parsed = parse_records(text.substr(0, text.size() - 1), begin, kChunk);  // cut by the end of what was read
  EXPECT_EQ(parsed.wrong, "");
  EXPECT_EQ(parsed.records.size(), 1u);

  EXPECT_NE(parse_records(text, begin + 1, kChunk).wrong, "");  // zeros that end before the chunk does
  std::string torn = text;
  torn[torn.size() - 1] ^= 1;
  EXPECT_NE(parse_records(torn, begin, kChunk).wrong, "");
  EXPECT_NE(parse_records("something else", 0, kChunk).wrong, "");
}

TEST(Records, EverySizeHasItsOwnBytes) {
  for (std::uint64_t size : {8u, 9u, 15u, 16u, 17u, 1000u, 70000u}) {
    Parsed parsed = parse_records(record_of({3, 15, 60000}, size).view(), 5, kChunk);
    EXPECT_EQ(parsed.wrong, "") << size;
    ASSERT_EQ(parsed.records.size(), 1u) << size;
    EXPECT_EQ(parsed.records[0].size, size);
    EXPECT_EQ(parsed.records[0].name, (RecordName{3, 15, 60000}));
  }
}

}  // namespace
}  // namespace gfs::sim
