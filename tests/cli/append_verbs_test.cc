// The verbs of appending, leases and policies against a cluster in this process.
#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "client_cli/client/record_format.h"
#include "tests/cli/cli_fixture.h"

namespace gfs::cli {
namespace {

using nlohmann::ordered_json;
using testing::HasSubstr;

class CliAppend : public CliTest {};

std::string keys(const ordered_json& object) {
  std::string names;
  for (const auto& [name, value] : object.items()) names += (names.empty() ? "" : " ") + name;
  return names;
}

TEST_F(CliAppend, AppendsBytesAsTheyAreAndTellsWhere) {
  EXPECT_EQ(ok({"append", remote("log")}, "one\n"), "0\n");
  write_file(local("two"), "two\n");
  EXPECT_EQ(ok({"append", remote("log"), local("two")}), "4\n");
  EXPECT_EQ(ok({"cat", remote("log")}), "one\ntwo\n");
  ordered_json done = ordered_json::parse(ok({"--json", "append", remote("log")}, "three\n"));
  EXPECT_EQ(keys(done), "v path handle offset length req dup");
  EXPECT_EQ(done["offset"], 8);
  EXPECT_EQ(done["length"], 6);
  EXPECT_EQ(done["dup"], false);
}

TEST_F(CliAppend, ARepeatIsDoneOnceAndAnotherContentIsAConflict) {
  std::string id = "11111111-2222-3333-4444-777777777777:5";
  for (bool dup : {false, true}) {
    ordered_json done = ordered_json::parse(ok({"--json", "append", remote("log"), "--req", id}, "once\n"));
    EXPECT_EQ(done["dup"], dup);
    EXPECT_EQ(done["req"], id);
  }
  EXPECT_EQ(gfs({"append", remote("log"), "--req", id}, "other\n").code, 4);
  EXPECT_EQ(ok({"cat", remote("log")}), "once\n");
}

TEST_F(CliAppend, RecordsGoInAndComeBack) {
  EXPECT_EQ(ok({"rappend", remote("log")}, "one\n\nthree"), "0\n19\n35\n");
  EXPECT_EQ(ok({"records", remote("log")}), "one\n\nthree\n");
  EXPECT_EQ(ok({"records", remote("log"), "--from", "1"}), "\nthree\n");
  std::string prefixed = std::string("\0\0\0\x02", 4) + "\n\n";
  ok({"rappend", remote("log"), "--length-prefixed"}, prefixed);
  std::string first = std::string("\0\0\0\x03", 4) + "one" + std::string(4, '\0');
  EXPECT_EQ(ok({"records", remote("log"), "--length-prefixed"}),
            first + std::string("\0\0\0\x05", 4) + "three" + prefixed);
  ok({"rappend", remote("raw"), "--raw"}, "a\nb\n");
  EXPECT_EQ(ok({"cat", remote("raw")}), "a\nb\n");
  EXPECT_EQ(ok({"records", remote("raw")}), "");
}

TEST_F(CliAppend, AWriterThatKeepsItsIdMaySendItsInputAgain) {
  std::string client = "11111111-2222-3333-4444-888888888888";
  std::string input = "one\ntwo\n";
  std::string offsets = ok({"rappend", remote("log"), "--client", client, "--first", "10"}, input);
  EXPECT_EQ(ok({"rappend", remote("log"), "--client", client, "--first", "10"}, input), offsets);
  ok({"rappend", remote("log"), "--client", client, "--first", "10"}, input + "three\n");
  EXPECT_EQ(ok({"records", remote("log")}), "one\ntwo\nthree\n");
}

TEST_F(CliAppend, ManyShortRecordsAreNoMoreThanMayWaitAtOnce) {
  std::string input;
  for (int i = 0; i < 70000; ++i) input += "x\n";
  std::string offsets = ok({"rappend", remote("log"), "--raw"}, input);
  EXPECT_EQ(std::count(offsets.begin(), offsets.end(), '\n'), 70000);
  EXPECT_EQ(ok({"cat", remote("log")}), input);
}

TEST_F(CliAppend, WhereItStoppedAndHowToGoOnIsTold) {
  std::string client = "11111111-2222-3333-4444-999999999999";
  std::string two = std::string("\0\0\0\x01", 4) + "a" + std::string("\0\0\0\x01", 4) + "b";
  std::string cut_off = two + std::string("\0\0\0\x09", 4) + "c";
  Said said = gfs({"rappend", remote("log"), "--length-prefixed", "--client", client, "--first", "7"}, cut_off);
  EXPECT_EQ(said.code, 7) << said.err;
  EXPECT_EQ(said.out, "0\n17\n");
  EXPECT_THAT(said.err, HasSubstr("2 records are done"));
  EXPECT_THAT(said.err, HasSubstr("go on with --client " + client + " --first 9 --since "));
  EXPECT_THAT(said.err, HasSubstr(" and the input from record 3"));
  std::string since = said.err.substr(said.err.find("--since ") + 8);
  since.resize(since.find(' '));
  EXPECT_EQ(ok({"rappend", remote("log"), "--client", client, "--first", "9", "--since", since}, "c\n"), "34\n");
  EXPECT_EQ(gfs({"rappend", remote("log"), "--since", since}, "d\n").code, 2) << "nobody could know it again";
  EXPECT_EQ(ok({"records", remote("log")}), "a\nb\nc\n");
  // A record whose sequence the writer has passed, and which is not on record, may be there or not: never twice.
  said = gfs({"rappend", remote("log"), "--client", client, "--first", "3"}, "old\n");
  EXPECT_EQ(said.code, 1) << said.err;
  EXPECT_THAT(said.err, HasSubstr("0 records are done"));
  EXPECT_THAT(said.err, HasSubstr("--first 4 and the input from record 2"));
  said = gfs({"rappend", remote("log"), "--client", client, "--first", "9"}, "other\n");
  EXPECT_EQ(said.code, 4) << said.err;

  said = gfs({"rappend", remote("raw"), "--length-prefixed", "--raw"}, two + std::string(4, '\0') + two);
  EXPECT_EQ(said.code, 7) << said.err;
  EXPECT_THAT(said.err, HasSubstr("record 3: it is empty"));
  EXPECT_EQ(ok({"cat", remote("raw")}), "ab");
}

TEST_F(CliAppend, WhatIsDoneIsToldThoughNobodyReadsTheOffsets) {
  Said said = unread({"rappend", remote("log")}, "one\ntwo\n");
  EXPECT_EQ(said.code, 7) << said.err;
  EXPECT_THAT(said.err, HasSubstr("2 records are done"));
  said = unread({"append", remote("log"), "--show-req"}, "three");
  EXPECT_EQ(said.code, 1);
  EXPECT_THAT(said.err, HasSubstr("what was changed is changed"));
  EXPECT_THAT(said.err, HasSubstr("req="));
  said = unread({"--json", "mkdir", remote("d")});
  EXPECT_THAT(said.err, HasSubstr("\"req\":\""));
  said = unread({"cat", remote("log")});
  EXPECT_EQ(said.code, 1);
  EXPECT_EQ(said.err, "") << "as cat | head does";
}

TEST_F(CliAppend, RecordsThatAreNoTextComeAsBase64) {
  ok({"rappend", remote("log")}, "text\n\xff\xfe\xfd\n");
  std::string lines = ok({"--json", "records", remote("log")});
  ordered_json text = ordered_json::parse(lines.substr(0, lines.find('\n')));
  ordered_json bytes = ordered_json::parse(lines.substr(lines.find('\n') + 1));
  EXPECT_EQ(keys(text), "v path offset length record");
  EXPECT_EQ(text["record"], "text");
  EXPECT_EQ(bytes["record"], "//79");
  EXPECT_EQ(bytes["base64"], true);
  EXPECT_EQ(gfs({"records", remote("log"), "--from", std::to_string(UINT64_MAX / 2)}).code, 2);
}

TEST_F(CliAppend, ChunksAreShownAndCompared) {
  ok({"append", remote("log")}, std::string(200000, 'x'));
  ordered_json chunk = ordered_json::parse(ok({"--json", "chunk", "ls", remote("log")}));
  std::string handle = chunk["handle"];
  std::string verified = ok({"chunk", "verify", remote("log")});
  EXPECT_EQ(verified, "0\t" + handle + "\t200000\t3\tok\n");
  EXPECT_EQ(ok({"chunk", "verify", handle}), verified);
  EXPECT_THAT(ok({"chunk", "info", handle}), HasSubstr("length\t200000"));
  ordered_json info = ordered_json::parse(ok({"--json", "chunk", "info", handle}));
  EXPECT_EQ(keys(info), "v handle inode index version length sealed primary goal active virgin ack joining members");
  EXPECT_EQ(info["members"].size(), 3u);
  EXPECT_EQ(info["members"][0]["held"]["length"], 200000);
}

TEST_F(CliAppend, LeasesPoliciesAndSizes) {
  ok({"append", remote("log")}, "hello");
  std::string handle = ordered_json::parse(ok({"--json", "chunk", "ls", remote("log")}))["handle"];
  EXPECT_THAT(ok({"lease", "ls"}), HasSubstr(handle));
  ok({"lease", "revoke", handle});
  EXPECT_EQ(ok({"append", remote("log")}, " again"), "5\n");
  EXPECT_THAT(ok({"stat", remote("log")}), HasSubstr("ack\tall"));
  ok({"setpolicy", remote("log"), "--ack", "primary"});
  EXPECT_EQ(ordered_json::parse(ok({"--json", "stat", remote("log")}))["ack"], "primary");
  ok({"setpolicy", remote("log"), "--ack", "all"});
  ok({"truncate", remote("log"), "5"});
  EXPECT_EQ(ok({"cat", remote("log")}), "hello");
  EXPECT_EQ(ok({"append", remote("log")}, "!"), "5\n");
  EXPECT_THAT(ok({"bench", "append", "--count", "100", "--writers", "4"}), HasSubstr("records/s"));
}

}  // namespace
}  // namespace gfs::cli
