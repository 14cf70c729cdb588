// Random and ids: a seed replays, ids survive being written and read.
#include "base/id.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace gfs {
namespace {

TEST(Random, ASeedReplaysAndAnotherOneDoesNot) {
  Random first(7);
  Random second(7);
  Random other(8);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    std::uint64_t word = first.next();
    EXPECT_EQ(word, second.next());
    differs |= word != other.next();
  }
  EXPECT_TRUE(differs);
}

TEST(Random, StaysWithinItsBounds) {
  Random random(3);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) {
    seen.insert(random.below(5));
    std::uint64_t between = random.between(10, 12);
    EXPECT_TRUE(between >= 10 && between <= 12);
    double unit = random.unit();
    EXPECT_TRUE(unit >= 0 && unit < 1);
    Duration jitter = random.jitter(10s);
    EXPECT_TRUE(jitter >= 5s && jitter < 10s);
  }
  EXPECT_EQ(seen, (std::set<std::uint64_t>{0, 1, 2, 3, 4}));
  EXPECT_FALSE(random.chance(0));
  EXPECT_TRUE(random.chance(1));
  std::vector<int> items{1, 2, 3, 4, 5, 6};
  random.shuffle(items);
  EXPECT_TRUE(std::ranges::is_permutation(items, std::vector<int>{1, 2, 3, 4, 5, 6}));
  EXPECT_NE(Random::seed_from_machine(), Random::seed_from_machine());
}

TEST(Id, SurvivesTextAndBack) {
  Random random(1);
  for (int i = 0; i < 100; ++i) {
    ServerId id = ServerId::random(random);
    EXPECT_FALSE(id.nil());
    EXPECT_EQ(id.text().size(), 36u);
    EXPECT_EQ(ServerId::parse(id.text()), id);
  }
  EXPECT_TRUE(ServerId{}.nil());
  EXPECT_EQ(ServerId{}.text(), "00000000-0000-0000-0000-000000000000");
  EXPECT_EQ(ServerId::parse("00112233445566778899AABBCCDDEEFF")->text(), "00112233-4455-6677-8899-aabbccddeeff");
}

TEST(Id, RefusesWhatIsNotOne) {
  for (const char* text : {"", "0", "00112233-4455-6677-8899-aabbccddeef", "00112233-4455-6677-8899-aabbccddeeff0",
                           "0011223-34455-6677-8899-aabbccddeeff", "g0112233-4455-6677-8899-aabbccddeeff", "-----"}) {
    EXPECT_FALSE(ServerId::parse(text)) << text;
  }
}

TEST(Id, NumbersShowAsPeopleSeeThem) {
  EXPECT_EQ(fmt::format("{} {} {}", ChunkHandle{0x7f3a}, Version{4}, Serial{9}), "0000000000007f3a 4 9");
  EXPECT_EQ(Version{4}.next(), Version{5});
}

}  // namespace
}  // namespace gfs
