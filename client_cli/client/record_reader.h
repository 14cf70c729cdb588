// RecordReader: the records of a file in order, from some offset on, across its chunks.
//
// Gives exactly the records that were appended by a RecordWriter and are committed. Gaps behind sealed chunks and
// anything that is no record are passed over: it looks for the next magic. A record lies in one chunk.
//
// At the committed end it gives nothing; asked again later, it goes on with what has come since.
//
// `offset` is where a record begins (of another, or Appended::offset): from within one, bytes of it that look like a
// frame would be taken for a record.
//
// Whatever the bytes are, others get their turn every few MiB. Memory: one record and 2 MiB. One thread; goes before
// the Filesystem.
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
  std::string_view at_hand() const { return std::string_view(buffer_).substr(used_); }
  // Drops the first `size` bytes at hand.
  void pass(std::size_t size);
  // What is behind the bytes at hand; empty at the end.
  Task<Written> more();
  // How far it is to a whole record behind the first byte at hand; to the end if there is none.
  Task<std::size_t> later_record();
  // So many bytes were looked at: perhaps it is time to let others run.
  Task<> looked_at(std::size_t bytes);

  const std::shared_ptr<File> file_;
  const std::uint64_t chunk_size_;
  std::string buffer_;    // what is at hand, of one chunk
  std::size_t used_ = 0;  // of it, what has been passed
  std::uint64_t begin_;   // where buffer_[used_] is in the file
  Written behind_;        // what was read of a later chunk while some of this one is still at hand
  std::uint64_t skipped_ = 0;
  std::size_t looked_ = 0;  // at so many bytes since others had their turn
};

}  // namespace gfs::client
