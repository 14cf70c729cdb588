// The shell's grammar, options and paths: tables of what is typed and what is understood.
#include "client_cli/cli/words.h"

#include <gtest/gtest.h>

#include "client_cli/cli/arguments.h"
#include "client_cli/cli/paths.h"

namespace gfs::cli {
namespace {

using Commands = std::vector<Words>;

TEST(Words, SplitCommands) {
  struct Row {
    const char* name;
    std::string line;
    Commands commands;
  };
  const Row rows[] = {
      {"empty", "", {}},
      {"blanks", "  \t ", {}},
      {"words", "ls  -l /a", {{"ls", "-l", "/a"}}},
      {"semicolons", "cd /a; ;ls;", {{"cd", "/a"}, {"ls"}}},
      {"single quotes", R"(put 'a "b" \c;' /x)", {{"put", R"(a "b" \c;)", "/x"}}},
      {"double quotes", R"(put "a 'b' \"c\" \\ \d" /x)", {{"put", R"(a 'b' "c" \ \d)", "/x"}}},
      {"backslash", R"(put a\ b\;\# /x)", {{"put", "a b;#", "/x"}}},
      {"joined quotes", R"(ls a'b c'"d e"f)", {{"ls", "ab cd ef"}}},
      {"empty word", "put '' \"\"", {{"put", "", ""}}},
      {"comment", "ls /a#b # c ; d", {{"ls", "/a#b"}}},
      {"lines", "ls\n# no\npwd", {{"ls"}, {"pwd"}}},
      {"utf-8", "ls /ä", {{"ls", "/ä"}}},
  };
  for (const Row& row : rows) {
    Result<Commands> commands = split_commands(row.line);
    ASSERT_TRUE(commands) << row.name << ": " << commands.error().text();
    EXPECT_EQ(*commands, row.commands) << row.name;
  }
}

TEST(Words, UnfinishedLinesAreRefused) {
  for (const char* line : {"ls 'a", "ls \"a", "ls a\\", "ls \"a\\\""}) {
    Result<Commands> commands = split_commands(line);
    ASSERT_FALSE(commands) << line;
    EXPECT_EQ(commands.error().code, Code::invalid_argument) << line;
  }
}

TEST(Words, QuotedWordsComeBack) {
  for (const std::string& word : {"plain", "with space", "a'b\"c\\d", "#x", ";", "", "new\nline\"\\", "ä"}) {
    Result<Commands> commands = split_commands("x " + quote_word(word));
    ASSERT_TRUE(commands) << word;
    EXPECT_EQ(*commands, (Commands{{"x", word}})) << quote_word(word);
  }
}

TEST(Words, Typing) {
  EXPECT_EQ(typing_at_end("ls /a"), (Typing{{"ls"}, "/a", 3}));
  EXPECT_EQ(typing_at_end("ls "), (Typing{{"ls"}, "", 3}));
  EXPECT_EQ(typing_at_end("ls /a; st"), (Typing{{}, "st", 7}));
  EXPECT_EQ(typing_at_end("ls 'a b"), (Typing{{"ls"}, "a b", 3}));
}

const std::vector<Option> kOptions{{'l', "long", "", ""}, {'h', "human", "", ""}, {'n', "count", "N", ""}};

TEST(Arguments, Understood) {
  struct Row {
    Words words;
    bool is_long, human;
    std::string count;
    Words rest;
  };
  const Row rows[] = {
      {{"-lh", "/a"}, true, true, "", {"/a"}},     {{"/a", "-l", "-"}, true, false, "", {"/a", "-"}},
      {{"-n3", "-hn", "4"}, false, true, "4", {}}, {{"--count=5", "--long"}, true, false, "5", {}},
      {{"--count", "-6"}, false, false, "-6", {}}, {{"--", "-l"}, false, false, "", {"-l"}},
  };
  for (const Row& row : rows) {
    Result<Arguments> arguments = Arguments::parse(row.words, kOptions);
    ASSERT_TRUE(arguments) << arguments.error().text();
    EXPECT_EQ(arguments->has("long"), row.is_long);
    EXPECT_EQ(arguments->has("human"), row.human);
    EXPECT_EQ(arguments->value("count"), row.count);
    EXPECT_EQ(arguments->rest(), row.rest);
  }
}

TEST(Arguments, Refused) {
  struct Row {
    Words words;
    std::string named;
  };
  for (const Row& row : {Row{{"-x"}, "-x"}, Row{{"--nope"}, "--nope"}, Row{{"-n"}, "-n"}, Row{{"--count"}, "--count"},
                         Row{{"--long=1"}, "--long"}}) {
    Result<Arguments> arguments = Arguments::parse(row.words, kOptions);
    ASSERT_FALSE(arguments);
    EXPECT_NE(arguments.error().message.find(row.named), std::string::npos) << arguments.error().message;
  }
}

TEST(Arguments, Numbers) {
  for (const char* text : {"", "0", "11", "x", "1x", "-1", "99999999999999999999"}) {
    Result<Arguments> arguments = Arguments::parse({"--count", text}, kOptions);
    EXPECT_FALSE(arguments->number("count", 1, 1, 10)) << text;
  }
  EXPECT_EQ(*Arguments::parse({"-n", "10"}, kOptions)->number("count", 1, 1, 10), 10u);
  EXPECT_EQ(*Arguments::parse({}, kOptions)->number("count", 7, 1, 10), 7u);
}

TEST(Paths, NamesAndParents) {
  EXPECT_EQ(base_name("/a/b"), "b");
  EXPECT_EQ(base_name("/a/b/"), "b");
  EXPECT_EQ(base_name("/"), "");
  EXPECT_EQ(base_name("b"), "b");
  EXPECT_EQ(parent_of("/a/b"), "/a");
  EXPECT_EQ(parent_of("/a"), "/");
  EXPECT_EQ(parent_of("b"), ".");
  EXPECT_EQ(join("/", "a"), "/a");
  EXPECT_EQ(join("/a", ""), "/a");
  EXPECT_EQ(below("/", "/a/b"), "a/b");
  EXPECT_EQ(below("/a", "/a/b"), "b");
  EXPECT_EQ(below("/a", "/a"), "");
}

TEST(Paths, WhatLeadsElsewhereIsSeen) {
  for (const char* path : {"a", "a/b", "..a", "a/..b", ".h"}) EXPECT_TRUE(stays_below(path)) << path;
  for (const char* path : {"", ".", "..", "../a", "a/..", "a/../b", "/a", "a//b", "a/"})
    EXPECT_FALSE(stays_below(path)) << path;
}

TEST(Paths, TemporaryNamesAreHiddenSiblingsOfAnyLength) {
  std::string name = temporary_beside("/a/" + std::string(255, 'n'));
  EXPECT_TRUE(name.starts_with("/a/.n")) << name;
  EXPECT_LE(base_name(name).size(), 255u);
  EXPECT_NE(temporary_beside("/a/b"), temporary_beside("/a/b"));
}

}  // namespace
}  // namespace gfs::cli
