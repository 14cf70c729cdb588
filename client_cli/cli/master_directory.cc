#include "client_cli/cli/master_directory.h"

#include "base/event_loop.h"
#include "base/posix_disk.h"

namespace gfs::cli {

Result<master::DirectoryView> view_master_directory(const std::string& directory, master::VisitRecord visit) {
  EventLoop loop;
  PosixDisk::Options options;
  options.create = false;
  options.workers = 1;
  Result<std::unique_ptr<PosixDisk>> disk = PosixDisk::open(directory, loop, options);
  if (!disk) return fail(std::move(disk));
  return loop.run(master::view_directory(**disk, std::move(visit)));
}

}  // namespace gfs::cli
