// log stat and log dump of a running master.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/cli/cli_fixture.h"

namespace gfs::cli {
namespace {

using nlohmann::ordered_json;
using testing::HasSubstr;

std::vector<ordered_json> lines_of(const std::string& text) {
  std::vector<ordered_json> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(ordered_json::parse(line));
  return lines;
}

TEST_F(CliTest, LogStatOfARunningMasterTellsItsFilesAndVerifiesNothing) {
  ok({"checkpoint", "now"});
  ok({"mkdir", remote("one")});
  const ordered_json shown = ordered_json::parse(ok({"--json", "log", "stat"}));
  const ordered_json status = ordered_json::parse(ok({"--json", "status"}));
  EXPECT_EQ(shown["cluster"], status["cluster"]);
  EXPECT_EQ(shown["epoch"], 1);
  EXPECT_TRUE(shown["damaged"].is_null());
  EXPECT_THAT(shown["master"].get<std::string>(), HasSubstr(status["master"]["address"].get<std::string>()));
  ASSERT_FALSE(shown["segments"].empty());
  EXPECT_GT(shown["segments"].back()["last"], shown["checkpoints"][0]["index"]);
  EXPECT_LE(shown["segments"].back()["last"], status["master"]["index"]);
  EXPECT_GT(shown["segments"].back()["bytes"], 56);
  EXPECT_TRUE(shown["segments"].back()["damage"].is_null());
  ASSERT_FALSE(shown["checkpoints"].empty());
  EXPECT_GT(shown["checkpoints"][0]["bytes"], 0);
  const std::string text = ok({"log", "stat"});
  EXPECT_THAT(text, HasSubstr(shown["segments"].back()["file"].get<std::string>() + "\t1\t"));
  EXPECT_THAT(text, HasSubstr("not checked"));
}

TEST_F(CliTest, LogStatOfARunningMasterHasNoState) {
  const Said refused = gfs({"log", "stat", "--state"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err, HasSubstr("--state"));
}

TEST_F(CliTest, LogDumpOfARunningMasterTellsWhatWasChanged) {
  ok({"mkdir", remote("one")});
  const std::uint64_t index = ordered_json::parse(ok({"--json", "status"}))["master"]["index"];
  ok({"mkdir", remote("two")});
  ok({"mv", remote("two"), remote("three")});
  const std::vector<ordered_json> all = lines_of(ok({"--json", "log", "dump", "--from", std::to_string(index + 1)}));
  std::vector<ordered_json> here;  // between them clients are closed
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i]["index"], index + 1 + i);
    EXPECT_EQ(all[i]["epoch"], 1);
    if (all[i]["body"].dump().find(remote("two")) != std::string::npos) here.push_back(all[i]);
  }
  ASSERT_EQ(here.size(), 2u);
  EXPECT_THAT(here[0]["body"].dump(), HasSubstr(remote("two")));
  EXPECT_THAT(here[1]["body"].dump(), HasSubstr(remote("three")));
  const std::string one = ok({"log", "dump", "--from", std::to_string(index), "--count", "1"});
  EXPECT_EQ(one.find('\n'), one.size() - 1);
  EXPECT_THAT(one, testing::StartsWith(std::to_string(index) + "\t"));
  EXPECT_EQ(ok({"log", "dump", "--from", std::to_string(index + 1000)}), "");
  EXPECT_GE(lines_of(ok({"--json", "log", "dump"})).size(), 3u);
}

}  // namespace
}  // namespace gfs::cli
