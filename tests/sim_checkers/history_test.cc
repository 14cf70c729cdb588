// Durability over power cuts, who may acknowledge, seeds side by side, and the registry of mutants.
#include "tests/sim/history.h"

#include <gtest/gtest.h>

#include "base/crc32c.h"
#include "tests/sim/checkers/durability.h"
#include "tests/sim/checkers/primaries.h"
#include "tests/sim/mutants.h"
#include "tests/sim/plan.h"
#include "tests/sim/seeds.h"

namespace gfs::sim {
namespace {

class DurabilityTest : public testing::Test {
 protected:
  DurabilityTest() {
    history_.by_file.resize(1);
    history_.synced_size.resize(1);
  }
  std::uint64_t wrote(std::uint64_t offset, std::uint64_t size) {
    const std::uint64_t id = history_.begin(0, offset, size, now_ += 1s);
    history_.end(id, Fate::ok, now_ += 1s);
    return id;
  }
  bool fits(const Bytes& got, std::uint64_t offset, Instant began) {
    history_.faults_found.clear();
    check_read(history_, 0, offset, got.size(), got, began);
    return history_.faults_found.empty();
  }

  History history_;
  Instant now_{};
};

TEST_F(DurabilityTest, WhatWasAcknowledgedIsSeenUnlessEveryMachineLostPowerBeforeItWasSynced) {
  const std::uint64_t first = wrote(0, 64);
  const std::uint64_t second = wrote(0, 64);
  EXPECT_TRUE(fits(content_of(second, 0, 64), 0, now_ + 1s));
  EXPECT_FALSE(fits(content_of(first, 0, 64), 0, now_ + 1s));
  EXPECT_TRUE(fits(content_of(first, 0, 64), 0, now_ - 1s));  // a read that may lag
  history_.synced({first}, now_ - 1500ms);
  history_.power_lost(now_ += 1s);
  EXPECT_TRUE(fits(content_of(first, 0, 64), 0, now_ + 1s));
  EXPECT_TRUE(fits(content_of(second, 0, 64), 0, now_ + 1s));
  EXPECT_FALSE(fits(Bytes::of(std::string(64, '\0')), 0, now_ + 1s));  // the synced one is gone
  EXPECT_EQ(history_.ok, 1u);
  EXPECT_EQ(history_.unknown, 1u);
}

TEST_F(DurabilityTest, ASyncThatSpansThePowerCutProvesNothing) {
  const std::uint64_t id = wrote(0, 16);
  const Instant began = now_ += 1s;
  history_.power_lost(now_ += 1s);
  history_.synced({id}, began);
  EXPECT_EQ(history_.writes[0].fate, Fate::unknown);
  EXPECT_FALSE(history_.writes[0].synced);
}

TEST(Cells, DifferentOperationsGiveABlockDifferentChecksums) {
  const Bytes one = content_of(1, 0, 64 << 10);
  const Bytes other = content_of(2, 0, 64 << 10);
  EXPECT_NE(crc32c(one.data(), one.size()), crc32c(other.data(), other.size()));
  EXPECT_EQ(writer_of(one.data() + 160, 160), 1);
  EXPECT_EQ(writer_of(one.data() + 160, 176), -1);
}

TEST_F(DurabilityTest, WhatAClientGaveUpDoesNotComeOnTopOfWhatItWroteAfterwards) {
  const std::uint64_t given_up = history_.begin(0, 0, 64, now_ += 1s, 7);
  history_.end(given_up, Fate::unknown, now_ += 1s);
  EXPECT_TRUE(fits(content_of(given_up, 0, 64), 0, now_ + 1s));
  wrote(0, 64);  // by another
  EXPECT_TRUE(fits(content_of(given_up, 0, 64), 0, now_ + 1s));
  const std::uint64_t later = history_.begin(0, 32, 64, now_ += 1s, 7);
  history_.end(later, Fate::ok, now_ += 1s);
  EXPECT_FALSE(fits(content_of(given_up, 0, 64), 0, now_ + 1s));
  EXPECT_TRUE(fits(content_of(given_up, 0, 32), 0, now_ + 1s));
}

class PrimaryTest : public testing::Test {
 protected:
  void mutation(int server, std::uint64_t life, std::uint64_t version, std::uint64_t serial, Duration applied,
                Duration acknowledged) {
    checker_.applied(handle_, Version{version}, Serial{serial}, Instant{} + applied);
    checker_.acknowledged(server, life, handle_, Version{version}, Serial{serial}, Instant{} + acknowledged);
  }
  bool clean() const { return history_.faults_found.empty(); }

  const ChunkHandle handle_{7};
  History history_;
  PrimaryChecker checker_{history_};
};

TEST_F(PrimaryTest, OnePrimaryAVersionInTheirOrder) {
  mutation(1, 1, 4, 1, 1s, 2s);
  mutation(1, 1, 4, 2, 3s, 4s);
  mutation(2, 1, 5, 1, 6s, 7s);
  EXPECT_TRUE(clean());
}

TEST_F(PrimaryTest, TwoServersOrTwoLivesInOneVersion) {
  mutation(1, 1, 4, 1, 1s, 2s);
  mutation(2, 1, 4, 2, 3s, 4s);
  EXPECT_FALSE(clean());
  history_.faults_found.clear();
  mutation(1, 2, 4, 3, 5s, 6s);
  EXPECT_FALSE(clean());
}

TEST_F(PrimaryTest, AnOldVersionMayFinishWhatItBeganButBeginNothing) {
  mutation(2, 1, 5, 1, 6s, 7s);
  mutation(1, 1, 4, 9, 5s, 80s);  // a primary that stood still
  EXPECT_TRUE(clean());
  mutation(1, 1, 4, 10, 8s, 9s);
  EXPECT_FALSE(clean());
}

SeedResult some_seed(std::uint64_t seed) {
  if (seed == 13) std::abort();
  SeedResult result;
  result.seed = seed;
  result.trace = seed * 7;
  if (seed == 9) result.faults_found.push_back("names: something");
  return result;
}

TEST(Seeds, SideBySideTheyAreToldInTheirOrderUntilOneFails) {
  for (unsigned jobs : {1u, 3u}) {
    std::vector<std::uint64_t> told;
    run_seeds({1, 12, jobs}, some_seed, [&](const SeedResult& result) {
      told.push_back(result.seed);
      EXPECT_EQ(result.trace, result.seed * 7);
      return result.faults_found.empty();
    });
    EXPECT_EQ(told, (std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6, 7, 8, 9}));
  }
}

TEST(Seeds, AProcessThatDiesIsAFailureOfItsSeed) {
  std::vector<std::string> faults;
  run_seeds({12, 4, 2}, some_seed, [&](const SeedResult& result) {
    faults = result.faults_found;
    if (!faults.empty()) EXPECT_EQ(result.seed, 13u);
    return faults.empty();
  });
  ASSERT_EQ(faults.size(), 1u);
  EXPECT_TRUE(faults[0].starts_with("crash: "));
}

TEST(Mutants, EachHasANameOfItsOwnAndFaultsThatExist) {
  std::set<std::string> names;
  for (const Mutant& mutant : mutants()) {
    EXPECT_TRUE(names.insert(mutant.name).second) << mutant.name;
    EXPECT_FALSE(mutant.faults.empty()) << mutant.name;
    for (const std::string& fault : mutant.faults) EXPECT_TRUE(kFaultClasses.contains(fault)) << fault;
    EXPECT_EQ(find_mutant(mutant.name), &mutant);
  }
  EXPECT_EQ(find_mutant("none"), nullptr);
}

}  // namespace
}  // namespace gfs::sim
