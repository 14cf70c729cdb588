#include "client_cli/client/record_reader.h"

#include "client_cli/client/record_format.h"

namespace gfs::client {

namespace {

// Where a whole record begins behind the first byte; the size of `bytes` if nowhere.
std::size_t later_record(std::string_view bytes) {
  std::size_t at = next_magic(bytes, 1);
  while (at < bytes.size() && record_at(bytes.substr(at)).what != RecordFound::What::record)
    at = next_magic(bytes, at + 1);
  return at;
}

}  // namespace

Task<std::optional<Record>> RecordReader::next() {
  while (true) {
    std::string_view at_hand = std::string_view(buffer_).substr(used_);
    RecordFound found = record_at(at_hand);
    if (!at_hand.empty() && found.what == RecordFound::What::record) {
      Bytes bytes = Bytes::copy_of(at_hand.data() + kRecordHeader, found.size - kRecordHeader);
      Record record{begin_, begin_ + found.size, std::move(bytes)};
      pass(found.size);
      co_return record;
    }
    if (!at_hand.empty() && found.what == RecordFound::What::nothing) {
      std::size_t nothing = next_magic(at_hand, 1);
      skipped_ += nothing;
      pass(nothing);
      continue;
    }
    Written more = co_await file_->read_written(begin_ + at_hand.size());
    if (more.bytes.empty()) {
      // An append is there whole or not at all: what is unfinished here is no record, if one follows.
      std::size_t hidden = at_hand.empty() ? 0 : later_record(at_hand);
      if (hidden == at_hand.size()) co_return std::optional<Record>();
      skipped_ += hidden;
      pass(hidden);
      continue;
    }
    if (more.offset / chunk_size_ != begin_ / chunk_size_) {
      // The chunk has ended; what looked like the beginning of a record was none, but one may hide in it.
      if (!at_hand.empty()) {
        std::size_t nothing = next_magic(at_hand, 1);
        skipped_ += nothing;
        pass(nothing);
        continue;  // reads the same piece again later; this is rare
      }
    }
    if (at_hand.empty()) begin_ = more.offset;
    if (used_ > 0) {
      buffer_.erase(0, used_);
      used_ = 0;
    }
    buffer_.append(more.bytes.view());
  }
}

void RecordReader::pass(std::size_t size) {
  used_ += size;
  begin_ += size;
  if (used_ < buffer_.size()) return;
  buffer_.clear();
  used_ = 0;
}

}  // namespace gfs::client
