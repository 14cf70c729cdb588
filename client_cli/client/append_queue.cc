#include "client_cli/client/append_queue.h"

#include "client_cli/client/fragments.h"

namespace gfs::client {

Result<Future<Appended>> AppendQueue::push(std::uint64_t sequence, Bytes record, bool alone, Instant deadline) {
  if (waiting_.size() >= kRecordsMax || (!waiting_.empty() && bytes_ + record.size() > kBytesMax)) {
    return fail(Code::overloaded, "{} records of {} bytes wait to be appended already", waiting_.size(), bytes_);
  }
  bytes_ += record.size();
  Waiting& last = waiting_.emplace_back(sequence, std::move(record), deadline, alone, Promise<Appended>());
  return last.promise.future();
}

std::pair<std::size_t, std::uint64_t> AppendQueue::next() const {
  std::size_t count = 1;
  std::uint64_t bytes = waiting_.front().record.size();
  if (waiting_.front().alone) return {count, bytes};
  for (; count < waiting_.size() && count < kBatchRecordsMax; ++count) {
    const Waiting& more = waiting_[count];
    if (more.alone || more.sequence != waiting_[count - 1].sequence + 1) break;
    if (bytes + more.record.size() > batch_bytes_) break;
    if (more.deadline - waiting_.front().deadline > kDeadlinesApartMax) break;
    bytes += more.record.size();
  }
  return {count, bytes};
}

bool AppendQueue::full() const {
  const Waiting& first = waiting_.front();
  if (first.alone || first.record.size() >= batch_bytes_) return true;
  const bool late = waiting_.back().deadline - first.deadline > kDeadlinesApartMax;
  if (bytes_ < batch_bytes_ && waiting_.size() < kBatchRecordsMax && !waiting_.back().alone && !late) return false;
  return next().first < waiting_.size() || bytes_ >= batch_bytes_ || waiting_.size() >= kBatchRecordsMax;
}

std::uint64_t AppendQueue::next_size() const { return next().second; }

AppendBatch AppendQueue::take() {
  auto [count, bytes] = next();
  AppendBatch batch;
  batch.first = waiting_.front().sequence;
  batch.deadline = waiting_[count - 1].deadline;
  batch.sizes.reserve(count);
  batch.promises.reserve(count);
  std::string together;
  if (count > 1) together.reserve(bytes);
  for (std::size_t i = 0; i < count; ++i) {
    Waiting& one = waiting_.front();
    batch.sizes.push_back(static_cast<std::uint32_t>(one.record.size()));
    batch.promises.push_back(std::move(one.promise));
    if (count > 1) {
      together.append(one.record.view());
    } else {
      batch.bytes = std::move(one.record);
    }
    waiting_.pop_front();
  }
  if (count > 1) batch.bytes = Bytes::of(std::move(together));
  bytes_ -= bytes;
  batch.crcs = piece_checksums(0, batch.bytes);
  batch.digest = digest_of(batch.crcs);
  return batch;
}

}  // namespace gfs::client
