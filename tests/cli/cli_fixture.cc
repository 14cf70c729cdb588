#include "tests/cli/cli_fixture.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/log.h"
#include "client_cli/cli/cli.h"

namespace gfs::cli {

std::string CliTest::root_;
std::unique_ptr<embedded::Cluster> CliTest::cluster_;

void CliTest::SetUpTestSuite() {
  log::set_level(log::Level::error);
  std::string pattern = std::filesystem::temp_directory_path() / "gfs-cli-test-XXXXXX";
  ASSERT_NE(mkdtemp(pattern.data()), nullptr);
  root_ = pattern;
  embedded::Settings settings;
  settings.directory = root_ + "/cluster";
  Result<std::unique_ptr<embedded::Cluster>> cluster = embedded::Cluster::open(settings);
  ASSERT_TRUE(cluster) << cluster.error().text();
  cluster_ = std::move(*cluster);
}

void CliTest::TearDownTestSuite() {
  cluster_.reset();
  std::filesystem::remove_all(root_);
}

void CliTest::SetUp() {
  std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
  work_ = root_ + "/work-" + name;
  top_ = "/" + name;
  std::filesystem::create_directories(work_);
  ok({"mkdir", "-p", top_});
}

void CliTest::TearDown() { std::filesystem::remove_all(work_); }

Said CliTest::gfs(std::vector<std::string> words, const std::string& input) {
  words.insert(words.begin(), {"--master", cluster_->master()});
  return plain(std::move(words), input);
}

Said CliTest::unread(std::vector<std::string> words, const std::string& input) {
  signal(SIGPIPE, SIG_IGN);  // as main() does
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  close(ends[0]);
  words.insert(words.begin(), {"--master", cluster_->master()});
  Said said = plain(std::move(words), input, ends[1]);
  close(ends[1]);
  return said;
}

Said CliTest::plain(std::vector<std::string> words, const std::string& input, std::optional<int> output) {
  struct Stream {
    FILE* file = tmpfile();
    ~Stream() { fclose(file); }
    int descriptor() const { return fileno(file); }
    std::string content() const {
      rewind(file);
      std::string text;
      char piece[4096];
      while (std::size_t got = fread(piece, 1, sizeof piece, file)) text.append(piece, got);
      return text;
    }
  };
  Stream in, out, err;
  fwrite(input.data(), 1, input.size(), in.file);
  fflush(in.file);
  lseek(in.descriptor(), 0, SEEK_SET);
  int code = run(std::move(words), {in.descriptor(), output.value_or(out.descriptor()), err.descriptor()});
  return {code, out.content(), err.content()};
}

std::string CliTest::ok(std::vector<std::string> words, const std::string& input) {
  std::string command = words.empty() ? "" : words[0];
  Said said = gfs(std::move(words), input);
  EXPECT_EQ(said.code, 0) << command << ": " << said.err;
  return said.out;
}

void CliTest::write_file(const std::string& path, const std::string& content) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << content;
}

std::string CliTest::read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

}  // namespace gfs::cli
