// Which paths are accepted, and what the refusals say.
#include "master/path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gfs::master {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Path, SplitsIntoComponents) {
  EXPECT_THAT(split_path("/").value(), ElementsAre());
  EXPECT_THAT(split_path("/a").value(), ElementsAre("a"));
  EXPECT_THAT(split_path("/a/b c/..d").value(), ElementsAre("a", "b c", "..d"));
  EXPECT_THAT(split_path("/" + std::string(kComponentMax, 'x')).value().front(), testing::SizeIs(kComponentMax));
}

TEST(Path, N04N10RefusalsNameWhatIsWrong) {
  struct Row {
    const char* name;
    std::string path;
    const char* says;
  };
  std::string deep;
  while (deep.size() <= kPathMax) deep += "/0123456789";
  const Row rows[] = {
      {"empty", "", "empty"},
      {"relative", "a/b", "not absolute"},
      {"dot", "/a/./b", "component ."},
      {"dot dot", "/a/..", "component .."},
      {"doubled", "/a//b", "empty component"},
      {"trailing", "/a/", "empty component"},
      {"NUL", std::string("/a\0b", 4), "NUL"},
      {"long component", "/a/" + std::string(kComponentMax + 1, 'x'), "at most 255"},
      {"long", deep, "at most 4096"},
  };
  for (const Row& row : rows) {
    Result<std::vector<std::string_view>> split = split_path(row.path);
    ASSERT_FALSE(split) << row.name;
    EXPECT_EQ(split.error().code, Code::invalid_argument) << row.name;
    EXPECT_THAT(split.error().message, HasSubstr(row.says)) << row.name;
  }
}

TEST(Path, Joins) {
  EXPECT_EQ(join_path("/", "a"), "/a");
  EXPECT_EQ(join_path("/a", "b"), "/a/b");
}

}  // namespace
}  // namespace gfs::master
