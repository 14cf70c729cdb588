// Replica: this server's copy of each chunk as a member of its configuration: applies mutations in serial order and
// adopts versions. Primary and secondary use the same one.
//
// Nothing is written unless version, primary and serial are the expected ones. A serial that was applied before is
// answered as then; one that comes before its turn waits for it, within bounds. prepare() fences: nothing of an older
// version is applied afterwards.
//
// Owned by ChunkServer; lives on its executor's thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bus/endpoint.h"
#include "bus/messages/chunk_chunk.h"
#include "chunkserver/commit_marks.h"
#include "chunkserver/disk_set.h"
#include "chunkserver/staging.h"
#include "chunkserver/write_order.h"

namespace gfs::chunkserver {

struct ReplicaSettings {
  Duration data_wait = 1s;
  Duration order_wait = 2s;       // how long a serial waits for those before it
  std::size_t waiting_max = 256;  // serials of one chunk that wait for their turn
  std::string mutant;             // test-only (tests/sim/mutants.h)
};

class Replica {
 public:
  Replica(Executor& executor, DiskSet& store, Staging& staging, ReplicaSettings settings);

  // Bus handlers, of what primaries send.
  Task<bus::PrepareVersion::Reply> prepare_version(bus::PrepareVersion ask, bus::Caller caller);
  Task<bus::AdoptVersion::Reply> adopt_version(bus::AdoptVersion ask, bus::Caller caller);
  Task<bus::ApplyWrite::Reply> apply_write(bus::ApplyWrite ask, bus::Caller caller);
  Task<bus::ApplyBatch::Reply> apply_batch(bus::ApplyBatch ask, bus::Caller caller);
  Task<bus::SyncReplica::Reply> sync_replica(bus::SyncReplica ask, bus::Caller caller);
  Task<bus::Done> committed(bus::Committed ask, bus::Caller caller);

  // Durable; tells on_fenced. For the primary's own too.
  Task<bus::PrepareVersion::Reply> prepare(ChunkHandle handle, Version version, ServerId primary);
  // Durable; tells on_fenced. conflict if the replica is not equal to the base.
  Task<std::uint64_t> adopt(bus::AdoptVersion ask);
  // One mutation in its turn; gives the chunk's length. Goes on when the caller goes away. `staged_for`: whose the
  // staged bytes are: a secondary's go with the success here, a primary's WriteService keeps them until all have it.
  enum class StagedFor : std::uint8_t { secondary, primary };
  Task<std::uint64_t> apply(Mutation mutation, Instant until, StagedFor staged_for);

  // What is known to be on all members.
  CommitMarks& marks() { return marks_; }

  // Told when a version was promised or adopted: what is pending of older ones has ended.
  std::function<void(ChunkHandle, Version)> on_fenced;
  // Told when a mutation has been applied (tests); may be empty.
  std::function<void(ChunkHandle, Version, Serial, RequestId)> on_applied;

 private:
  struct Waiter {
    Serial serial;
    Promise<void> woken;
  };
  struct Orders {
    WriteOrder order;
    std::map<std::pair<Version, Serial>, std::vector<Promise<std::uint64_t>>> under_way;
    std::vector<std::shared_ptr<Waiter>> waiting;
  };

  Result<ChunkInfo> current(ChunkHandle handle, Version version) const;
  Task<> gather(Mutation* mutation, const bus::ApplyWrite* ask, Instant until);
  Orders& orders_of(const ChunkInfo& held);
  Task<> wait_for_turn(ChunkHandle handle, Version version, Serial serial, Instant until);
  static std::vector<std::shared_ptr<Waiter>> take_woken(Orders& orders);
  void finished(ChunkHandle handle, Version version, Serial serial, RequestId id, StagedFor staged_for,
                Result<std::uint64_t> length);

  Executor& executor_;
  DiskSet& store_;
  Staging& staging_;
  ReplicaSettings settings_;
  CommitMarks marks_;
  std::map<ChunkHandle, Orders> orders_;  // of chunks with something under way; for others the store knows
  TaskGroup tasks_;
};

}  // namespace gfs::chunkserver
