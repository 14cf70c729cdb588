#include "chunkserver/open_files.h"

#include "chunkserver/chunk_format.h"

namespace gfs::chunkserver {

Task<std::shared_ptr<File>> OpenFiles::open(ChunkHandle handle, bool create) {
  auto found = files_.find(handle);
  if (found != files_.end()) {
    by_use_.splice(by_use_.end(), by_use_, found->second.place);
    co_return found->second.file;
  }
  const std::uint64_t replacements = replacements_;
  std::string path = data_path(handle);
  if (!create && !co_await disk_.exists(path)) co_await fail(Code::not_found, "{}: no such file", path);
  Result<std::shared_ptr<File>> opened = co_await disk_.open(path, Disk::Mode::write).outcome();
  const auto failed = [&opened](Code code) { return !opened && opened.error().code == code; };
  if (failed(Code::overloaded) && files_.size() > 1) {
    shrink_to(files_.size() / 2);
    opened = co_await disk_.open(path, Disk::Mode::write).outcome();
  }
  if (failed(Code::not_found) && create) {
    std::string folder = chunk_folder(handle);
    co_await disk_.make_directories(folder);
    opened = co_await disk_.open(path, Disk::Mode::write).outcome();
  } else if (failed(Code::read_only) && !create) {
    co_return co_await disk_.open(path, Disk::Mode::read);  // not kept: the disk may become writable again
  }
  if (!opened) co_await fail(std::move(opened).error());
  if (replacements != replacements_) co_return co_await open(handle, create);  // it may be what had the name before
  // Somebody else may have opened it meanwhile: one File per chunk, so that a sync covers every write.
  found = files_.find(handle);
  if (found != files_.end()) co_return found->second.file;
  shrink_to(max_ - 1);
  by_use_.push_back(handle);
  files_[handle] = Slot{*opened, std::prev(by_use_.end())};
  co_return std::move(*opened);
}

void OpenFiles::close(ChunkHandle handle) {
  auto found = files_.find(handle);
  if (found == files_.end()) return;
  by_use_.erase(found->second.place);
  files_.erase(found);
}

void OpenFiles::replaced(ChunkHandle handle) {
  ++replacements_;
  close(handle);
}

void OpenFiles::shrink_to(std::size_t size) {
  while (files_.size() > size) {
    files_.erase(by_use_.front());
    by_use_.pop_front();
  }
}

}  // namespace gfs::chunkserver
