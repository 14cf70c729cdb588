// What is said and how: exit codes, error texts, escaping, completion, the progress line, the history file.
#include "client_cli/cli/output.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "client_cli/cli/base64.h"
#include "client_cli/cli/completion.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/history_file.h"
#include "client_cli/cli/progress.h"
#include "client_cli/cli/table.h"

namespace gfs::cli {
namespace {

TEST(ExitCode, Frozen) {
  struct Row {
    Code code;
    int exit;
  };
  for (Row row :
       {Row{Code::internal, 1}, Row{Code::is_a_directory, 1}, Row{Code::no_space, 1}, Row{Code::invalid_argument, 2},
        Row{Code::not_found, 3}, Row{Code::not_a_directory, 3}, Row{Code::already_exists, 4}, Row{Code::not_empty, 4},
        Row{Code::conflict, 4}, Row{Code::not_allowed, 5}, Row{Code::unreachable, 6}, Row{Code::deadline, 6},
        Row{Code::unavailable, 6}, Row{Code::corrupt, 8}, Row{Code::refused, 9}, Row{Code::cancelled, 130}}) {
    EXPECT_EQ(exit_code(row.code), row.exit) << name_of(row.code);
  }
}

TEST(ErrorText, ThreeLines) {
  Error error{Code::deadline, "write of /a: no answer in time", {{"cs1", "refused"}, {"cs2", "deadline"}}};
  RequestId request{{}, 7};
  EXPECT_EQ(error_text(error, {"put", "tcp://m", request}),
            "gfs-cli: put: write of /a: no answer in time\n"
            "  why: cs1: refused; cs2: deadline (it may have happened) req=00000000-0000-0000-0000-000000000000:7\n"
            "  try: repeat it with a longer --timeout; status shows which servers are up");
  Error missing{Code::not_found, "/a does not exist", {}};
  EXPECT_EQ(error_text(missing, {"cat", "tcp://m", {}}),
            "gfs-cli: cat: /a does not exist\n  why: tcp://m: not_found\n  try: ls the directory above it to see what "
            "is there");
}

TEST(ErrorText, Json) {
  Error error{Code::lost_link, "gone", {{"cs1", "why"}}};
  RequestId request{{}, 7};
  EXPECT_EQ(json_text(error_json(error, {"put", "", request})),
            R"({"v":1,"error":{"code":"lost_link","outcome":"may_have_happened","message":"gone",)"
            R"("why":[{"server":"cs1","reason":"why"}],"req":"00000000-0000-0000-0000-000000000000:7"}})");
  EXPECT_EQ(json_text(error_json(error, {"cat", "", {}})),
            R"({"v":1,"error":{"code":"lost_link","outcome":"did_not_happen","message":"gone",)"
            R"("why":[{"server":"cs1","reason":"why"}],"req":null}})")
      << "a read changes nothing";
}

TEST(ErrorText, AnAdviceOfTheVerbsOwn) {
  Error error{Code::lost_link, "gone", {}};
  Told told{"rappend", "tcp://m", RequestId{{}, 7}, true, "go on with the second"};
  EXPECT_TRUE(error_text(error, told).ends_with("\n  try: go on with the second"));
  EXPECT_EQ(error_json(error, told)["error"]["try"], "go on with the second");
}

TEST(Base64, OnlyWhatIsNoText) {
  for (const char* text : {"", "plain", "ä€\xf0\x9f\x99\x82", "\xf4\x8f\xbf\xbf"}) EXPECT_TRUE(is_utf8(text)) << text;
  for (const char* bytes : {"\xff", "\xc3", "a\x80", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80"})
    EXPECT_FALSE(is_utf8(bytes)) << escape_for_terminal(bytes);
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64("\xff\xfe\xfd"), "//79");
}

TEST(Escape, ControlCharactersAndBrokenUtf8) {
  EXPECT_EQ(escape_for_terminal("plain ä €"), "plain ä €");
  EXPECT_EQ(escape_for_terminal("a\nb\tc"), "a\\nb\\tc");
  EXPECT_EQ(escape_for_terminal("\033[31mred\x7f"), "\\x1b[31mred\\x7f");
  EXPECT_EQ(escape_for_terminal("\xff\xc3"), "\\xff\\xc3");
  EXPECT_EQ(escape_for_terminal("\xc2\x9b"), "\\xc2\\x9b");  // CSI in one character
  EXPECT_EQ(json_text(Json{{"a", "\xff"}}), "{\"a\":\"\xef\xbf\xbd\"}");
}

TEST(Table, Width) {
  EXPECT_EQ(shown_width("abc"), 3u);
  EXPECT_EQ(shown_width("ä€"), 2u);
  EXPECT_EQ(shown_width("\033[1;34mab\033[0m"), 2u);
}

TEST(Progress, Line) {
  EXPECT_EQ(progress_line("a.bin", 512 << 10, 1 << 20, 1.0, 100),
            "a.bin  ██████████░░░░░░░░░░   50%  512.0 KiB/1.0 MiB  512.0 KiB/s  eta 1s");
  EXPECT_EQ(progress_line("-", 1 << 20, std::nullopt, 2.0, 100), "-  1.0 MiB  512.0 KiB/s");
  for (unsigned width : {1u, 20u, 60u, 200u}) {
    std::string line = progress_line("name", 5, 10, 1.0, width);
    if (width >= 60) EXPECT_LT(shown_width(line), width);
  }
}

Directories fake() {
  auto remote = [](const std::string& directory) -> std::vector<std::string> {
    if (directory == "/") return {"logs/", "lost", "my file", ".hidden"};
    if (directory == "/logs/") return {"one", "two"};
    if (directory == "/.snapshots/") return {"monday/", "tuesday/", "one"};
    if (directory == ".") return {"here"};
    return {};
  };
  auto local = [](const std::string& directory) -> std::vector<std::string> {
    if (directory == ".") return {"local.txt"};
    return {};
  };
  return {remote, local};
}

TEST(Completion, VerbsAndPaths) {
  struct Row {
    std::string line;
    std::string insert;
    std::vector<std::string> candidates;
  };
  const Row rows[] = {
      {"ser", "ver ", {}},
      {"checkpoint ", "now ", {}},
      {"bench ", "", {"append", "meta", "read", "write"}},
      {"ls /lo", "", {"logs/", "lost"}},
      {"ls /log", "s/", {}},
      {"ls /logs/t", "wo ", {}},
      {"ls /my", "\\ file ", {}},
      {"ls /.", "hidden ", {}},
      {"cat h", "ere ", {}},
      {"put lo", "cal.txt ", {}},
      {"put -f local.txt /logs/o", "ne ", {}},
      {"get /logs/one lo", "cal.txt ", {}},
      {"ls --hu", "man ", {}},
      {"pwd; st", "at", {"stat", "status"}},
      {"nonsense /l", "", {}},
      {"snapshot ", "", {"create", "diff", "ls", "restore", "rm"}},
      {"snapshot rm m", "onday ", {}},
      {"snapshot rm monday t", "uesday ", {}},
      {"snapshot diff ", "", {"monday", "one", "tuesday"}},
      {"snapshot diff monday /lo", "", {"logs/", "lost"}},
      {"snapshot create /logs/o", "ne ", {}},
      {"pwd ", "", {}},
  };
  for (const Row& row : rows) {
    Completion completion = complete(row.line, fake());
    EXPECT_EQ(completion.insert, row.insert) << row.line;
    EXPECT_EQ(completion.candidates, row.candidates) << row.line;
  }
}

TEST(History, KeptForTheOwnerOnly) {
  std::string root = std::filesystem::temp_directory_path() / ("gfs-history-" + std::to_string(getpid()));
  std::string path = root + "/state/gfs-cli/history";
  save_history(path, {"ls", "put 'a b' /c"});
  EXPECT_EQ(load_history(path), (std::vector<std::string>{"ls", "put 'a b' /c"}));
  struct stat found {};
  ASSERT_EQ(stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600u);
  std::filesystem::remove_all(root);
  EXPECT_TRUE(load_history(path).empty());
  EXPECT_TRUE(worth_remembering("ls", "pwd"));
  EXPECT_FALSE(worth_remembering(" secret", ""));
  EXPECT_FALSE(worth_remembering("ls", "ls"));
  EXPECT_FALSE(worth_remembering("", ""));
}

}  // namespace
}  // namespace gfs::cli
