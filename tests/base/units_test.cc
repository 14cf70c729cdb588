// Sizes, durations and wall times, read and written as people do.
#include "base/units.h"

#include <gtest/gtest.h>

#include <limits>

namespace gfs {
namespace {

TEST(ParseSize, KnowsWhatPeopleWrite) {
  struct Row {
    const char* text;
    std::uint64_t bytes;
  };
  for (const Row& row : std::initializer_list<Row>{{"0", 0},
                                                   {"4096", 4096},
                                                   {"17B", 17},
                                                   {"64KiB", 64 * KiB},
                                                   {"64MiB", 64 * MiB},
                                                   {"1.5GiB", 1536 * MiB},
                                                   {"1.2 GiB", 1288490188},
                                                   {"2TiB", 2048 * GiB},
                                                   {"3K", 3072},
                                                   {"3M", 3 * MiB},
                                                   {"3G", 3 * GiB},
                                                   {"1T", 1024 * GiB},
                                                   {"1KB", 1000},
                                                   {"1MB", 1000000},
                                                   {"18446744073709551615", std::numeric_limits<std::uint64_t>::max()},
                                                   {"0.5B", 0}}) {
    Result<std::uint64_t> size = parse_size(row.text);
    ASSERT_TRUE(size) << row.text << ": " << size.error().text();
    EXPECT_EQ(*size, row.bytes) << row.text;
  }
}

TEST(ParseSize, RefusesTheRestByName) {
  for (const char* text : {"", "MiB", "-1", "+1", "1.", ".5", "1..5", "64mib", "64 XB", "1e9", "1  B", "64MiB ", "0x10",
                           "18446744073709551616", "99999999TiB", "999999999999999999999999999999999999999999999"}) {
    Result<std::uint64_t> size = parse_size(text);
    ASSERT_FALSE(size) << text << " gave " << *size;
    EXPECT_EQ(size.error().code, Code::invalid_argument);
    EXPECT_NE(size.error().message.find("\"" + std::string(text).substr(0, 60) + "\""), std::string::npos);
  }
}

TEST(ParseDuration, KnowsWhatPeopleWrite) {
  struct Row {
    const char* text;
    Duration duration;
  };
  for (const Row& row : std::initializer_list<Row>{{"0s", 0s},
                                                   {"5ns", 5ns},
                                                   {"7us", 7us},
                                                   {"250ms", 250ms},
                                                   {"60s", 60s},
                                                   {"1.5s", 1500ms},
                                                   {"10min", 10min},
                                                   {"3h", 3h},
                                                   {"14d", 14 * 24h}}) {
    Result<Duration> duration = parse_duration(row.text);
    ASSERT_TRUE(duration) << row.text << ": " << duration.error().text();
    EXPECT_EQ(*duration, row.duration) << row.text;
  }
}

TEST(ParseDuration, RefusesTheRest) {
  for (const char* text : {"", "60", "60 sec", "1m", "-5s", "s", "300000000d", "1h30min"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(Format, Sizes) {
  EXPECT_EQ(format_size(0), "0 B");
  EXPECT_EQ(format_size(17), "17 B");
  EXPECT_EQ(format_size(1023), "1023 B");
  EXPECT_EQ(format_size(1024), "1.0 KiB");
  EXPECT_EQ(format_size(MiB - 1), "1.0 MiB");
  EXPECT_EQ(format_size(1288490189), "1.2 GiB");
  EXPECT_EQ(format_size(std::numeric_limits<std::uint64_t>::max()), "16.0 EiB");
}

TEST(Format, Durations) {
  EXPECT_EQ(format_duration(5ns), "5ns");
  EXPECT_EQ(format_duration(12us), "12us");
  EXPECT_EQ(format_duration(250ms), "250ms");
  EXPECT_EQ(format_duration(3s), "3s");
  EXPECT_EQ(format_duration(3500ms), "3.5s");
  EXPECT_EQ(format_duration(260s), "4m20s");
  EXPECT_EQ(format_duration(3h + 5min), "3h05m");
  EXPECT_EQ(format_duration(51h), "2d03h");
  EXPECT_EQ(format_duration(-3s), "-3s");
  EXPECT_FALSE(format_duration(Duration::min()).empty());
}

TEST(Format, WallTimes) {
  EXPECT_EQ(format_wall(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(format_wall(-1), "1969-12-31T23:59:59Z");
  EXPECT_EQ(format_wall(1'767'225'600'000), "2026-01-01T00:00:00Z");
  EXPECT_EQ(format_wall(951'782'400'000), "2000-02-29T00:00:00Z");
  EXPECT_EQ(format_wall(std::numeric_limits<WallMs>::max()), "9999-12-31T23:59:59Z");
  EXPECT_EQ(format_wall(std::numeric_limits<WallMs>::min()), "0000-01-01T00:00:00Z");
}

}  // namespace
}  // namespace gfs
