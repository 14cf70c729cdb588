// ChunkStore: the chunks of one server on its disk: bytes, checksums, versions and serials.
//
// The rules
// * A mutation's intent is in the journal before the data file is touched; it is answered when its bytes are in the
// file.
//   So a crash of the process at any point is settled by comparing checksums (recovery.h).
// * Mutations of up to 64 KiB, and all overwrites, carry their bytes in the journal; an overwrite of bytes that are on
//   the disk already waits until its record is there too. So a power cut never leaves synced bytes torn.
// * Mutations of one chunk complete in the order they came; appends overlap each other, an overwrite is alone.
// * If one fails, those after it fail too, and the chunk is as if none had come.
// * Every read verifies each block it touches.
// * A chunk's first record after its metadata file was written is on the disk before the mutation counts. So after a
//   power cut (the journal's boot id is another one) every chunk that may have lost something is known: it is suspect,
//   durably, until it has been made equal: not written, not read by clients.
// * promise() fences: nothing older than the promised version is applied afterwards. `version` stays what the replica
//   last was equal to all members in; adopt() raises it.
// * A copy (make equal) gathers blocks in a file of its own, `<handle>.copy`, and takes effect by one journal record:
//   what it brings counts as a whole or not at all.
// * A chunk may begin as the copy of another one here (fork()), sharing its blocks where the file system can. Its bytes
//   are put in a file of their own, `<handle>.fork`, first; one journal record, and it is there, whole.
// * A replica that is put into quarantine (quarantine.h) does not exist any more for anybody; its files are as they
// were,
//   and everything that the journal has about it is void.
// * A failed sync is final: broken() is told, everything that changes something fails from then on; reads go on.
// * Memory: 400 bytes per chunk, plus checksums and append records of chunks in use (a few MiB) and of those not yet in
//   a metadata file.
//
// Owned by ChunkServer; lives on its executor's thread. Operations go on when their callers go away.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/disk.h"
#include "base/executor.h"
#include "base/task_group.h"
#include "bus/messages/chunk_chunk.h"
#include "chunkserver/append_records.h"
#include "chunkserver/chunk.h"
#include "chunkserver/mutation_journal.h"
#include "chunkserver/open_files.h"
#include "chunkserver/quarantine.h"

namespace gfs::chunkserver {

struct StoreSettings {
  std::uint64_t journal_segment = 64ull << 20;
  std::uint64_t space_reserve = 256ull << 20;
  std::uint64_t checkpoint_bytes =
      1ull << 30;  // data written since the last one; what a restart may have to read again
  std::size_t open_files = 512;
  std::size_t loaded_chunks = 2048;  // whose checksums are kept in memory
  std::string mutant;                // test-only (tests/sim/mutants.h)
};

struct ChunkInfo {
  ChunkHandle handle;
  Version version;   // 0: nothing that counts is here (promised, or being copied for the first time)
  ServerId primary;  // of that version
  Serial serial;
  std::uint64_t length = 0;
  bool damaged = false;
  bool sealed = false;
  bool suspect = false;
  bool appended = false;    // took record appends
  Version fence;            // promised: at least `version`
  ServerId fenced_primary;  // to whom
};

using bus::MutationKind;

struct Mutation {
  ChunkHandle handle;
  Version version;
  Serial serial;
  RequestId id;
  MutationKind what = MutationKind::write;
  std::uint64_t offset = 0;  // append: must be the chunk's end; truncate: the new length
  std::uint32_t digest = 0;
  std::uint32_t count = 0;               // append: records in the batch, consecutive from id.sequence
  std::uint32_t index = 0;               // append: the chunk's number in its file
  std::int64_t time_ms = 0;              // append, import
  Bytes bytes;                           // import: AppendRecords::encode()
  std::vector<std::uint32_t> checksums;  // of its pieces; verified by the caller
  bool in_order = true;                  // the serial must follow the last one (false: a mutant's)
};

struct ReadBytes {
  Bytes bytes;
  std::vector<std::uint32_t> checksums;  // of its pieces
  std::uint64_t length = 0;
  Version version;
};

// What all bytes of a chunk turned out to be.
struct BlocksSeen {
  std::vector<std::uint32_t> bad;     // blocks that do not match their checksum
  std::vector<std::uint64_t> hashes;  // of all blocks
};

// What a chunk shall be after a copy: its source's state.
struct CopyTarget {
  bus::ReplicaState state;  // version, serial, length, sealed; digest is checked against the rest
  std::vector<std::uint32_t> checksums;
  std::vector<std::uint64_t> hashes;
  AppendRecords records;
};

class ChunkStore {
 public:
  ChunkStore(Executor& executor, Disk& disk, StoreSettings settings);

  // Reads metadata and journal, settles what a crash left. corrupt, wrong_version, io_error.
  Task<> open();
  // Everything to data and metadata files, the journal empty.
  Task<> close();

  std::optional<ChunkInfo> find(ChunkHandle handle) const;
  // The same, and of what is on its way into quarantine or back.
  std::optional<ChunkInfo> known(ChunkHandle handle) const;
  // By handle, greater than `after`.
  std::vector<ChunkInfo> page(ChunkHandle after, std::size_t limit) const;
  std::size_t count() const { return chunks_.size(); }

  // Durable when it returns: nothing below `version` is applied from then on, and what was under way has ended. Known
  // afterwards even if nothing was held (version 0). Idempotent. stale_version: a newer promise was made, or this one
  // to another primary.
  Task<> promise(ChunkHandle handle, Version version, ServerId primary);
  // Durable when it returns, and nothing of an older version is under way then. Creates the chunk if told to. Serials
  // begin anew. stale_version (a newer one is held or promised), not_found, suspect.
  Task<> adopt(ChunkHandle handle, Version version, ServerId primary, bool create);
  // Applies it; gives the chunk's length. stale_version, out_of_order, no_space, io_error, corrupt (old bytes to merge
  // with), suspect, sealed (an append to a sealed chunk, or a write behind its end), conflict (an append that is not at
  // the end), invalid_argument, malformed (an import): nothing of it counts then.
  Task<std::uint64_t> write(Mutation mutation);

  // Where it stands, with the digest. not_found.
  Task<bus::ReplicaState> state(ChunkHandle handle);
  // Plain checksums of its blocks. not_found, corrupt.
  Task<std::vector<std::uint32_t>> checksums(ChunkHandle handle);
  // Reads everything; on_damage is told of what does not verify.
  Task<BlocksSeen> verify(ChunkHandle handle);
  // The same of up to 1 MiB, from block `first` on. not_found, corrupt.
  struct Part {
    std::uint64_t bytes = 0;
    std::vector<std::uint32_t> bad;
    std::uint32_t next = 0;  // block behind it
    bool last = true;        // nothing is behind it
  };
  Task<Part> verify_part(ChunkHandle handle, std::uint32_t first);
  // What is held verifies, but is known to be wrong: it is damaged until it is replaced (install_copy).
  void distrust(ChunkHandle handle, std::string reason);
  // Puts a block's bytes in their place, durably, if they are what should be there by its checksum (conflict).
  Task<> mend_block(ChunkHandle handle, std::uint32_t block, Bytes bytes);
  // Reads everything; true: all of it verifies, and it is not damaged any more. Never of what is distrusted.
  Task<bool> settle_damage(ChunkHandle handle);
  // What it remembers of appends. not_found, corrupt.
  Task<AppendRecords> records(ChunkHandle handle);
  // AppendRecords::judge on them.
  Task<std::optional<AppendRecord>> judge_append(ChunkHandle handle, AppendRecords::Ask ask,
                                                 std::uint64_t pending_last);

  // A copy under way (chunk_store_copy.cc). One per chunk; begin_copy() goes on with what a copy of this life has
  // gathered already. Blocks are checked against the checksum given with them.
  // Gives, per block, the checksum of what is at hand: gathered before, or held here and just read and verified; 0 and
  // false where there is nothing.
  using AtHand = BlockAtHand;  // `size`: bytes of the block that it covers; 0: nothing
  Task<std::vector<AtHand>> begin_copy(ChunkHandle handle);
  // Blocks [first, first + checksums.size()); `bytes` ends with the chunk or at a block's border.
  Task<> copy_blocks(ChunkHandle handle, std::uint32_t first, Bytes bytes, std::vector<std::uint32_t> checksums);
  // Takes effect: the chunk is the target from now on, durably; suspect and damage are over. Every block of the target
  // must be at hand: conflict else, and nothing has changed. stale_version: another version than `promised` is
  // promised. io_error: it is on record, but the disk did not take all of its bytes: the chunk is suspect, and what was
  // gathered is kept for the next try. Every other error leaves the chunk as it was.
  Task<> install_copy(ChunkHandle handle, Version promised, CopyTarget target);
  void drop_copy(ChunkHandle handle);
  // What is held of `source`, which must be at `version`, is held under `handle`, too, from the return on, durably: the
  // bytes as they lie there (each read verifies them), length, seal and append records; in version 1, serial 0. Again:
  // nothing, if it is there still as it began. not_found, stale_version, suspect, corrupt: the source is not held, held
  // at another version, or no good. conflict: something else is held, promised, being copied or in quarantine under
  // `handle`. io_error: it may be on record, and suspect, because its file could not be renamed. With every other error
  // nothing is there of it.
  Task<bus::ReplicaState> fork(ChunkHandle source, Version version, ChunkHandle handle);
  // corrupt names chunk and block, and on_damage was told.
  Task<ReadBytes> read(ChunkHandle handle, std::uint64_t offset, std::uint64_t size);
  // Everything written before the call is on the disk.
  Task<std::uint64_t> sync(ChunkHandle handle);

  // Puts the replica away; durable when it returns (chunk_store_quarantine.cc). not_found: nothing is held.
  // stale_version: another version than this one is held, or a newer one than `fence` promised. conflict: it is being
  // copied or used: later. Else it is held as before, but for a failed sync: the next start finds out.
  Task<> quarantine(ChunkHandle handle, Version version, Version fence, Garbage why, WallMs now);
  // Takes back what was put away last, as it was. not_found, already_exists, refused (it is of an older version),
  // corrupt (its files are not whole).
  Task<ChunkInfo> restore(ChunkHandle handle, Version at_least = {});
  // Unlinks what was put away before `before`, at most `limit` replicas, the oldest first.
  struct Purged {
    std::uint64_t chunks = 0;
    std::uint64_t bytes = 0;
  };
  Task<Purged> purge(WallMs before, std::size_t limit);
  const Quarantine& quarantined() const { return quarantine_; }

  // no_space when the reserve would be touched.
  Result<> room_for(std::uint64_t bytes) const;
  Task<Disk::Space> measure_space();
  const Disk::Space& space() const { return space_; }

  // Told once per chunk and life, and what open() found.
  std::function<void(ChunkHandle, std::uint32_t block, const std::string& reason)> on_damage;
  std::function<void(const Error&)> on_broken;
  bool broken() const { return broken_.has_value(); }
  // Nothing it was asked for is under way.
  bool idle() const { return tasks_.empty(); }
  // The disk has gone: nothing is changed on it any more.
  void abandon(Error why) {
    if (!broken_) broken_ = std::move(why);
  }

 private:
  friend class Recovery;
  class Use;  // keeps a chunk's activity and checksums in memory

  Result<Chunk*> held(ChunkHandle handle);
  Result<> staying(ChunkHandle handle) const;  // unavailable while its files are being moved
  Chunk* entry(ChunkHandle handle);            // made if need be; known to nobody before something of it is on the disk
  ChunkInfo info_of(const Chunk& chunk) const;
  Result<> usable() const;
  Task<> load(Chunk* chunk);
  void make_room_for_checksums();
  void damage(Chunk* chunk, std::uint32_t block, std::string reason);
  void suspect(Chunk* chunk);
  void break_down(Error error);

  // chunk_store_versions.cc
  Result<> fence(Chunk* chunk, Version version, ServerId primary);
  Task<> promise_now(ChunkHandle handle, Version version, ServerId primary);
  Task<> adopt_now(ChunkHandle handle, Version version, ServerId primary, bool create);

  // chunk_store_write.cc
  Task<std::uint64_t> write_now(Mutation mutation);
  Result<> check_order(const Chunk& chunk, const Mutation& mutation) const;
  Result<> check_place(const Chunk& chunk, const Mutation& mutation) const;
  Task<BlockChange> plan(Chunk* chunk, std::uint64_t offset, Bytes bytes, std::vector<std::uint32_t> checksums);
  Task<BlockChange> plan_cut(Chunk* chunk, std::uint64_t length);
  Task<> put_bytes(Chunk* chunk, std::uint64_t offset, Bytes bytes);
  // The same for a small append: those that come while one is being put are put together.
  Task<> put_appended(Chunk* chunk, std::uint64_t offset, Bytes bytes);
  Task<> put_waiting(Chunk* chunk);
  Task<> cut_file(Chunk* chunk, std::uint64_t length, Lsn lsn);
  Task<> drained(Chunk* chunk);
  void settle(Chunk* chunk);
  void commit(Chunk* chunk, InFlight& entry);
  void roll_back(Chunk* chunk, const Error& cause);

  // chunk_store_read.cc
  struct Seen {
    Bytes bytes;
    std::vector<std::uint32_t> checksums;  // what the blocks seen should have, over ...
    std::uint64_t length = 0;              // ... what they have of a chunk of this length
    std::vector<std::uint32_t> bad;        // the blocks that do not
    std::string reason;
  };
  struct Verified {
    Bytes bytes;
    std::vector<std::uint32_t> checksums;
    std::uint64_t length = 0;
  };
  Task<Seen> look_at(Chunk* chunk, std::uint32_t first, std::uint32_t last);
  // Of the `number`th block of those seen from `first` on.
  static std::uint64_t hash_of(const Seen& seen, std::uint32_t first, std::uint32_t number);
  Task<Verified> verified_blocks(Chunk* chunk, std::uint32_t first, std::uint32_t last, std::uint64_t length);

  // chunk_store_copy.cc
  Task<std::vector<AtHand>> begin_copy_now(ChunkHandle handle);
  Task<> open_copy(Chunk* chunk);
  Task<> copy_blocks_now(ChunkHandle handle, std::uint32_t first, Bytes bytes, std::vector<std::uint32_t> checksums);
  Task<> install_copy_now(ChunkHandle handle, Version promised, CopyTarget target);
  Task<> sync_copy(Chunk* chunk);
  Task<> bring_over(Chunk* chunk, std::shared_ptr<File> from, InstallRecord install);
  static bool is_whole(const InstallRecord& install);  // every block is copied
  Task<> put_copy_in_place(Chunk* chunk);
  Task<bool> copy_verifies(std::shared_ptr<File> file, const InstallRecord* install);
  Task<> sync_names(Chunk* chunk);
  void commit_install(Chunk* chunk, const InstallRecord& install, AppendRecords records, Lsn lsn);
  Task<> remove_copy(ChunkHandle handle);
  Task<> quiet(std::shared_ptr<Copy> copy);

  // chunk_store_mend.cc
  Task<> mend_block_now(ChunkHandle handle, std::uint32_t block, Bytes bytes);
  Task<bool> settle_damage_now(ChunkHandle handle);

  // chunk_store_fork.cc
  Task<bus::ReplicaState> fork_now(ChunkHandle source, Version version, ChunkHandle handle);
  Task<bus::ReplicaState> fork_into(Chunk* chunk, ChunkHandle source, Version version);
  Result<Chunk*> forkable(ChunkHandle source, Version version);
  Result<> may_begin(const Chunk& chunk) const;
  Task<InstallRecord> gather_fork(Chunk* from, ChunkHandle handle);
  Task<> clone_data(Chunk* from, std::string target);
  Task<> begin_as(Chunk* chunk, InstallRecord fork, AppendRecords records);
  Task<> name_fork(ChunkHandle handle);
  void forget_nothing(ChunkHandle handle);

  // chunk_store_quarantine.cc
  Task<> quarantine_now(ChunkHandle handle, Version version, Version fence, Garbage why, WallMs now);
  Result<> may_leave(const Chunk& chunk, Version version, Version fence) const;
  Task<> put_away(ChunkHandle handle, std::string target);
  Task<ChunkInfo> restore_now(ChunkHandle handle, Version at_least);
  Task<ChunkMeta> take_back(Quarantined entry);
  Task<Purged> purge_now(WallMs before, std::size_t limit);
  Task<> move(std::string source, std::string target, std::string folder);
  Task<> sync_folders(std::string folder);

  // chunk_store_sync.cc
  Task<std::uint64_t> sync_now(ChunkHandle handle);
  Task<> sync_journal(Chunk* chunk, Lsn lsn);
  Task<> sync_data(Chunk* chunk);
  Task<> sync_data_once(Chunk* chunk);
  Task<> sync_data_file(Chunk* chunk, Lsn through);
  void checkpoint_if_due();
  Task<> checkpoint();
  Task<> checkpoint_now();
  Task<> write_metas();
  Task<> write_meta(ChunkHandle handle);

  // Set once.
  Executor& executor_;
  Disk& disk_;
  StoreSettings settings_;

  // State.
  std::map<ChunkHandle, std::unique_ptr<Chunk>> chunks_;
  std::set<ChunkHandle> dirty_;
  std::set<std::string> unsynced_folders_;  // with metadata files whose names may not survive a power cut yet
  std::size_t loaded_ = 0;
  ChunkHandle evict_from_;
  Disk::Space space_;
  std::uint64_t written_since_checkpoint_ = 0;
  Lsn checkpointed_ = 0;
  bool checkpointing_ = false;
  Instant checkpoint_not_before_{};
  std::optional<Error> broken_;
  Quarantine quarantine_;
  Semaphore moving_back_{1};  // what is in quarantine leaves it one way at a time
  MutationJournal journal_;
  OpenFiles files_;
  TaskGroup tasks_;
};

}  // namespace gfs::chunkserver
