#include "master/directory_view.h"

#include <algorithm>

#include "master/checkpoint_format.h"
#include "master/frozen_state.h"
#include "master/log_format.h"
#include "master/op.h"

namespace gfs::master {

namespace {

constexpr std::size_t kPiece = 1 << 20;

Task<Bytes> whole_file(Disk& disk, std::string path) {
  std::shared_ptr<File> file = co_await disk.open(path, Disk::Mode::read);
  std::string whole;
  while (true) {
    Bytes piece = co_await file->read(whole.size(), kPiece);
    if (piece.empty()) co_return Bytes::of(std::move(whole));
    whole += piece.view();
  }
}

Task<SegmentView> view_segment(Disk& disk, std::string name, bool last, VisitRecord* visit) {
  SegmentView view;
  view.name = "log/" + name;
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
  if (!content->records.empty()) view.last = content->records.back().header.index;
  if (content->torn) view.unfinished = bytes.size() - content->end;
  for (const LogRecord& record : content->records) {
    if (*visit && !(*visit)(record)) *visit = {};
  }
  co_return view;
}

Task<CheckpointView> view_checkpoint(Disk& disk, std::string name) {
  CheckpointView view;
  view.name = "checkpoint/" + name;
  view.index = parse_checkpoint_name(name);
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
  co_return view;
}

Task<std::vector<std::string>> names_in(Disk& disk, std::string folder) {
  std::vector<std::string> names;
  const bool exists = co_await disk.exists(folder);
  if (!exists) co_return names;
  std::vector<Disk::Entry> entries = co_await disk.list(folder);
  for (const Disk::Entry& entry : entries) {
    if (!entry.is_directory) names.push_back(entry.name);
  }
  co_return names;
}

}  // namespace

bool DirectoryView::damaged() const {
  return std::ranges::any_of(segments, [](const SegmentView& one) { return !one.damage.empty(); }) ||
         std::ranges::any_of(checkpoints, [](const CheckpointView& one) { return !one.damage.empty(); });
}

Task<DirectoryView> view_directory(Disk& disk, VisitRecord visit) {
  DirectoryView view;
  VisitRecord still = std::move(visit);
  view.identity = co_await load_identity(disk);
  std::vector<std::string> names = co_await names_in(disk, "log");
  std::erase_if(names, [](const std::string& name) { return parse_segment_name(name) == 0; });
  for (std::size_t i = 0; i < names.size(); ++i) {
    SegmentView segment = co_await view_segment(disk, names[i], i + 1 == names.size(), &still);
    const bool gap =
        !view.segments.empty() && view.segments.back().damage.empty() && segment.first != view.segments.back().last + 1;
    if (gap && segment.damage.empty())
      segment.damage = fmt::format("index {} is looked for here: a segment is missing", view.segments.back().last + 1);
    view.segments.push_back(std::move(segment));
  }
  names = co_await names_in(disk, "checkpoint");
  std::erase_if(names, [](const std::string& name) { return parse_checkpoint_name(name) == 0; });
  std::ranges::reverse(names);
  for (const std::string& name : names) view.checkpoints.push_back(co_await view_checkpoint(disk, name));
  co_return view;
}

Task<MasterState> replay_directory(Disk& disk, std::uint64_t chunk_size) {
  const DirectoryView view = co_await view_directory(disk);
  MasterState state({}, chunk_size);
  for (const CheckpointView& one : view.checkpoints) {
    if (!one.damage.empty()) continue;
    StateLoader loader({}, chunk_size);
    CheckpointDecoder decoder([&loader](PieceKind kind, std::string_view piece) { return loader.add(kind, piece); });
    Bytes bytes = co_await whole_file(disk, one.name);
    co_await decoder.feed(bytes.view());
    state = co_await loader.finish();
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
