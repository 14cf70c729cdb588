// DecisionLog: newest first, bounded, and what is said often does not push out the rest.
#include "master/decision_log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "base/sim_executor.h"

namespace gfs::master {
namespace {

std::vector<std::string> texts(const DecisionLog& log, std::size_t most = 1'000'000) {
  std::vector<std::string> all;
  log.visit([&](const DecisionRecord& one) {
    if (all.size() == most) return false;
    all.push_back(one.text);
    return true;
  });
  return all;
}

TEST(DecisionLogTest, IsReadNewestFirstWhateverTheirKinds) {
  SimExecutor clock;
  DecisionLog log(clock);
  int number = 0;
  for (Decided what : {Decided::placed, Decided::dropped, Decided::deferred, Decided::placed, Decided::copied}) {
    log.note(what, {1}, {}, std::to_string(++number));
    clock.run_for(1s);
  }
  EXPECT_EQ(texts(log), (std::vector<std::string>{"5", "4", "3", "2", "1"}));
  EXPECT_EQ(texts(log, 2).size(), 2u);
}

TEST(DecisionLogTest, ManyOfOneKindPushOutTheirOldestOnly) {
  SimExecutor clock;
  DecisionLog log(clock);
  log.note(Decided::dropped, {1}, {}, "why it went");
  for (std::size_t i = 0; i < 2 * DecisionLog::kKept; ++i) {
    log.note(Decided::placed, {2}, {}, std::to_string(i));
    log.note(Decided::deferred, {2}, {}, std::string(5000, 'x'));
  }
  const std::vector<std::string> all = texts(log);
  EXPECT_EQ(all.size(), 2 * DecisionLog::kKept + 1);
  EXPECT_EQ(std::ranges::count(all, "why it went"), 1);
  EXPECT_EQ(std::ranges::count(all, "0"), 0);
  for (const std::string& text : all) EXPECT_LE(text.size(), DecisionLog::kTextMax);
}

TEST(DecisionLogTest, EveryKindHasAName) {
  std::set<std::string_view> names;
  for (int what = 0; what <= static_cast<int>(Decided::limited); ++what)
    names.insert(name_of(static_cast<Decided>(what)));
  EXPECT_EQ(names.size(), 9u);
  EXPECT_FALSE(names.contains(""));
}

}  // namespace
}  // namespace gfs::master
