// The promises of base/disk.h, checked on the real disk and on the simulated one.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/filesystem.hpp>
#include <fstream>

#include "base/event_loop.h"
#include "base/posix_disk.h"
#include "base/task_group.h"
#include "tests/base/disk_fixture.h"

namespace gfs {
namespace {

class DiskContract : public testing::TestWithParam<std::unique_ptr<DiskWorld> (*)()> {
 protected:
  Disk& disk() { return world_->disk(); }
  // A body that ends with an error fails the test.
  void play(Task<> body) {
    Result<> result = world_->run(std::move(body));
    EXPECT_TRUE(result) << result.error().text();
  }

  std::unique_ptr<DiskWorld> world_ = GetParam()();
};

INSTANTIATE_TEST_SUITE_P(Worlds, DiskContract, testing::Values(&make_posix_world, &make_sim_world),
                         [](const auto& which) { return which.index == 0 ? "Posix" : "Simulated"; });

Task<> read_what_was_written(Disk& disk) {
  std::shared_ptr<File> file = co_await disk.open("a", Disk::Mode::write);
  EXPECT_EQ(co_await file->size(), 0u);
  EXPECT_TRUE((co_await file->read(0, 100)).empty());
  co_await file->write(10, Bytes::of("hello"));
  EXPECT_EQ(co_await file->size(), 15u);
  EXPECT_EQ((co_await file->read(0, 100)).str(), std::string(10, '\0') + "hello");
  EXPECT_EQ((co_await file->read(12, 2)).str(), "ll");
  EXPECT_TRUE((co_await file->read(15, 1)).empty());
  EXPECT_TRUE((co_await file->read(1 << 30, 1)).empty());
  EXPECT_TRUE((co_await file->read(0, 0)).empty());
  co_await file->write(11, Bytes::of("E"));
  co_await file->sync();
  std::shared_ptr<File> again = co_await disk.open("a", Disk::Mode::read);
  EXPECT_EQ((co_await again->read(10, 5)).str(), "hEllo");
}
TEST_P(DiskContract, ReadGivesWhatWasWritten) { play(read_what_was_written(disk())); }

Task<> large_file(Disk& disk) {
  std::string content(5'000'001, '\0');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 7 + i / 251);
  std::shared_ptr<File> file = co_await disk.open("large", Disk::Mode::create_new);
  co_await file->write(3, Bytes::of(content));
  EXPECT_EQ((co_await file->read(3, std::size_t{1} << 40)).str(), content);
  Bytes part = co_await file->read(3 + 1'048'570, 1'048'576);
  EXPECT_EQ(part.view(), std::string_view(content).substr(1'048'570, 1'048'576));
  co_await file->truncate(1'000'003);
  EXPECT_EQ((co_await file->read(3, 2'000'000)).view(), std::string_view(content).substr(0, 1'000'000));
  co_await file->truncate(1'000'013);
  EXPECT_EQ((co_await file->read(1'000'003, 100)).str(), std::string(10, '\0'));
}
TEST_P(DiskContract, LargeFilesAndTruncation) { play(large_file(disk())); }

Task<> modes(Disk& disk) {
  Result<std::shared_ptr<File>> missing = co_await disk.open("x", Disk::Mode::read).outcome();
  EXPECT_EQ(missing.error().code, Code::not_found);
  EXPECT_NE(missing.error().message.find("x"), std::string::npos);
  std::shared_ptr<File> made = co_await disk.open("x", Disk::Mode::create_new);
  Result<std::shared_ptr<File>> twice = co_await disk.open("x", Disk::Mode::create_new).outcome();
  EXPECT_EQ(twice.error().code, Code::already_exists);
  Result<std::shared_ptr<File>> nowhere = co_await disk.open("no/x", Disk::Mode::write).outcome();
  EXPECT_EQ(nowhere.error().code, Code::not_found);
  Result<std::shared_ptr<File>> below = co_await disk.open("x/y", Disk::Mode::write).outcome();
  EXPECT_EQ(below.error().code, Code::not_a_directory);
  co_await disk.make_directories("d");
  Result<std::shared_ptr<File>> directory = co_await disk.open("d", Disk::Mode::write).outcome();
  EXPECT_EQ(directory.error().code, Code::is_a_directory);
  Result<std::shared_ptr<File>> read_directory = co_await disk.open("d", Disk::Mode::read).outcome();
  EXPECT_EQ(read_directory.error().code, Code::is_a_directory);
  std::shared_ptr<File> reader = co_await disk.open("x", Disk::Mode::read);
  Result<> written = co_await reader->write(0, Bytes::of("no")).outcome();
  EXPECT_EQ(written.error().code, Code::read_only);
  Result<> cut = co_await reader->truncate(0).outcome();
  EXPECT_EQ(cut.error().code, Code::read_only);
  Result<> beyond = co_await made->write(UINT64_MAX - 1, Bytes::of("far")).outcome();
  EXPECT_EQ(beyond.error().code, Code::too_large);
}
TEST_P(DiskContract, OpenSaysWhatIsWrong) { play(modes(disk())); }

Task<> directories(Disk& disk) {
  co_await disk.make_directories("a/b/c");
  co_await disk.make_directories("a/b");
  for (std::string name : {"a/z", "a/m", "a/.hidden"}) {
    std::shared_ptr<File> file = co_await disk.open(name, Disk::Mode::create_new);
    co_await file->write(0, Bytes::of(name));
  }
  std::vector<Disk::Entry> entries = co_await disk.list("a");
  std::string names;
  for (const Disk::Entry& entry : entries) {
    names += fmt::format("{}:{}:{} ", entry.name, entry.is_directory, entry.size);
  }
  EXPECT_EQ(names, ".hidden:false:9 b:true:0 m:false:3 z:false:3 ");
  EXPECT_EQ((co_await disk.list("")).size(), 1u);
  EXPECT_EQ((co_await disk.list(".")).size(), 1u);
  Result<std::vector<Disk::Entry>> missing = co_await disk.list("nowhere").outcome();
  EXPECT_EQ(missing.error().code, Code::not_found);
  Result<std::vector<Disk::Entry>> of_file = co_await disk.list("a/z").outcome();
  EXPECT_EQ(of_file.error().code, Code::not_a_directory);
  EXPECT_TRUE(co_await disk.exists("a/b"));
  EXPECT_TRUE(co_await disk.exists("a/z"));
  EXPECT_FALSE(co_await disk.exists("a/y"));
  EXPECT_FALSE(co_await disk.exists("a/z/y"));
  co_await disk.sync_directory("a");
  co_await disk.sync_directory("");
  Result<> no_folder = co_await disk.sync_directory("nowhere").outcome();
  EXPECT_EQ(no_folder.error().code, Code::not_found);
  Result<> full = co_await disk.remove("a/b").outcome();
  EXPECT_EQ(full.error().code, Code::not_empty);
  co_await disk.remove("a/b/c");
  co_await disk.remove("a/b");
  co_await disk.remove("a/z");
  Result<> again = co_await disk.remove("a/z").outcome();
  EXPECT_EQ(again.error().code, Code::not_found);
  Disk::Space space = co_await disk.space();
  EXPECT_GT(space.capacity, 0u);
  EXPECT_LE(space.available, space.capacity);
}
TEST_P(DiskContract, DirectoriesListsAndRemoval) { play(directories(disk())); }

Task<> renames(Disk& disk) {
  std::shared_ptr<File> old = co_await disk.open("old", Disk::Mode::create_new);
  co_await old->write(0, Bytes::of("old"));
  std::shared_ptr<File> fresh = co_await disk.open("fresh", Disk::Mode::create_new);
  co_await fresh->write(0, Bytes::of("fresh"));
  co_await disk.rename("fresh", "old");
  EXPECT_FALSE(co_await disk.exists("fresh"));
  std::shared_ptr<File> now = co_await disk.open("old", Disk::Mode::read);
  EXPECT_EQ((co_await now->read(0, 9)).str(), "fresh");
  EXPECT_EQ((co_await old->read(0, 9)).str(), "old");  // an open file lives on without its name
  co_await fresh->write(5, Bytes::of("er"));
  EXPECT_EQ((co_await now->read(0, 9)).str(), "fresher");
  Result<> missing = co_await disk.rename("fresh", "other").outcome();
  EXPECT_EQ(missing.error().code, Code::not_found);
  co_await disk.make_directories("d/e");
  co_await disk.rename("old", "d/moved");
  EXPECT_TRUE(co_await disk.exists("d/moved"));
  Result<> over_folder = co_await disk.rename("d/moved", "d/e").outcome();
  EXPECT_EQ(over_folder.error().code, Code::is_a_directory);
  co_await disk.rename("d", "f");
  EXPECT_TRUE(co_await disk.exists("f/moved"));
  Result<> into_itself = co_await disk.rename("f", "f/e/f").outcome();
  EXPECT_EQ(into_itself.error().code, Code::invalid_argument);
}
TEST_P(DiskContract, RenameReplacesAndMoves) { play(renames(disk())); }

Task<> clones(Disk& disk) {
  std::string content(3'000'017, '\0');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 11 + i / 253);
  std::shared_ptr<File> source = co_await disk.open("source", Disk::Mode::create_new);
  co_await source->write(0, Bytes::of(content));
  co_await disk.clone("source", "target");
  std::shared_ptr<File> target = co_await disk.open("target", Disk::Mode::write);
  EXPECT_EQ(co_await target->size(), content.size());
  EXPECT_TRUE((co_await target->read(0, content.size() + 1)).view() == content);
  co_await target->sync();
  // Neither knows of what comes to the other.
  co_await target->write(1'000'000, Bytes::of("target's"));
  co_await source->write(1'000'000, Bytes::of("source's"));
  co_await source->truncate(2'000'000);
  EXPECT_EQ((co_await target->read(1'000'000, 8)).str(), "target's");
  EXPECT_EQ((co_await target->read(2'999'990, 100)).view(), std::string_view(content).substr(2'999'990));
  EXPECT_EQ((co_await source->read(1'000'000, 8)).str(), "source's");
  // One that is there, and longer, is replaced.
  std::shared_ptr<File> small = co_await disk.open("small", Disk::Mode::create_new);
  co_await small->write(0, Bytes::of("small"));
  co_await disk.clone("small", "target");
  std::shared_ptr<File> now = co_await disk.open("target", Disk::Mode::read);
  EXPECT_EQ((co_await now->read(0, 100)).str(), "small");
  std::shared_ptr<File> empty = co_await disk.open("empty", Disk::Mode::create_new);
  co_await disk.clone("empty", "target");
  now = co_await disk.open("target", Disk::Mode::read);
  EXPECT_EQ(co_await now->size(), 0u);
}
TEST_P(DiskContract, ACloneHasTheBytesAndGoesItsOwnWay) { play(clones(disk())); }

Task<> clones_refused(Disk& disk) {
  std::shared_ptr<File> file = co_await disk.open("file", Disk::Mode::create_new);
  co_await file->write(0, Bytes::of("bytes"));
  co_await disk.make_directories("folder");
  Result<> missing = co_await disk.clone("missing", "target").outcome();
  EXPECT_EQ(missing.error().code, Code::not_found);
  EXPECT_NE(missing.error().message.find("missing"), std::string::npos);
  EXPECT_FALSE(co_await disk.exists("target"));
  Result<> nowhere = co_await disk.clone("file", "nowhere/target").outcome();
  EXPECT_EQ(nowhere.error().code, Code::not_found);
  EXPECT_NE(nowhere.error().message.find("nowhere"), std::string::npos);
  EXPECT_EQ((co_await disk.clone("folder", "target").outcome()).error().code, Code::is_a_directory);
  EXPECT_EQ((co_await disk.clone("file", "folder").outcome()).error().code, Code::is_a_directory);
  EXPECT_EQ((co_await disk.clone("file", "file").outcome()).error().code, Code::invalid_argument);
  EXPECT_EQ((co_await file->read(0, 10)).str(), "bytes");
}
TEST_P(DiskContract, CloneSaysWhatIsWrong) { play(clones_refused(disk())); }

Task<> side_by_side(Disk& disk) {
  std::shared_ptr<File> file = co_await disk.open("many", Disk::Mode::create_new);
  std::vector<Future<void>> writes;
  for (std::uint64_t i = 0; i < 500; ++i) writes.push_back(file->write(i * 8, Bytes::of(fmt::format("{:08}", i))));
  for (Future<void>& write : writes) co_await std::move(write);
  writes.clear();
  for (std::uint64_t i = 0; i < 500; ++i) {
    Bytes bytes = co_await file->read(i * 8, 8);
    EXPECT_EQ(bytes.str(), fmt::format("{:08}", i));
  }
  {
    Future<void> forgotten = file->write(0, Bytes::of("FORGOTTEN"));
  }  // begins all the same, awaited or not
  co_await file->sync();
  Bytes bytes = co_await file->read(0, 9);
  while (bytes.str() != "FORGOTTEN") bytes = co_await file->read(0, 9);
}
TEST_P(DiskContract, ManyOperationsAtOnceAndForgottenOnes) { play(side_by_side(disk())); }

Task<> lock_twice(Disk& disk, Disk& other) {
  std::unique_ptr<DiskLock> lock = co_await disk.lock("LOCK");
  Result<std::unique_ptr<DiskLock>> refused = co_await other.lock("LOCK").outcome();
  EXPECT_FALSE(refused);
  if (!refused) {
    EXPECT_EQ(refused.error().code, Code::in_use);
    EXPECT_NE(refused.error().message.find("LOCK"), std::string::npos);
  }
  Result<std::unique_ptr<DiskLock>> same = co_await disk.lock("LOCK").outcome();
  EXPECT_FALSE(same);
  lock.reset();
  lock = co_await other.lock("LOCK");
  EXPECT_NE(lock, nullptr);
}
TEST_P(DiskContract, ALockIsHeldByOne) {
  std::unique_ptr<Disk> other = world_->second();
  play(lock_twice(disk(), *other));
}

Task<> leave_in_flight(Disk& disk, std::vector<Future<void>>& futures) {
  std::shared_ptr<File> file = co_await disk.open("flight", Disk::Mode::create_new);
  co_await file->write(0, Bytes::of(std::string(100'000, 'a')));
  for (int i = 0; i < 50; ++i) futures.push_back(file->write(0, Bytes::of(std::string(100'000, 'b'))));
}
Task<> look_at_flight(Disk& disk) {
  std::shared_ptr<File> file = co_await disk.open("flight", Disk::Mode::read);
  Bytes bytes = co_await file->read(0, 200'000);
  EXPECT_EQ(bytes.size(), 100'000u);
  EXPECT_TRUE(bytes.view().find_first_not_of("ab") == std::string_view::npos);
}
TEST_P(DiskContract, ADiskMayGoWhileOperationsAreInFlight) {
  std::vector<Future<void>> futures;
  play(leave_in_flight(disk(), futures));
  futures.erase(futures.begin() + 25, futures.end());  // some are forgotten before, some after
  world_->reopen();
  play(look_at_flight(disk()));
  futures.clear();
}

TEST_P(DiskContract, BootIdIsThatOfTheMachine) {
  std::string before = disk().boot_id();
  EXPECT_FALSE(before.empty());
  world_->reopen();
  EXPECT_EQ(disk().boot_id(), before);
}

// What only a real directory can show.

struct Directory {
  boost::filesystem::path path =
      boost::filesystem::temp_directory_path() / boost::filesystem::unique_path("gfs-disk-%%%%%%%%");
  Directory() { boost::filesystem::create_directory(path); }
  ~Directory() { boost::filesystem::remove_all(path); }
};

TEST(PosixDisk, RootsThatCannotBeUsed) {
  Directory directory;
  EventLoop loop;
  std::string missing = (directory.path / "missing").native();
  Result<std::unique_ptr<PosixDisk>> opened = PosixDisk::open(missing, loop, {.create = false});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::not_found);
  EXPECT_NE(opened.error().message.find(missing), std::string::npos);

  std::string file = (directory.path / "file").native();
  std::ofstream(file) << "x";
  opened = PosixDisk::open(file, loop, {.create = false});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::not_a_directory);
  EXPECT_FALSE(PosixDisk::open(file, loop, {.create = true}));
  EXPECT_FALSE(PosixDisk::open("", loop));
  EXPECT_TRUE(PosixDisk::open(missing, loop));
}

Task<> meet_links(Disk& disk) {
  std::vector<Disk::Entry> entries = co_await disk.list("");
  EXPECT_EQ(entries.size(), 1u);
  for (std::string name : {"link", "pipe"}) {
    Result<std::shared_ptr<File>> opened = co_await disk.open(name, Disk::Mode::read).outcome();
    EXPECT_FALSE(opened) << name;
    Result<std::shared_ptr<File>> written = co_await disk.open(name, Disk::Mode::write).outcome();
    EXPECT_FALSE(written) << name;
  }
}
TEST(PosixDisk, LinksAndPipesAreNotFollowedOrListed) {
  Directory directory;
  std::ofstream((directory.path / "plain").native()) << "x";
  boost::filesystem::create_symlink("plain", directory.path / "link");
  ASSERT_EQ(::mkfifo((directory.path / "pipe").c_str(), 0600), 0);
  EventLoop loop;
  Result<std::unique_ptr<PosixDisk>> disk = PosixDisk::open(directory.path.native(), loop);
  ASSERT_TRUE(disk);
  Result<> played = loop.run(meet_links(**disk));
  EXPECT_TRUE(played) << played.error().text();
}

}  // namespace
}  // namespace gfs
