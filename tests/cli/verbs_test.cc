// Every verb against a cluster in this process: what it prints in a pipe, what it ends with, what it leaves behind.
#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/crc32c.h"
#include "client_cli/cli/commands.h"
#include "tests/cli/cli_fixture.h"

namespace gfs::cli {
namespace {

using nlohmann::ordered_json;
using testing::HasSubstr;

std::string keys(const ordered_json& object) {
  std::string names;
  for (const auto& [name, value] : object.items()) names += (names.empty() ? "" : " ") + name;
  return names;
}

std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  std::uint32_t state = 1;
  for (char& c : bytes) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return bytes;
}

TEST_F(CliTest, PutAndCatGiveBackTheBytes) {
  for (std::size_t size : {0u, 1u, 65536u, 65537u, 3000000u}) {
    std::string bytes = pattern(size);
    write_file(local("a"), bytes);
    ok({"put", "-f", local("a"), remote("a")});
    EXPECT_TRUE(ok({"cat", remote("a")}) == bytes) << size;
    ok({"put", "-f", "-", remote("b")}, bytes);
    EXPECT_TRUE(ok({"get", remote("b"), "-"}) == bytes) << size;
    ok({"get", "-f", remote("b"), local("b")});
    EXPECT_TRUE(read_file(local("b")) == bytes) << size;
    EXPECT_EQ(ok({"checksum", remote("a")}), fmt::format("{:08x}  {}\n", crc32c(bytes), remote("a")));
  }
}

TEST_F(CliTest, PutReplacesOnlyWithForceAndLeavesNothingElse) {
  ok({"put", "-", remote("a")}, "first");
  Said refused = gfs({"put", "-", remote("a")}, "second");
  EXPECT_EQ(refused.code, 4);
  EXPECT_THAT(refused.err, HasSubstr(remote("a")));
  EXPECT_THAT(refused.err, HasSubstr("put -f"));
  EXPECT_EQ(ok({"cat", remote("a")}), "first");
  ok({"put", "-f", "-", remote("a")}, "2");
  EXPECT_EQ(ok({"cat", remote("a")}), "2");
  EXPECT_EQ(ok({"ls", top_}), "a\n");
}

TEST_F(CliTest, PutIntoADirectoryKeepsTheName) {
  write_file(local("x"), "1");
  ok({"put", local("x"), top_});
  EXPECT_EQ(ok({"cat", remote("x")}), "1");
  EXPECT_EQ(gfs({"put", "-", top_}, "1").code, 1);
  EXPECT_EQ(gfs({"put", local("none"), remote("y")}).code, 3);
  EXPECT_EQ(gfs({"put", work_, remote("y")}).code, 1);
  EXPECT_EQ(ok({"ls", top_}), "x\n");
}

TEST_F(CliTest, GetRefusesToReplaceAndLeavesNothingBehind) {
  ok({"put", "-", remote("a")}, "new");
  write_file(local("a"), "old");
  EXPECT_EQ(gfs({"get", remote("a"), local("a")}).code, 4);
  EXPECT_EQ(gfs({"get", remote("none"), local("b")}).code, 3);
  EXPECT_EQ(read_file(local("a")), "old");
  ok({"get", "-f", remote("a"), work_});
  EXPECT_EQ(read_file(local("a")), "new");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(work_), {}), 1);
}

TEST_F(CliTest, TreesGoThereAndBack) {
  std::string tree = local("tree");
  for (int i = 0; i < 60; ++i)
    write_file(fmt::format("{}/d{}/e/f {}", tree, i % 7, i), pattern(static_cast<std::size_t>(i * 997)));
  std::filesystem::create_directories(tree + "/empty/below");
  std::filesystem::create_symlink("/etc", tree + "/link");
  Said put = gfs({"put", "-r", tree, remote("t")});
  EXPECT_EQ(put.code, 0) << put.err;
  EXPECT_EQ(put.out, "");
  EXPECT_THAT(put.err, HasSubstr("symbolic link: " + tree + "/link"));
  ok({"get", "-r", remote("t"), local("back")});
  std::filesystem::remove(tree + "/link");
  std::string diff = "diff -r '" + tree + "' '" + local("back") + "'";
  EXPECT_EQ(std::system(diff.c_str()), 0);
  ok({"put", "-r", local("back"), remote("t")});  // there is a directory: below it
  EXPECT_EQ(ok({"cat", remote("t/back/d1/e/f 1")}), pattern(997));
  ok({"cp", "-r", remote("t/back"), remote("copy")});
  EXPECT_EQ(ok({"cat", remote("copy/d1/e/f 1")}), pattern(997));
  EXPECT_EQ(ok({"ls", "-R", remote("copy/empty")}), "below\n");
  ok({"rm", "-r", remote("t"), remote("copy")});
  EXPECT_EQ(ok({"ls", top_}), "");
}

TEST_F(CliTest, ATreeThatFailsInPartSaysWhereAndEndsWith7) {
  write_file(local("tree/a"), "new");
  write_file(local("tree/b"), "new");
  ok({"mkdir", "-p", remote("tree")});
  ok({"put", "-", remote("tree/a")}, "old");
  Said put = gfs({"put", "-r", local("tree"), top_});
  EXPECT_EQ(put.code, 7) << put.err;
  EXPECT_THAT(put.err, HasSubstr(remote("tree/a")));
  EXPECT_EQ(ok({"cat", remote("tree/a")}), "old");
  EXPECT_EQ(ok({"cat", remote("tree/b")}), "new");
  ok({"put", "-rf", local("tree"), top_});
  EXPECT_EQ(ok({"cat", remote("tree/a")}), "new");
}

TEST_F(CliTest, LsInAPipe) {
  ok({"mkdir", remote("dir")});
  ok({"put", "-", remote("b")}, "12345");
  ok({"put", "-", remote("a\tb")}, "1");
  EXPECT_EQ(ok({"ls", top_}), "a\tb\nb\ndir\n");
  EXPECT_EQ(ok({"ls", "-S", top_}), "b\na\tb\ndir\n");
  std::string line = ok({"ls", "-l", remote("b")});
  EXPECT_THAT(line, testing::MatchesRegex("file\t5\t3\t[0-9-]+T[0-9:]+Z\tb\n"));
  ok({"put", "-", remote("dir/c")}, "");
  EXPECT_EQ(ok({"ls", "-R", top_}), "a\tb\nb\ndir\ndir/c\n");
  EXPECT_THAT(ok({"tree", remote("dir")}), HasSubstr("└── c"));
  EXPECT_EQ(ok({"du", "-s", top_}), "6\t" + top_ + "\n");
  EXPECT_EQ(ok({"du", top_}), "0\t" + remote("dir") + "\n6\t" + top_ + "\n");
}

TEST_F(CliTest, JsonFieldsAreFrozen) {
  ok({"put", "-", remote("a")}, "12345");
  struct Row {
    std::vector<std::string> words;
    std::string names;
  };
  const Row rows[] = {
      {{"--json", "stat", remote("a")}, "v path type size replicas chunks mtime_ms inode ack"},
      {{"--json", "ls", top_}, "v path type size replicas chunks mtime_ms inode"},
      {{"server", "ls", "--json"}, "v server address rack state used free chunks last_seen_ms"},
      {{"--json", "chunk", "ls", remote("a")}, "v path index handle version length sealed primary members"},
      {{"--json", "status"}, "v cluster health codes master servers files chunks used capacity trash"},
      {{"--json", "df"}, "v capacity used free"},
      {{"--json", "checksum", remote("a")}, "v path size crc32c"},
      {{"--json", "version"}, "v program version"},
  };
  for (const Row& row : rows) {
    std::string out = ok(row.words);
    std::string first = out.substr(0, out.find('\n'));
    ordered_json object = ordered_json::parse(first);
    EXPECT_EQ(keys(object), row.names);
    EXPECT_EQ(object["v"], 1);
  }
  ordered_json stat = ordered_json::parse(ok({"--json", "stat", remote("a")}));
  EXPECT_EQ(stat["type"], "file");
  EXPECT_EQ(stat["size"], 5);
  EXPECT_EQ(stat["inode"].get<std::string>().size(), 16u);
  ordered_json chunk = ordered_json::parse(ok({"--json", "chunk", "ls", remote("a")}));
  EXPECT_EQ(keys(chunk["members"][0]), "server address state version");
  EXPECT_EQ(chunk["members"].size(), 3u);
  ordered_json status = ordered_json::parse(ok({"--json", "status"}));
  EXPECT_EQ(keys(status["master"]), "address term index");
  EXPECT_EQ(keys(status["servers"]), "up suspect lost");
  EXPECT_EQ(keys(status["chunks"]), "total full under lost corrupt");
  Said failed = gfs({"--json", "cat", remote("none")});
  EXPECT_EQ(failed.code, 3);
  ordered_json error = ordered_json::parse(failed.err);
  EXPECT_EQ(keys(error), "v error");
  EXPECT_EQ(keys(error["error"]), "code outcome message why req");
  EXPECT_EQ(error["error"]["code"], "not_found");
}

TEST_F(CliTest, NamesAreMovedMadeAndRemoved) {
  ok({"mkdir", "-p", remote("a/b/c")});
  EXPECT_EQ(gfs({"mkdir", remote("a")}).code, 4);
  ok({"mkdir", "-p", remote("a")});
  ok({"put", "-", remote("x")}, "x");
  ok({"mv", remote("x"), remote("a")});
  EXPECT_EQ(ok({"cat", remote("a/x")}), "x");
  ok({"put", "-", remote("y")}, "y");
  EXPECT_EQ(gfs({"mv", remote("y"), remote("a/x")}).code, 4);
  ok({"mv", "-f", remote("y"), remote("a/x")});
  EXPECT_EQ(ok({"cat", remote("a/x")}), "y");
  ok({"cp", remote("a/x"), remote("z")});
  EXPECT_EQ(gfs({"cp", remote("a/x"), remote("z")}).code, 4);
  EXPECT_EQ(gfs({"cp", "-r", remote("a"), remote("a/b")}).code, 2);
  EXPECT_EQ(gfs({"cp", remote("a"), remote("q")}).code, 1);
  EXPECT_EQ(gfs({"rm", remote("a")}).code, 4);
  EXPECT_EQ(gfs({"rm", "-r", "/"}).code, 9);
  ok({"rm", "-r", remote("a")});
  EXPECT_EQ(gfs({"rm", remote("a")}).code, 3);
}

TEST_F(CliTest, TestAnswersWithItsExitCode) {
  ok({"mkdir", remote("d")});
  ok({"put", "-", remote("empty")}, "");
  ok({"put", "-", remote("full")}, "1");
  struct Row {
    const char* option;
    const char* name;
    int code;
  };
  for (Row row :
       {Row{"-e", "d", 0}, Row{"-e", "none", 1}, Row{"-d", "d", 0}, Row{"-d", "full", 1}, Row{"-f", "full", 0},
        Row{"-f", "d", 1}, Row{"-z", "empty", 0}, Row{"-z", "full", 1}, Row{"-e", "full/below", 1}}) {
    Said said = gfs({"test", row.option, remote(row.name)});
    EXPECT_EQ(said.code, row.code) << row.option << " " << row.name;
    EXPECT_EQ(said.out + said.err, "");
  }
}

TEST_F(CliTest, BadInputIsNamed) {
  struct Row {
    std::vector<std::string> words;
    int code;
    std::string named;
  };
  const Row rows[] = {
      {{"ls", "relative"}, 2, "relative"},
      {{"mkdir", "/a/../b"}, 2, ".."},
      {{"mkdir", "/" + std::string(256, 'n')}, 2, "255"},
      {{"ls", ""}, 2, "\"\""},
      {{"cat", "/no\nthing"}, 3, "thing"},
      {{"sl"}, 2, "did you mean ls"},
      {{"server"}, 2, "server ls"},
      {{"server", "lss"}, 2, "server ls"},
      {{"ls", "-x"}, 2, "-x"},
      {{"cat"}, 2, "few"},
      {{"cd", "/"}, 2, "shell"},
      {{"put", "/etc/hostname"}, 2, "few"},
      {{"put", "--rep", "0", "/etc/hostname", "/x"}, 2, "--rep"},
      {{"bench", "write", "--size", "0"}, 2, "--size"},
      {{"cat", "/"}, 1, "/"},
  };
  for (const Row& row : rows) {
    Said said = gfs(row.words);
    EXPECT_EQ(said.code, row.code) << row.words[0] << ": " << said.err;
    EXPECT_THAT(said.err, HasSubstr(row.named));
    EXPECT_EQ(std::count(said.err.begin(), said.err.end(), '\n'), 3) << said.err;
    EXPECT_EQ(said.out, "");
  }
}

TEST_F(CliTest, GlobalOptionsAreChecked) {
  EXPECT_EQ(plain({"--master", "nowhere", "ls", "/"}).code, 2);
  EXPECT_EQ(plain({"--master", "inproc://x", "--local", "/tmp/x", "ls", "/"}).code, 2);
  EXPECT_EQ(plain({"--timeout", "5", "ls", "/"}).code, 2);
  EXPECT_EQ(plain({"--nonsense"}).code, 2);
  EXPECT_EQ(plain({"version"}).out, "gfs-cli " GFS_VERSION "\n");
  EXPECT_THAT(plain({"help"}).out, HasSubstr("checksum"));
  EXPECT_THAT(plain({"--help"}).out, HasSubstr("--master"));
  EXPECT_THAT(plain({"help", "server", "ls"}).out, HasSubstr("Example"));
}

TEST_F(CliTest, HelpKnowsEveryVerbWithAnExample) {
  for (const Command* command : commands()) {
    std::string help = help_of(*command);
    EXPECT_THAT(help, HasSubstr("Example: " + std::string(command->name)));
    EXPECT_FALSE(command->summary.empty());
  }
}

TEST_F(CliTest, ScriptsStopAtTheFirstFailure) {
  std::string script = "# a script\ncd " + top_ + "\nmkdir a; mkdir 'b c'\ncat none\nmkdir never\n";
  Said stopped = gfs({}, script);
  EXPECT_EQ(stopped.code, 3) << stopped.err;
  EXPECT_EQ(ok({"ls", top_}), "a\nb c\n");
  Said went_on = gfs({"--keep-going"}, "cd " + top_ + "\ncat none\nmkdir after\npwd");
  EXPECT_EQ(went_on.code, 3);
  EXPECT_EQ(went_on.out, top_ + "\n");
  EXPECT_EQ(ok({"-c", "cd " + top_ + "; cd a/..; ls; quit; cat none"}), "a\nafter\nb c\n");
  EXPECT_EQ(gfs({}, "put - " + remote("x") + "\n").code, 2);
  EXPECT_EQ(gfs({"-c", "ls 'open"}).code, 2);
}

TEST_F(CliTest, BenchesMeasureAndCleanUp) {
  std::string before = ok({"ls", "/"});
  EXPECT_THAT(ok({"bench", "write", "--size", "100KiB", "--count", "3"}), HasSubstr("/s"));
  EXPECT_THAT(ok({"bench", "read", "--size", "100KiB", "--count", "3"}), HasSubstr("read"));
  std::string meta = ok({"--json", "bench", "meta", "--count", "50"});
  EXPECT_THAT(meta, HasSubstr("\"bench\":\"create\""));
  EXPECT_THAT(meta, HasSubstr("\"bench\":\"remove\""));
  EXPECT_EQ(ok({"ls", "/"}), before);
}

}  // namespace
}  // namespace gfs::cli
