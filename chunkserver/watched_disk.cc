#include "chunkserver/watched_disk.h"

namespace gfs::chunkserver {

namespace {

using Action = DiskHealth::Action;

class WatchedFile final : public File {
 public:
  WatchedFile(WatchedDisk& disk, std::shared_ptr<File> file) : disk_(disk), file_(std::move(file)) {}

  Future<Bytes> read(std::uint64_t offset, std::size_t size) override {
    return disk_.watch(Action::read, file_->read(offset, size));
  }
  Future<void> write(std::uint64_t offset, Bytes bytes) override {
    return disk_.watch(Action::write, file_->write(offset, std::move(bytes)));
  }
  Future<void> sync() override { return disk_.watch(Action::sync, file_->sync()); }
  Future<void> truncate(std::uint64_t size) override { return disk_.watch(Action::write, file_->truncate(size)); }
  Future<std::uint64_t> size() override { return disk_.watch(Action::look, file_->size()); }

 private:
  WatchedDisk& disk_;
  const std::shared_ptr<File> file_;
};

}  // namespace

Future<std::shared_ptr<File>> WatchedDisk::open(std::string path, Mode mode) {
  auto wrap = [](WatchedDisk& disk, Future<std::shared_ptr<File>> opening) -> Task<std::shared_ptr<File>> {
    std::shared_ptr<File> file = co_await std::move(opening);
    co_return std::make_shared<WatchedFile>(disk, std::move(file));
  };
  Future<std::shared_ptr<File>> opening =
      watch(mode == Mode::read ? Action::look : Action::write, disk_.open(std::move(path), mode));
  Promise<std::shared_ptr<File>> promise;
  Future<std::shared_ptr<File>> opened = promise.future();
  tasks_.spawn(
      wrap(*this, std::move(opening)),
      [promise = std::move(promise)](Result<std::shared_ptr<File>> file) mutable { promise.set(std::move(file)); });
  return opened;
}

Future<std::vector<Disk::Entry>> WatchedDisk::list(std::string directory) {
  return watch(Action::look, disk_.list(std::move(directory)));
}

Future<bool> WatchedDisk::exists(std::string path) { return watch(Action::look, disk_.exists(std::move(path))); }

Future<void> WatchedDisk::make_directories(std::string path) {
  return watch(Action::write, disk_.make_directories(std::move(path)));
}

Future<void> WatchedDisk::rename(std::string source, std::string target) {
  return watch(Action::write, disk_.rename(std::move(source), std::move(target)));
}

Future<void> WatchedDisk::clone(std::string source, std::string target) {
  return watch(Action::write, disk_.clone(std::move(source), std::move(target)));
}

Future<void> WatchedDisk::remove(std::string path) { return watch(Action::write, disk_.remove(std::move(path))); }

// Not a sync for the clock: how long it takes depends on what else is in the folder.
Future<void> WatchedDisk::sync_directory(std::string path) {
  return watch(Action::look, disk_.sync_directory(std::move(path)));
}

Future<Disk::Space> WatchedDisk::space() { return disk_.space(); }

Future<std::unique_ptr<DiskLock>> WatchedDisk::lock(std::string path) {
  return watch(Action::look, disk_.lock(std::move(path)));
}

}  // namespace gfs::chunkserver
