#include "master/directory_view.h"

#include <algorithm>

#include "master/directory_files.h"
#include "master/frozen_state.h"
#include "master/log_format.h"
#include "master/op.h"

namespace gfs::master {

namespace {

constexpr std::size_t kPiece = 1 << 20;

Task<SegmentView> view_segment(Disk& disk, std::string path, bool last, VisitRecord* visit) {
  SegmentView view;
  const std::string name = path.substr(path.rfind('/') + 1);
  view.name = std::move(path);
  view.first = parse_segment_name(name);
  view.last = view.first - 1;
  Bytes bytes = co_await whole_file(disk, view.name);
  view.bytes = bytes.size();
  if (last && view.first > 1 && bytes.size() <= kSegmentHeaderSize && !decode_segment_header(bytes) &&
      decode_segment_header(bytes).error().code == Code::malformed) {
    view.unfinished = bytes.size();  // the next start begins it again
    co_return view;
  }
  Result<SegmentContent> content = read_segment(name, bytes, last);
  if (!content) {
    view.damage = content.error().message;
    co_return view;
  }
  view.epoch = content->header.epoch;
  if (!content->records.empty()) view.last = content->records.back().header.index;
  if (content->torn) view.unfinished = bytes.size() - content->end;
  for (const LogRecord& record : content->records) {
    if (*visit && !(*visit)(record)) *visit = {};
  }
  co_return view;
}

Task<CheckpointView> view_checkpoint(Disk& disk, std::string path) {
  CheckpointView view;
  view.index = parse_checkpoint_name(std::string_view(path).substr(path.rfind('/') + 1));
  view.name = std::move(path);
  std::shared_ptr<File> file = co_await disk.open(view.name, Disk::Mode::read);
  CheckpointDecoder decoder([](PieceKind, std::string_view) { return Result<>(); });
  Result<> good;
  while (good) {
    Bytes piece = co_await file->read(view.bytes, kPiece);
    if (piece.empty()) break;
    view.bytes += piece.size();
    good = decoder.feed(piece.view());
  }
  if (good) good = decoder.finish();
  if (good && decoder.header().index != view.index)
    good = fail(Code::corrupt, "it is of index {}", decoder.header().index);
  if (!good) view.damage = good.error().message;
  view.epoch = decoder.header().epoch;
  co_return view;
}

// What a segment is that does not follow the one before it; empty: it does.
std::string misplaced(const DirectoryView& view, const SegmentView& segment) {
  if (segment.epoch > view.identity.epoch)
    return fmt::format("it is of epoch {}, this directory of {}", segment.epoch, view.identity.epoch);
  if (view.segments.empty() || !view.segments.back().damage.empty()) return {};
  const SegmentView& before = view.segments.back();
  if (segment.first != before.last + 1)
    return fmt::format("index {} is looked for here: a segment is missing", before.last + 1);
  if (segment.epoch != 0 && segment.epoch < before.epoch)
    return fmt::format("it is of epoch {}, the segment before it of {}", segment.epoch, before.epoch);
  return {};
}

}  // namespace

std::vector<EpochView> DirectoryView::epochs() const {
  std::vector<EpochView> out;
  for (const SegmentView& one : segments) {
    if (one.epoch != 0 && (out.empty() || out.back().epoch != one.epoch)) out.push_back({one.epoch, one.first});
  }
  return out;
}

bool DirectoryView::damaged() const {
  return std::ranges::any_of(segments, [](const SegmentView& one) { return !one.damage.empty(); }) ||
         std::ranges::any_of(checkpoints, [](const CheckpointView& one) { return !one.damage.empty(); });
}

Task<DirectoryView> view_directory(Disk& disk, VisitRecord visit) {
  DirectoryView view;
  VisitRecord still = std::move(visit);
  view.identity = co_await load_identity(disk);
  const std::vector<std::string> paths = co_await segment_files(disk);
  for (const std::string& path : paths) {
    SegmentView segment = co_await view_segment(disk, path, path == paths.back(), &still);
    if (segment.damage.empty()) segment.damage = misplaced(view, segment);
    view.segments.push_back(std::move(segment));
  }
  const std::vector<std::string> checkpoints = co_await checkpoint_files(disk);
  for (const std::string& path : checkpoints) view.checkpoints.push_back(co_await view_checkpoint(disk, path));
  co_return view;
}

Task<MasterState> replay_directory(Disk& disk, std::uint64_t chunk_size) {
  const DirectoryView view = co_await view_directory(disk);
  MasterState state({}, chunk_size);
  for (const CheckpointView& one : view.checkpoints) {
    if (!one.damage.empty()) continue;
    state = co_await load_checkpoint(disk, one.name, view.identity.cluster, chunk_size);
    break;
  }
  const std::uint64_t behind = state.index();
  if (view.segments.empty() || view.segments.front().first > behind + 1)
    co_await fail(Code::corrupt, "index {} is looked for: it is in no segment of the log", behind + 1);
  for (const SegmentView& one : view.segments) {
    if (!one.damage.empty()) co_await fail(Code::corrupt, "{}", one.damage);
    if (one.last <= behind || one.last < one.first) continue;
    Bytes bytes = co_await whole_file(disk, one.name);
    SegmentContent content = co_await read_segment(one.name.substr(4), bytes, &one == &view.segments.back());
    for (const LogRecord& record : content.records) {
      if (record.header.index <= behind || record.op.empty()) continue;
      state.apply(co_await decode_op(record.op), record.header.index);
    }
  }
  co_return state;
}

}  // namespace gfs::master
