// DiskSet: the disks of one chunkserver, a ChunkStore on each, behind one face: which disk holds a chunk is known here,
// and where a new one goes.
//
// * The first directory is the server: its identity lies there; without it there is no server. Any other may be missing
//   or go away: then its chunks are not held any more, and everything else goes on.
// * A chunk lies on one disk, whole. A new one goes to the emptiest disk that is ok; a slow one only if there is no
//   other; a read-only one never. A copy of another chunk (fork) goes to that one's disk.
// * A disk that came back may hold an older replica of a chunk that another disk holds by now: the newer one counts,
// the
//   older one is put into quarantine (tidy()).
// * What a disk that is gone had promised, as far as it is known, is still kept: nothing older is promised elsewhere.
// * A disk takes part only if its label (disk_label.h) names this server. An empty directory in the place of a disk
// that
//   is known is taken for a file system that is not mounted, until an operator says otherwise (`forget`).
// * A failed sync is final for the process, as it is for the one store; not if the disk has gone altogether.
//
// The operations on chunks are ChunkStore's, as are their promises. read_only: the disk of that chunk takes none.
//
// Owned by ChunkServer; lives on its executor's thread; the disks outlive it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "chunkserver/chunk_store.h"
#include "chunkserver/data_disk.h"
#include "chunkserver/disk_health.h"
#include "chunkserver/disk_label.h"
#include "chunkserver/identity.h"
#include "chunkserver/watched_disk.h"

namespace gfs::chunkserver {

// What is in quarantine on all disks; as Quarantine.
class Quarantines {
 public:
  explicit Quarantines(std::vector<const Quarantine*> parts) : parts_(std::move(parts)) {}
  std::optional<Quarantined> newest(ChunkHandle handle) const;
  std::vector<Quarantined> page(ChunkHandle after, Lsn after_lsn, std::size_t limit) const;
  bool any_older_than(WallMs before) const;
  std::uint64_t count_since(WallMs from) const;
  std::size_t size() const;
  std::uint64_t bytes() const;
  WallMs oldest() const;

 private:
  std::vector<const Quarantine*> parts_;
};

class DiskSet {
 public:
  struct Settings {
    StoreSettings store;
    DiskHealth::Settings health;
    Duration probe_every = 30s;       // a disk that is ok; another one every 5 s
    std::vector<std::string> forget;  // directories whose disks will not come back
  };

  DiskSet(Executor& executor, std::vector<DataDisk> disks, Settings settings);
  ~DiskSet();

  // Labels and stores. Errors of the first disk are ChunkStore::open's; of any other one they make it a failed disk.
  // conflict, wrong_cluster: a directory is another server's · not_formatted: chunks, but no label · in_use
  Task<> open(Identity identity, Random& random);
  Task<> close();
  // Probes the disks, for ever.
  Task<> run();
  // The cluster is known from now on: every label names it.
  Task<> join(ClusterId cluster);
  // Older replicas of what a newer one is held of go into quarantine. `now`: the master's time.
  Task<> tidy(WallMs now);

  std::vector<bus::DiskInfo> disks() const;
  struct Totals {
    std::uint64_t capacity = 0, used = 0;
    std::uint64_t free = 0;  // where chunks are taken
  };
  Totals totals() const;
  // Of the first disk; the others' figures are at most a few seconds old.
  Task<> measure_space();

  std::optional<ChunkInfo> find(ChunkHandle handle) const;
  std::vector<ChunkInfo> page(ChunkHandle after, std::size_t limit) const;
  std::size_t count() const;
  Task<> promise(ChunkHandle handle, Version version, ServerId primary);
  Task<> adopt(ChunkHandle handle, Version version, ServerId primary, bool create);
  Task<std::uint64_t> write(Mutation mutation);
  Task<bus::ReplicaState> state(ChunkHandle handle) { return store_of(handle).state(handle); }
  Task<std::vector<std::uint32_t>> checksums(ChunkHandle handle) { return store_of(handle).checksums(handle); }
  Task<BlocksSeen> verify(ChunkHandle handle) { return store_of(handle).verify(handle); }
  Task<ChunkStore::Part> verify_part(ChunkHandle handle, std::uint32_t first) {
    return store_of(handle).verify_part(handle, first);
  }
  void distrust(ChunkHandle handle, std::string reason) { store_of(handle).distrust(handle, std::move(reason)); }
  Task<> mend_block(ChunkHandle handle, std::uint32_t block, Bytes bytes);
  Task<bool> settle_damage(ChunkHandle handle) { return store_of(handle).settle_damage(handle); }
  Task<AppendRecords> records(ChunkHandle handle) { return store_of(handle).records(handle); }
  Task<std::optional<AppendRecord>> judge_append(ChunkHandle handle, AppendRecords::Ask ask,
                                                 std::uint64_t pending_last) {
    return store_of(handle).judge_append(handle, std::move(ask), pending_last);
  }
  Task<std::vector<ChunkStore::AtHand>> begin_copy(ChunkHandle handle);
  Task<> copy_blocks(ChunkHandle handle, std::uint32_t first, Bytes bytes, std::vector<std::uint32_t> checksums);
  Task<> install_copy(ChunkHandle handle, Version promised, CopyTarget target);
  void drop_copy(ChunkHandle handle) { store_of(handle).drop_copy(handle); }
  Task<bus::ReplicaState> fork(ChunkHandle source, Version version, ChunkHandle handle);
  Task<ReadBytes> read(ChunkHandle handle, std::uint64_t offset, std::uint64_t size) {
    return store_of(handle).read(handle, offset, size);
  }
  Task<std::uint64_t> sync(ChunkHandle handle) { return store_of(handle).sync(handle); }
  Task<> quarantine(ChunkHandle handle, Version version, Version fence, Garbage why, WallMs now) {
    return store_of(handle).quarantine(handle, version, fence, why, now);
  }
  Task<ChunkInfo> restore(ChunkHandle handle, Version at_least);
  // `short_of`: only where there is no room for so many bytes; 0: everywhere.
  Task<ChunkStore::Purged> purge(WallMs before, std::size_t limit, std::uint64_t short_of = 0);
  Quarantines quarantined() const;
  // no_space: where the chunk is.
  Result<> room_for(ChunkHandle handle, std::uint64_t bytes) { return store_of(handle).room_for(bytes); }
  // Some disk that is not gone has no room for so much.
  bool short_of(std::uint64_t bytes) const;

  std::function<void(ChunkHandle, std::uint32_t block, const std::string& reason)> on_damage;
  // The process cannot go on: a failed sync, or the first directory is gone.
  std::function<void(const Error&)> on_broken;
  // What is held has changed at once: a disk went or came.
  std::function<void()> on_changed;

 private:
  // What a disk that takes part has; made anew when it comes back.
  struct Stack {
    Stack(Executor& executor, Disk& behind, const Settings& settings)
        : health(settings.health), disk(executor, behind, health), store(executor, disk, settings.store) {}
    DiskHealth health;
    WatchedDisk disk;
    ChunkStore store;
  };
  struct Slot {
    DataDisk given;
    DiskId id;  // nil: not known
    std::unique_ptr<DiskLock> lock;
    std::unique_ptr<Stack> stack;       // null: it never took part in this life
    std::string missing;                // why
    std::optional<Instant> busy_since;  // with looking at it
    Instant probe_at{};
  };

  // Where the chunk is, or the only place where it can be; and then always the same store.
  Stack* holder(ChunkHandle handle) const;
  ChunkStore& store_of(ChunkHandle handle) const;
  Stack& first() const { return *slots_.front().stack; }
  bool is_short(const Slot& slot, std::uint64_t bytes) const;
  bool alive(const Slot& slot) const { return slot.stack && !slot.stack->health.failed(); }
  bus::DiskState state_of(const Slot& slot) const;
  bool takes_chunks(const Slot& slot) const;
  Result<> takes_mutations(ChunkHandle handle) const;
  Result<> keeps_promises(ChunkHandle handle, Version version) const;

  // A handle that is about to be held: everything about it goes to one disk.
  class Coming;
  Result<Stack*> place(ChunkHandle handle) const;

  // disk_set_open.cc
  Task<> open_slot(std::size_t number);
  enum class Boot : std::uint8_t { same, another };  // than what lies there was written in
  Task<> open_other(Slot& slot, Boot boot);
  Task<DiskLabel> label_of(Slot& slot);
  Result<> check_label(const Slot& slot, const DiskLabel& label) const;
  DiskId known_at(const std::string& name) const;
  Task<> note_known();
  std::unique_ptr<Stack> new_stack(Slot& slot);

  // disk_set_probe.cc
  Task<> watch(std::size_t number);
  Task<> look_at(Slot& slot);
  Task<> probe(Slot& slot);
  Task<> take_back(Slot& slot);
  Task<> judge(Slot* slot, Error error);
  void lose(Slot& slot, std::string reason);

  // Set once.
  Executor& executor_;
  const Settings settings_;
  Random* random_ = nullptr;

  // State.
  Identity identity_;
  std::vector<KnownDisk> known_;
  std::vector<Slot> slots_;  // the first one first; they never move
  std::vector<std::unique_ptr<Stack>> retired_;
  struct Arrival {
    Stack* stack = nullptr;
    int users = 0;
  };
  std::map<ChunkHandle, Arrival> coming_;
  std::uint64_t probes_ = 0;
  bool tidy_due_ = false;  // a disk came whose chunks may be elsewhere by now
  TaskGroup tasks_;
};

}  // namespace gfs::chunkserver
