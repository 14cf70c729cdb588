// Log lines: one line per event whatever the values hold, quoted where needed, limited where a peer provokes them.
#include "base/log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <thread>
#include <vector>

#include "base/probe.h"

namespace gfs {
namespace {

template <class Action>
std::string written(Action action) {
  log::Level before = log::level();
  log::set_level(log::Level::info);
  testing::internal::CaptureStderr();
  action();
  std::string text = testing::internal::GetCapturedStderr();
  log::set_level(before);
  return text;
}

TEST(Log, ALineHasTimeLevelEventAndFields) {
  std::string line = written([] { log::info("chunk_created", {{"chunk", 17}, {"server", "cs1"}}); });
  EXPECT_TRUE(std::regex_match(
      line, std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info event=chunk_created chunk=17 server=cs1\n)")))
      << line;
}

TEST(Log, ValuesCannotForgeLinesOrFields) {
  struct Row {
    std::string value;
    std::string shown;
  };
  for (const Row& row : std::vector<Row>{{"plain", "plain"},
                                         {"", "\"\""},
                                         {"two words", "\"two words\""},
                                         {"say \"hi\"", "\"say \\\"hi\\\"\""},
                                         {"a\nevent=b", "\"a\\nevent=b\""},
                                         {"a=b", "\"a=b\""},
                                         {"\x1b[31m", "\"\\x1b[31m\""},
                                         {"\xc2\x9b", "\"\\xc2\\x9b\""},
                                         {"back\\slash", "\"back\\\\slash\""},
                                         {"Straße", "Straße"}}) {
    std::string line = written([&] { log::warn("e", {{"v", row.value}}); });
    EXPECT_NE(line.find(" warn event=e v=" + row.shown + "\n"), std::string::npos) << line;
    EXPECT_EQ(std::ranges::count(line, '\n'), 1);
  }
  std::string endless = written([] { log::warn("e", {{"v", std::string(100'000, 'x')}}); });
  EXPECT_LT(endless.size(), 5000u);
}

TEST(Log, LevelsBelowTheChosenOneAreSilent) {
  EXPECT_EQ(written([] { log::debug("quiet"); }), "");
  EXPECT_EQ(written([] {
              log::set_level(log::Level::off);
              log::error("quiet");
            }),
            "");
}

TEST(Log, ALimitedEventIsWrittenOnceASecond) {
  static int runs = 0;  // the limit lives as long as the process; a repeated test takes a fresh name
  std::string event = fmt::format("flood{}", ++runs);
  std::string text = written([&event] {
    for (int i = 0; i < 1000; ++i) log::write_limited(log::Level::warn, event, {{"i", i}});
    log::write_limited(log::Level::warn, event + "_other", {});
  });
  EXPECT_NE(text.find("event=" + event + " i=0\n"), std::string::npos) << text;
  EXPECT_NE(text.find("event=" + event + "_other"), std::string::npos);
  EXPECT_LE(std::ranges::count(text, '\n'), 4);
}

TEST(Log, LinesOfSeveralThreadsStayWhole) {
  std::string text = written([] {
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([] {
        for (int i = 0; i < 200; ++i) log::info("whole", {{"text", "a b c d"}});
      });
    }
    for (std::thread& thread : threads) thread.join();
  });
  std::regex line(R"(\S+ info event=whole text="a b c d")");
  std::size_t lines = 0;
  for (std::size_t at = 0; at < text.size(); ++lines) {
    std::size_t end = text.find('\n', at);
    ASSERT_TRUE(std::regex_match(text.substr(at, end - at), line)) << text.substr(at, end - at);
    at = end + 1;
  }
  EXPECT_EQ(lines, 800u);
}

TEST(Probe, CountsWhatWasReached) {
  std::uint64_t before = Probe::report()["a rare branch"];
  for (int i = 0; i < 3; ++i) PROBE("a rare branch");
  PROBE("a rare branch");
  EXPECT_EQ(Probe::report().at("a rare branch"), before + 4);
  EXPECT_FALSE(Probe::report().contains("a branch that does not exist"));
}

void never_called() { PROBE("a branch nobody reached"); }

TEST(Probe, KnowsThoseThatWereNeverReached) {
  auto* keep = &never_called;
  ASSERT_NE(keep, nullptr);
  EXPECT_EQ(Probe::report().at("a branch nobody reached"), 0u);
}

}  // namespace
}  // namespace gfs
