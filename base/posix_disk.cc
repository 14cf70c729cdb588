#include "base/posix_disk.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <boost/filesystem.hpp>
#include <cerrno>
#include <charconv>
#include <fstream>

#include "base/disk_path.h"
#include "base/posix_file.h"

namespace gfs {

namespace {

namespace fs = boost::filesystem;

std::unexpected<Error> failure(const boost::system::error_code& error, std::string_view verb, std::string_view path) {
  return errno_failure(error.value(), verb, path);
}

// O_NONBLOCK: a named pipe must not hold up a worker. Files and directories do not mind it.
Result<std::shared_ptr<const Descriptor>> open_descriptor(const std::string& path, int flags) {
  int number = -1;
  do {
    number = ::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);
  } while (number < 0 && errno == EINTR);
  if (number < 0 && errno == ELOOP) return fail(Code::io_error, "cannot open {}: it is a symbolic link", path);
  if (number < 0) return errno_failure(errno, "open", path);
  return std::make_shared<const Descriptor>(number, path);
}

Result<std::shared_ptr<const Descriptor>> open_plain_file(const std::string& path, int flags) {
  Result<std::shared_ptr<const Descriptor>> opened = open_descriptor(path, flags);
  if (!opened) return opened;
  struct stat status{};
  if (::fstat((*opened)->number(), &status) != 0) return errno_failure(errno, "look at", path);
  if (S_ISDIR(status.st_mode)) return errno_failure(EISDIR, "open", path);
  if (!S_ISREG(status.st_mode)) return fail(Code::io_error, "cannot open {}: it is not a plain file", path);
  return opened;
}

Result<std::vector<Disk::Entry>> list_directory(const std::string& path) {
  std::vector<Disk::Entry> entries;
  boost::system::error_code error;
  fs::directory_iterator at(path, error);
  for (; !error && at != fs::directory_iterator(); at.increment(error)) {
    struct stat status{};
    if (::lstat(at->path().c_str(), &status) != 0) {
      if (errno == ENOENT) continue;  // removed meanwhile
      return errno_failure(errno, "look at", at->path().native());
    }
    if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) continue;
    bool directory = S_ISDIR(status.st_mode);
    entries.push_back({.name = at->path().filename().native(),
                       .is_directory = directory,
                       .size = directory ? 0 : static_cast<std::uint64_t>(status.st_size)});
  }
  if (error) return failure(error, "list", path);
  std::ranges::sort(entries, {}, &Disk::Entry::name);
  return entries;
}

class FlockLock final : public DiskLock {
 public:
  explicit FlockLock(std::shared_ptr<const Descriptor> file) : file_(std::move(file)) {}

 private:
  const std::shared_ptr<const Descriptor> file_;  // closing it lets go
};

Result<std::unique_ptr<DiskLock>> take_lock(const std::string& path) {
  Result<std::shared_ptr<const Descriptor>> opened = open_plain_file(path, O_RDWR | O_CREAT);
  if (!opened) return fail(std::move(opened));
  int number = (*opened)->number();
  while (::flock(number, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return errno_failure(errno, "lock", path);
    char text[32] = "";
    ssize_t size = ::pread(number, text, sizeof text, 0);
    long holder = 0;
    std::from_chars(text, text + std::max<ssize_t>(size, 0), holder);
    if (holder > 0) return fail(Code::in_use, "{} is held by process {}", path, holder);
    return fail(Code::in_use, "{} is held by another process", path);
  }
  // For people, and for the message above; the lock itself is the kernel's.
  std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(number, 0) != 0) return errno_failure(errno, "write", path);
  if (::pwrite(number, pid.data(), pid.size(), 0) < 0) return errno_failure(errno, "write", path);
  return std::make_unique<FlockLock>(std::move(*opened));
}

std::string read_boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

}  // namespace

struct PosixDisk::Parts {
  std::shared_ptr<DiskWorkers> workers;
  std::shared_ptr<BufferPool> buffers;
};

Result<std::unique_ptr<PosixDisk>> PosixDisk::open(std::string root, Executor& executor) {
  return open(std::move(root), executor, Options());
}

Result<std::unique_ptr<PosixDisk>> PosixDisk::open(std::string root, Executor& executor, Options options) {
  if (root.empty()) return fail(Code::invalid_argument, "a disk needs a directory");
  if (options.workers == 0) return fail(Code::invalid_argument, "the disk at {} needs at least one worker", root);
  boost::system::error_code error;
  if (options.create) {
    fs::create_directories(root, error);
    if (error) return failure(error, "create", root);
  }
  fs::path resolved = fs::canonical(root, error);
  if (error) return failure(error, "open", root);
  bool directory = fs::is_directory(resolved, error);
  if (error) return failure(error, "open", root);
  if (!directory) return errno_failure(ENOTDIR, "open", root);
  if (::access(resolved.c_str(), R_OK | W_OK | X_OK) != 0) return errno_failure(errno, "write to", root);
  std::string boot_id = read_boot_id();
  if (boot_id.empty()) return fail(Code::io_error, "the kernel does not tell its boot id");
  Result<std::shared_ptr<DiskWorkers>> workers =
      DiskWorkers::start(executor, fmt::format("the disk at {}", root), options.workers, options.queue_max);
  if (!workers) return fail(std::move(workers));
  auto parts = std::make_unique<Parts>(Parts{std::move(*workers), BufferPool::create()});
  return std::unique_ptr<PosixDisk>(new PosixDisk(resolved.native(), std::move(boot_id), std::move(parts)));
}

PosixDisk::PosixDisk(std::string root, std::string boot_id, std::unique_ptr<Parts> parts)
    : root_(std::move(root)), boot_id_(std::move(boot_id)), parts_(std::move(parts)) {}

PosixDisk::~PosixDisk() { parts_->workers->stop(); }

std::string PosixDisk::full(const std::string& path) const {
  std::string inside = disk_path(path);
  return inside.empty() ? root_ : root_ + "/" + inside;
}

Future<std::shared_ptr<File>> PosixDisk::open(std::string path, Mode mode) {
  auto work = [path = full(path), mode, parts = *parts_]() -> Result<std::shared_ptr<File>> {
    int flags = mode == Mode::read ? O_RDONLY : mode == Mode::write ? O_RDWR | O_CREAT : O_RDWR | O_CREAT | O_EXCL;
    Result<std::shared_ptr<const Descriptor>> opened = open_plain_file(path, flags);
    if (!opened) return fail(std::move(opened));
    return std::make_shared<PosixFile>(std::move(*opened), mode != Mode::read, parts.workers, parts.buffers);
  };
  return parts_->workers->run<std::shared_ptr<File>>(std::move(work));
}

Future<std::vector<Disk::Entry>> PosixDisk::list(std::string directory) {
  return parts_->workers->run<std::vector<Entry>>([path = full(directory)] { return list_directory(path); });
}

Future<bool> PosixDisk::exists(std::string path) {
  return parts_->workers->run<bool>([path = full(path)]() -> Result<bool> {
    struct stat status{};
    if (::lstat(path.c_str(), &status) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return errno_failure(errno, "look at", path);
  });
}

Future<void> PosixDisk::make_directories(std::string path) {
  // Not the root: where it is missing it is not mounted, or was taken away.
  return parts_->workers->run<void>([root = root_, path = std::move(path)]() -> Result<> {
    fs::path at(root);
    for (const fs::path& part : fs::path(path)) {
      at /= part;
      boost::system::error_code error;
      fs::create_directory(at, error);
      if (error) return failure(error, "create", at.string());
    }
    return {};
  });
}

Future<void> PosixDisk::rename(std::string source, std::string target) {
  return parts_->workers->run<void>([source = full(source), target = full(target)]() -> Result<> {
    boost::system::error_code error;
    fs::rename(source, target, error);
    if (error) return failure(error, fmt::format("rename {} to", source), target);
    return {};
  });
}

Future<void> PosixDisk::clone(std::string source, std::string target) {
  return parts_->workers->run<void>([source = full(source), target = full(target)]() -> Result<> {
    Result<std::shared_ptr<const Descriptor>> from = open_plain_file(source, O_RDONLY);
    if (!from) return fail(std::move(from));
    Result<std::shared_ptr<const Descriptor>> to = open_plain_file(target, O_WRONLY | O_CREAT);
    if (!to) return fail(std::move(to));
    return clone_file(**from, **to);
  });
}

Future<void> PosixDisk::remove(std::string path) {
  return parts_->workers->run<void>([path = full(path)]() -> Result<> {
    boost::system::error_code error;
    bool removed = fs::remove(path, error);
    if (error) return failure(error, "remove", path);
    if (!removed) return errno_failure(ENOENT, "remove", path);
    return {};
  });
}

Future<void> PosixDisk::sync_directory(std::string path) {
  return parts_->workers->run<void>([path = full(path)]() -> Result<> {
    Result<std::shared_ptr<const Descriptor>> opened = open_descriptor(path, O_RDONLY | O_DIRECTORY);
    if (!opened) return fail(std::move(opened));
    if (::fsync((*opened)->number()) != 0) return errno_failure(errno, "sync", path);
    return {};
  });
}

Future<Disk::Space> PosixDisk::space() {
  return parts_->workers->run<Space>([root = root_]() -> Result<Space> {
    struct statvfs status{};
    if (::statvfs(root.c_str(), &status) != 0) return errno_failure(errno, "look at", root);
    return Space{.capacity = std::uint64_t{status.f_blocks} * status.f_frsize,
                 .available = std::uint64_t{status.f_bavail} * status.f_frsize,
                 .read_only = (status.f_flag & ST_RDONLY) != 0};
  });
}

Future<std::unique_ptr<DiskLock>> PosixDisk::lock(std::string path) {
  return parts_->workers->run<std::unique_ptr<DiskLock>>([path = full(path)] { return take_lock(path); });
}

}  // namespace gfs
