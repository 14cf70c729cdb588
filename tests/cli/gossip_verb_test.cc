// gossip: who is alive, as a member of an embedded cluster believes.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/cli/cli_fixture.h"

namespace gfs::cli {
namespace {

using nlohmann::ordered_json;

std::vector<ordered_json> members(const std::string& text) {
  std::vector<ordered_json> rows;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) rows.push_back(ordered_json::parse(line));
  return rows;
}

TEST_F(CliTest, GossipShowsTheMasterAndItsChunkservers) {
  const std::size_t servers = members(ok({"--json", "server", "ls"})).size();
  std::vector<ordered_json> rows;
  for (int tries = 0; tries < 3000 && rows.size() != servers + 1; ++tries) rows = members(ok({"--json", "gossip"}));
  ASSERT_EQ(rows.size(), servers + 1);
  EXPECT_EQ(rows[0]["role"], "master");
  EXPECT_EQ(rows[0]["self"], true);
  EXPECT_EQ(rows[0]["health"], 0);
  EXPECT_EQ(rows[0]["node"], ordered_json::parse(ok({"--json", "status"}))["cluster"]);
  for (std::size_t i = 1; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i]["role"], "chunkserver");
    EXPECT_EQ(rows[i]["status"], "alive");
    EXPECT_EQ(rows[i]["self"], false);
    EXPECT_GE(rows[i]["incarnation"], 1);
    EXPECT_GT(rows[i]["timestamp"], 0);
  }
  const std::vector<ordered_json> seen = members(ok({"--json", "gossip", rows[1]["node"].get<std::string>()}));
  EXPECT_EQ(seen[0]["node"], rows[1]["node"]);
  EXPECT_EQ(gfs({"gossip", "no-such-server"}).code, 3);
}

}  // namespace
}  // namespace gfs::cli
