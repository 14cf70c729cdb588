#include "client_cli/client/record_reader.h"

#include <utility>

#include "client_cli/client/record_format.h"

namespace gfs::client {

namespace {

constexpr std::size_t kTurn = 4 << 20;

}  // namespace

Task<std::optional<Record>> RecordReader::next() {
  while (true) {
    RecordFound found = record_at(at_hand());
    co_await looked_at(found.looked);
    if (!at_hand().empty() && found.what == RecordFound::What::record) {
      Bytes bytes = Bytes::copy_of(at_hand().data() + kRecordHeader, found.size - kRecordHeader);
      Record record{begin_, begin_ + found.size, std::move(bytes)};
      pass(found.size);
      co_return record;
    }
    if (!at_hand().empty() && found.what == RecordFound::What::nothing) {
      std::size_t nothing = next_magic(at_hand(), 1);
      co_await looked_at(nothing);
      skipped_ += nothing;
      pass(nothing);
      continue;
    }
    Written piece = co_await more();
    const bool at_end = piece.bytes.empty();
    const bool chunk_ended = !at_end && piece.offset / chunk_size_ != begin_ / chunk_size_;
    if (chunk_ended && !at_hand().empty()) behind_ = piece;
    if (at_end || (chunk_ended && !at_hand().empty())) {
      // An append is there whole or not at all: what is unfinished here is no record, if one follows; nor if its chunk
      // is over.
      std::size_t hidden = at_hand().empty() ? 0 : co_await later_record();
      if (at_end && hidden == at_hand().size()) co_return std::optional<Record>();
      skipped_ += hidden;
      pass(hidden);
      continue;
    }
    if (at_hand().empty()) begin_ = piece.offset;
    if (used_ > 0) {
      buffer_.erase(0, used_);
      used_ = 0;
    }
    buffer_.append(piece.bytes.view());
  }
}

Task<Written> RecordReader::more() {
  if (!behind_.bytes.empty()) co_return std::exchange(behind_, {});
  co_return co_await file_->read_written(begin_ + at_hand().size());
}

Task<std::size_t> RecordReader::later_record() {
  std::size_t at = 0;
  while (true) {
    const std::size_t from = at;
    at = next_magic(at_hand(), from + 1);
    if (at == at_hand().size()) co_return at;
    RecordFound found = record_at(at_hand().substr(at));
    co_await looked_at(at - from + found.looked);
    if (found.what == RecordFound::What::record) co_return at;
  }
}

Task<> RecordReader::looked_at(std::size_t bytes) {
  looked_ += bytes;
  if (looked_ < kTurn) co_return;
  looked_ = 0;
  co_await file_->executor().sleep(Duration::zero());
}

void RecordReader::pass(std::size_t size) {
  used_ += size;
  begin_ += size;
  if (used_ < buffer_.size()) return;
  buffer_.clear();
  used_ = 0;
}

}  // namespace gfs::client
