#include "master/log_repair.h"

#include <algorithm>

#include "master/directory_files.h"
#include "master/epoch_adoption.h"
#include "master/log_reader.h"
#include "master/log_store.h"

namespace gfs::master {

namespace {

const std::string kLost = "lost";

std::string name_in(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// The newest checkpoint that is sound and not behind the index; without one the state is empty.
Task<MasterState> state_before(Disk& disk, const std::vector<std::string>& checkpoints, std::uint64_t at,
                               Identity identity) {
  for (const std::string& path : checkpoints) {
    if (parse_checkpoint_name(name_in(path)) > at) continue;
    Result<MasterState> loaded = co_await load_checkpoint(disk, path, identity.cluster, kChunkSize).outcome();
    if (loaded) co_return std::move(*loaded);
    if (loaded.error().code != Code::corrupt) co_await std::move(loaded);
  }
  co_return MasterState();
}

// Replays one segment, as far as the index, and says in the plan what becomes of it.
Task<> take_segment(Disk& disk, std::string path, MasterState* state, std::uint64_t through, LogCut* cut) {
  Bytes bytes = co_await whole_file(disk, path);
  SegmentContent content = co_await read_segment_up_to(name_in(path), bytes, through);
  if (content.header.cluster != cut->identity.cluster) {
    co_await fail(Code::wrong_cluster, "{} belongs to cluster {}, this directory to {}", path, content.header.cluster,
                  cut->identity.cluster);
  }
  const std::uint64_t behind = state->index();
  for (const LogRecord& record : content.records) {
    if (record.header.index <= behind || record.op.empty()) continue;
    Op op = co_await decode_op(record.op);
    state->apply(op, record.header.index);
    if (state->epoch() != content.header.epoch) {
      co_await fail(Code::corrupt, "{}, index {}: an entry of epoch {} follows a state of epoch {}", path,
                    record.header.index, content.header.epoch, state->epoch());
    }
  }
  if (through == cut->at && content.end < bytes.size()) {
    cut->shortened = path;
    cut->shortened_to = content.end;
  }
}

Task<> refuse_newer(Disk& disk, std::vector<std::string> segments) {
  for (const std::string& path : segments) {
    std::shared_ptr<File> file = co_await disk.open(path, Disk::Mode::read);
    Bytes begin = co_await file->read(0, kSegmentHeaderSize);
    Result<SegmentHeader> header = decode_segment_header(begin);
    if (!header && header.error().code == Code::wrong_version)
      co_await fail(Code::wrong_version, "{}: {}", path, header.error().message);
  }
}

}  // namespace

Task<LogCut> plan_log_cut(Disk& disk, std::uint64_t at) {
  LogCut cut;
  cut.at = at;
  cut.identity = co_await load_identity(disk);
  if (at == 0) co_await fail(Code::invalid_argument, "index 0: nothing would be left");
  std::vector<std::string> segments = co_await segment_files(disk);
  const std::vector<std::string> checkpoints = co_await checkpoint_files(disk);
  co_await refuse_newer(disk, segments);
  for (const std::string& path : checkpoints) {
    if (parse_checkpoint_name(name_in(path)) > at) cut.checkpoints.push_back(path);
  }
  MasterState state = co_await state_before(disk, checkpoints, at, cut.identity);
  std::uint64_t next = state.index() + 1;  // looked for
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const std::uint64_t first = parse_segment_name(name_in(segments[i]));
    const std::uint64_t end = i + 1 < segments.size() ? parse_segment_name(name_in(segments[i + 1])) : UINT64_MAX;
    if (first > at) {
      cut.segments.insert(cut.segments.begin(), segments[i]);
      continue;
    }
    if (end <= next && end <= at) continue;  // what the checkpoint holds already
    if (first > next) co_await fail(Code::corrupt, "index {} is looked for, and no segment of the log has it", next);
    const std::uint64_t through = std::min(at, end - 1);
    Result<> taken = co_await take_segment(disk, segments[i], &state, through, &cut).outcome();
    if (!taken && taken.error().code == Code::corrupt && state.index() >= at) {
      // The checkpoint holds everything up to the index: what is left of the log before it is of no use.
      cut.segments = segments;
      std::ranges::reverse(cut.segments);
      break;
    }
    co_await std::move(taken);
    next = through + 1;
  }
  if (next <= at)
    co_await fail(Code::corrupt, "the log cannot be read up to index {}: it has nothing from {} on", at, next);
  cut.begins = cut.segments.size() == segments.size();
  if (cut.segments.empty() && cut.shortened.empty() && cut.checkpoints.empty() && !cut.begins)
    co_await fail(Code::invalid_argument, "the log ends with index {}: nothing is behind it", at);
  Identity now = cut.identity;
  // An epoch that was begun and cut off counts as given.
  ++now.epoch;
  cut.identity.epoch = co_await choose_epoch(state, now, std::nullopt);
  cut.files = state.names().files();
  cut.directories = state.names().directories();
  cut.chunks = state.chunks().size();
  cut.aside = fmt::format("{}/epoch-{}", kLost, cut.identity.epoch);
  co_return cut;
}

Task<> cut_log(Disk& disk, Random& random, LogCut cut) {
  co_await save_identity(disk, cut.identity);
  co_await disk.make_directories(cut.aside);
  co_await disk.sync_directory("");
  co_await disk.sync_directory(kLost);
  std::vector<std::string> moved = cut.checkpoints;
  moved.insert(moved.end(), cut.segments.begin(), cut.segments.end());
  for (const std::string& path : moved) {
    co_await disk.rename(path, cut.aside + "/" + name_in(path));
    co_await disk.sync_directory(cut.aside);
    co_await disk.sync_directory(path.substr(0, path.rfind('/')));
  }
  if (!cut.shortened.empty()) {
    Bytes whole = co_await whole_file(disk, cut.shortened);
    std::shared_ptr<File> copy = co_await disk.open(cut.aside + "/" + name_in(cut.shortened), Disk::Mode::write);
    co_await copy->write(0, whole);
    co_await copy->sync();
    co_await disk.sync_directory(cut.aside);
    std::shared_ptr<File> file = co_await disk.open(cut.shortened, Disk::Mode::write);
    co_await file->truncate(cut.shortened_to);
    co_await file->sync();
  }
  if (!cut.begins) co_return;
  LogStore log(disk, random, {});
  co_await log.begin_at(cut.identity.cluster, cut.identity.epoch, cut.at + 1);
}

}  // namespace gfs::master
