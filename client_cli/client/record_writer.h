// RecordWriter: records that a RecordReader gives back one by one, each an append of its own.
//
// Over an Appender, whose rules hold: order, exactly once, several under way. One thread.
#pragma once

#include <memory>

#include "client_cli/client/filesystem.h"
#include "client_cli/client/record_format.h"

namespace gfs::client {

class RecordWriter {
 public:
  explicit RecordWriter(std::shared_ptr<Appender> appender) : appender_(std::move(appender)) {}

  // At most kRecordMax bytes, perhaps none. The offset is the frame's; the length too.
  Task<Appended> append(std::string_view bytes) {
    return bytes.size() > kRecordMax ? refuse(bytes.size()) : appender_->append(frame(bytes));
  }
  Task<Appended> append_as(std::uint64_t sequence, std::string_view bytes) {
    return bytes.size() > kRecordMax ? refuse(bytes.size()) : appender_->append_as(sequence, frame(bytes));
  }
  Appender& appender() { return *appender_; }

 private:
  static Bytes frame(std::string_view bytes) { return Bytes::of(framed(bytes)); }
  static Task<Appended> refuse(std::size_t size) {
    co_return fail(Code::too_large, "a record of {} bytes; at most {} are possible", size, kRecordMax);
  }

  std::shared_ptr<Appender> appender_;
};

}  // namespace gfs::client
