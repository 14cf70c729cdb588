// PrimaryChunk: a chunk whose version this process has made active: the mutations it has ordered and who has confirmed
// them.
//
// A mutation has its serial for ever: it stays pending until every member has confirmed it, and a repeat of its request
// drives the missing confirmations again, so nothing is applied twice and no member's sequence has gaps. While one
// waits for a member that refused or cannot be reached, no new serial is taken. In a frozen version none is ever taken.
//
// Owned by PrimaryOrder, which drives it; its services ask through that.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/task_group.h"
#include "bus/messages/chunk_master.h"
#include "bus/messages/client_chunk.h"
#include "chunkserver/chunk_store.h"

namespace gfs::chunkserver {

struct OrderedWrite {
  Mutation mutation;
  std::vector<std::uint32_t> wire;  // checksums of its bytes as they travel, for sending them along
  bool with_bytes = false;          // they came with the order: the other members have not been pushed them
  struct Confirmation {
    bool confirmed = false;
    bool under_way = false;
    std::optional<Error> refused;
  };
  std::vector<Confirmation> members;  // as PrimaryChunk::others; the last one is this server itself
  std::uint64_t length = 0;           // of the chunk, after it
  Instant since;
  bool refused = false;   // by a member that may not have taken it since
  bool answered = false;  // to whoever waits; before everybody has it only where the file is acknowledged so
  std::vector<Promise<void>> waiters;

  bool everywhere() const {
    for (const Confirmation& member : members) {
      if (!member.confirmed) return false;
    }
    return true;
  }
  bool stuck() const {
    for (const Confirmation& member : members) {
      if (!member.confirmed && !member.under_way) return true;
    }
    return false;
  }
};

struct WriteRecord {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::uint32_t digest = 0;
  bus::WriteChunk::Reply reply;
};

// Several who want the same thing done once.
struct SharedFlow {
  bool running = false;
  std::vector<Promise<void>> waiters;
};

struct PrimaryChunk {
  static constexpr std::size_t kRecordsMax = 1024;
  static constexpr std::size_t kFloorsMax = 4096;

  ChunkHandle handle;
  Version version;
  std::vector<bus::Member> others;
  bus::Configure configuration;  // as it was ordered: index, ack, the chunk before
  Serial last;                   // taken so far
  Serial committed;              // every serial up to it is on all members
  std::uint64_t end = 0;         // of the chunk, once everything ordered is applied
  bool ended = false;
  bool frozen = false;  // no serial is taken any more, for good; what was ordered goes to its end
  std::map<Serial, std::shared_ptr<OrderedWrite>> pending;
  std::map<RequestId, Serial> pending_ids;
  std::uint64_t changes = 0;  // orders and commits so far: whoever waited compares

  // Plain writes: what was answered, and below which sequence of a client nothing is wanted any more.
  std::map<RequestId, WriteRecord> done;
  std::deque<RequestId> done_order;
  std::map<ClientId, std::uint64_t> floors;

  // Appends.
  struct Appending {
    std::size_t pending = 0;
    std::uint64_t last = 0;
  };
  std::map<ClientId, Appending> appending;  // clients with batches ordered and not committed
  std::vector<Promise<void>> arrivals;      // appends that wait for their writer's previous one
  bool imported = false;                    // what the chunk before remembers is here
  std::uint64_t last_cut = 0;               // number of the last order to cut that was carried out
  int closed = 0;                           // seals and truncations under way: nothing grows meanwhile
  bool sealing = false;                     // ordered: nothing that grows is ordered behind it
  bool sealed = false;                      // everywhere
  bool seal_logged = false;                 // and the master knows
  SharedFlow import_flow, seal_flow;

  Instant used;                                 // a mutation came to its end
  Instant ordered;                              // when the order to lead came
  Instant stood;                                // when the others last said that nothing newer is known to them
  bool mending = false;                         // what is stuck is driven again from time to time
  bool announcing = false;                      // a Committed will be cast
  std::map<ServerId, Instant> accused;          // when last
  std::vector<Promise<void>> progress_waiters;  // of syncs
  TaskGroup tasks;

  void record(const RequestId& id, WriteRecord record) {
    if (!done.emplace(id, record).second) return;
    done_order.push_back(id);
    if (done_order.size() > kRecordsMax) {
      done.erase(done_order.front());
      done_order.pop_front();
    }
  }
};

}  // namespace gfs::chunkserver
