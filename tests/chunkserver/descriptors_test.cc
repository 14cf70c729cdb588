// A process that has run out of descriptors: files are closed and opened again, and no replica is given up for it.
#include "tests/chunkserver/store_fixture.h"

namespace gfs::chunkserver {
namespace {

// As the kernel: so many files open at a time, then overloaded (EMFILE).
class FewDescriptors final : public Disk {
 public:
  FewDescriptors(Disk& disk, std::size_t max) : disk_(disk), max_(max) {}

  Future<std::shared_ptr<File>> open(std::string path, Mode mode) override {
    std::erase_if(open_, [](const std::weak_ptr<File>& one) { return one.expired(); });
    if (open_.size() + opening_ < max_) {
      Promise<std::shared_ptr<File>> promise;
      Future<std::shared_ptr<File>> future = promise.future();
      ++opening_;
      auto wait = [](Future<std::shared_ptr<File>> opening) -> Task<std::shared_ptr<File>> {
        co_return co_await std::move(opening);
      };
      tasks_.spawn(wait(disk_.open(std::move(path), mode)),
                   [this, promise = std::move(promise)](Result<std::shared_ptr<File>> file) mutable {
                     --opening_;
                     if (file) open_.push_back(*file);
                     promise.set(std::move(file));
                   });
      return future;
    }
    ++refused;
    Promise<std::shared_ptr<File>> promise;
    Future<std::shared_ptr<File>> future = promise.future();
    promise.set(gfs::fail(Code::overloaded, "cannot open {}: too many open files", path));
    return future;
  }
  Future<std::vector<Entry>> list(std::string directory) override { return disk_.list(std::move(directory)); }
  Future<bool> exists(std::string path) override { return disk_.exists(std::move(path)); }
  Future<void> make_directories(std::string path) override { return disk_.make_directories(std::move(path)); }
  Future<void> rename(std::string source, std::string target) override {
    return disk_.rename(std::move(source), std::move(target));
  }
  Future<void> clone(std::string source, std::string target) override {
    return disk_.clone(std::move(source), std::move(target));
  }
  Future<void> remove(std::string path) override { return disk_.remove(std::move(path)); }
  Future<void> sync_directory(std::string path) override { return disk_.sync_directory(std::move(path)); }
  Future<Space> space() override { return disk_.space(); }
  Future<std::unique_ptr<DiskLock>> lock(std::string path) override { return disk_.lock(std::move(path)); }
  std::string boot_id() const override { return disk_.boot_id(); }

  int refused = 0;

 private:
  Disk& disk_;
  const std::size_t max_;
  std::size_t opening_ = 0;
  std::vector<std::weak_ptr<File>> open_;
  TaskGroup tasks_;
};

TEST_F(StoreTest, C18_WithoutDescriptorsFilesAreClosedAndNoReplicaIsGivenUp) {
  constexpr std::uint64_t kChunks = 200;
  open();
  life->store.reset();
  FewDescriptors few(*life->disk, 16);
  settings.open_files = 512;
  settings.loaded_chunks = 8;
  ChunkStore crowded(life->node, few, settings);
  ASSERT_TRUE(world.run(crowded.open()));
  int damages = 0;
  crowded.on_damage = [&damages](ChunkHandle, std::uint32_t, const std::string&) { ++damages; };
  for (std::uint64_t i = 1; i <= kChunks; ++i) {
    ASSERT_TRUE(world.run(crowded.adopt(ChunkHandle{i}, Version{1}, primary, true)));
    Result<std::uint64_t> written = world.run(crowded.write(mutation(ChunkHandle{i}, 1, 1, 0, std::to_string(i))));
    ASSERT_TRUE(written) << written.error().text();
  }
  EXPECT_GT(few.refused, 0);
  // A checkpoint may find none for the metadata files: then it is tried again later, and the journal has everything.
  const Result<> closed = world.run(crowded.close());
  if (!closed) EXPECT_EQ(closed.error().code, Code::overloaded) << closed.error().text();
  // All of them hot at once: some may have to be asked again, none is damaged or gone.
  std::vector<std::uint64_t> left;
  for (std::uint64_t i = 1; i <= kChunks; ++i) left.push_back(i);
  for (int round = 0; round < 50 && !left.empty(); ++round) {
    std::vector<std::uint64_t> again;
    TaskGroup readers;
    for (std::uint64_t i : left) {
      readers.spawn(crowded.read(ChunkHandle{i}, 0, 10), [i, &again](Result<ReadBytes> got) {
        if (!got) {
          EXPECT_EQ(got.error().code, Code::overloaded) << got.error().text();
          again.push_back(i);
        } else {
          EXPECT_EQ(got->bytes.str(), std::to_string(i));
        }
      });
    }
    ASSERT_TRUE(world.run_until([&] { return readers.empty(); }, 60s));
    EXPECT_LT(again.size(), left.size());
    left = again;
  }
  EXPECT_TRUE(left.empty());
  EXPECT_EQ(damages, 0);
  EXPECT_EQ(crowded.page({}, kChunks + 1).size(), kChunks);
}

}  // namespace
}  // namespace gfs::chunkserver
