// PrimaryChunk: a chunk whose version this process has made active: the mutations it has ordered and who has confirmed
// them.
//
// A mutation has its serial for ever: it stays pending until every member has confirmed it, and a repeat of its request
// drives the missing confirmations again, so nothing is applied twice and no member's sequence has gaps. While one
// waits for a member that refused or cannot be reached, no new serial is taken.
//
// Owned by WriteService, which drives it.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/task_group.h"
#include "bus/messages/client_chunk.h"
#include "chunkserver/chunk_store.h"

namespace gfs::chunkserver {

struct OrderedWrite {
  Mutation mutation;
  struct Confirmation {
    bool confirmed = false;
    bool under_way = false;
    std::optional<Error> refused;
  };
  std::vector<Confirmation> members;  // as PrimaryChunk::others; the last one is this server itself
  std::uint64_t length = 0;
  std::vector<Promise<bus::WriteChunk::Reply>> waiters;

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

struct PrimaryChunk {
  static constexpr std::size_t kRecordsMax = 1024;

  ChunkHandle handle;
  Version version;
  std::vector<bus::Member> others;
  Serial last;       // taken so far
  Serial committed;  // every serial up to it is on all members
  bool ended = false;
  std::map<Serial, std::shared_ptr<OrderedWrite>> pending;
  std::map<RequestId, Serial> pending_ids;
  std::map<RequestId, WriteRecord> done;
  std::deque<RequestId> done_order;
  Instant used;                                 // a mutation came to its end
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
