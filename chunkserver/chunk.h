// Chunk: what the store keeps in memory of one chunk. Two layers: what is committed (readers see it, answers are given
// on it), and, while mutations are under way, what it will be once they all have succeeded (Activity::plan_*).
//
// Owned by ChunkStore, which alone changes it.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/task_group.h"
#include "chunkserver/block_checksums.h"
#include "chunkserver/chunk_format.h"

namespace gfs::chunkserver {

// A mutation between its place in the order and its outcome.
struct InFlight {
  Serial serial;
  Lsn lsn = 0;
  BlockChange change;
  bool bulk = false;  // its bytes are not in the journal
  bool finished = false;
  std::optional<Error> failed;
  Promise<std::uint64_t> outcome;
};

struct Activity {
  Semaphore gate{1};                                // places in the order are taken one at a time
  std::deque<std::shared_ptr<InFlight>> in_flight;  // by serial; they complete in this order
  std::vector<Promise<void>> drain_waiters;
  Serial plan_serial;
  std::uint64_t plan_length = 0;
  std::uint32_t plan_tail = 0;  // checksum of the last block, if it is partial
  Lsn plan_lsn = 0;
  bool failing = false;        // one in flight failed: the later ones fail with it
  std::uint64_t failures = 0;  // so far
  bool tail_garbage = false;   // the file may be longer than the chunk
  bool overwriting = false;
  std::uint64_t overwrites = 0;  // begun so far: a reader compares
  bool syncing = false;
  std::vector<Promise<void>> sync_waiters;  // of the next data sync
  std::size_t users = 0;                    // coroutines that hold references
};

struct Chunk {
  ChunkHandle handle;
  Version version;
  Version fence;  // mutations of an older version are refused, even before the adoption is durable
  ServerId primary;
  Serial serial;
  std::uint64_t length = 0;
  bool damaged = false;
  bool name_durable = false;  // the data file's name survives a power cut
  bool checksums_loaded = false;
  std::vector<std::uint32_t> checksums;  // plain

  Lsn lsn = 0;                       // last record about this chunk
  Lsn meta_lsn = 0;                  // contained in the metadata file
  Lsn committed_lsn = 0;             // last mutation applied
  Lsn bulk_lsn = 0;                  // last applied mutation whose bytes are not in the journal ...
  Lsn data_synced_lsn = 0;           // ... and up to which the data file is on the disk
  std::uint64_t durable_length = 0;  // survives a power cut

  std::unique_ptr<Activity> activity;

  bool dirty() const { return lsn > meta_lsn; }
  bool bulk_unsynced() const { return bulk_lsn > data_synced_lsn; }
  std::uint32_t tail() const { return length % kBlockSize == 0 || checksums.empty() ? 0 : checksums.back(); }
};

}  // namespace gfs::chunkserver
