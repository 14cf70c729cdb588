// The verbs of snapshots against a cluster in this process. What happens under writers: tests/e2e/snapshot_test.py.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "client_cli/cli/snapshot_names.h"
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

class CliSnapshot : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    name_ = top_.substr(1);
    ok({"mkdir", remote("d")});
    ok({"put", "-", remote("d/one")}, "one");
    ok({"put", "-", remote("two")}, "two");
  }
  void TearDown() override {
    (void)gfs({"snapshot", "rm", name_});
    CliTest::TearDown();
  }
  std::string inside(const std::string& path = "") const {
    return "/.snapshots/" + name_ + (path.empty() ? "" : "/" + path);
  }

  std::string name_;  // a snapshot's, of this test alone
};

TEST_F(CliSnapshot, KeepsWhatWasThereAndIsReadLikeEverythingElse) {
  EXPECT_EQ(ok({"snapshot", "create", top_, name_}), inside() + "\t2\t2\t2\n");
  ok({"put", "-f", "-", remote("two")}, "changed");
  ok({"append", remote("d/one")}, " more");
  ok({"rm", "-r", "--now", remote("d")});
  EXPECT_EQ(ok({"cat", inside("two")}), "two");
  EXPECT_EQ(ok({"cat", inside("d/one")}), "one");
  EXPECT_EQ(ok({"ls", inside()}), "d\ntwo\n");
  ok({"get", "-r", inside(), local("back")});
  EXPECT_EQ(read_file(local("back/d/one")), "one");
  EXPECT_THAT(ok({"ls", "/.snapshots"}), HasSubstr(name_ + "\n"));
}

TEST_F(CliSnapshot, ListsByName) {
  ok({"snapshot", "create", top_, name_});
  std::string lines = ok({"snapshot", "ls"});
  EXPECT_THAT(lines, HasSubstr(name_ + "\t"));
  EXPECT_THAT(lines, HasSubstr("\t2\t2\t6\t" + top_ + "\n"));
  ordered_json found;
  std::istringstream each(ok({"--json", "snapshot", "ls"}));
  for (std::string line; std::getline(each, line);) {
    ordered_json one = ordered_json::parse(line);
    if (one["name"] == name_) found = one;
  }
  EXPECT_EQ(keys(found), "v name path source type files directories bytes time_ms");
  EXPECT_EQ(found["path"], inside());
  EXPECT_EQ(found["source"], top_);
  EXPECT_EQ(found["type"], "dir");
}

TEST_F(CliSnapshot, TellsWhatChanged) {
  ok({"snapshot", "create", top_, name_});
  EXPECT_EQ(ok({"snapshot", "diff", name_}), "");
  ok({"put", "-f", "-", remote("two")}, "changed");
  ok({"rm", remote("d/one")});
  ok({"mkdir", remote("new")});
  std::string lines = ok({"snapshot", "diff", name_});
  EXPECT_THAT(lines, HasSubstr("M\ttwo\t3\t7\n"));
  EXPECT_THAT(lines, HasSubstr("-\td/one\t3\t-\n"));
  EXPECT_THAT(lines, HasSubstr("+\tnew/\t-\t-\n"));
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 3);
  EXPECT_EQ(ok({"snapshot", "diff", name_, top_}), lines);
  EXPECT_EQ(ok({"snapshot", "diff", inside(), name_}), "") << "with itself";
  std::istringstream each(ok({"--json", "snapshot", "diff", name_}));
  for (std::string line; std::getline(each, line);) {
    ordered_json one = ordered_json::parse(line);
    EXPECT_EQ(keys(one), "v change path left right");
    if (one["path"] != "two") continue;
    EXPECT_EQ(one["change"], "changed");
    EXPECT_EQ(one["left"], ordered_json({{"type", "file"}, {"size", 3}}));
    EXPECT_EQ(one["right"], ordered_json({{"type", "file"}, {"size", 7}}));
  }
}

TEST_F(CliSnapshot, OfOneFileToo) {
  EXPECT_EQ(ok({"snapshot", "create", remote("two"), name_}), inside() + "\t1\t0\t1\n");
  EXPECT_EQ(ok({"cat", inside()}), "two");
  ok({"append", remote("two")}, " more");
  EXPECT_EQ(ok({"cat", inside()}), "two");
  EXPECT_EQ(ok({"snapshot", "diff", name_}), "M\t.\t3\t8\n");
}

TEST_F(CliSnapshot, IsReadOnlyAndTakenBackAsACopy) {
  ok({"snapshot", "create", top_, name_});
  for (std::vector<std::string> words :
       {std::vector<std::string>{"rm", inside("two")}, {"mkdir", inside("x")}, {"truncate", inside("two"), "1"}}) {
    EXPECT_EQ(gfs(words).code, 9) << words[0];
  }
  EXPECT_EQ(ok({"snapshot", "restore", name_, remote("back")}), remote("back") + "\t2\t2\t2\n");
  ok({"append", remote("back/two")}, " more");
  EXPECT_EQ(ok({"cat", remote("back/two")}), "two more");
  EXPECT_EQ(ok({"cat", inside("two")}), "two");
  ok({"snapshot", "restore", name_ + "/d/one", remote("one-again")});
  EXPECT_EQ(ok({"cat", remote("one-again")}), "one");
  ok({"snapshot", "create", remote("back"), remote("copy")});
  EXPECT_EQ(ok({"cat", remote("copy/two")}), "two more") << "a copy needs no name";
}

TEST_F(CliSnapshot, IsRemovedForGood) {
  ok({"snapshot", "create", top_, name_});
  ordered_json removed = ordered_json::parse(ok({"--json", "snapshot", "rm", name_}));
  EXPECT_EQ(keys(removed), "v name files directories req");
  EXPECT_EQ(removed["files"], 2);
  EXPECT_EQ(gfs({"cat", inside("two")}).code, 3);
  EXPECT_EQ(gfs({"snapshot", "rm", name_}).code, 3);
  EXPECT_EQ(ok({"cat", remote("two")}), "two");
}

TEST_F(CliSnapshot, ARequestIsDoneOnce) {
  const std::string client = "11111111-2222-3333-4444-777777777777";
  const std::string request = client + ":1", removal = client + ":2";
  for (int i = 0; i < 2; ++i) {
    ordered_json made = ordered_json::parse(ok({"--json", "snapshot", "create", top_, name_, "--req", request}));
    EXPECT_EQ(keys(made), "v path source files directories chunks req");
    EXPECT_EQ(made["path"], inside());
    EXPECT_EQ(made["req"], request);
  }
  EXPECT_EQ(gfs({"snapshot", "create", top_, name_}).code, 4);
  EXPECT_EQ(gfs({"snapshot", "create", remote("d"), name_ + "2", "--req", request}).code, 4);
  std::string line = ok({"snapshot", "restore", name_, remote("back"), "--show-req"});
  EXPECT_THAT(line, testing::StartsWith(remote("back") + "\t2\t2\t2\t"));
  for (int i = 0; i < 2; ++i) EXPECT_EQ(ok({"snapshot", "rm", name_, "--req", removal, "--show-req"}), removal + "\n");
}

TEST_F(CliSnapshot, BadInputIsNamed) {
  struct Row {
    std::vector<std::string> words;
    int code;
    std::string told;
  };
  const Row rows[] = {
      {{"snapshot"}, 2, "snapshot create"},
      {{"snapshot", "create", top_}, 2, "too few"},
      {{"snapshot", "create", top_, "a/b"}, 2, "a/b"},
      {{"snapshot", "create", top_, ".."}, 2, "name of a snapshot"},
      {{"snapshot", "create", top_, ""}, 2, "name of a snapshot"},
      {{"snapshot", "create", top_, std::string(256, 'x')}, 2, "255"},
      {{"snapshot", "create", top_, "/.snapshots/a/b"}, 2, "a/b"},
      {{"snapshot", "create", top_, remote("d/inside")}, 2, ""},
      {{"snapshot", "create", top_, remote("two")}, 4, ""},
      {{"snapshot", "create", remote("none"), name_}, 3, ""},
      {{"snapshot", "create", "relative", name_}, 2, "relative"},
      {{"snapshot", "rm"}, 2, "too few"},
      {{"snapshot", "rm", "a/b"}, 2, "a/b"},
      {{"snapshot", "rm", "a", "b", "--req", "00000000-0000-0000-0000-000000000001:1"}, 2, "name one"},
      {{"snapshot", "diff", name_}, 3, "no snapshot"},
      {{"snapshot", "restore", name_, remote("back")}, 3, ""},
      {{"snapshot", "restore", name_, "relative"}, 2, "relative"},
      {{"snapshot", "restore", name_ + "/../x", remote("back")}, 2, ""},
  };
  for (const Row& row : rows) {
    Said said = gfs(row.words);
    std::string command;
    for (const std::string& word : row.words) command += word.substr(0, 40) + " ";
    EXPECT_EQ(said.code, row.code) << command << said.err;
    EXPECT_THAT(said.err, HasSubstr(row.told)) << command;
    EXPECT_THAT(said.err, HasSubstr("try: ")) << command;
  }
}

TEST(SnapshotName, IsOneComponentOrItsPath) {
  EXPECT_EQ(*snapshot_name("monday"), "monday");
  EXPECT_EQ(*snapshot_name("/.snapshots/monday"), "monday");
  EXPECT_EQ(*snapshot_name(std::string(255, 'x')), std::string(255, 'x'));
  EXPECT_EQ(snapshot_path("monday"), "/.snapshots/monday");
  for (std::string_view bad : {"", ".", "..", "a/b", "/monday", "/.snapshots/", "/.snapshots/a/b"}) {
    EXPECT_EQ(snapshot_name(bad).error().code, Code::invalid_argument) << bad;
  }
  EXPECT_FALSE(snapshot_name(std::string_view("a\0b", 3)));
}

}  // namespace
}  // namespace gfs::cli
