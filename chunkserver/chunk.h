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

#include "base/bytes.h"
#include "base/disk.h"
#include "base/task_group.h"
#include "chunkserver/append_records.h"
#include "chunkserver/block_checksums.h"
#include "chunkserver/chunk_format.h"
#include "chunkserver/journal_record.h"

namespace gfs::chunkserver {

// A mutation between its place in the order and its outcome.
struct InFlight {
  MutationKind what = MutationKind::write;
  Serial serial;
  Lsn lsn = 0;
  BlockChange change;
  ClientId client;      // append: who, and ...
  AppendRecord record;  // ... what is remembered of it; import: its time
  std::unique_ptr<AppendRecords> imported;
  bool bulk = false;  // its bytes are not in the journal
  bool finished = false;
  std::optional<Error> failed;
  Promise<std::uint64_t> outcome;
};

// What a record says of it; its change and what it imports are the caller's to add.
void fill(InFlight& entry, const IntentRecord& intent, Lsn lsn);

// Bytes of a small append on their way into the data file.
struct PendingPut {
  std::uint64_t offset = 0;
  Bytes bytes;
  Promise<void> done;
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
  std::deque<PendingPut> puts;              // small appends that wait for the one being put
  bool putting = false;
  Semaphore meta{1};      // its metadata file is written by one at a time
  std::size_t users = 0;  // coroutines that hold references
};

// A block that a copy can do without fetching: over how many bytes of it, their checksum and hash.
struct BlockAtHand {
  std::uint32_t checksum = 0;
  std::uint32_t size = 0;
  std::uint64_t hash = 0;
  bool operator==(const BlockAtHand&) const = default;
};

// A copy under way: what it has gathered in its file, and what of the chunk's own bytes was read and verified for it
// since the chunk last changed.
struct Copy {
  std::shared_ptr<File> file;
  std::map<std::uint32_t, BlockAtHand> gathered;
  std::map<std::uint32_t, BlockAtHand> own;
  std::uint64_t unsynced = 0;  // bytes, since the file was synced last
  std::size_t writing = 0;     // blocks on their way into the file
  std::vector<Promise<void>> quiet_waiters;
  bool installing = false;  // nothing is added any more
  bool dropped = false;
};

struct Chunk {
  ChunkHandle handle;
  Version version;  // 0: nothing that counts is here
  ServerId primary;
  Version fence;  // mutations of an older version are refused, even before the promise is durable ...
  ServerId fenced_primary;
  Version promised;  // ... and this one is
  ServerId promised_to;
  Serial serial;
  std::uint64_t length = 0;
  bool damaged = false;
  bool distrusted = false;    // and for another reason than that a block does not verify
  std::uint64_t damages = 0;  // so often found, in this life
  bool sealed = false;
  bool suspect = false;
  bool appended = false;                 // there are append records, here or in the metadata file
  bool name_durable = false;             // the data file's name survives a power cut
  bool loaded = false;                   // checksums and records are here
  std::vector<std::uint32_t> checksums;  // plain
  AppendRecords records;

  Lsn lsn = 0;                       // last record about this chunk
  Lsn meta_lsn = 0;                  // contained in the metadata file
  Lsn marked_lsn = 0;                // a record about this chunk that is known to be on the disk ...
  Lsn mark_after = 0;                // ... which says that there is news if it is a later one than this
  Lsn committed_lsn = 0;             // last mutation applied
  Lsn bulk_lsn = 0;                  // last applied mutation whose bytes are not in the journal ...
  Lsn data_synced_lsn = 0;           // ... and up to which the data file is on the disk
  std::uint64_t durable_length = 0;  // survives a power cut

  bool leaving = false;  // its files are on their way into quarantine, or back
  std::unique_ptr<Activity> activity;
  std::shared_ptr<Copy> copy;

  // Something of it is here, if only a promise or a copy that is not finished.
  bool known() const { return version.value != 0 || promised.value != 0 || (copy && !copy->dropped); }
  bool dirty() const { return lsn > meta_lsn; }
  // A power cut would be noticed: a record later than the metadata file is on the disk.
  bool marked() const { return marked_lsn > mark_after; }
  bool bulk_unsynced() const { return bulk_lsn > data_synced_lsn; }
  std::uint32_t tail() const { return length % kBlockSize == 0 || checksums.empty() ? 0 : checksums.back(); }
};

// As its metadata file says; checksums and records stay there.
std::unique_ptr<Chunk> chunk_of(const ChunkMeta& meta);

}  // namespace gfs::chunkserver
