// Requests and their ids, and what is said of a chunk's members: as far as it needs no appends.
#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "client_cli/cli/chunk_comparison.h"
#include "client_cli/cli/chunk_handle.h"
#include "client_cli/cli/exit_code.h"
#include "tests/cli/cli_fixture.h"

namespace gfs::cli {
namespace {

using nlohmann::ordered_json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class CliRequests : public CliTest {};

std::string request_of(const std::string& json) { return ordered_json::parse(json)["req"].get<std::string>(); }

TEST_F(CliRequests, EveryMutationTellsItsIdAndMayBeRepeatedUnderIt) {
  std::string made = ok({"--json", "mkdir", remote("d")});
  std::string id = request_of(made);
  EXPECT_THAT(id, testing::MatchesRegex("[0-9a-f-]{36}:[0-9]+"));
  // As if nothing had been heard of it: the directory is there already, and that is what was asked for.
  std::string client = "11111111-2222-3333-4444-555555555555";
  std::string mkdir_id = client + ":1", mv_id = client + ":2", rm_id = client + ":3";
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(ok({"mkdir", "--req", mkdir_id, "--show-req", remote("e")}), mkdir_id + "\n");
  }
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(request_of(ok({"--json", "mv", "--req", mv_id, remote("e"), remote("f")})), mv_id);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(request_of(ok({"--json", "rm", "--req", rm_id, remote("f")})), rm_id);
  EXPECT_EQ(ok({"ls", top_}), "d\n");
}

TEST_F(CliRequests, AnIdOfAnotherRequestIsAConflictAndNothingIsDone) {
  std::string id = "11111111-2222-3333-4444-666666666666:1";
  ok({"mkdir", "--req", id, remote("a")});
  Said other = gfs({"mkdir", "--req", id, remote("b")});
  EXPECT_EQ(other.code, 4) << other.err;
  EXPECT_THAT(other.err, HasSubstr(id));
  EXPECT_EQ(gfs({"rm", "--req", id, remote("a")}).code, 4);
  EXPECT_EQ(ok({"ls", top_}), "a\n");
}

TEST_F(CliRequests, BadIdsAreNamed) {
  for (const std::string id :
       {"", "x", "11111111-2222-3333-4444-555555555555", "11111111-2222-3333-4444-555555555555:0",
        "11111111-2222-3333-4444-555555555555:1x", "00000000-0000-0000-0000-000000000000:1"}) {
    Said said = gfs({"mkdir", "--req", id, remote("a")});
    EXPECT_EQ(said.code, 2) << id;
    EXPECT_THAT(said.err, HasSubstr("--req"));
  }
  EXPECT_EQ(gfs({"mkdir", "--req", "11111111-2222-3333-4444-555555555555:1", remote("a"), remote("b")}).code, 2);
  EXPECT_EQ(ok({"ls", top_}), "");
}

TEST_F(CliRequests, BadInputOfTheNewVerbsIsNamed) {
  ok({"put", "-", remote("f")}, "12345");
  struct Row {
    std::vector<std::string> words;
    std::string input;
    int code;
    std::string named;
  };
  const Row rows[] = {
      {{"append", top_}, "x", 1, "directory"},
      {{"rappend", top_}, "x\n", 1, "directory"},
      {{"append", remote("f")}, "", 2, "empty"},
      {{"append", remote("f")}, std::string((16 << 20) + 1, 'x'), 2, "16 MiB"},
      {{"append", remote("f"), local("none")}, "", 3, "none"},
      {{"append", remote("f"), "--req", "nonsense"}, "x", 2, "--req"},
      {{"rappend", remote("f"), "--client", "me"}, "x\n", 2, "--client"},
      {{"rappend", remote("f"), "--first", "0"}, "x\n", 2, "--first"},
      {{"rappend", remote("f"), "--length-prefixed"}, std::string("\0\0\0\x09x", 5), 2, "record 1"},
      {{"rappend", remote("f"), "--length-prefixed"}, std::string("\x7f\0\0\0x", 5), 2, "record 1"},
      {{"records", remote("none")}, "", 3, "none"},
      {{"records", top_}, "", 1, "directory"},
      {{"chunk", "info", "xyz"}, "", 2, "xyz"},
      {{"chunk", "verify", "relative"}, "", 2, "relative"},
      {{"lease", "revoke", "0"}, "", 2, "handle"},
      {{"setpolicy", remote("f"), "--ack", "some"}, "", 2, "--ack"},
      {{"truncate", remote("f"), "much"}, "", 2, "much"},
  };
  for (const Row& row : rows) {
    Said said = gfs(row.words, row.input);
    EXPECT_EQ(said.code, row.code) << row.words[0] << " " << row.named << ": " << said.err;
    EXPECT_THAT(said.err, HasSubstr(row.named));
    EXPECT_EQ(std::count(said.err.begin(), said.err.end(), '\n'), 3) << said.err;
    EXPECT_EQ(said.out, "");
  }
  EXPECT_EQ(ok({"cat", remote("f")}), "12345");
}

TEST(ChunkHandleText, IsHex) {
  EXPECT_EQ(parse_handle("00000000000000a1")->value, 0xa1u);
  EXPECT_EQ(parse_handle("a1")->value, 0xa1u);
  for (const char* text : {"", "0", "/a", "xyz", "1 ", "11111111111111111", "-1"})
    EXPECT_FALSE(parse_handle(text)) << text;
}

MemberHolds member(std::string name, std::vector<std::uint32_t> checksums) {
  bus::InspectChunk::Reply held;
  held.version = {3};
  held.serial = {7};
  held.length = checksums.size() * 65536;
  held.checksums = std::move(checksums);
  return {std::move(name), held};
}

TEST(ChunkComparison, NamesServerAndBlock) {
  EXPECT_TRUE(compare({member("a", {1, 2}), member("b", {1, 2})}).equal());
  EXPECT_TRUE(compare({}).equal());

  ChunkComparison other = compare({member("a", {1, 2, 3}), member("b", {1, 9, 3})});
  EXPECT_THAT(other.differing, ElementsAre("b: other bytes in block 1"));
  EXPECT_THAT(other.damaged, IsEmpty());

  MemberHolds bad = member("c", {1, 2});
  bad.held->bad = {1};
  MemberHolds suspect = member("d", {1, 2});
  suspect.held->suspect = true;
  MemberHolds gone{"e", fail(Code::unreachable, "refused")};
  ChunkComparison all = compare({member("a", {1, 2}), bad, suspect, gone});
  EXPECT_THAT(all.damaged,
              ElementsAre("c: block 1 does not match its checksum", "d: may have lost bytes in a power cut"));
  EXPECT_THAT(all.unanswered, ElementsAre(HasSubstr("e: unreachable")));
  EXPECT_THAT(all.differing, IsEmpty());
  EXPECT_TRUE(all.worth_another_look());
  EXPECT_FALSE(compare({member("a", {1, 2}), gone}).worth_another_look()) << "who does not answer is not moving";

  MemberHolds old = member("b", {1, 2});
  old.held->serial = {6};
  old.held->sealed = true;
  old.held->records_digest = 5;
  ChunkComparison behind = compare({member("a", {1, 2}), old});
  EXPECT_THAT(behind.differing, ElementsAre("b: serial 6, not 7", "b: sealed", "b: remembers other appends"));
  EXPECT_TRUE(behind.moving_between(other));
  EXPECT_FALSE(behind.moving_between(behind));
}

TEST(ExitCodes, OfAppends) {
  for (Code code : {Code::out_of_sequence, Code::suspect}) EXPECT_EQ(exit_code(code), 6) << name_of(code);
  for (Code code : {Code::sealed, Code::record_expired}) {
    EXPECT_EQ(exit_code(code), 1) << name_of(code) << ": repeating it does not help";
  }
}

TEST(ErrorTexts, AVerbThatTakesAnIdIsToldToRepeatWithIt) {
  Error error{Code::deadline, "no answer", {{"cs1", "deadline"}}};
  RequestId request{{}, 7};
  std::string text = error_text(error, {"mkdir", "tcp://m", request, true});
  EXPECT_THAT(text, HasSubstr("try: repeat it with --req 00000000-0000-0000-0000-000000000000:7"));
  error.code = Code::unreachable;
  EXPECT_THAT(error_text(error, {"mkdir", "tcp://m", request, true}), HasSubstr("start gfs-master"));
}

}  // namespace
}  // namespace gfs::cli
