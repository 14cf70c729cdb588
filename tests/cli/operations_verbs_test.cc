// The verbs of operators against a cluster in this process: what they print, refuse and change.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/health_codes.h"
#include "tests/cli/cli_fixture.h"

namespace gfs::cli {
namespace {

using nlohmann::ordered_json;
using testing::HasSubstr;
using testing::StartsWith;

class CliOperations : public CliTest {
 protected:
  std::string server(int number = 0) {
    std::istringstream lines(ok({"--json", "server", "ls"}));
    std::string line;
    for (int i = 0; i <= number; ++i) std::getline(lines, line);
    return ordered_json::parse(line)["server"];
  }
  std::string state(const std::string& id) {
    return ordered_json::parse(ok({"--json", "server", "info", id}))["state"];
  }
  std::string chunk() {
    write_file(local("f"), "some bytes");
    ok({"put", local("f"), remote("f")});
    const std::string line = ok({"--json", "chunk", "ls", remote("f")});
    return ordered_json::parse(line.substr(0, line.find('\n')))["handle"];
  }
};

TEST_F(CliOperations, AServerIsMarkedAndTheMarkIsTakenBack) {
  const std::string id = server();
  ok({"server", "drain", id.substr(0, 8)});
  EXPECT_EQ(state(id), "drain");
  EXPECT_THAT(gfs({"health"}).out, HasSubstr("GFS_SERVERS_DRAIN\n"));
  EXPECT_THAT(ok({"why", "server", id}), HasSubstr("it drains"));
  ok({"server", "undrain", id});
  EXPECT_EQ(state(id), "up");
  ok({"server", "maint", id, "--for", "1h"});
  EXPECT_EQ(state(id), "maint");
  ok({"server", "maint", id, "--end"});
  EXPECT_EQ(state(id), "up");
  EXPECT_THAT(ok({"server", "info", id}), HasSubstr("marked    server " + id + "  maint for 3600 s\n"));
}

TEST_F(CliOperations, TheDisksOfAServerAreShown) {
  const std::string id = server();
  const auto disks = [&] { return ordered_json::parse(ok({"--json", "server", "info", id}))["disks"]; };
  for (int i = 0; i < 10000 && disks().empty(); ++i) continue;  // until its next heartbeat
  ASSERT_EQ(disks().size(), 1u);
  EXPECT_EQ(disks()[0]["state"], "ok");
  EXPECT_THAT(ok({"server", "info", id}), HasSubstr("\ndisk data: ok, "));
}

TEST_F(CliOperations, WhatMakesNoSenseIsRefused) {
  const std::string id = server();
  EXPECT_EQ(gfs({"server", "maint", id, "--for", "40d"}).code, kUsage);
  EXPECT_EQ(gfs({"server", "replace", id, id}).code, kUsage);
  EXPECT_EQ(gfs({"server", "drain", "no-such"}).code, kNotFound);
  EXPECT_EQ(gfs({"server", "forget", id}).code, kConflict) << "it lives";
  EXPECT_EQ(gfs({"repair", "limit"}).code, kUsage);
  EXPECT_EQ(gfs({"repair", "limit", "--server", "fast"}).code, kUsage);
  EXPECT_EQ(gfs({"why", "chunk"}).code, kUsage);
  EXPECT_EQ(gfs({"why", "weather"}).code, kUsage);
  EXPECT_EQ(gfs({"why", "chunk", "ffff"}).code, kNotFound);
  EXPECT_EQ(gfs({"health", "wealth"}).code, kUsage);
}

TEST_F(CliOperations, OkToStopAnswersWithItsExitCode) {
  chunk();
  const Said one = gfs({"--json", "server", "ok-to-stop", server()});
  const ordered_json json = ordered_json::parse(one.out);
  std::string names;
  for (const auto& [name, value] : json.items()) names += name + " ";
  EXPECT_EQ(names, "v ok why chunks unreadable unwritable fewer some ");
  EXPECT_EQ(one.code, kOk) << one.out;
  const Said all = gfs({"server", "ok-to-stop", server(0), server(1), server(2)});
  EXPECT_EQ(all.code, kFailed);
  EXPECT_THAT(all.out, StartsWith("no: "));
}

TEST_F(CliOperations, BalanceIsShownStoppedAndStarted) {
  ok({"rebalance", "stop"});
  ordered_json status = ordered_json::parse(ok({"--json", "rebalance", "status"}));
  EXPECT_EQ(status["stopped"], true);
  EXPECT_EQ(status["waits"], "an operator stopped it");
  EXPECT_EQ(status["threshold"], 0.1);
  EXPECT_THAT(ok({"status"}), HasSubstr("GFS_BALANCE_STOPPED"));
  ok({"rebalance", "start"});
  status = ordered_json::parse(ok({"--json", "rebalance", "status"}));
  EXPECT_EQ(status["stopped"], false);
  EXPECT_THAT(ok({"rebalance", "status"}), HasSubstr("moves begin 10.0 % from it"));
  EXPECT_THAT(ok({"status"}), AllOf(HasSubstr("racks"), HasSubstr("fullest ")));
}

TEST_F(CliOperations, RepairIsPausedAndLimited) {
  ok({"repair", "pause"});
  EXPECT_EQ(gfs({"health", "--check"}).code, kFailed);
  EXPECT_THAT(gfs({"health", "detail"}).out, HasSubstr("repair resume lets it go on"));
  EXPECT_THAT(gfs({"repair", "ls"}).err, HasSubstr("an operator paused it"));
  ok({"repair", "resume"});
  ok({"repair", "limit", "--server", "8MiB", "--cluster", "none"});
  EXPECT_THAT(ok({"repair", "status"}), HasSubstr("8.0 MiB/s"));
  ok({"repair", "limit", "--server", "default", "--cluster", "default"});
  EXPECT_EQ(ok({"--json", "repair", "ls"}), "") << "nothing needs repair";
  const ordered_json json = ordered_json::parse(ok({"--json", "repair", "status"}));
  std::string names;
  for (const auto& [name, value] : json.items()) names += name + " ";
  EXPECT_EQ(names,
            "v paused held_back in_need by_sound running copied_chunks copied_bytes failed per_server per_cluster ");
  EXPECT_EQ(ok({"health", "--check"}), "OK\n");
}

TEST_F(CliOperations, WhyTellsWhereAChunkWent) {
  const std::string handle = chunk();
  const std::string line = ok({"--json", "why", "chunk", handle});
  const ordered_json json = ordered_json::parse(line);
  EXPECT_EQ(json["about"], "chunk");
  EXPECT_EQ(json["decisions"].back()["kind"], "placed");
  EXPECT_EQ(json["decisions"].back()["chunk"], handle);
  EXPECT_THAT(ok({"why", "chunk", handle}), HasSubstr("(rack "));
  EXPECT_THAT(ok({"why", "not-replicating"}), StartsWith("nothing needs repair\n"));
}

TEST_F(CliOperations, ScrubbingIsAskedForPausedAndTold) {
  chunk();
  EXPECT_EQ(ordered_json::parse(ok({"--json", "scrub", "start"}))["servers"], 3);
  const std::string line = ok({"--json", "scrub", "status", server()});
  const ordered_json json = ordered_json::parse(line);
  std::string names;
  for (const auto& [name, value] : json.items()) names += name + " ";
  EXPECT_EQ(names,
            "v server off paused hurried begun_ms chunks bytes bad differing chunks_held bytes_held rate ended_ms "
            "last_bad last_differing ");
  EXPECT_EQ(json["off"], false);
  ok({"scrub", "pause", server()});
  EXPECT_THAT(ok({"scrub", "status", server()}), HasSubstr("\tpaused\t"));
  ok({"scrub", "resume", "all"});
  EXPECT_EQ(gfs({"scrub", "start", "no-such"}).code, kNotFound);
}

TEST(HealthCodes, AreToldApartAndKnown) {
  std::set<std::string_view> codes;
  for (const HealthCode& one : kHealthCodes) {
    EXPECT_TRUE(codes.insert(one.code).second) << one.code;
    EXPECT_THAT(one.code, StartsWith("GFS_"));
    EXPECT_FALSE(one.meaning.empty());
  }
  EXPECT_EQ(meaning_of("GFS_REPAIR_PAUSED").empty(), false);
  EXPECT_EQ(meaning_of("GFS_WHATEVER"), "");
}

}  // namespace
}  // namespace gfs::cli
