// The client library against real servers: an embedded cluster with real threads, sockets and disks. Round trips of
// sizes around every border, reopening after the cluster is gone, and clear refusals.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <future>
#include <thread>

#include "base/crc32c.h"
#include "base/log.h"
#include "base/units.h"
#include "client_cli/client/blocking.h"
#include "client_cli/embedded/cluster.h"

namespace gfs::client {
namespace {

using Open = Filesystem::Open;

class Embedded : public testing::Test {
 protected:
  Embedded() {
    log::set_level(log::Level::error);
    std::string pattern = (std::filesystem::temp_directory_path() / "gfs-embedded-XXXXXX").string();
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  ~Embedded() override {
    gfs_.reset();
    cluster_.reset();
    std::filesystem::remove_all(directory_);
  }

  void open() {
    Result<std::unique_ptr<embedded::Cluster>> opened = embedded::Cluster::open({.directory = directory_});
    ASSERT_TRUE(opened) << opened.error().text();
    cluster_ = std::move(*opened);
    gfs_ = std::make_unique<Blocking>(Settings{.master = cluster_->master()});
  }
  void close() {
    gfs_.reset();
    cluster_.reset();
  }

  static std::string content(std::uint64_t size, std::uint64_t seed) {
    Random random(seed);
    std::string text(size, '\0');
    for (char& c : text) c = static_cast<char>(random.next());
    return text;
  }
  static Task<> put(Filesystem& fs, std::string path, Bytes bytes) {
    std::shared_ptr<File> file = co_await fs.open(path, Open::create_new);
    for (std::size_t at = 0; at < bytes.size(); at += MiB) co_await file->append(bytes.slice(at, MiB));
    co_await file->close();
  }
  static Task<std::string> get(Filesystem& fs, std::string path) {
    std::shared_ptr<File> file = co_await fs.open(path, Open::read);
    std::string all;
    while (true) {
      Bytes piece = co_await file->next();
      if (piece.empty()) break;
      all += piece.view();
    }
    co_return all;
  }
  Result<> put(const std::string& path, const std::string& text) {
    return gfs_->run<void>([&](Filesystem& fs) { return put(fs, path, Bytes::borrowed(text.data(), text.size())); });
  }
  Result<std::string> get(const std::string& path) {
    return gfs_->run<std::string>([&](Filesystem& fs) { return get(fs, path); });
  }

  std::string directory_;
  std::unique_ptr<embedded::Cluster> cluster_;
  std::unique_ptr<Blocking> gfs_;
};

TEST_F(Embedded, SizesAroundEveryBorderComeBackAlsoAfterReopening) {
  open();
  const std::uint64_t sizes[] = {0, 1, 65535, 65536, 65537, MiB - 1, MiB, MiB + 1, 3 * MiB + 12345};
  for (std::uint64_t size : sizes) {
    std::string path = fmt::format("/f{}", size);
    Result<> written = put(path, content(size, size));
    ASSERT_TRUE(written) << size << ": " << written.error().text();
    Result<std::string> back = get(path);
    ASSERT_TRUE(back) << size << ": " << back.error().text();
    ASSERT_TRUE(*back == content(size, size)) << size;
  }
  close();
  open();
  for (std::uint64_t size : sizes) {
    Result<std::string> back = get(fmt::format("/f{}", size));
    ASSERT_TRUE(back) << size << ": " << back.error().text();
    ASSERT_TRUE(*back == content(size, size)) << size;
  }
  Result<std::vector<FileInfo>> list = gfs_->run<std::vector<FileInfo>>([](Filesystem& fs) { return fs.list("/"); });
  ASSERT_TRUE(list);
  EXPECT_EQ(list->size(), std::size(sizes));
}

TEST_F(Embedded, AFileOfTwoChunksIsWhole) {
  open();
  std::string text = content(64 * MiB + 100001, 5);
  Result<> written = put("/large", text);
  ASSERT_TRUE(written) << written.error().text();
  Result<std::string> back = get("/large");
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_EQ(back->size(), text.size());
  EXPECT_EQ(crc32c(*back), crc32c(text));
  auto chunks = gfs_->run<std::vector<bus::ListChunks::Chunk>>([](Filesystem& fs) { return fs.chunks("/large"); });
  ASSERT_TRUE(chunks) << chunks.error().text();
  ASSERT_EQ(chunks->size(), 2u);
  for (const bus::ListChunks::Chunk& chunk : *chunks) EXPECT_EQ(chunk.members.size(), 3u);
}

Task<std::string> write_here_and_there(Filesystem& fs) {
  std::shared_ptr<File> file = co_await fs.open("/sparse", Open::create_new);
  co_await file->write(200000, Bytes::of("far"));
  co_await file->write(10, Bytes::of("near"));
  co_await file->write(12, Bytes::of("XY"));
  FileInfo info = co_await fs.stat("/sparse");  // not synced yet
  if (info.size != 200003) co_await fail(Code::internal, "stat says {}", info.size);
  co_await file->sync();
  Bytes all = co_await file->read(0, 1000000);
  co_return all.str();
}

TEST_F(Embedded, OverwritesAndHoles) {
  open();
  Result<std::string> got = gfs_->run<std::string>(write_here_and_there);
  ASSERT_TRUE(got) << got.error().text();
  std::string expected(200003, '\0');
  expected.replace(10, 4, "neXY");
  expected.replace(200000, 3, "far");
  EXPECT_TRUE(*got == expected);
}

TEST_F(Embedded, ASecondOneInTheSameDirectoryIsRefused) {
  open();
  Result<std::unique_ptr<embedded::Cluster>> second = embedded::Cluster::open({.directory = directory_});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::in_use) << second.error().text();
}

TEST_F(Embedded, ADirectoryThatCannotBeWrittenIsNamed) {
  std::string file = directory_ + "/file";
  {
    std::unique_ptr<FILE, int (*)(FILE*)> made(fopen(file.c_str(), "w"), fclose);
  }
  Result<std::unique_ptr<embedded::Cluster>> opened = embedded::Cluster::open({.directory = file});
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find(file), std::string::npos) << opened.error().text();
  if (geteuid() == 0) return;  // root writes everywhere
  std::string locked = directory_ + "/locked";
  ASSERT_EQ(mkdir(locked.c_str(), 0555), 0);
  opened = embedded::Cluster::open({.directory = locked});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::read_only) << opened.error().text();
}

TEST_F(Embedded, SettingsOutOfBoundsAreRefused) {
  EXPECT_EQ(embedded::Cluster::open({.directory = ""}).error().code, Code::invalid_argument);
  EXPECT_EQ(embedded::Cluster::open({.directory = directory_, .chunkservers = 0}).error().code, Code::invalid_argument);
}

TEST(Blocking, WhatStillRunsEndsWithTheClient) {
  auto gfs = std::make_unique<Blocking>(Settings{.master = "inproc://nobody-listens-here"});
  std::promise<void> begun;
  std::thread waiter([&] {
    Result<FileInfo> info = gfs->run<FileInfo>([&](Filesystem& fs) {
      begun.set_value();
      return fs.stat("/");
    });
    EXPECT_EQ(info.error().code, Code::cancelled) << info.error().text();
  });
  begun.get_future().wait();
  gfs.reset();
  waiter.join();
}

}  // namespace
}  // namespace gfs::client
