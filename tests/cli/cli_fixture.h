// A user of gfs-cli: an embedded cluster in a temporary directory, commands through the front door, everything in one
// process.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client_cli/embedded/cluster.h"

namespace gfs::cli {

struct Said {
  int code = -1;
  std::string out;
  std::string err;
};

class CliTest : public testing::Test {
 protected:
  // One cluster for all tests of a program's suite; each test has a directory of its own, here and there.
  static void SetUpTestSuite();
  static void TearDownTestSuite();
  void SetUp() override;
  void TearDown() override;

  // With --master.
  Said gfs(std::vector<std::string> words, const std::string& input = "");
  // Without it.
  static Said plain(std::vector<std::string> words, const std::string& input = "", std::optional<int> output = {});
  // As gfs(), with a stdout that nobody reads any more.
  Said unread(std::vector<std::string> words, const std::string& input = "");
  // Fails the test unless the exit code is 0.
  std::string ok(std::vector<std::string> words, const std::string& input = "");

  std::string local(const std::string& name) const { return work_ + "/" + name; }
  std::string remote(const std::string& name) const { return top_ + (name.empty() ? "" : "/" + name); }
  static void write_file(const std::string& path, const std::string& content);
  static std::string read_file(const std::string& path);

  std::string work_;
  std::string top_;

 private:
  static std::string root_;
  static std::unique_ptr<embedded::Cluster> cluster_;
};

}  // namespace gfs::cli
