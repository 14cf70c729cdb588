// ReadAhead: a file read from front to back, with a few pieces of 1 MiB on their way before they are asked for.
//
// A piece that fails is told once; the reader then stands before it again, so the next call tries it anew.
// Owned by OpenFile; one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>

#include "base/bytes.h"
#include "base/task.h"
#include "base/task_group.h"

namespace gfs::client {

class ReadAhead {
 public:
  // Reads [offset, offset + size) of the file; size <= 1 MiB, within one chunk. Shorter, perhaps empty, where a gap
  // behind a sealed chunk begins.
  using ReadPiece = std::function<Task<Bytes>(std::uint64_t offset, std::uint64_t size)>;

  ReadAhead(std::uint64_t chunk_size, std::uint64_t bytes_max, ReadPiece read)
      : chunk_size_(chunk_size), bytes_max_(bytes_max), read_(std::move(read)) {}

  // The next piece before `end`, the file's size now, gaps left away; empty at the end.
  Task<Bytes> next(std::uint64_t end);

 private:
  static constexpr std::size_t kPiecesMax = 4;
  struct Piece {
    std::uint64_t offset;
    std::uint64_t size;
    Future<Bytes> bytes;
  };

  void fill(std::uint64_t end);

  const std::uint64_t chunk_size_;
  const std::uint64_t bytes_max_;
  const ReadPiece read_;
  std::uint64_t position_ = 0;  // where the piece after the last one under way begins
  std::uint64_t bytes_ = 0;     // under way
  std::deque<Piece> pieces_;
  TaskGroup group_;
};

}  // namespace gfs::client
