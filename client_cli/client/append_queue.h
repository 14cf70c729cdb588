// AppendQueue: records that wait to be appended, and how they are put together into batches.
//
// A batch is records of consecutive sequences that wait side by side, at most so many bytes and 4096 records, and with
// deadlines not far apart, for they get one outcome at one time; a larger record is one by itself. Its bytes are copied
// once, into the batch's own buffer; a batch of one keeps its record's. What a batch is never changes afterwards: all
// its tries have the same id, sizes and digest.
//
// Pure. Owned by FileAppender; one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "base/bytes.h"
#include "base/id.h"
#include "base/task.h"
#include "base/time.h"
#include "client_cli/client/filesystem.h"

namespace gfs::client {

struct AppendBatch {
  std::uint64_t first = 0;           // sequence of its first record
  std::vector<std::uint32_t> sizes;  // of its records, in order
  Bytes bytes;
  std::vector<std::uint32_t> crcs;  // of the 64 KiB pieces from its begin
  std::uint32_t digest = 0;
  Instant deadline;  // the last record's: nobody's is cut short
  std::vector<Promise<Appended>> promises;
};

class AppendQueue {
 public:
  static constexpr std::size_t kBatchRecordsMax = 4096;
  static constexpr Duration kDeadlinesApartMax = 500ms;
  static constexpr std::size_t kRecordsMax = 65536;
  static constexpr std::uint64_t kBytesMax = 256ull << 20;

  explicit AppendQueue(std::uint64_t batch_bytes) : batch_bytes_(batch_bytes) {}

  // `alone`: never together with others. overloaded: too much waits already; nothing was taken.
  Result<Future<Appended>> push(std::uint64_t sequence, Bytes record, bool alone, Instant deadline);

  bool empty() const { return waiting_.empty(); }
  // Whether the next batch would not grow by waiting longer.
  bool full() const;
  // Bytes of the next batch, and the batch itself. Not if empty().
  std::uint64_t next_size() const;
  AppendBatch take();

 private:
  struct Waiting {
    std::uint64_t sequence;
    Bytes record;
    Instant deadline;
    bool alone;
    Promise<Appended> promise;
  };
  // How many records make up the next batch, and their bytes.
  std::pair<std::size_t, std::uint64_t> next() const;

  const std::uint64_t batch_bytes_;
  std::deque<Waiting> waiting_;
  std::uint64_t bytes_ = 0;  // of all that wait
};

}  // namespace gfs::client
