// Settings: values as people write them; every mistake is told with file, line and key, and the first one first.
#include "base/config.h"

#include <gtest/gtest.h>

namespace gfs {
namespace {

struct Settings {
  std::string name = "default";
  bool fast = false;
  std::uint32_t replicas = 3;
  std::uint64_t chunk = 64;
  std::vector<std::string> masters;
  Duration lease = 60s;
  std::string control;
};

Result<Settings> read(std::string_view text) {
  Result<Config> config = Config::parse(text, "gfs.toml");
  if (!config) return fail(std::move(config));
  Settings settings;
  config->get("name", settings.name);
  config->get("fast", settings.fast);
  config->get("replicas", settings.replicas);
  config->get_size("chunk", settings.chunk);
  config->get("masters", settings.masters);
  config->get_duration("lease", settings.lease);
  config->get("listen.control", settings.control);
  Result<> checked = config->finish();
  if (!checked) return fail(std::move(checked));
  return settings;
}

TEST(Config, ReadsWhatIsThereAndKeepsDefaults) {
  Result<Settings> settings = read(
      "name = \"a\"\nfast = true\nreplicas = 5\nchunk = \"1MiB\"\nmasters = [\"x\", \"y\"]\nlease = \"90s\"\n"
      "[listen]\ncontrol = \"tcp://*:1\"\n");
  ASSERT_TRUE(settings) << settings.error().text();
  EXPECT_EQ(settings->name, "a");
  EXPECT_TRUE(settings->fast);
  EXPECT_EQ(settings->replicas, 5u);
  EXPECT_EQ(settings->chunk, 1048576u);
  EXPECT_EQ(settings->masters, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(settings->lease, 90s);
  EXPECT_EQ(settings->control, "tcp://*:1");

  Result<Settings> empty = read("");
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->name, "default");
  EXPECT_EQ(empty->replicas, 3u);
  EXPECT_EQ(read("masters = \"one\"")->masters, std::vector<std::string>{"one"});
  EXPECT_EQ(read("chunk = 4096")->chunk, 4096u);
}

TEST(Config, MistakesAreToldWithLineAndKey) {
  struct Row {
    const char* name;
    const char* text;
    const char* where;
    const char* key;
  };
  for (const Row& row : std::initializer_list<Row>{
           {"unknown key", "name = \"a\"\nreplica = 3\n", "gfs.toml:2", "replica"},
           {"unknown key in a table", "[listen]\ncontrol = \"x\"\nbulk = \"y\"\n", "gfs.toml:3", "listen.bulk"},
           {"unknown table", "[watch]\na = 1\n", "gfs.toml:1", "watch"},
           {"value where a table is wanted", "listen = 3\n", "gfs.toml:1", "listen"},
           {"table where a value is wanted", "[name]\na = 1\n", "gfs.toml:1", "name"},
           {"wrong type", "fast = 1\n", "gfs.toml:1", "fast"},
           {"below zero", "\nreplicas = -1\n", "gfs.toml:2", "replicas"},
           {"too large", "replicas = 4294967296\n", "gfs.toml:1", "replicas"},
           {"bare duration", "lease = 60\n", "gfs.toml:1", "lease"},
           {"bad duration", "lease = \"60 lightyears\"\n", "gfs.toml:1", "lease"},
           {"bad size", "chunk = \"64XB\"\n", "gfs.toml:1", "chunk"},
           {"list of mixed", "masters = [\n\"a\",\n7]\n", "gfs.toml:3", "masters"},
           {"the first of two", "\nfast = 1\nlease = 3\n", "gfs.toml:2", "fast"},
       }) {
    Result<Settings> settings = read(row.text);
    ASSERT_FALSE(settings) << row.name;
    EXPECT_EQ(settings.error().code, Code::invalid_argument) << row.name;
    EXPECT_TRUE(settings.error().message.starts_with(std::string(row.where) + ": " + row.key + ":"))
        << row.name << ": " << settings.error().message;
  }
}

TEST(Config, SyntaxAndMissingFiles) {
  Result<Settings> broken = read("name = \"a\"\nfast = = 1\n");
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code, Code::malformed);
  EXPECT_TRUE(broken.error().message.starts_with("gfs.toml:2: ")) << broken.error().message;

  Result<Config> missing = Config::load("/nowhere/gfs.toml");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::not_found);
  EXPECT_NE(missing.error().message.find("/nowhere/gfs.toml"), std::string::npos);
}

}  // namespace
}  // namespace gfs
