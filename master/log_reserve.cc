#include "master/log_reserve.h"

#include <algorithm>
#include <string>

#include "base/log.h"

namespace gfs::master {

namespace {

constexpr std::uint64_t kPiece = 1 << 20;

const std::string kPath = "reserve";

}  // namespace

Task<> LogReserve::open() {
  if (size_ == 0) co_return;
  spent_ = true;
  const bool there = co_await disk_.exists(kPath);
  if (there) {
    std::shared_ptr<File> file = co_await disk_.open(kPath, Disk::Mode::read);
    const std::uint64_t size = co_await file->size();
    if (size == size_) {
      spent_ = false;
      co_return;
    }
    co_await disk_.remove(kPath);  // of another size, or not finished
  }
  co_await restore();
}

Task<bool> LogReserve::spend() {
  if (size_ == 0 || spent_) co_return false;
  spent_ = true;
  co_await disk_.remove(kPath);
  log::error("log_reserve_spent", {{"bytes", size_}});
  co_return true;
}

Task<> LogReserve::restore() {
  if (!spent_) co_return;
  const Disk::Space space = co_await disk_.space();
  if (space.available < 2 * size_) co_return;
  Result<> made = co_await make().outcome();
  if (made) {
    spent_ = false;
    log::info("log_reserve_kept", {{"bytes", size_}});
    co_return;
  }
  // Others were faster: what was written of it must not take their room either.
  co_await disk_.remove(kPath);
  if (made.error().code != Code::no_space) co_await std::move(made);
}

// Written out: a hole would keep nothing free.
Task<> LogReserve::make() {
  std::shared_ptr<File> file = co_await disk_.open(kPath, Disk::Mode::write);
  for (std::uint64_t at = 0; at < size_; at += kPiece) {
    const std::string zeros(std::min(kPiece, size_ - at), '\0');
    co_await file->write(at, Bytes::of(zeros));
  }
  co_await file->sync();
  co_await disk_.sync_directory("");
}

}  // namespace gfs::master
