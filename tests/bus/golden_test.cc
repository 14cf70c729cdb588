// The bytes of every message and of the envelope, as protocol version 1 has them: tests/bus/golden/v1/<name>.hex. Old
// and new nodes talk as long as these hold. A change that is meant is written with GFS_REWRITE_GOLDEN=1, which also
// writes the seeds of the codec's fuzz target (tests/fuzz/corpus/codec), and is seen in review.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "bus/codec.h"
#include "tests/bus/example_messages.h"

namespace gfs::bus {
namespace {

namespace fs = std::filesystem;

const fs::path kGolden = fs::path(GFS_SOURCE_DIR) / "tests/bus/golden" / fmt::format("v{}", kProtocolVersion);
const fs::path kCorpus = fs::path(GFS_SOURCE_DIR) / "tests/fuzz/corpus/codec";

// 16 bytes a line, in hex and, where they are printable, as text.
std::string dump(std::string_view bytes) {
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 16) {
    std::string_view line = bytes.substr(at, 16);
    std::string shown;
    for (char c : line) {
      text += fmt::format("{:02x} ", static_cast<unsigned char>(c));
      shown += c >= ' ' && c <= '~' ? c : '.';
    }
    text += std::string(3 * (16 - line.size()), ' ') + " " + shown + "\n";
  }
  return text;
}

std::string undump(const std::string& text) {
  std::string bytes;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    for (std::size_t at = 0; at + 1 < line.size() && at < 48 && line[at] != ' '; at += 3)
      bytes += static_cast<char>(std::stoi(line.substr(at, 2), nullptr, 16));
  }
  return bytes;
}

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

void write(const fs::path& path, std::string_view content) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << content;
}

bool rewriting() { return std::getenv("GFS_REWRITE_GOLDEN") != nullptr; }

TEST(Golden, EveryMessageHasItsBytes) {
  std::size_t count = 0;
  each_example_message([&]<class M>(const std::string& name, const M& message) {
    SCOPED_TRACE(name);
    ++count;
    fs::path path = kGolden / (name + ".hex");
    Bytes bytes = encode(message);
    if (rewriting()) write(path, dump(bytes.view()));
    ASSERT_TRUE(fs::exists(path)) << "run with GFS_REWRITE_GOLDEN=1";
    EXPECT_EQ(dump(bytes.view()), read(path));
  });
  std::size_t files = 0;
  for ([[maybe_unused]] const fs::directory_entry& entry : fs::directory_iterator(kGolden)) ++files;
  EXPECT_EQ(files, count) << "a golden file of no message, or of one that is gone";
}

TEST(Golden, TheBytesDecodeToTheMessage) {
  each_example_message([]<class M>(const std::string& name, const M& message) {
    SCOPED_TRACE(name);
    Result<M> decoded = decode<M>(Bytes::of(undump(read(kGolden / (name + ".hex")))));
    ASSERT_TRUE(decoded.has_value()) << decoded.error().text();
    EXPECT_EQ(encode(*decoded), encode(message));
  });
}

TEST(Golden, TheFuzzCorpusHoldsEveryMessage) {
  std::uint8_t index = 0;
  each_example_message([&]<class M>(const std::string& name, const M& message) {
    SCOPED_TRACE(name);
    std::string seed(1, static_cast<char>(index++));
    seed += encode(message).view();
    if (rewriting()) write(kCorpus / name, seed);
    EXPECT_EQ(dump(seed), dump(read(kCorpus / name)));
  });
}

}  // namespace
}  // namespace gfs::bus
