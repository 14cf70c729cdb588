// The tree of names: what each change does, what it refuses, and that it agrees with a simple model under thousands of
// random changes.
#include "master/namespace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/random.h"

namespace gfs::master {
namespace {

using testing::ElementsAre;

Inode file(std::uint64_t size = 0) { return Inode{.type = FileType::file, .replicas = 3, .size = size}; }

std::vector<std::string> names(const Namespace& space, std::string_view path, std::string_view after = {},
                               std::size_t limit = 1000) {
  std::vector<std::string> found;
  space.list(space.find(path).value(), after, [&](std::string_view name, InodeId) {
    if (found.size() == limit) return false;
    found.emplace_back(name);
    return true;
  });
  return found;
}

Code code_of(const auto& result) { return result ? Code::ok : result.error().code; }

TEST(Namespace, CreatesAndFinds) {
  Namespace space;
  ASSERT_TRUE(space.make_directory("/a", false, 1));
  InodeId made = space.create("/a/f", file(), 5).value();
  EXPECT_EQ(space.find("/a/f").value(), made);
  EXPECT_EQ(space.inode(made)->mtime, 5);
  EXPECT_EQ(space.inode(space.find("/a").value())->size, 1u);
  EXPECT_EQ(space.files(), 1u);
  EXPECT_EQ(space.directories(), 2u);
}

TEST(Namespace, N04RefusesWithTheNameThatIsWrong) {
  Namespace space;
  ASSERT_TRUE(space.make_directory("/d/e", true, 1));
  ASSERT_TRUE(space.create("/d/f", file(), 1));
  struct Row {
    const char* name;
    Code got;
    Code expected;
  };
  const Row rows[] = {
      {"create twice", code_of(space.create("/d/f", file(), 1)), Code::already_exists},
      {"create without parent", code_of(space.create("/x/f", file(), 1)), Code::not_found},
      {"create below a file", code_of(space.create("/d/f/g", file(), 1)), Code::not_a_directory},
      {"create the root", code_of(space.create("/", file(), 1)), Code::invalid_argument},
      {"mkdir twice", code_of(space.make_directory("/d", false, 1)), Code::already_exists},
      {"mkdir -p of a file", code_of(space.make_directory("/d/f", true, 1)), Code::already_exists},
      {"mkdir -p below a file", code_of(space.make_directory("/d/f/x/y", true, 1)), Code::not_a_directory},
      {"remove nothing", code_of(space.remove("/x", false, 0, 1)), Code::not_found},
      {"remove a full directory", code_of(space.remove("/d", false, 0, 1)), Code::not_empty},
      {"remove the root", code_of(space.remove("/", true, 0, 1)), Code::invalid_argument},
      {"rename nothing", code_of(space.rename("/x", "/y", false, 1)), Code::not_found},
      {"rename onto a name", code_of(space.rename("/d/f", "/d/e", false, 1)), Code::already_exists},
      {"replace a directory by a file", code_of(space.rename("/d/f", "/d/e", true, 1)), Code::is_a_directory},
      {"replace a file by a directory", code_of(space.rename("/d/e", "/d/f", true, 1)), Code::not_a_directory},
      {"into itself", code_of(space.rename("/d", "/d/e/d", false, 1)), Code::invalid_argument},
      {"rename to nowhere", code_of(space.rename("/d/f", "/x/f", false, 1)), Code::not_found},
  };
  for (const Row& row : rows) EXPECT_EQ(name_of(row.got), name_of(row.expected)) << row.name;
  EXPECT_EQ(space.create("/x/y/f", file(), 1).error().message, "/x does not exist");
  EXPECT_EQ(space.find("/d/f/g").error().message, "/d/f is a file: there is nothing below it");
}

TEST(Namespace, RenameMovesATreeByOneEntry) {
  Namespace space;
  ASSERT_TRUE(space.make_directory("/a/b/c", true, 1));
  InodeId leaf = space.create("/a/b/c/f", file(), 1).value();
  ASSERT_TRUE(space.make_directory("/z", false, 1));
  ASSERT_TRUE(space.rename("/a/b", "/z/q", false, 7));
  EXPECT_EQ(space.find("/z/q/c/f").value(), leaf);
  EXPECT_EQ(code_of(space.find("/a/b")), Code::not_found);
  EXPECT_EQ(space.inode(space.find("/z").value())->mtime, 7);
}

TEST(Namespace, RenameReplacesAFileAndTellsWhichOneIsGone) {
  Namespace space;
  InodeId source = space.create("/new", file(), 1).value();
  InodeId target = space.create("/old", file(), 1).value();
  Namespace::Renamed renamed = space.rename("/new", "/old", true, 2).value();
  EXPECT_EQ(renamed.inode, source);
  EXPECT_THAT(renamed.dropped, ElementsAre(target));
  EXPECT_EQ(space.find("/old").value(), source);
  EXPECT_EQ(space.inode(target), nullptr);
  EXPECT_EQ(space.files(), 1u);
}

TEST(Namespace, RenameOntoItselfChangesNothing) {
  Namespace space;
  ASSERT_TRUE(space.create("/f", file(), 1));
  std::string before = space.dump();
  EXPECT_TRUE(space.rename("/f", "/f", true, 9));
  EXPECT_EQ(space.dump(), before);
}

TEST(Namespace, RemovesATreeAndNamesItsFiles) {
  Namespace space;
  ASSERT_TRUE(space.make_directory("/a/b/c", true, 1));
  ASSERT_TRUE(space.create("/a/f", file(), 1));
  ASSERT_TRUE(space.create("/a/b/c/g", file(), 1));
  ASSERT_TRUE(space.create("/h", file(), 1));
  Namespace::Removed removed = space.remove("/a", true, 0, 2).value();
  EXPECT_EQ(removed.files.size(), 2u);
  EXPECT_EQ(removed.what.directories, 3u);
  EXPECT_THAT(names(space, "/"), ElementsAre("h"));
  EXPECT_EQ(space.files(), 1u);
  EXPECT_EQ(space.directories(), 1u);
}

TEST(Namespace, ListsByNameInPagesAndNotItsNeighbours) {
  Namespace space;
  for (const char* path : {"/b", "/a", "/a.b", "/ab"}) ASSERT_TRUE(space.make_directory(path, false, 1));
  for (const char* path : {"/a/2", "/a/10", "/a/\xff", "/ab/x"}) ASSERT_TRUE(space.create(path, file(), 1));
  EXPECT_THAT(names(space, "/"), ElementsAre("a", "a.b", "ab", "b"));
  EXPECT_THAT(names(space, "/a"), ElementsAre("10", "2", "\xff"));
  EXPECT_THAT(names(space, "/a", "10", 1), ElementsAre("2"));
  EXPECT_THAT(names(space, "/a", "1", 1), ElementsAre("10"));
  EXPECT_THAT(names(space, "/a", "\xff"), ElementsAre());
}

TEST(Namespace, M24TimesNeverGoBack) {
  Namespace space;
  ASSERT_TRUE(space.make_directory("/d", false, 10));
  ASSERT_TRUE(space.create("/d/f", file(), 5));
  EXPECT_EQ(space.inode(space.find("/d").value())->mtime, 10);
}

// The model: paths in a set of strings, and every rule in its simplest words.
class Model {
 public:
  bool directory(const std::string& path) const { return path.empty() || (nodes.contains(path) && nodes.at(path)); }
  static std::string parent(const std::string& path) { return path.substr(0, path.rfind('/')); }
  bool create(const std::string& path, bool is_directory) {
    if (nodes.contains(path) || !directory(parent(path))) return false;
    nodes[path] = is_directory;
    return true;
  }
  std::vector<std::string> below(const std::string& path) const {
    std::vector<std::string> found;
    for (const auto& [one, type] : nodes) {
      if (one.starts_with(path + "/")) found.push_back(one);
    }
    return found;
  }
  bool remove(const std::string& path, bool recursive) {
    if (!nodes.contains(path) || (!recursive && !below(path).empty())) return false;
    for (const std::string& one : below(path)) nodes.erase(one);
    nodes.erase(path);
    return true;
  }
  bool rename(const std::string& source, const std::string& target, bool replace) {
    if (!nodes.contains(source) || !directory(parent(target)) || target.starts_with(source + "/")) return false;
    if (source == target) return true;
    if (nodes.contains(target)) {
      if (!replace || nodes[target] != nodes[source] || !below(target).empty()) return false;
    }
    std::vector<std::string> moved = below(source);
    nodes[target] = nodes[source];
    for (const std::string& one : moved) {
      nodes[target + one.substr(source.size())] = nodes[one];
      nodes.erase(one);
    }
    nodes.erase(source);
    return true;
  }
  std::map<std::string, bool> nodes;  // is it a directory?
};

void walk(const Namespace& space, const std::string& path, std::map<std::string, bool>& found) {
  for (const std::string& name : names(space, path.empty() ? "/" : path)) {
    std::string child = path + "/" + name;
    bool is_directory = space.inode(space.find(child).value())->type == FileType::directory;
    found[child] = is_directory;
    if (is_directory) walk(space, child, found);
  }
}

TEST(Namespace, N03AgreesWithAModelUnderRandomChanges) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Random random(seed);
    Namespace space;
    Model model;
    auto path = [&] {
      std::string text;
      for (std::uint64_t i = 0, depth = random.between(1, 3); i < depth; ++i) {
        text += "/" + std::string(1 + random.below(3), 'a' + static_cast<char>(random.below(6)));
      }
      return text;
    };
    for (int step = 0; step < 4000; ++step) {
      std::string one = path(), other = path();
      bool flag = random.chance(0.5);
      switch (random.below(random.chance(0.02) ? 4 : 3)) {
        case 0:
          ASSERT_EQ(space.create(one, Inode{.type = flag ? FileType::directory : FileType::file}, step).has_value(),
                    model.create(one, flag))
              << one;
          break;
        case 1:
          ASSERT_EQ(space.rename(one, other, flag, step).has_value(), model.rename(one, other, flag))
              << one << " " << other;
          break;
        case 2:
          ASSERT_EQ(space.remove(one, false, 0, step).has_value(), model.remove(one, false)) << one;
          break;
        default:
          ASSERT_EQ(space.remove(one, true, 0, step).has_value(), model.remove(one, true)) << one;
      }
      if (step % 100 != 0) continue;
      std::map<std::string, bool> found;
      walk(space, "", found);
      ASSERT_EQ(found, model.nodes) << "seed " << seed << " step " << step;
      ASSERT_EQ(space.files() + space.directories(), found.size() + 1);
    }
  }
}

TEST(Namespace, N08HoldsALargeDirectoryInOrder) {
  Namespace space;
  Random random(3);
  std::set<std::string> expected;
  for (int i = 0; i < 20000; ++i) {
    std::string name = hex(random.next());
    expected.insert(name);
    ASSERT_TRUE(space.create("/" + name, file(), i));
  }
  std::vector<std::string> all = names(space, "/", {}, SIZE_MAX);
  EXPECT_EQ(all, std::vector<std::string>(expected.begin(), expected.end()));
  std::vector<std::string> paged;
  while (true) {
    std::vector<std::string> page = names(space, "/", paged.empty() ? "" : paged.back(), 999);
    if (page.empty()) break;
    paged.insert(paged.end(), page.begin(), page.end());
  }
  EXPECT_EQ(paged, all);
  for (const std::string& name : all) ASSERT_TRUE(space.remove("/" + name, false, 0, 1));
  EXPECT_EQ(space.files(), 0u);
  EXPECT_TRUE(names(space, "/").empty());
}

TEST(Namespace, N08PagesTellOnceWhatIsThereThroughoutWhateverComesAndGoes) {
  Namespace space;
  Random random(5);
  std::set<std::string> lasting, passing;
  auto fresh = [&] { return hex(random.next()); };
  for (int i = 0; i < 3000; ++i) {
    std::string name = fresh();
    ASSERT_TRUE(space.create("/" + name, file(), 1));
    (i % 3 == 0 ? passing : lasting).insert(std::move(name));
  }
  std::vector<std::string> seen;
  while (true) {
    const std::vector<std::string> page = names(space, "/", seen.empty() ? "" : seen.back(), 50);
    if (page.empty()) break;
    seen.insert(seen.end(), page.begin(), page.end());
    for (int i = 0; i < 20; ++i) {
      ASSERT_TRUE(space.create("/" + fresh(), file(), 1));
      if (passing.empty()) continue;
      ASSERT_TRUE(space.remove("/" + *passing.begin(), false, 0, 1));
      passing.erase(passing.begin());
    }
  }
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), seen.size());
  EXPECT_TRUE(std::includes(seen.begin(), seen.end(), lasting.begin(), lasting.end()));
}

// They are kept as they came: what they look like to people is for those who show them to say.
TEST(Namespace, N10NamesAreBytes) {
  Namespace space;
  for (const char* name :
       {"/..\\..\\x", "/new\nline", "/\x1b[31m", "/\xff\xfe", "/\xc0\xaf", "/e\xcc\x81", "/\xc3\xa9", "/ "}) {
    ASSERT_TRUE(space.create(name, file(), 1)) << name;
    EXPECT_TRUE(space.find(name));
    EXPECT_EQ(space.create(name, file(), 1).error().code, Code::already_exists);
  }
  EXPECT_EQ(space.files(), 8u);
}

}  // namespace
}  // namespace gfs::master
