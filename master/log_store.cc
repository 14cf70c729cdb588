#include "master/log_store.h"

#include <algorithm>

#include "base/log.h"
#include "base/probe.h"

namespace gfs::master {

namespace {

const std::string kDirectory = "log";
// What is rewritten when a log is opened begins at such a border: kernels forget whole pages after a failed sync.
constexpr std::uint64_t kRewriteBorder = 64 * 1024;
constexpr std::size_t kReadPiece = 16 << 20;

std::string path_of(const std::string& name) { return kDirectory + "/" + name; }

// What to do about a log that cannot be read at an index.
std::string cut_advice(std::uint64_t index) {
  if (index <= 1) return {};
  return fmt::format(
      "; if there is no copy to restore: gfs-cli log repair DIR --cut-at {} gives up what follows index {}", index - 1,
      index - 1);
}

Task<Bytes> read_whole(std::shared_ptr<File> file) {
  std::uint64_t size = co_await file->size();
  std::string whole;
  whole.reserve(size);
  while (whole.size() < size) {
    Bytes piece = co_await file->read(whole.size(), std::min<std::uint64_t>(kReadPiece, size - whole.size()));
    if (piece.empty()) break;
    whole += piece.view();
  }
  co_return Bytes::of(std::move(whole));
}

// Whatever a sync fails with, the bytes may be there: it is never the no_space that says that nothing happened.
Task<> sync_file(std::shared_ptr<File> file, std::string path) {
  Result<> synced = co_await file->sync().outcome();
  if (!synced) co_await fail(Code::io_error, "{} cannot be synced: {}", path, synced.error().text());
}

Task<> sync_names(Disk& disk, std::string path) {
  Result<> synced = co_await disk.sync_directory(path).outcome();
  if (!synced) co_await fail(Code::io_error, "the directory of the log cannot be synced: {}", synced.error().text());
}

}  // namespace

LogStore::LogStore(Disk& disk, Random& random, Settings settings) : disk_(disk), random_(random), settings_(settings) {}

Task<> LogStore::format(ClusterId cluster, std::uint64_t epoch) { co_await begin_at(cluster, epoch, 1); }

Task<> LogStore::begin_at(ClusterId cluster, std::uint64_t epoch, std::uint64_t first) {
  cluster_ = cluster;
  epoch_ = epoch;
  co_await disk_.make_directories(kDirectory);
  co_await sync_names(disk_, "");
  co_await create_segment(first);
}

Task<bool> LogStore::is_unused(Disk& disk) {
  bool exists = co_await disk.exists(kDirectory);
  if (!exists) co_return true;
  std::vector<Disk::Entry> entries = co_await disk.list(kDirectory);
  for (const Disk::Entry& entry : entries) {
    if (entry.is_directory || entry.name != segment_name(1) || entry.size > kSegmentHeaderSize) co_return false;
  }
  co_return true;
}

Task<> LogStore::list_segments() {
  segments_.clear();
  bool exists = co_await disk_.exists(kDirectory);
  if (exists) {
    std::vector<Disk::Entry> entries = co_await disk_.list(kDirectory);
    for (const Disk::Entry& entry : entries) {
      if (entry.is_directory || parse_segment_name(entry.name) == 0) {
        co_await fail(Code::corrupt, "{} is not a log segment: it does not belong there", path_of(entry.name));
      }
      segments_.push_back(parse_segment_name(entry.name));  // sorted by name: by first index
    }
  }
}

Task<> LogStore::open(ClusterId cluster, std::uint64_t epoch, std::uint64_t behind, Replay replay) {
  cluster_ = cluster;
  epoch_ = epoch;
  must_reach_ = std::max(must_reach_, behind);
  co_await list_segments();
  if (segments_.empty()) {
    co_await fail(Code::corrupt, "the log is missing: {} has no segments, index {} is looked for{}", kDirectory,
                  behind + 1, cut_advice(behind + 1));
  }
  std::size_t first = 0;
  while (first + 1 < segments_.size() && segments_[first + 1] <= behind + 1) ++first;
  if (segments_[first] > behind + 1) {
    co_await fail(Code::corrupt, "a log segment is missing: {} comes where index {} is looked for{}",
                  path_of(segment_name(segments_[first])), behind + 1, cut_advice(behind + 1));
  }
  last_index_ = segments_[first] - 1;
  header_.epoch = 0;
  for (std::size_t i = first; i < segments_.size(); ++i) {
    if (segments_[i] != last_index_ + 1) {
      co_await fail(Code::corrupt, "a log segment is missing: {} comes where index {} is looked for{}",
                    path_of(segment_name(segments_[i])), last_index_ + 1, cut_advice(last_index_ + 1));
    }
    co_await read_segment_file(segment_name(segments_[i]), i + 1 == segments_.size(), behind, replay);
  }
  synced_ = last_index_;
  epoch_ = header_.epoch;
}

Result<> LogStore::check_reach(const std::string& path) const {
  if (last_index_ >= must_reach_) return {};
  return fail(Code::corrupt,
              "the log ends with index {} in {}, and there is a checkpoint of index {}: records are gone{}",
              last_index_, path, must_reach_, cut_advice(must_reach_ + 1));
}

Task<> LogStore::read_segment_file(std::string name, bool last, std::uint64_t behind, const Replay& replay) {
  std::string path = path_of(name);
  std::shared_ptr<File> file = co_await disk_.open(path, last ? Disk::Mode::write : Disk::Mode::read);
  Bytes bytes = co_await read_whole(file);
  // The first one was whole before the directory had an identity: if it is not, ops are lost.
  if (last && last_index_ > 0 && bytes.size() <= kSegmentHeaderSize && !decode_segment_header(bytes) &&
      decode_segment_header(bytes).error().code == Code::malformed) {
    // The process died while this segment was being made: nothing was ever in it.
    co_await check_reach(path);
    log::warn("log_segment_unfinished", {{"file", path}, {"index", last_index_ + 1}});
    co_await create_segment(last_index_ + 1);
    co_return;
  }
  std::uint64_t bad = 0;
  Result<SegmentContent> read = read_segment(name, bytes, last, &bad);
  if (!read && read.error().code == Code::corrupt) read.error().message += cut_advice(std::max(bad, behind + 1));
  SegmentContent content = co_await std::move(read);
  co_await check_header(content.header, path);
  header_ = content.header;
  before_ = content.header.crc;
  std::uint64_t synced = content.header.first - 1;
  for (const LogRecord& record : content.records) {
    co_await check_record(record, behind, path, replay);
    if (record.header.index > behind) bytes_ += kRecordHeaderSize + record.op.size();
    checks_.note(record.header.index, record.header.crc);
    last_index_ = record.header.index;
    before_ = record.header.crc;
    synced = std::max(synced, record.header.synced);
  }
  if (!last) co_return;
  co_await check_reach(path);
  file_ = std::move(file);
  end_ = content.end;
  if (content.torn) {
    log::warn("log_tail_cut", {{"file", path},
                               {"offset", end_},
                               {"index", last_index_ + 1},
                               {"bytes", bytes.size() - end_},
                               {"why", content.torn_reason}});
    co_await file_->truncate(end_);
  }
  // What was read may be in memory only, or be taken for clean after a sync that failed: written again, then synced.
  std::uint64_t doubtful = kSegmentHeaderSize;
  for (const LogRecord& record : content.records) {
    if (record.header.index <= synced) doubtful = record.end;
  }
  doubtful -= doubtful % kRewriteBorder;
  Bytes again = bytes.slice(doubtful, end_ - doubtful);
  if (!again.empty()) co_await file_->write(doubtful, again);
  co_await sync_file(file_, path);
  co_await sync_names(disk_, kDirectory);
}

Result<> LogStore::check_header(const SegmentHeader& header, const std::string& path) const {
  if (header.cluster != cluster_) {
    return fail(Code::wrong_cluster, "log segment {} belongs to cluster {}, this directory to {}", path, header.cluster,
                cluster_);
  }
  if (header.epoch >= header_.epoch && header.epoch <= epoch_) return {};
  return fail(Code::corrupt, "log segment {} is damaged at offset 0, index {}: it is of epoch {}, {}", path,
              header.first, header.epoch,
              header.epoch > epoch_ ? fmt::format("this directory of {}: it was put together from several", epoch_)
                                    : fmt::format("the one before it of {}", header_.epoch));
}

Result<> LogStore::check_record(const LogRecord& record, std::uint64_t behind, const std::string& path,
                                const Replay& replay) const {
  const std::uint64_t index = record.header.index;
  Result<> good;
  if (index == behind && behind_epoch_ != 0 && record.header.epoch != behind_epoch_) {
    good = fail(Code::corrupt, "it is of epoch {}, the checkpoint of that index of {}", record.header.epoch,
                behind_epoch_);
  }
  if (good && index > behind && !record.op.empty()) good = replay(index, record.op);
  if (good) return {};
  return fail(Code::corrupt, "log segment {} is damaged at offset {}, index {}: {}{}", path,
              record.end - record.op.size() - kRecordHeaderSize, index, good.error().message, cut_advice(index));
}

Task<> LogStore::create_segment(std::uint64_t first) {
  SegmentHeader header{cluster_, epoch_, first, random_.next(), 0};
  std::string text = encode_segment_header(header);
  std::size_t size = text.size();
  std::shared_ptr<File> file = co_await disk_.open(path_of(segment_name(first)), Disk::Mode::write);
  co_await file->truncate(0);
  co_await file->write(0, Bytes::of(std::move(text)));
  if (!settings_.skip_sync) co_await sync_file(file, path_of(segment_name(first)));
  if (!settings_.skip_sync) co_await sync_names(disk_, kDirectory);
  file_ = std::move(file);
  header_ = header;
  before_ = header.crc;
  end_ = size;
  if (segments_.empty() || segments_.back() != first) segments_.push_back(first);
}

Task<> LogStore::append(std::vector<std::string> ops) {
  if (end_ >= settings_.segment_max && end_ > kSegmentHeaderSize) {
    Result<> rotated = co_await create_segment(last_index_ + 1).outcome();
    if (!rotated && (rotated.error().code == Code::no_space || rotated.error().code == Code::overloaded)) {
      // An unfinished segment without records is what open() knows how to deal with; the next try begins it again.
      co_await fail(Code::no_space, "the log cannot begin a new segment: {}", rotated.error().message);
    }
    co_await std::move(rotated);
  }
  co_await write(std::move(ops));
}

Task<> LogStore::begin_epoch(std::uint64_t epoch) {
  if (header_.epoch == epoch) co_return;
  if (end_ == kSegmentHeaderSize) {
    // The segment of the new epoch needs another name.
    PROBE("an epoch ends with a mark");
    std::vector<std::string> nothing{std::string()};
    co_await write(std::move(nothing));
  }
  epoch_ = epoch;
  co_await create_segment(last_index_ + 1);
}

Task<> LogStore::mark() {
  if (synced_ == 0 || end_ == kSegmentHeaderSize) co_return;
  if (end_ >= settings_.segment_max) co_return;  // the next segment may be begun already, at this index
  std::vector<std::string> nothing{std::string()};
  co_await write(std::move(nothing));
}

Task<> LogStore::write(std::vector<std::string> ops) {
  if (broken_) co_await fail(Code::io_error, "the directory of the log could not be synced");
  std::string batch;
  std::uint64_t index = last_index_;
  std::uint32_t before = before_;
  std::vector<std::uint32_t> crcs;
  crcs.reserve(ops.size());
  for (const std::string& op : ops) {
    RecordHeader header;
    header.before = before;
    header.epoch = epoch_;
    header.term = term();
    header.index = ++index;
    header.synced = synced_;
    append_record(batch, header, header_.salt, op);
    before = header.crc;
    crcs.push_back(header.crc);
  }
  std::uint64_t size = batch.size();
  Result<> written = co_await file_->write(end_, Bytes::of(std::move(batch))).outcome();
  if (!written && written.error().code == Code::no_space) {
    // Part of it may be there: cut off for good before anybody is told that it did not happen.
    co_await settle(segment_name(header_.first), end_);
    co_await std::move(written);
  }
  co_await std::move(written);
  if (!settings_.skip_sync) co_await sync_file(file_, path_of(segment_name(header_.first)));
  end_ += size;
  bytes_ += size;
  before_ = before;
  for (std::uint32_t crc : crcs) checks_.note(++last_index_, crc);
  synced_ = last_index_;
}

LogStore::Segment LogStore::segment_of(std::uint64_t index) const {
  auto next = std::ranges::upper_bound(segments_, index);
  if (next == segments_.begin() || index > last_index_) return {};
  return describe(next - 1);
}

LogStore::Segment LogStore::segment_behind(std::uint64_t index) const {
  auto segment = std::ranges::upper_bound(segments_, index);
  return segment == segments_.end() ? Segment{} : describe(segment);
}

LogStore::Segment LogStore::describe(std::vector<std::uint64_t>::const_iterator segment) const {
  const auto next = segment + 1;
  return {path_of(segment_name(*segment)), *segment, next == segments_.end() ? last_index_ : *next - 1};
}

// In order, so that what a crash leaves has no gap.
Task<> LogStore::trim(std::uint64_t through) {
  bool removed = false;
  while (segments_.size() > 1 && segments_[1] <= through + 1) {
    Result<> gone = co_await disk_.remove(path_of(segment_name(segments_.front()))).outcome();
    if (!gone && gone.error().code != Code::not_found) co_await std::move(gone);
    segments_.erase(segments_.begin());
    removed = true;
  }
  if (!removed) co_return;
  Result<> synced = co_await sync_names(disk_, kDirectory).outcome();
  broken_ = broken_ || !synced;  // the name of a new segment may be what was lost
  co_await std::move(synced);
}

Task<> LogStore::settle(std::string name, std::uint64_t size) {
  Result<> cut = co_await file_->truncate(size).outcome();
  if (cut) cut = co_await file_->sync().outcome();
  if (!cut) {
    co_await fail(Code::io_error, "{} cannot be cut back to {} bytes after the disk was full: {}", path_of(name), size,
                  cut.error().message);
  }
}

}  // namespace gfs::master
