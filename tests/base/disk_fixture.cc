#include "tests/base/disk_fixture.h"

#include <boost/filesystem.hpp>

#include "base/event_loop.h"
#include "base/posix_disk.h"
#include "base/sim_disk.h"
#include "base/sim_executor.h"

namespace gfs {

namespace {

class PosixWorld final : public DiskWorld {
 public:
  PosixWorld()
      : root_(boost::filesystem::temp_directory_path() / boost::filesystem::unique_path("gfs-disk-%%%%%%%%")),
        disk_(open()) {}
  ~PosixWorld() override {
    disk_.reset();
    boost::system::error_code ignored;
    boost::filesystem::remove_all(root_, ignored);
  }
  Executor& executor() override { return loop_; }
  Disk& disk() override { return *disk_; }
  std::unique_ptr<Disk> second() override { return open(); }
  Result<> run(Task<> task) override { return loop_.run(std::move(task)); }
  void reopen() override {
    disk_.reset();
    disk_ = open();
  }

 private:
  std::unique_ptr<Disk> open() {
    Result<std::unique_ptr<PosixDisk>> opened = PosixDisk::open(root_.native(), loop_);
    CHECK(opened.has_value(), "the temporary directory can be used");
    return std::move(*opened);
  }

  EventLoop loop_;
  boost::filesystem::path root_;
  std::unique_ptr<Disk> disk_;
};

class SimWorld final : public DiskWorld {
 public:
  SimWorld() : platter_(world_, 1), disk_(platter_.mount(world_)) {}
  Executor& executor() override { return world_; }
  Disk& disk() override { return *disk_; }
  std::unique_ptr<Disk> second() override { return platter_.mount(world_); }
  Result<> run(Task<> task) override { return world_.run(std::move(task)); }
  void reopen() override {
    disk_.reset();
    disk_ = platter_.mount(world_);
  }

 private:
  SimExecutor world_;
  SimDisk platter_;
  std::unique_ptr<Disk> disk_;
};

}  // namespace

std::unique_ptr<DiskWorld> make_posix_world() { return std::make_unique<PosixWorld>(); }
std::unique_ptr<DiskWorld> make_sim_world() { return std::make_unique<SimWorld>(); }

}  // namespace gfs
