// Accusations: whose word makes a member go, and whose only moves the primaryship. Each row is a little story.
#include "master/accusations.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gfs::master {
namespace {

const Instant kStart{1000s};

ServerId server(char name) {
  ServerId id;
  id.bytes[0] = static_cast<std::uint8_t>(name);
  return id;
}

struct Said {
  char accuser, accused;
  Duration at = 0s;
  bool confessed = false, heard = true;
  std::uint64_t chunk = 1;
  std::uint64_t version = 0;  // 0: the next one
};

struct Row {
  std::string name;
  std::vector<Said> story;
  std::string verdicts;  // of each: 'm'ove the primaryship, 'r'emove the accused
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class Weighing : public testing::TestWithParam<Row> {};

TEST_P(Weighing, OfEachAccusation) {
  Accusations accusations;
  std::string verdicts;
  std::uint64_t next = 100;
  for (const Said& said : GetParam().story) {
    const Version version{said.version != 0 ? said.version : ++next};
    Accusations::Verdict verdict = accusations.weigh(
        {{said.chunk}, version, server(said.accuser), server(said.accused), said.confessed, said.heard},
        kStart + said.at);
    verdicts += verdict == Accusations::Verdict::remove ? 'r' : 'm';
  }
  EXPECT_EQ(verdicts, GetParam().verdicts) << GetParam().name;
}

INSTANTIATE_TEST_SUITE_P(
    Accusations, Weighing,
    testing::Values(
        Row{"I21: a bad network card accuses one after the other", {{'A', 'B'}, {'A', 'C', 1s}}, "mm"},
        Row{"I21: and the next primary, who cannot reach it, accuses it",
            {{'A', 'B'}, {'C', 'A', 1s}, {'B', 'A', 2s}},
            "mmr"},
        Row{"I22: two accuse each other for ever", {{'A', 'B'}, {'B', 'A', 1s}, {'A', 'B', 2s}}, "mmr"},
        Row{"a second member says the same", {{'A', 'B'}, {'C', 'B', 5min}}, "mr"},
        Row{"the same pair again in time", {{'A', 'B'}, {'A', 'B', 9min}}, "mr"},
        Row{"the same pair, but long after", {{'A', 'B'}, {'A', 'B', 11min}}, "mm"},
        Row{"it confesses", {{'A', 'B', 0s, true}}, "r"},
        Row{"the master does not reach it either", {{'A', 'B', 0s, false, false}}, "r"},
        Row{"whoever was removed comes back with a clean record", {{'A', 'B'}, {'A', 'B', 1s}, {'A', 'B', 2s}}, "mrm"},
        Row{"a repeat of the message is no second accusation",
            {{'A', 'B', 0s, false, true, 1, 7}, {'A', 'B', 1s, false, true, 1, 7}, {'C', 'B', 2s, false, true, 1, 7}},
            "mmr"},
        Row{"another chunk is another matter", {{'A', 'B'}, {'A', 'B', 1s, false, true, 2}}, "mm"}));

TEST(Accusations, AreForgottenWhenTheyAreOldOrTooMany) {
  Accusations accusations;
  for (std::uint64_t chunk = 1; chunk <= Accusations::kMax + 10; ++chunk)
    (void)accusations.weigh({{chunk}, {1}, server('A'), server('B'), false, true}, kStart);
  EXPECT_EQ(accusations.size(), Accusations::kMax);
  (void)accusations.weigh({{1}, {1}, server('A'), server('C'), false, true}, kStart + Accusations::kKept + 1s);
  EXPECT_EQ(accusations.size(), 1u);
  accusations.forget({1}, server('C'));
  EXPECT_EQ(accusations.size(), 0u);
}

}  // namespace
}  // namespace gfs::master
