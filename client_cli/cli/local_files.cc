// The half of transfer.h that is about this machine's files.
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "client_cli/cli/paths.h"
#include "client_cli/cli/transfer.h"

namespace gfs::cli {

namespace {

std::unexpected<Error> failed(const std::string& path, int number) {
  Code code = number == ENOENT                       ? Code::not_found
              : number == EEXIST                     ? Code::already_exists
              : number == ENOTDIR                    ? Code::not_a_directory
              : number == EISDIR                     ? Code::is_a_directory
              : number == EACCES || number == EPERM  ? Code::not_allowed
              : number == EROFS                      ? Code::read_only
              : number == ENOSPC || number == EDQUOT ? Code::no_space
                                                     : Code::io_error;
  Error error{code, fmt::format("{}: {}", path, std::strerror(number)), {}};
  error.why.push_back({"this machine", std::strerror(number)});
  return fail(std::move(error));
}

}  // namespace

Result<LocalTarget> LocalTarget::begin(std::string path, bool replace) {
  struct stat found{};
  if (::lstat(path.c_str(), &found) == 0) {
    if (S_ISDIR(found.st_mode)) return failed(path, EISDIR);
    if (!replace) return failed(path, EEXIST);
  }
  std::string temporary = temporary_beside(path);
  int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor < 0) return failed(path, errno);
  return LocalTarget(std::move(path), std::move(temporary), replace, descriptor);
}

LocalTarget::LocalTarget(LocalTarget&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      replace_(other.replace_),
      descriptor_(std::exchange(other.descriptor_, -1)) {}

LocalTarget::~LocalTarget() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Result<> LocalTarget::write(std::string_view bytes) {
  int number = write_all(descriptor_, bytes);
  if (number != 0) return failed(path_, number);
  return {};
}

Result<> LocalTarget::finish() {
  if (::close(std::exchange(descriptor_, -1)) != 0) return failed(path_, errno);
  int result = replace_ ? ::rename(temporary_.c_str(), path_.c_str())
                        : ::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, path_.c_str(), RENAME_NOREPLACE);
  // Some file systems cannot refuse; there begin() has looked.
  if (result != 0 && errno == EINVAL && !replace_) result = ::rename(temporary_.c_str(), path_.c_str());
  if (result != 0) return failed(path_, errno);
  temporary_.clear();
  return {};
}

Result<LocalSource> LocalSource::open(const std::string& path, bool follow_links) {
  // A fifo would block the opening for ever.
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | (follow_links ? 0 : O_NOFOLLOW));
  if (descriptor < 0) return failed(path, errno);
  LocalSource source(descriptor, true, path);
  struct stat found{};
  if (::fstat(descriptor, &found) != 0) return failed(path, errno);
  if (S_ISDIR(found.st_mode)) return failed(path, EISDIR);
  if (!S_ISREG(found.st_mode))
    return fail(Code::invalid_argument, "{} is not a plain file (use - to read from a pipe)", path);
  return source;
}

LocalSource LocalSource::borrowed(int descriptor, std::string name) {
  return LocalSource(descriptor, false, std::move(name));
}

LocalSource::LocalSource(LocalSource&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), owned_(other.owned_), name_(std::move(other.name_)) {}

LocalSource::~LocalSource() {
  if (owned_ && descriptor_ >= 0) ::close(descriptor_);
}

Result<std::string> LocalSource::read() { return read(kPiece, true); }

Result<std::string> LocalSource::read_some() { return read(64 << 10, false); }

Result<std::string> LocalSource::read(std::size_t size, bool all) {
  std::string piece(size, '\0');
  std::size_t have = 0;
  while (have < size) {
    ssize_t got = ::read(descriptor_, piece.data() + have, size - have);
    if (got < 0 && errno == EINTR) {
      if (interrupted()) return fail(Code::cancelled, "interrupted");
      continue;
    }
    if (got < 0) return failed(name_, errno);
    have += static_cast<std::size_t>(got);
    if (got == 0 || !all) break;
  }
  piece.resize(have);
  return piece;
}

}  // namespace gfs::cli
