#include "chunkserver/open_files.h"

#include <gtest/gtest.h>

#include <optional>

#include "base/sim_disk.h"
#include "base/sim_executor.h"
#include "base/task_group.h"
#include "chunkserver/chunk_format.h"

namespace gfs::chunkserver {
namespace {

// A coroutine's parameters are its own: as a lambda it would outlive what it captured.
Task<> put_file(Disk* disk, std::string path, std::string text) {
  std::string folder = path.substr(0, path.rfind('/'));
  co_await disk->make_directories(folder);
  std::shared_ptr<File> file = co_await disk->open(path, Disk::Mode::write);
  Bytes bytes = Bytes::of(std::move(text));
  co_await file->write(0, std::move(bytes));
}

Task<std::string> read_file(OpenFiles* files, ChunkHandle handle) {
  std::shared_ptr<File> file = co_await files->open(handle, false);
  const Bytes bytes = co_await file->read(0, 3);
  co_return std::string(bytes.view());
}

Task<> take_its_place(Disk* disk, OpenFiles* files, ChunkHandle handle) {
  std::string copy = copy_path(handle);
  std::string data = data_path(handle);
  co_await disk->rename(copy, data);
  files->replaced(handle);
}

// Opened in the moment in which the other file gets the name.
TEST(OpenFiles, AFileThatLostItsNameIsNotKept) {
  const ChunkHandle handle{0xab};
  bool finished = false;
  for (int steps = 0; !finished; ++steps) {
    SimExecutor world;
    SimDisk platter(world, static_cast<std::uint64_t>(steps) + 1);
    NodeExecutor node(world);
    const std::unique_ptr<Disk> disk = platter.mount(node);
    OpenFiles files(*disk, 10);
    ASSERT_TRUE(world.run(put_file(disk.get(), data_path(handle), "old")));
    ASSERT_TRUE(world.run(put_file(disk.get(), copy_path(handle), "new")));
    TaskGroup group;
    std::optional<Result<std::shared_ptr<File>>> opened;
    group.spawn(files.open(handle, true), [&](Result<std::shared_ptr<File>> got) { opened = std::move(got); });
    for (int i = 0; i < steps && !opened; ++i) world.step();
    finished = opened.has_value();
    ASSERT_TRUE(world.run(take_its_place(disk.get(), &files, handle)));
    while (!opened) world.step();
    ASSERT_TRUE(*opened);
    const Result<std::string> text = world.run(read_file(&files, handle));
    ASSERT_TRUE(text);
    EXPECT_EQ(*text, "new") << steps;
  }
}

}  // namespace
}  // namespace gfs::chunkserver
