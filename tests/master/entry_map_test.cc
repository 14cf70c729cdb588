// The packed map of names agrees with std::map under random changes, stays in order, and stays small.
#include "master/entry_map.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "master/inode_table.h"

namespace gfs::master {
namespace {

using Pairs = std::map<std::pair<std::uint64_t, std::string>, std::uint64_t>;

Pairs content(const EntryMap& map) {
  Pairs pairs;
  std::pair<std::uint64_t, std::string> before{0, ""};
  map.walk_all([&](InodeId directory, std::string_view name, InodeId inode) {
    std::pair<std::uint64_t, std::string> key{directory.value, name};
    EXPECT_LT(before, key);
    before = key;
    pairs[key] = inode.value;
    return true;
  });
  return pairs;
}

TEST(EntryMap, AgreesWithAnOrderedMap) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    Random random(seed);
    EntryMap map;
    Pairs model;
    double growing = 0.7;
    for (int step = 1; step <= 30000; ++step) {
      if (step % 10000 == 0) growing = 1 - growing;
      std::uint64_t directory = random.between(1, 5);
      std::string name(random.between(1, random.chance(0.05) ? 255 : 6), 'a');
      for (char& letter : name) letter = static_cast<char>(random.between(1, 255));
      if (!model.empty() && random.chance(0.6)) {
        auto at = model.lower_bound({directory, name});
        if (at == model.end()) at = model.begin();
        directory = at->first.first;
        name = at->first.second;
      }
      std::uint64_t inode = static_cast<std::uint64_t>(step);
      if (random.chance(growing)) {
        ASSERT_EQ(map.insert({directory}, name, {inode}), model.emplace(std::pair{directory, name}, inode).second);
      } else {
        ASSERT_EQ(map.erase({directory}, name), model.erase({directory, name}) == 1);
      }
      auto expected = model.find({directory, name});
      ASSERT_EQ(map.find({directory}, name).value, expected == model.end() ? 0 : expected->second);
      ASSERT_EQ(map.size(), model.size());
    }
    EXPECT_EQ(content(map), model) << "seed " << seed;
  }
}

TEST(EntryMap, WalksFromTheNextName) {
  EntryMap map;
  for (std::uint64_t i = 1; i <= 1000; ++i) map.insert({i % 3 + 1}, hex(i), {i});
  std::vector<std::string> names;
  std::string after;
  while (true) {
    std::size_t before = names.size();
    map.walk({2}, after, [&](InodeId directory, std::string_view name, InodeId) {
      EXPECT_EQ(directory.value, 2u);
      names.emplace_back(name);
      return names.size() % 7 != 0;
    });
    if (names.size() == before) break;
    after = names.back();
  }
  EXPECT_EQ(names.size(), 334u);
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
}

TEST(EntryMap, IsPacked) {
  for (bool in_order : {true, false}) {
    EntryMap map;
    Random random(1);
    for (std::uint64_t i = 1; i <= 100000; ++i) map.insert({1}, hex(in_order ? i : random.next()), {i});
    // 16 characters and 17 bytes each: what pages could hold at best against what they were given room for.
    double share = 100000.0 * 33 / (static_cast<double>(map.pages()) * EntryMap::kPageMax);
    EXPECT_GT(share, in_order ? 0.95 : 0.6);
  }
}

TEST(EntryMap, GivesPagesBack) {
  EntryMap map;
  for (std::uint64_t i = 1; i <= 20000; ++i) map.insert({1}, hex(i), {i});
  EXPECT_GT(map.pages(), 100u);
  for (std::uint64_t i = 1; i <= 20000; ++i) {
    if (i % 100 != 0) ASSERT_TRUE(map.erase({1}, hex(i)));
  }
  EXPECT_LT(map.pages(), 30u);
  for (std::uint64_t i = 100; i <= 20000; i += 100) ASSERT_TRUE(map.erase({1}, hex(i)));
  EXPECT_EQ(map.pages(), 1u);
}

TEST(InodeTable, NumbersAreNeverGivenTwice) {
  InodeTable table;
  for (std::uint64_t i = 1; i <= 1000; ++i) EXPECT_EQ(table.add(Inode{.size = i}).value, i);
  for (std::uint64_t i = 1; i <= 1000; ++i) {
    ASSERT_EQ(table.find({i})->size, i);
    table.erase({i});
    EXPECT_EQ(table.find({i}), nullptr);
  }
  EXPECT_EQ(table.size(), 0u);
  EXPECT_EQ(table.add(Inode{}).value, 1001u);
  EXPECT_EQ(table.find({0}), nullptr);
  EXPECT_EQ(table.find({99999999}), nullptr);
}

}  // namespace
}  // namespace gfs::master
