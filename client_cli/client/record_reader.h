// RecordReader: the records of a file in order, from some offset on, across its chunks.
//
// Gives exactly the records that were appended by a RecordWriter and are committed. Gaps behind sealed chunks and
// anything that is no record are passed over: it looks for the next magic. A record lies in one chunk.
//
// At the committed end it gives nothing; asked again later, it goes on with what has come since.
//
// Memory: one record and 1 MiB. One thread; goes before the Filesystem.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "client_cli/client/filesystem.h"

namespace gfs::client {

struct Record {
  std::uint64_t offset = 0;  // of its frame in the file
  std::uint64_t after = 0;   // where the next one may begin
  Bytes bytes;
};

class RecordReader {
 public:
  // `chunk_size`: Filesystem::chunk_size().
  RecordReader(std::shared_ptr<File> file, std::uint64_t chunk_size, std::uint64_t offset = 0)
      : file_(std::move(file)), chunk_size_(chunk_size), begin_(offset) {}

  Task<std::optional<Record>> next();
  std::uint64_t skipped() const { return skipped_; }  // bytes so far that were no record, gaps not counted

 private:
  // Drops the first `size` bytes at hand.
  void pass(std::size_t size);

  const std::shared_ptr<File> file_;
  const std::uint64_t chunk_size_;
  std::string buffer_;    // what is at hand, of one chunk
  std::size_t used_ = 0;  // of it, what has been passed
  std::uint64_t begin_;   // where buffer_[used_] is in the file
  std::uint64_t skipped_ = 0;
};

}  // namespace gfs::client
