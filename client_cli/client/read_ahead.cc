#include "client_cli/client/read_ahead.h"

#include <algorithm>

#include "client_cli/client/fragments.h"

namespace gfs::client {

void ReadAhead::fill(std::uint64_t end) {
  while (position_ < end && pieces_.size() < kPiecesMax) {
    std::uint64_t in_chunk = position_ % chunk_size_;
    std::uint64_t size = std::min({kFragmentMax - in_chunk % kFragmentMax, chunk_size_ - in_chunk, end - position_});
    if (!pieces_.empty() && bytes_ + size > bytes_max_) return;
    auto promise = std::make_shared<Promise<Bytes>>();
    pieces_.push_back({position_, size, promise->future()});
    group_.spawn<Bytes>(read_(position_, size), [promise](Result<Bytes> bytes) { promise->set(std::move(bytes)); });
    position_ += size;
    bytes_ += size;
  }
}

Task<Bytes> ReadAhead::next(std::uint64_t end) {
  while (true) {
    fill(end);
    if (pieces_.empty()) co_return Bytes();
    Piece piece = std::move(pieces_.front());
    pieces_.pop_front();
    bytes_ -= piece.size;
    fill(end);
    Result<Bytes> bytes = co_await std::move(piece.bytes).outcome();
    if (!bytes) {
      position_ = std::min(position_, piece.offset);
      pieces_.clear();
      bytes_ = 0;
      group_.cancel();
      co_await fail(std::move(bytes));
    }
    if (!bytes->empty()) co_return std::move(*bytes);
  }
}

}  // namespace gfs::client
