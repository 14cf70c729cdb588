// Packed pages agree with std::map whatever the order and size of the records, and are given back.
#include "master/packed_map.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace gfs::master {
namespace {

struct Numbers {
  using Key = std::uint64_t;
  static void put(std::string& page, Key key, Key border) { put_varint(page, key - border); }
  static Key take(ByteReader& page, Key border) { return border + page.varint(); }
};
using Map = PackedMap<Numbers>;
using Model = std::map<std::uint64_t, std::string>;

Model content(const Map& map) {
  Model content;
  map.walk(0, [&](std::uint64_t key, std::string_view body) { return content.emplace(key, body).second; });
  return content;
}

TEST(PackedMap, AgreesWithAnOrderedMap) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    Random random(seed);
    Map map;
    Model model;
    double growing = 0.7;
    for (int step = 1; step <= 40000; ++step) {
      if (step % 10000 == 0) growing = 1 - growing;
      const std::uint64_t key = random.below(10000) << (random.chance(0.5) ? 50 : 0);
      if (random.chance(growing)) {
        const std::string body(random.below(random.chance(0.01) ? 3000 : 40), static_cast<char>('a' + step % 26));
        map.put(key, body);
        model[key] = body;
      } else {
        ASSERT_EQ(map.erase(key), model.erase(key) == 1);
      }
      ASSERT_EQ(map.size(), model.size());
      auto found = model.find(key);
      ASSERT_EQ(map.find(key), found == model.end() ? std::nullopt : std::optional<std::string_view>(found->second));
      if (step % 2000 == 0) ASSERT_EQ(content(map), model) << "seed " << seed << " step " << step;
    }
  }
}

TEST(PackedMap, IsWalkedBothWays) {
  Map map;
  for (std::uint64_t i = 1; i <= 1000; ++i) map.put(2 * i, "body");
  for (std::uint64_t from : {0, 1, 2, 999, 1000, 1999, 2000, 2001}) {
    std::uint64_t up = (from + 1) / 2 * 2, down = (from + 1) / 2 * 2 - 2;
    if (up == 0) up = 2;
    std::uint64_t behind = 0, before = 0;
    map.walk(from, [&](std::uint64_t key, std::string_view) { return (behind = key, false); });
    map.walk_back(from, [&](std::uint64_t key, std::string_view) { return (before = key, false); });
    EXPECT_EQ(behind, up > 2000 ? 0 : up);
    EXPECT_EQ(before, from == 0 ? 0 : down) << from;
  }
  std::uint64_t expected = 2000;
  map.walk_back(~0ull,
                [&](std::uint64_t key, std::string_view) { return key == std::exchange(expected, expected - 2); });
  EXPECT_EQ(expected, 0u);
  EXPECT_EQ(map.last(), 2000u);
  EXPECT_EQ(Map().last(), std::nullopt);
}

TEST(PackedMap, FillsItsPagesAndGivesThemBack) {
  for (int order : {0, 1, 2}) {
    Random random(1);
    Map map;
    const std::string body(30, 'x');
    for (std::uint64_t i = 1; i <= 20000; ++i)
      map.put(order == 0 ? i : order == 1 ? 1000000 - i : random.below(1000000), body);
    const double full = static_cast<double>(map.size()) * 33 / (static_cast<double>(map.pages()) * Map::kPageMax);
    EXPECT_GT(full, order == 0 ? 0.9 : 0.45) << "order " << order;
    const Model all = content(map);
    EXPECT_EQ(all.size(), map.size());
    for (const auto& [key, one] : all) {
      if (key % 100 != 0) ASSERT_TRUE(map.erase(key));
    }
    EXPECT_LT(map.pages(), 40u);
    for (const auto& [key, one] : all) map.erase(key);
    EXPECT_EQ(map.pages(), 0u);
  }
}

TEST(PackedMap, PagesThatWereLetGoAreNotCopied) {
  Map map;
  for (std::uint64_t i = 1; i <= 1000; ++i) map.put(i, "body");
  Map::Frozen frozen = map.freeze();
  ASSERT_GT(frozen.size(), 2u);
  std::weak_ptr<const Map::Page> first = frozen[0], second = frozen[1];
  frozen[0].reset();
  map.put(1, "more");
  EXPECT_FALSE(first.expired()) << "changed where it was";
  map.put(second.lock()->border, "more");
  frozen[1].reset();
  EXPECT_TRUE(second.expired()) << "the map has a copy";
}

}  // namespace
}  // namespace gfs::master
