#include "chunkserver/mutation_journal.h"

#include <algorithm>

namespace gfs::chunkserver {

namespace {

constexpr std::size_t kBatchBytesMax = 4u << 20;

}  // namespace

MutationJournal::MutationJournal(Executor& executor, Disk& disk, std::uint64_t segment_max)
    : executor_(executor), disk_(disk), segment_max_(std::min<std::uint64_t>(segment_max, 1ull << 30)) {}

Task<> MutationJournal::open(Lsn next, std::vector<Lsn> old) {
  next_ = next;
  written_ = durable_ = next - 1;
  for (Lsn first : old) segments_[first] = 0;
  co_await begin_segment(next_);
}

MutationJournal::Appended MutationJournal::append(const JournalRecord& record, Bytes bytes) {
  Waiting waiting;
  waiting.lsn = next_++;
  waiting.body = encode_record(record);
  waiting.bytes = std::move(bytes);
  Appended appended{waiting.lsn, waiting.written.future()};
  if (broken_) {
    waiting.written.set(fail(*broken_));
    return appended;
  }
  waiting_.push_back(std::move(waiting));
  wake();
  return appended;
}

Task<> MutationJournal::sync() {
  if (broken_) co_await fail(*broken_);
  if (durable_ >= last()) co_return;
  SyncWaiter waiter{last(), {}};
  Future<void> done = waiter.done.future();
  sync_waiters_.push_back(std::move(waiter));
  wake();
  co_await std::move(done);
}

Task<Lsn> MutationJournal::roll() {
  if (broken_) co_await fail(*broken_);
  Promise<Lsn> promise;
  Future<Lsn> rolled = promise.future();
  roll_waiters_.push_back(std::move(promise));
  roll_asked_ = true;
  wake();
  co_return co_await std::move(rolled);
}

Task<> MutationJournal::remove_through(Lsn through) {
  bool removed = false;
  while (segments_.size() > 1) {
    auto first = segments_.begin();
    auto second = std::next(first);
    if (second->first > through + 1) break;
    std::string path = journal_path(first->first);
    co_await disk_.remove(path);
    segments_.erase(first);
    removed = true;
  }
  if (removed) co_await disk_.sync_directory("journal");
}

std::uint64_t MutationJournal::bytes_in_segments() const {
  std::uint64_t bytes = 0;
  for (const auto& [first, size] : segments_) bytes += size;
  return bytes;
}

// One turn's appends gather before the work begins.
void MutationJournal::wake() {
  if (working_) return;
  working_ = true;
  executor_.post([this] {
    tasks_.spawn(work(), [this](Result<void>) {
      working_ = false;
      if (!broken_ && (!waiting_.empty() || roll_asked_ || !sync_waiters_.empty())) wake();
    });
  });
}

Task<> MutationJournal::work() {
  while (!broken_ && (!waiting_.empty() || roll_asked_ || !sync_waiters_.empty())) {
    if (roll_asked_) {  // what waits goes to the new segment: under load there is always something
      Result<void> rolled = co_await switch_segment().outcome();
      roll_asked_ = false;
      std::vector<Promise<Lsn>> waiters = std::move(roll_waiters_);
      roll_waiters_.clear();
      for (Promise<Lsn>& waiter : waiters) {
        if (rolled) {
          waiter.set(segment_ - 1);
        } else {
          waiter.set(fail(rolled.error()));
        }
      }
      continue;
    }
    if (!waiting_.empty()) (void)co_await write_batch().outcome();  // each waiter is told by it
    if (broken_) break;
    std::erase_if(sync_waiters_, [this](SyncWaiter& waiter) {
      if (waiter.through > durable_) return false;
      waiter.done.set({});
      return true;
    });
    if (!sync_waiters_.empty() && sync_waiters_.front().through <= written_) {
      Result<void> synced = co_await sync_file().outcome();
      std::erase_if(sync_waiters_, [this, &synced](SyncWaiter& waiter) {
        if (!synced) {
          waiter.done.set(fail(synced.error()));
          return true;
        }
        if (waiter.through > durable_) return false;
        waiter.done.set({});
        return true;
      });
    }
  }
  if (broken_) {
    for (Waiting& waiting : waiting_) waiting.written.set(fail(*broken_));
    for (SyncWaiter& waiter : sync_waiters_) waiter.done.set(fail(*broken_));
    for (Promise<Lsn>& waiter : roll_waiters_) waiter.set(fail(*broken_));
    waiting_.clear();
    sync_waiters_.clear();
    roll_waiters_.clear();
    roll_asked_ = false;
  }
}

Task<> MutationJournal::write_batch() {
  Result<void> ready = co_await (position_ > segment_max_ ? switch_segment() : cut_tail()).outcome();
  if (!ready) {
    std::deque<Waiting> failed = std::move(waiting_);
    waiting_.clear();
    written_ = failed.back().lsn;
    for (Waiting& waiting : failed) waiting.written.set(fail(ready.error()));
    co_return;
  }
  std::size_t expected = 0;
  for (const Waiting& waiting : waiting_) {
    if (expected >= kBatchBytesMax) break;
    expected += framed_size(waiting.body.size() + waiting.bytes.size());
  }
  std::vector<Waiting> batch;
  std::string bytes;
  bytes.reserve(expected);
  while (!waiting_.empty() && bytes.size() < kBatchBytesMax) {
    Waiting& next = waiting_.front();
    const RecordPlace place{segment_, position_ + bytes.size(), next.lsn, static_cast<std::uint32_t>(position_),
                            static_cast<std::uint32_t>(durable_position_)};
    append_record(bytes, place, next.body, next.bytes.view());
    batch.push_back(std::move(next));
    waiting_.pop_front();
  }
  const std::size_t size = bytes.size();
  Result<void> written = co_await file_->write(position_, Bytes::of(std::move(bytes))).outcome();
  if (written) {
    position_ += size;
  } else {
    tail_dirty_ = true;
  }
  segments_[segment_] = position_;
  written_ = batch.back().lsn;
  for (Waiting& waiting : batch) {
    if (written) {
      waiting.written.set({});
    } else {
      waiting.written.set(fail(written.error()));
    }
  }
  if (tail_dirty_) co_await cut_tail();
}

// A segment that has another one after it must end with its last record, on the disk.
Task<> MutationJournal::switch_segment() {
  co_await cut_tail();
  co_await sync_file();
  co_await begin_segment(waiting_.empty() ? next_ : waiting_.front().lsn);
}

Task<> MutationJournal::cut_tail() {
  if (!tail_dirty_) co_return;
  const Lsn through = written_;
  co_await file_->truncate(position_);
  Result<void> synced = co_await file_->sync().outcome();
  if (!synced) {
    broken_ = synced.error();
    co_await fail(*broken_);
  }
  tail_dirty_ = false;
  durable_ = through;
  durable_position_ = position_;
}

Task<> MutationJournal::begin_segment(Lsn first) {
  if (segment_ == first && position_ <= kSegmentHeaderSize && file_) co_return;
  std::string path = journal_path(first);
  // A segment that begins at the lsn to come holds no record that counts (its begin was interrupted).
  std::shared_ptr<File> file = co_await disk_.open(path, Disk::Mode::write);
  Result<void> begun = co_await file->truncate(0).outcome();
  if (begun) {
    Bytes header = Bytes::of(encode_segment_header(first, disk_.boot_id()));
    begun = co_await file->write(0, std::move(header)).outcome();
  }
  if (!begun) {
    file.reset();
    Result<void> gone = co_await abandon_segment(std::move(path)).outcome();
    if (!gone) broken_ = gone.error();
    co_await std::move(begun);
  }
  Result<void> synced = co_await file->sync().outcome();
  if (synced) synced = co_await disk_.sync_directory("journal").outcome();
  if (!synced) {
    broken_ = synced.error();
    co_await fail(*broken_);
  }
  file_ = std::move(file);
  segment_ = first;
  position_ = durable_position_ = kSegmentHeaderSize;
  segments_[segment_] = position_;
}

// The segment before goes on: were this one still there at a restart, the end of that one would not be the journal's.
Task<> MutationJournal::abandon_segment(std::string path) {
  co_await disk_.remove(path);
  co_await disk_.sync_directory("journal");
}

Task<> MutationJournal::sync_file() {
  const Lsn through = written_;
  const std::uint64_t position = position_;
  if (durable_ >= through) co_return;
  Result<void> synced = co_await file_->sync().outcome();
  if (!synced) {
    broken_ = synced.error();
    co_await fail(*broken_);
  }
  durable_ = through;
  durable_position_ = position;
}

}  // namespace gfs::chunkserver
