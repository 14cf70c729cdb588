// ChunkStore, the part that lets a chunk begin as the copy of another one here.
//
//   gather   <handle>.fork: the source's data file cloned (blocks shared where the file system can), cut, forced
//   record   the chunk is there from now on, with the source's checksums, seal and append records
//   name     the file becomes the data file; forced before the chunk's metadata file says so
//
// Before the record is on the disk nothing is there: a file that is left is overwritten by the next try, or removed at
// the next start. After it recovery gives the file its name, if that was lost.
#include "base/log.h"
#include "chunkserver/chunk_store.h"
#include "chunkserver/chunk_use.h"

namespace gfs::chunkserver {

namespace {

constexpr Version kFirst{1};

// What a mutation of the chunk would have changed, if only for a while.
struct Standstill {
  explicit Standstill(const Chunk& chunk)
      : committed(chunk.committed_lsn),
        overwrites(chunk.activity->overwrites),
        failures(chunk.activity->failures),
        still(chunk.activity->in_flight.empty() && !chunk.suspect && !chunk.damaged) {}
  bool operator==(const Standstill&) const = default;
  Lsn committed;
  std::uint64_t overwrites, failures;
  bool still;
};

}  // namespace

Task<bus::ReplicaState> ChunkStore::fork_now(ChunkHandle source, Version version, ChunkHandle handle) {
  co_await usable();
  if (handle.value == 0 || handle == source || version.value == 0) {
    co_await fail(Code::invalid_argument, "chunk {} as a copy of chunk {} version {}", handle, source, version);
  }
  co_await staying(handle);
  co_await forkable(source, version);
  if (journal_.end_in_doubt()) {
    // The record of a try that failed may be there: its file is not overwritten before that is cut off.
    MutationJournal::Appended next = journal_.append(DurableRecord{source, 0});
    co_await std::move(next.written);
  }
  Result<bus::ReplicaState> done = co_await fork_into(entry(handle), source, version).outcome();
  if (!done) forget_nothing(handle);
  co_return co_await std::move(done);
}

// The new chunk's gate, then the source's, until what is under way has ended: no two wait for each other, because only
// what is held is a source, and only what is not held passes may_begin().
Task<bus::ReplicaState> ChunkStore::fork_into(Chunk* chunk, ChunkHandle source, Version version) {
  const ChunkHandle handle = chunk->handle;
  Use use(chunk);
  Semaphore::Held turn = co_await chunk->activity->gate.take(1);
  co_await usable();
  Chunk* from = co_await forkable(source, version);
  if (chunk->version == kFirst && chunk->serial.value == 0) {
    const bus::ReplicaState there = co_await state(source);
    const bus::ReplicaState here = co_await state(handle);
    if (here.digest == there.digest && here.suspect) {
      co_await fail(Code::suspect, "chunk {}: its bytes are in doubt here", handle);
    }
    if (here.digest == there.digest) co_return here;
  }
  co_await may_begin(*chunk);
  std::string meta = meta_path(handle);
  const bool lost = co_await disk_.exists(meta);
  if (lost) co_await fail(Code::conflict, "chunk {}: {} is there, and damaged: move it away", handle, meta);
  Use use_of_source(from);
  {
    const Semaphore::Held turn_of_source = co_await from->activity->gate.take(1);
    co_await drained(from);
  }
  from = co_await forkable(source, version);  // time has passed
  co_await room_for(from->length);
  co_await load(from);
  const std::uint64_t length = from->length;
  const std::uint64_t taken = std::min(space_.available, length);
  space_.available -= taken;
  AppendRecords records = from->records;
  // Nobody waits for the copy: the source is frozen. If that should turn out not to be so, it counts for nothing.
  const Standstill before(*from);
  Result<InstallRecord> fork = co_await gather_fork(from, handle).outcome();
  Result<> still = may_begin(*chunk);  // a promise does not wait for our turn
  if (still && !(before.still && before == Standstill(*from)))
    still = fail(Code::stale_version, "chunk {} version {}: it was changed while it was copied", source, version);
  if (fork && !still) fork = fail(std::move(still).error());
  Result<> begun = fork ? co_await begin_as(chunk, std::move(*fork), std::move(records)).outcome()
                        : Result<>(fail(std::move(fork).error()));
  if (!begun && chunk->version.value == 0 && !broken_ && !journal_.end_in_doubt()) {
    std::string path = fork_path(handle);
    (void)co_await disk_.remove(path).outcome();
  }
  if (!begun) space_.available += taken;
  co_await std::move(begun);
  log::info("chunk_forked", {{"chunk", handle}, {"source", source}, {"version", version}, {"bytes", length}});
  checkpoint_if_due();
  co_return co_await state(handle);
}

Result<Chunk*> ChunkStore::forkable(ChunkHandle source, Version version) {
  Result<Chunk*> found = held(source);
  if (!found) return found;
  const Chunk& chunk = **found;
  if (chunk.version.value == 0) return fail(Code::not_found, "chunk {}: not held here", source);
  if (chunk.version != version) {
    return fail(Code::stale_version, "chunk {} version {} is to be copied: version {} is held here", source, version,
                chunk.version);
  }
  if (chunk.suspect) return fail(Code::suspect, "chunk {}: it may have lost bytes in a power cut", source);
  if (chunk.damaged) return fail(Code::corrupt, "chunk {}: it is damaged here", source);
  return found;
}

// A handle of which nothing is here.
Result<> ChunkStore::may_begin(const Chunk& chunk) const {
  if (chunk.known() || chunk.copy || chunk.fence.value != 0) {
    return fail(Code::conflict, "chunk {}: version {} is held here, {} promised, or it is being copied", chunk.handle,
                chunk.version, chunk.fence);
  }
  if (quarantine_.newest(chunk.handle)) return fail(Code::conflict, "chunk {}: it is in quarantine here", chunk.handle);
  return {};
}

// Whole and on the disk, name and bytes; the source stands still.
Task<InstallRecord> ChunkStore::gather_fork(Chunk* from, ChunkHandle handle) {
  std::string path = fork_path(handle);
  std::string folder = chunk_folder(handle);
  co_await disk_.make_directories(folder);
  co_await clone_data(from, path);
  std::shared_ptr<File> file = co_await disk_.open(path, Disk::Mode::write);
  const std::uint64_t size = co_await file->size();
  if (size < from->length) {
    damage(from, static_cast<std::uint32_t>(size / kBlockSize), "the data file is too short");
    co_await fail(Code::corrupt, "chunk {}: its data file has {} of {} bytes", from->handle, size, from->length);
  }
  if (size > from->length) co_await file->truncate(from->length);  // what a failed mutation left
  Result<> synced = co_await file->sync().outcome();
  if (synced) synced = co_await disk_.sync_directory(folder).outcome();
  if (synced) synced = co_await disk_.sync_directory("chunks").outcome();
  if (!synced) {
    break_down(synced.error());
    co_await fail(std::move(synced).error());
  }
  InstallRecord fork;
  fork.created = true;
  fork.handle = handle;
  fork.version = kFirst;
  fork.length = from->length;
  fork.sealed = from->sealed;
  fork.checksums = from->checksums;
  fork.copied.resize(fork.checksums.size());
  co_return fork;
}

Task<> ChunkStore::clone_data(Chunk* from, std::string target) {
  std::string data = data_path(from->handle);
  Result<> cloned = co_await disk_.clone(data, target).outcome();
  if (cloned || cloned.error().code != Code::not_found) {
    co_await std::move(cloned);
    co_return;
  }
  if (from->length > 0) {
    damage(from, 0, "the data file is missing");
    co_await fail(Code::corrupt, "chunk {}: its data file is missing", from->handle);
  }
  std::shared_ptr<File> empty = co_await disk_.open(target, Disk::Mode::write);
  co_await empty->truncate(0);
}

Task<> ChunkStore::begin_as(Chunk* chunk, InstallRecord fork, AppendRecords records) {
  Bytes encoded = Bytes::of(records.encode());
  fork.records_size = static_cast<std::uint32_t>(encoded.size());
  MutationJournal::Appended appended = journal_.append(fork, encoded);
  chunk->lsn = appended.lsn;
  dirty_.insert(chunk->handle);  // a checkpoint from here on waits for our turn
  Result<> written = co_await std::move(appended.written).outcome();
  if (!written) {
    (void)co_await sync_journal(chunk, 0).outcome();  // what it left is cut off by then, or in doubt
    co_await std::move(written);
  }
  co_await sync_journal(chunk, appended.lsn);
  Result<> named = co_await name_fork(chunk->handle).outcome();
  commit_install(chunk, fork, std::move(records), appended.lsn);
  chunk->promised = kFirst;
  chunk->fence = std::max(chunk->fence, kFirst);
  chunk->durable_length = chunk->length;
  chunk->mark_after = appended.lsn;  // a power cut takes nothing of it: the next record is the news
  chunk->activity->plan_serial = chunk->serial;
  chunk->activity->plan_lsn = appended.lsn;
  if (named) co_return;
  suspect(chunk);
  co_await fail(Code::io_error, "chunk {}: its file did not get its name: {}", chunk->handle, named.error().message);
}

Task<> ChunkStore::name_fork(ChunkHandle handle) {
  std::string path = fork_path(handle);
  std::string data = data_path(handle);
  co_await disk_.rename(path, data);
}

// A try that failed leaves no trace in memory, unless somebody else wants the handle.
void ChunkStore::forget_nothing(ChunkHandle handle) {
  auto found = chunks_.find(handle);
  if (found == chunks_.end()) return;
  const Chunk& chunk = *found->second;
  if (chunk.known() || chunk.fence.value != 0 || chunk.copy || chunk.activity || chunk.leaving) return;
  if (chunk.loaded) --loaded_;
  dirty_.erase(handle);
  chunks_.erase(found);
}

}  // namespace gfs::chunkserver
