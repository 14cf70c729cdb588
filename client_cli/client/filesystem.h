// Filesystem: what an application includes. Names at the master, bytes at the chunkservers, checksums end to end.
//
// All calls end within the operation's deadline (Settings::deadline, 30 s): with the result, or an Error whose `why`
// lists each failed step with server and reason. Retries by kind of error are inside. Mutations carry request ids, so
// a retried one is done once.
//
// One executor thread. client_cli/client/blocking.h wraps it for programs that have none.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/random.h"
#include "base/task.h"
#include "bus/bus.h"
#include "bus/messages/client_chunk.h"
#include "bus/messages/client_log.h"
#include "bus/messages/client_master.h"
#include "bus/messages/client_policy.h"
#include "bus/messages/client_repair.h"
#include "bus/messages/client_scrub.h"
#include "bus/messages/client_snapshot.h"
#include "bus/messages/client_trash.h"
#include "bus/messages/collection.h"
#include "bus/messages/gossip.h"

namespace gfs::client {

using bus::FileInfo;
using bus::FileType;

struct Settings {
  bus::Address master;
  std::vector<bus::Address> shadows;  // asked while the master does not answer; only with stale_ok
  // Reads may be answered by a shadow of the master, and by replicas that have not heard from it for long: what is read
  // may be old (Filesystem::take_staleness says how old). Without it a shadow's answer is an error (refused).
  bool stale_ok = false;
  Duration deadline = 30s;            // of one operation, retries included
  Duration call_deadline = 5s;        // of one try
  std::uint64_t window = 8ull << 20;  // bytes in flight per file
  std::uint64_t fragment = 1ull << 20;
  std::uint64_t read_ahead = 4ull << 20;
  Duration layout_age = 30s;
  std::string mutant;  // test-only (tests/sim/mutants.h)
};

// What was read came from a shadow of the master, and was no older than this.
struct Staleness {
  bus::Address shadow;
  Duration behind{};
};

struct Usage {
  std::uint64_t files = 0, directories = 0, bytes = 0;
};

class File;

// Where an appended record is.
struct Appended {
  ChunkHandle handle;        // of the chunk that holds it (0 if a repeat was answered by a later chunk)
  std::uint64_t offset = 0;  // in the file
  std::uint64_t length = 0;
  RequestId request;
  bool repeat = false;  // an earlier try had done it
};

struct AppendOptions {
  // A writer that keeps its id and goes on with its own sequences may repeat, after a restart, what it does not know
  // the outcome of: it is done once all the same. Each of its records travels alone: a repeat must be what it was the
  // first time. Nil: a fresh id.
  ClientId client;
  // Records up to this sequence may have been asked for already by an earlier life of this writer, but not before this
  // time of the master in ms (an Appender::now_ms() of that life; 0: unknown). If they are so old that nobody remembers
  // them, they are refused (record_expired), not executed again. 0: nothing is a repeat. No record behind them may have
  // been asked for.
  std::uint64_t repeats_to = 0;
  std::int64_t asked_ms = 0;
  std::uint64_t next_sequence = 1;   // of the first record
  std::uint64_t batch = 1ull << 20;  // bytes of records that travel together when several wait
  std::size_t in_flight = 16;        // batches; at most 64
  std::uint32_t replicas = 0;        // if the file is created
};

// Appends records to a file: each atomic, at one offset on all replicas, exactly once, in this writer's order. Several
// may be under way; those that wait while a batch is on its way travel together in the next one.
//
// A record of unknown outcome (deadline) may be repeated with its own sequence by a writer that keeps its id: without
// one, records travel together, and what one of them was part of cannot be said again. No later record of this appender
// is executed before it, and it is never executed after a later one.
//
// Appenders of one file that a Filesystem opened without a kept id, and otherwise alike, are one writer: their records
// travel together, and share sequences.
//
// A batch has one deadline: a record may get its outcome half a second after its own.
class Appender {
 public:
  virtual ~Appender() = default;
  virtual const FileInfo& info() const = 0;
  // At most 16 MiB. Done: every member has it. too_large, invalid_argument (empty), and what a write can fail with.
  // overloaded: too much waits already; it did not happen, and the sequence that was its is not used again.
  virtual Task<Appended> append(Bytes record) = 0;
  // The same under a sequence chosen by the caller (a repeat, perhaps by another process): not lower than those before,
  // unless it repeats one of them, which takes a kept id (else record_expired: nobody knows). conflict: the sequence
  // was used for something else.
  virtual Task<Appended> append_as(std::uint64_t sequence, Bytes record) = 0;
  // The master's time in ms, or a little before it (as of the layout in use). To be kept, with the numbers given away
  // after it, by a writer that keeps its id: AppendOptions::asked_ms. Finds the chunk that is appended to, as an append
  // does: one is made if there is none.
  virtual Task<std::int64_t> now_ms() = 0;
  // What was appended so far is on every member's disk, and the master knows the size.
  virtual Task<> sync() = 0;
  virtual Task<> close() = 0;
};

class Filesystem {
 public:
  Filesystem(Executor& executor, Random& random, bus::Bus& bus, Settings settings);
  ~Filesystem();

  enum class Open : std::uint8_t {
    read,        // must exist
    write,       // must exist
    create,      // created if missing
    create_new,  // already_exists if it is there
  };
  // The file's size includes all that was acknowledged before: unavailable if no replica can tell it in time.
  Task<std::shared_ptr<File>> open(std::string path, Open how, std::uint32_t replicas = 0);

  // Creates the file if it is missing. is_a_directory.
  Task<std::shared_ptr<Appender>> open_appender(std::string path, AppendOptions options = {});

  Task<FileInfo> create(std::string path, std::uint32_t replicas = 0);
  Task<FileInfo> make_directory(std::string path, bool parents = false);
  // With the size a file has now, if it is being written and a replica tells it soon; else as of its last fsync.
  Task<FileInfo> stat(std::string path);
  // What a change will be built on: the master's word, its size as of the last fsync.
  Task<FileInfo> stat_at_master(std::string path);
  Task<bool> exists(std::string path);
  // One page, ordered by name, and whether there is more (ask again after the last name).
  Task<bus::List::Reply> list_page(std::string path, std::string after = {}, std::uint32_t limit = 1000);
  // All pages.
  Task<std::vector<FileInfo>> list(std::string path);
  Task<FileInfo> rename(std::string source, std::string target, bool replace = false);
  // Into the trash, where the directory's policy does not say otherwise.
  Task<bus::Remove::Reply> remove(std::string path, bool recursive = false);
  // Not into the trash.
  Task<bus::Remove::Reply> remove_now(std::string path, bool recursive = false);
  // What goes first first; again with the last item of the page before.
  // `for_change`: something will be done by what it says, so the master alone is asked.
  Task<bus::ListTrash::Reply> trash_page(bus::ListTrash::Item after = {}, bool for_change = false);
  Task<FileInfo> restore_trash(InodeId item, std::string path, bool parents = false);
  // How many of them there were; at most 1000 at once.
  Task<std::uint64_t> purge_trash(std::vector<InodeId> items);

  // A file or tree as it is at one moment of this call: all that was acknowledged before the call is in it, nothing
  // that is begun after it. `target`: a free path; or, without a slash in front, the name of a read-only one in
  // /.snapshots. May take longer than other changes: everybody who writes there is halted first.
  Task<bus::CreateSnapshot::Reply> create_snapshot(std::string source, std::string target);
  // One page of the named ones, by name; again with the last name. Then all pages.
  Task<bus::ListSnapshots::Reply> snapshots_page(std::string after = {});
  Task<std::vector<bus::ListSnapshots::Snapshot>> snapshots();
  Task<bus::RemoveSnapshot::Reply> remove_snapshot(std::string name);
  // One page of how two files or trees differ; again with what it gives as `next`, until that is empty.
  Task<bus::CompareTrees::Reply> compare_page(std::string left, std::string right, std::string after = {});

  Task<bus::ClusterStatus::Reply> status();
  Task<std::vector<bus::ServerInfo>> servers();
  Task<std::vector<bus::ListChunks::Chunk>> chunks(std::string path);

  // Cuts the file, or makes it longer (zeros). In order with the writes.
  Task<FileInfo> truncate(std::string path, std::uint64_t size);
  // How the file's mutations are acknowledged from now on (bus::AckMode tells what may be lost).
  Task<FileInfo> set_ack(std::string path, bus::AckMode ack);
  // Rules for what is in a directory and below it (bus::Policy::kKeep: as it is).
  Task<> set_directory_policy(std::string path, bus::Policy policy);
  Task<bus::GetPolicy::Reply> policy(std::string path);
  Task<FileInfo> set_replicas(std::string path, std::uint32_t replicas);
  Task<bus::FindChunk::Reply> find_chunk(ChunkHandle handle);
  Task<std::vector<bus::ListLeases::Lease>> leases();
  Task<bus::RevokeLease::Reply> revoke_lease(ChunkHandle handle);
  // The master writes its state down now; may take longer than other operations.
  Task<bus::Checkpoint::Reply> checkpoint();
  // The files of the master's log, one page; again behind the last segment's first entry, while there is more.
  Task<bus::ViewLog::Reply> view_log(std::uint64_t after = 0);
  // The entries of its log behind `after`: some, or none if there are none.
  Task<bus::ReadLog::Reply> read_log(std::uint64_t after);
  // Replicas that no file needs any more: what is found and put away, an operator's word, the way back, and the end.
  Task<bus::CollectionStatus::Reply> collection_status();
  Task<bus::AllowCollection::Reply> allow_collection(bus::AllowCollection ask);
  Task<bus::RestoreChunk::Reply> restore_chunk(ServerId server, ChunkHandle handle);
  Task<bus::PurgeQuarantine::Reply> purge_quarantine(bus::PurgeQuarantine ask);
  Task<bus::ListQuarantine::Reply> list_quarantine(bus::Address server, bus::ListQuarantine ask);
  // What an operator says of a server and of repair, and asks about them (bus/messages/client_repair.h).
  Task<> mark_server(bus::MarkServer ask);
  Task<> forget_server(ServerId server);
  Task<bus::AskStop::Reply> ask_stop(std::vector<ServerId> servers);
  Task<> set_repair(bus::SetRepair ask);
  Task<bus::ListRepairs::Reply> repairs(std::uint32_t limit);
  Task<bus::ShowBalance::Reply> balance();
  Task<bus::Explain::Reply> explain(bus::Explain ask);
  // A page of what a node believes of the others; empty: the master.
  Task<bus::ListMembers::Reply> members(bus::Address of, bus::ListMembers ask);
  // How far a chunkserver has read through what it keeps; and how it shall go on.
  Task<bus::ScrubStatus::Reply> scrub_status(bus::Address server);
  Task<> control_scrub(bus::Address server, bus::ScrubOrder order);
  // What one member holds of a chunk; `verify` reads every byte.
  Task<bus::InspectChunk::Reply> inspect(bus::Address server, ChunkHandle handle, bool verify);

  // The next mutation goes out under this id instead of a fresh one: a repeat of a request whose outcome is not known.
  void use_request(RequestId request);
  // This client's requests will not be repeated any more: the master may forget them.
  Task<> close_client();
  // How long a chunk's range of a file is; 0 before the first answer of the master.
  std::uint64_t chunk_size() const;
  // Of what was read since this was asked last: the oldest answer of a shadow, if there was one.
  std::optional<Staleness> take_staleness();
  // The log index that the master's latest answer to this client reflects.
  std::uint64_t last_index() const;

  // The id under which the last mutation was sent ("client:sequence"), for messages and --json.
  RequestId last_request() const;

  struct Parts;

 private:
  std::unique_ptr<Parts> parts_;
};

// Bytes of a file that somebody wrote, and where they are.
struct Written {
  std::uint64_t offset = 0;
  Bytes bytes;
};

// An open file. Several reads and writes may be in flight; close() or sync() ends what was started before.
// Destroying it without close() keeps what was acknowledged; its size at the master may lag until the next sync.
class File {
 public:
  virtual ~File() = default;

  virtual const FileInfo& info() const = 0;  // as of open()
  // Now: what this handle wrote, and what others had acknowledged at open().
  virtual std::uint64_t size() const = 0;
  virtual Executor& executor() const = 0;  // the Filesystem's

  // Up to `size` bytes; shorter only at the end of the file. Holes read as zeros. Verified end to end.
  virtual Task<Bytes> read(std::uint64_t offset, std::uint64_t size) = 0;
  // Sequential read with read-ahead: the next piece (at most 1 MiB), empty at the end. Gaps behind sealed chunks are
  // left away (read() shows zeros there).
  virtual Task<Bytes> next() = 0;
  // What is committed from `offset` on, whatever the size was at open(): at most 1 MiB of one chunk. Nothing of what
  // was never written: the offset given back is the first that was. Empty if nothing is there yet.
  virtual Task<Written> read_written(std::uint64_t offset) = 0;

  // Acknowledged by all members of every chunk touched (in their page caches).
  virtual Task<> write(std::uint64_t offset, Bytes bytes) = 0;
  // Sequential write with a window of bytes in flight: returns as soon as there is room; an earlier failure is told by
  // the next append(), sync() or close().
  virtual Task<> append(Bytes bytes) = 0;

  // Everything written so far is on every member's disk, and the master knows the size.
  virtual Task<> sync() = 0;
  // sync(), then no more.
  virtual Task<> close() = 0;
};

}  // namespace gfs::client
