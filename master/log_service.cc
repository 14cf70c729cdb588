#include "master/log_service.h"

#include <algorithm>
#include <utility>

#include "master/checkpoint_format.h"
#include "master/directory_files.h"
#include "master/log_format.h"

namespace gfs::master {

namespace {

constexpr std::uint32_t kSegmentsMax = 1000;   // in one answer
constexpr std::size_t kCheckpointHead = 4096;  // its header is in it

Task<bus::ViewLog::CheckpointFile> view_checkpoint(Disk& disk, std::string path) {
  bus::ViewLog::CheckpointFile view;
  std::shared_ptr<File> file = co_await disk.open(path, Disk::Mode::read);
  view.bytes = co_await file->size();
  Bytes head = co_await file->read(0, kCheckpointHead);
  CheckpointDecoder decoder([](PieceKind, std::string_view) { return Result<>(); });
  (void)decoder.feed(head.view());  // what is behind its header does not matter here
  if (!decoder.has_header()) co_await fail(Code::corrupt, "{} has no header", path);
  view.epoch = decoder.header().epoch;
  view.index = decoder.header().index;
  view.file = std::move(path);
  co_return view;
}

}  // namespace

void LogService::serve(bus::Endpoint& endpoint) {
  endpoint_ = &endpoint;
  endpoint.serve<&LogService::view>(*this);
  endpoint.serve<&LogService::read>(*this);
}

Task<bus::ViewLog::Segment> LogService::view_segment(LogStore::Segment segment) {
  bus::ViewLog::Segment view;
  std::shared_ptr<File> file = co_await disk_.open(segment.path, Disk::Mode::read);
  view.bytes = co_await file->size();
  Bytes head = co_await file->read(0, kSegmentHeaderSize);
  Result<SegmentHeader> header = decode_segment_header(head);
  if (!header) co_await fail(Code::corrupt, "{}: {}", segment.path, header.error().message);
  view.epoch = header->epoch;
  view.first = segment.first;
  view.last = std::min(segment.last, recent_.last());
  view.file = std::move(segment.path);
  co_return view;
}

Task<std::vector<bus::ViewLog::CheckpointFile>> LogService::view_checkpoints() {
  std::vector<bus::ViewLog::CheckpointFile> views;
  const std::vector<std::string> paths = co_await checkpoint_files(disk_);
  for (const std::string& path : paths) {
    Result<bus::ViewLog::CheckpointFile> one = co_await view_checkpoint(disk_, path).outcome();
    if (!one && one.error().code == Code::not_found) continue;  // a newer one has taken its place
    views.push_back(co_await std::move(one));
  }
  co_return views;
}

Task<bus::ViewLog::Reply> LogService::view(bus::ViewLog ask, bus::Caller) {
  LogEntries::Reading reading = co_await entries_.begin_reading();
  bus::ViewLog::Reply reply;
  if (ask.after == 0) reply.checkpoints = co_await view_checkpoints();
  const std::uint32_t limit = std::clamp<std::uint32_t>(ask.limit, 1, kSegmentsMax);
  for (std::uint64_t after = ask.after;;) {
    const LogStore::Segment segment = log_.segment_behind(after);
    if (segment.first == 0) break;
    if (reply.segments.size() == limit) {
      reply.more = true;
      break;
    }
    after = segment.first;
    Result<bus::ViewLog::Segment> view = co_await view_segment(segment).outcome();
    if (!view && view.error().code == Code::not_found) continue;  // trimmed meanwhile
    reply.segments.push_back(co_await std::move(view));
  }
  reply.cluster = log_.cluster();
  reply.epoch = log_.segment_epoch();
  reply.term = log_.term();
  reply.last = recent_.last();
  co_return reply;
}

Task<bus::ReadLog::Reply> LogService::read(bus::ReadLog ask, bus::Caller caller) {
  const std::shared_ptr<EntryReader> reader = readers_.replace(caller.peer.text(), now());
  bus::ReadLog::Reply reply;
  const std::uint64_t after = std::max(ask.after, log_.first_index() - 1);  // a log that is served has a segment
  if (after < recent_.last()) {
    LogEntries::Piece piece = co_await entries_.behind(after, ask.bytes, reader);
    reply.epoch = piece.epoch;
    reply.first = piece.first;
    reply.sizes = std::move(piece.sizes);
    reply.payload = std::move(piece.payload);
  }
  reply.term = log_.term();
  reply.oldest = log_.first_index();
  reply.last = recent_.last();
  co_return reply;
}

}  // namespace gfs::master
