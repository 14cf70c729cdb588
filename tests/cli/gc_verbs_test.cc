// The verbs of collection against a cluster in this process. What they do to real garbage:
// tests/e2e/collection_test.py.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "client_cli/cli/server_choice.h"
#include "tests/cli/cli_fixture.h"

namespace gfs::cli {
namespace {

using nlohmann::ordered_json;
using testing::HasSubstr;

class CliCollect : public CliTest {
 protected:
  std::string server() {
    std::string first = ok({"--json", "server", "ls"});
    return ordered_json::parse(first.substr(0, first.find('\n')))["server"];
  }
};

TEST_F(CliCollect, TellsHowItStands) {
  std::string lines = ok({"--json", "gc", "status"});
  ordered_json first = ordered_json::parse(lines.substr(0, lines.find('\n')));
  std::string names;
  for (const auto& [name, value] : first.items()) names += name + " ";
  EXPECT_EQ(names, "v server address quarantined quarantined_bytes oldest_ms garbage refused unknown ");
  EXPECT_EQ(first["oldest_ms"], -1);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 3);
  EXPECT_THAT(ok({"gc", "status"}), HasSubstr("\t0\t0\t-1\t0\t0\t0\n"));
  EXPECT_EQ(ok({"gc", "ls", server()}), "");
  EXPECT_EQ(ok({"gc", "ls", server().substr(0, 8)}), "");
  EXPECT_EQ(gfs({"gc", "ls", "tcp://nowhere:1"}).code, 3);
}

TEST_F(CliCollect, AWordNeedsItsNumberAndIsBounded) {
  Said without = gfs({"gc", "allow", "all"});
  EXPECT_EQ(without.code, 2);
  EXPECT_THAT(without.err, HasSubstr("--up-to"));
  EXPECT_EQ(ordered_json::parse(ok({"--json", "gc", "allow", "--up-to", "10"}))["servers"], 3);
  EXPECT_EQ(ordered_json::parse(ok({"--json", "gc", "allow", server(), "--up-to", "10", "--for", "2h"}))["servers"], 1);
  EXPECT_EQ(gfs({"gc", "allow", "all", "--up-to", "10", "--for", "8d"}).code, 2);
  EXPECT_EQ(gfs({"gc", "allow", "nobody", "--up-to", "10"}).code, 3);
}

TEST_F(CliCollect, WhatIsNotInQuarantineIsNeitherRestoredNorPurged) {
  EXPECT_EQ(gfs({"gc", "restore", "00000000000000a1", server()}).code, 3);
  EXPECT_EQ(ok({"gc", "purge", "all", "--older-than", "1d"}), "0\t0\n");
  EXPECT_EQ(gfs({"gc", "purge", "all"}).code, 2);
}

TEST(ServerChoice, ByIdBeginOrAddress) {
  std::vector<bus::ServerInfo> servers(2);
  servers[0].server.bytes = {0xab, 0xcd, 0xef};
  servers[0].address = "tcp://a:1";
  servers[1].server.bytes = {0xab, 0xcd, 0x12};
  servers[1].address = "tcp://b:1";
  EXPECT_EQ(choose_server("tcp://b:1", servers)->server, servers[1].server);
  EXPECT_EQ(choose_server("abcdef", servers)->server, servers[0].server);
  EXPECT_EQ(choose_server("abcd", servers).error().code, Code::invalid_argument);
  EXPECT_EQ(choose_server("abc", servers).error().code, Code::not_found) << "too short to be meant";
  EXPECT_TRUE(choose_servers("all", servers)->nil());
  EXPECT_EQ(*choose_servers("tcp://a:1", servers), servers[0].server);
}

}  // namespace
}  // namespace gfs::cli
