#include "master/segment_cursor.h"

#include <limits>
#include <utility>

#include "master/log_format.h"

namespace gfs::master {

namespace {

constexpr std::size_t kReadAtOnce = kRecordMax + 4096;  // the largest record fits
constexpr std::size_t kNoBound = std::numeric_limits<std::size_t>::max();

}  // namespace

Task<SegmentCursor> SegmentCursor::open(Disk& disk, LogStore::Segment segment, ClusterId cluster) {
  SegmentCursor cursor;
  cursor.path_ = std::move(segment.path);
  cursor.file_ = co_await disk.open(cursor.path_, Disk::Mode::read);
  Bytes head = co_await cursor.file_->read(0, kSegmentHeaderSize);
  Result<SegmentHeader> header = decode_segment_header(head);
  if (!header) co_await fail(Code::corrupt, "{}: {}", cursor.path_, header.error().message);
  if (header->first != segment.first || header->cluster != cluster) {
    co_await fail(Code::corrupt, "{} is of cluster {} and begins at index {}", cursor.path_, header->cluster,
                  header->first);
  }
  cursor.first_ = cursor.next_ = header->first;
  cursor.epoch_ = header->epoch;
  cursor.salt_ = header->salt;
  cursor.before_ = header->crc;
  cursor.offset_ = kSegmentHeaderSize;
  co_return cursor;
}

Task<std::vector<Bytes>> SegmentCursor::read(Bounds bounds) {
  Bytes piece = co_await file_->read(offset_, kReadAtOnce);
  std::vector<Bytes> ops;
  std::size_t at = 0, bytes = 0;
  while (next_ <= bounds.through && ops.size() < bounds.count) {
    Result<RecordHeader> record = decode_record(piece, at, salt_);
    // Cut short by the end of the piece, if it is not the first.
    if (!record && !ops.empty()) break;
    if (record && (record->index != next_ || record->before != before_))
      record = fail(Code::corrupt, "the record does not follow the one before it");
    if (!record) {
      co_await fail(Code::corrupt, "log segment {} is damaged at offset {}, index {}: {}", path_, offset_ + at, next_,
                    record.error().message);
    }
    if (!ops.empty() && bytes + record->size > bounds.bytes) break;
    ops.push_back(piece.slice(at + kRecordHeaderSize, record->size));
    bytes += record->size;
    before_ = record->crc;
    at += kRecordHeaderSize + record->size;
    ++next_;
  }
  offset_ += at;
  co_return ops;
}

Task<> SegmentCursor::skip_to(std::uint64_t index, Executor& executor) {
  while (next_ < index) {
    const Instant began = executor.now();
    Bounds all{index - 1, kNoBound, kNoBound};
    (void)co_await read(all);
    // What is in memory is read without waiting: nobody else would have a turn.
    const Duration worked = executor.now() - began;
    co_await executor.sleep(worked);
  }
}

}  // namespace gfs::master
