#include "base/posix_file.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <vector>

namespace gfs {

namespace {

constexpr std::uint64_t kOffsetMax = static_cast<std::uint64_t>(std::numeric_limits<off_t>::max());
// Beyond this a read looks first how much there is, so that "all of it" costs no more than the file.
constexpr std::size_t kPlainRead = std::size_t{1} << 20;
constexpr std::size_t kReadMax = std::size_t{1} << 30;
constexpr std::size_t kCopyAtOnce = std::size_t{16} << 20;

Code code_of(int number) {
  switch (number) {
    case ENOSPC:
    case EDQUOT:
      return Code::no_space;
    case EROFS:
    case EACCES:
    case EPERM:
      return Code::read_only;
    case ENOENT:
      return Code::not_found;
    case EEXIST:
      return Code::already_exists;
    case ENOTEMPTY:
      return Code::not_empty;
    case ENOTDIR:
      return Code::not_a_directory;
    case EISDIR:
      return Code::is_a_directory;
    case ENAMETOOLONG:
    case EINVAL:
      return Code::invalid_argument;
    case EFBIG:
      return Code::too_large;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EAGAIN:
      return Code::overloaded;
    default:
      return Code::io_error;
  }
}

Result<std::uint64_t> size_of(const Descriptor& file) {
  struct stat status{};
  if (::fstat(file.number(), &status) != 0) return errno_failure(errno, "look at", file.path());
  return static_cast<std::uint64_t>(status.st_size);
}

}  // namespace

std::unexpected<Error> errno_failure(int number, std::string_view verb, std::string_view path) {
  char text[128] = "";
  const char* why = ::strerror_r(number, text, sizeof text);
  return fail(code_of(number), "cannot {} {}: {}", verb, path, why);
}

Descriptor::~Descriptor() { ::close(number_); }

// Shared blocks if the file system can, a copy inside the kernel if it can do that, a copy by hand else. Each goes on
// where the one before left off.
Result<> clone_file(const Descriptor& source, const Descriptor& target) {
  struct stat from{};
  struct stat to{};
  if (::fstat(source.number(), &from) != 0) return errno_failure(errno, "look at", source.path());
  if (::fstat(target.number(), &to) != 0) return errno_failure(errno, "look at", target.path());
  const std::string verb = fmt::format("clone {} to", source.path());
  if (from.st_dev == to.st_dev && from.st_ino == to.st_ino) return errno_failure(EINVAL, verb, target.path());
  while (::ftruncate(target.number(), 0) != 0) {
    if (errno != EINTR) return errno_failure(errno, verb, target.path());
  }
  if (::ioctl(target.number(), FICLONE, source.number()) == 0) return {};
  off_t read_at = 0;
  off_t write_at = 0;
  while (true) {
    ssize_t put = ::copy_file_range(source.number(), &read_at, target.number(), &write_at, kCopyAtOnce, 0);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && code_of(errno) == Code::no_space) return errno_failure(errno, verb, target.path());
    if (put <= 0) break;
  }
  std::vector<char> buffer(kPlainRead);
  while (true) {
    ssize_t got = ::pread(source.number(), buffer.data(), buffer.size(), read_at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_failure(errno, "read", source.path());
    if (got == 0) return {};
    for (ssize_t done = 0; done < got;) {
      ssize_t put = ::pwrite(target.number(), buffer.data() + done, static_cast<std::size_t>(got - done), read_at + done);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return errno_failure(errno, verb, target.path());
      if (put == 0) return fail(Code::io_error, "cannot {} {}: the disk takes no bytes", verb, target.path());
      done += put;
    }
    read_at += got;
  }
}

// What the page cache holds is copied right here: handing it to a worker and back costs more than the copy. The kernel
// promises not to wait for the disk, so the loop does not.
std::optional<Bytes> PosixFile::read_cached(std::uint64_t offset, std::size_t size) const {
  if (offset > kOffsetMax || size == 0 || size > kPlainRead || workers_->stopping()) return std::nullopt;
  std::shared_ptr<std::uint8_t> buffer = buffers_->take(size);
  iovec into{buffer.get(), size};
  ssize_t got = ::preadv2(descriptor_->number(), &into, 1, static_cast<off_t>(offset), RWF_NOWAIT);
  if (got < 0 || static_cast<std::size_t>(got) != size) return std::nullopt;
  const std::uint8_t* data = buffer.get();
  return Bytes(std::move(buffer), data, size);
}

Future<Bytes> PosixFile::read(std::uint64_t offset, std::size_t size) {
  if (std::optional<Bytes> cached = read_cached(offset, size)) {
    Promise<Bytes> promise;
    promise.set(std::move(*cached));
    return promise.future();
  }
  return workers_->run<Bytes>([file = descriptor_, buffers = buffers_, offset, size]() mutable -> Result<Bytes> {
    if (offset > kOffsetMax || size == 0) return Bytes();
    if (size > kPlainRead) {
      Result<std::uint64_t> there = size_of(*file);
      if (!there) return fail(std::move(there));
      size = static_cast<std::size_t>(std::min<std::uint64_t>(size, *there > offset ? *there - offset : 0));
      if (size > kReadMax) return fail(Code::too_large, "cannot read {} bytes of {} at once", size, file->path());
      if (size == 0) return Bytes();
    }
    std::shared_ptr<std::uint8_t> buffer = buffers->take(size);
    std::size_t done = 0;
    while (done < size) {
      ssize_t got = ::pread(file->number(), buffer.get() + done, size - done, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return errno_failure(errno, "read", file->path());
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    const std::uint8_t* data = buffer.get();
    return Bytes(std::move(buffer), data, done);
  });
}

Future<void> PosixFile::write(std::uint64_t offset, Bytes bytes) {
  return workers_->run<void>(
      [file = descriptor_, writable = writable_, offset, bytes = std::move(bytes)]() -> Result<> {
        if (!writable) return fail(Code::read_only, "{} was opened for reading", file->path());
        if (offset > kOffsetMax || bytes.size() > kOffsetMax - offset) {
          return fail(Code::too_large, "cannot write {} bytes at {} of {}", bytes.size(), offset, file->path());
        }
        std::size_t done = 0;
        while (done < bytes.size()) {
          ssize_t put =
              ::pwrite(file->number(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
          if (put < 0 && errno == EINTR) continue;
          if (put < 0) return errno_failure(errno, "write", file->path());
          if (put == 0) return fail(Code::io_error, "cannot write {}: the disk takes no bytes", file->path());
          done += static_cast<std::size_t>(put);
        }
        return {};
      });
}

Future<void> PosixFile::sync() {
  return workers_->run<void>([file = descriptor_]() -> Result<> {
    // Not again after EINTR: a sync that was cut short may have dropped what it failed to write.
    if (::fdatasync(file->number()) != 0) return errno_failure(errno, "sync", file->path());
    return {};
  });
}

Future<void> PosixFile::truncate(std::uint64_t size) {
  return workers_->run<void>([file = descriptor_, writable = writable_, size]() -> Result<> {
    if (!writable) return fail(Code::read_only, "{} was opened for reading", file->path());
    if (size > kOffsetMax) return fail(Code::too_large, "cannot make {} as long as {}", file->path(), size);
    while (::ftruncate(file->number(), static_cast<off_t>(size)) != 0) {
      if (errno != EINTR) return errno_failure(errno, "truncate", file->path());
    }
    return {};
  });
}

Future<std::uint64_t> PosixFile::size() {
  return workers_->run<std::uint64_t>([file = descriptor_] { return size_of(*file); });
}

}  // namespace gfs
