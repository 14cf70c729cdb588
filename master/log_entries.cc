#include "master/log_entries.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/probe.h"

namespace gfs::master {

namespace {

constexpr Duration kForgetAfter = 10s;
constexpr std::size_t kBytesMax = 1 << 20;  // of entries in one piece: it fits into a frame, as the largest entry does
constexpr std::size_t kEntriesMax = 8192;   // in one piece

}  // namespace

std::shared_ptr<EntryReader> EntryReaders::admit(const std::string& route, Instant now) {
  std::erase_if(readers_, [&](const auto& one) { return now - one.second->heard > kForgetAfter; });
  if (!readers_.contains(route) && readers_.size() >= most_) return nullptr;
  std::shared_ptr<EntryReader>& reader = readers_[route];
  if (!reader) reader = std::make_shared<EntryReader>();
  reader->heard = now;
  return reader;
}

std::shared_ptr<EntryReader> EntryReaders::replace(const std::string& route, Instant now) {
  if (std::shared_ptr<EntryReader> reader = admit(route, now)) return reader;
  readers_.erase(std::ranges::min_element(readers_, {}, [](const auto& one) { return one.second->heard; }));
  return admit(route, now);
}

std::size_t EntryReaders::count(Instant now) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(readers_, [&](const auto& one) { return now - one.second->heard <= kForgetAfter; }));
}

Result<LogEntries::Reading> LogEntries::begin_reading() {
  if (reads_ < settings_.reads_max) return Reading(reads_);
  return fail(Code::overloaded, "{} others read older parts of the log already", reads_);
}

Task<LogEntries::Piece> LogEntries::behind(std::uint64_t after, std::size_t bytes,
                                           std::shared_ptr<EntryReader> reader) {
  const std::size_t most = std::min(bytes, kBytesMax);
  if (recent_.has(after + 1)) co_return recent_behind(after, most);
  co_return co_await older_behind(after, most, std::move(reader));
}

LogEntries::Piece LogEntries::recent_behind(std::uint64_t after, std::size_t bytes) const {
  Piece piece;
  piece.epoch = settings_.epoch;
  piece.first = after + 1;
  std::string entries;
  for (std::uint64_t index = piece.first; index <= recent_.last() && piece.sizes.size() < kEntriesMax; ++index) {
    const std::string& op = recent_.at(index);
    if (!piece.sizes.empty() && entries.size() + op.size() > bytes) break;
    piece.sizes.push_back(static_cast<std::uint32_t>(op.size()));
    entries += op;
  }
  piece.payload = Bytes::of(std::move(entries));
  return piece;
}

Task<SegmentCursor> LogEntries::cursor_at(std::uint64_t index, std::shared_ptr<EntryReader> reader) {
  const LogStore::Segment segment = log_.segment_of(index);
  std::optional<SegmentCursor> kept = std::exchange(reader->cursor, std::nullopt);
  if (kept && kept->first() == segment.first && kept->next() == index) co_return std::move(*kept);
  PROBE("somebody began to read in a segment file");
  Task<SegmentCursor> opening = SegmentCursor::open(disk_, segment, log_.cluster());
  Result<SegmentCursor> opened = co_await std::move(opening).outcome();
  if (!opened && opened.error().code == Code::not_found)
    co_await fail(Code::unavailable, "entry {} of the log is being removed", index);
  SegmentCursor cursor = co_await std::move(opened);
  co_await cursor.skip_to(index, executor_);
  co_return cursor;
}

Task<Bytes> LogEntries::entry(std::uint64_t index, std::shared_ptr<EntryReader> reader) {
  if (recent_.has(index)) co_return Bytes::of(std::string(recent_.at(index)));
  Reading reading = co_await begin_reading();
  SegmentCursor cursor = co_await cursor_at(index, reader);
  SegmentCursor::Bounds one{index, 0, 1};
  std::vector<Bytes> ops = co_await cursor.read(one);
  reader->cursor = std::move(cursor);
  co_return std::move(ops.at(0));
}

Task<LogEntries::Piece> LogEntries::older_behind(std::uint64_t after, std::size_t bytes,
                                                 std::shared_ptr<EntryReader> reader) {
  Reading reading = co_await begin_reading();
  Piece piece;
  piece.first = after + 1;
  // Of one segment: the next question goes on in the next one.
  const std::uint64_t through = std::min(log_.segment_of(piece.first).last, recent_.last());
  SegmentCursor cursor = co_await cursor_at(piece.first, reader);
  SegmentCursor::Bounds bounds{through, bytes, kEntriesMax};
  Result<std::vector<Bytes>> ops = co_await cursor.read(bounds).outcome();
  if (!ops) log::write_limited(log::Level::error, "log_not_shipped", {{"why", ops.error().text()}});
  if (!ops) co_await fail(std::move(ops));
  piece.epoch = cursor.epoch();
  std::string entries;
  for (const Bytes& op : *ops) {
    piece.sizes.push_back(static_cast<std::uint32_t>(op.size()));
    entries += op.view();
  }
  piece.payload = Bytes::of(std::move(entries));
  reader->cursor = std::move(cursor);
  co_return piece;
}

}  // namespace gfs::master
