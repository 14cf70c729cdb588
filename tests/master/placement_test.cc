// Where new chunks go: spread over racks, away from full and busy servers, shared among equals, the same for a seed.
#include "master/placement.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace gfs::master {
namespace {

ServerId server(std::uint8_t number) {
  ServerId id;
  id.bytes[0] = number;
  return id;
}

Candidate candidate(std::uint8_t number, std::string rack, std::uint64_t free_gib = 100) {
  return Candidate{server(number), std::move(rack), 100ull << 30, free_gib << 30, 0};
}

TEST(Placement, NeverTheSameServerTwice) {
  Random random(1);
  for (int i = 0; i < 200; ++i) {
    std::vector<ServerId> chosen =
        place({candidate(1, "r"), candidate(2, "r"), candidate(3, "r"), candidate(4, "r")}, {.copies = 3}, random);
    EXPECT_EQ(std::set<ServerId>(chosen.begin(), chosen.end()).size(), 3u);
  }
}

TEST(Placement, FewerServersThanCopiesAreAllTaken) {
  Random random(1);
  EXPECT_EQ(place({candidate(1, "r"), candidate(2, "r")}, {.copies = 3}, random).size(), 2u);
  EXPECT_TRUE(place({}, {.copies = 3}, random).empty());
}

TEST(Placement, SpreadsOverRacks) {
  Random random(2);
  std::map<ServerId, std::string> racks;
  std::vector<Candidate> all{candidate(1, "a"), candidate(2, "a"), candidate(3, "a"),
                             candidate(4, "a"), candidate(5, "b"), candidate(6, "c")};
  for (const Candidate& one : all) racks[one.server] = one.rack;
  for (int i = 0; i < 200; ++i) {
    std::set<std::string> used;
    for (ServerId id : place(all, {.copies = 3}, random)) used.insert(racks[id]);
    EXPECT_EQ(used.size(), 3u);
  }
}

TEST(Placement, CountsTheRacksOfMembersThatAreThere) {
  Random random(2);
  PlacementWish wish{.copies = 1, .present = {candidate(1, "a"), candidate(2, "b")}};
  for (int i = 0; i < 50; ++i) {
    std::vector<ServerId> chosen =
        place({candidate(1, "a"), candidate(3, "a"), candidate(4, "b"), candidate(5, "c")}, wish, random);
    ASSERT_EQ(chosen.size(), 1u);
    EXPECT_EQ(chosen[0], server(5));
  }
}

TEST(Placement, FullServersGetNothing) {
  Random random(3);
  for (int i = 0; i < 100; ++i) {
    std::vector<ServerId> chosen =
        place({candidate(1, "a", 0), candidate(2, "a"), candidate(3, "b", 0)}, {.copies = 3}, random);
    EXPECT_EQ(chosen, std::vector<ServerId>{server(2)});
  }
}

TEST(Placement, EqualsShareAndEmptierOnesGetMore) {
  Random random(4);
  std::map<ServerId, int> got;
  for (int i = 0; i < 6000; ++i) {
    std::vector<Candidate> all{candidate(1, "r", 90), candidate(2, "r", 90), candidate(3, "r", 90),
                               candidate(4, "r", 10)};
    for (ServerId id : place(std::move(all), {.copies = 1}, random)) ++got[id];
  }
  for (std::uint8_t i = 1; i <= 3; ++i) EXPECT_NEAR(got[server(i)], 1930, 250);
  EXPECT_LT(got[server(4)], 400);
}

TEST(Placement, RecentPlacementsCount) {
  Random random(5);
  std::vector<Candidate> all{candidate(1, "r"), candidate(2, "r")};
  for (int i = 0; i < 1000; ++i) {
    ServerId chosen = place(all, {.copies = 1}, random).front();
    ++all[chosen == server(1) ? 0 : 1].recent;
  }
  EXPECT_NEAR(static_cast<double>(all[0].recent), 500, 60);
}

TEST(Placement, TheSameSeedChoosesTheSame) {
  std::vector<Candidate> all{candidate(1, "a"), candidate(2, "b"), candidate(3, "c"), candidate(4, "a")};
  Random one(6), two(6);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(place(all, {.copies = 3}, one), place(all, {.copies = 3}, two));
}

}  // namespace
}  // namespace gfs::master
