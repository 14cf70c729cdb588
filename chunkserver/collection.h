// Collection: carries out what the master calls garbage, as far as this server believes it, and unlinks what has been
// in quarantine for long enough.
//
// The master decides what is garbage; here it is decided whether it may go: not if something newer is held than it was
// told, and not in masses without an operator's word (CollectionLimit). Ages go by the master's time, which an ill-set
// clock cannot turn back; if it jumps ahead, nothing is unlinked for as long as the quarantine lasts.
//
// Owned by ChunkServer; lives on its executor's thread. An order goes on when its connection is lost.
#pragma once

#include <cstdint>
#include <functional>
#include <map>

#include "bus/endpoint.h"
#include "bus/messages/collection.h"
#include "chunkserver/collection_limit.h"
#include "chunkserver/disk_set.h"

namespace gfs::chunkserver {

class Collection {
 public:
  struct Settings {
    CollectionLimit::Settings limit;
    Duration quarantine = 72h;
    bool purge_when_full = false;
  };

  Collection(Executor& executor, DiskSet& store, Settings settings)
      : executor_(executor), store_(store), settings_(settings), limit_(settings.limit) {}

  void serve(bus::Endpoint& endpoint);
  // Unlinks what is old, for ever.
  Task<> run();

  Task<bus::ListHeld::Reply> list_held(bus::ListHeld ask, bus::Caller caller);
  Task<bus::CollectChunks::Reply> collect(bus::CollectChunks ask, bus::Caller caller);
  Task<bus::AllowCollection::Reply> allow(bus::AllowCollection ask, bus::Caller caller);
  Task<bus::RestoreChunk::Reply> restore(bus::RestoreChunk ask, bus::Caller caller);
  Task<bus::PurgeQuarantine::Reply> purge(bus::PurgeQuarantine ask, bus::Caller caller);
  Task<bus::ListQuarantine::Reply> list_quarantine(bus::ListQuarantine ask, bus::Caller caller);

  // The master's time; 0: not heard yet.
  std::function<std::int64_t()> master_now;
  // Since when the master's log epoch is followed. What was put away before may be what the new epoch's files need, so
  // nothing is purged for a while; 0: not known.
  std::function<std::int64_t()> epoch_since;
  // Told of each replica that was put away: its version, why, and the index of the log that this was decided by.
  std::function<void(ChunkHandle, Version, Garbage, std::uint64_t index)> on_collected;
  // Called from time to time; may be empty.
  std::function<void()> on_turn;

 private:
  using Done = bus::CollectChunks::Done;

  Task<bus::CollectChunks::Reply> collect_now(bus::CollectChunks ask);
  Task<Done> collect_one(bus::CollectChunks::Item item, std::uint64_t index);
  static Result<> check_sender(const bus::Caller& caller);
  Result<std::int64_t> time() const;
  // What went in earlier lives of this process counts, too.
  void remember_earlier_lives(std::int64_t now_ms);
  bool jumped_ahead(std::int64_t now_ms);
  Task<> turn();

  // Set once.
  Executor& executor_;
  DiskSet& store_;
  const Settings settings_;

  // State.
  CollectionLimit limit_;
  bool remembered_ = false;
  std::map<ChunkHandle, Instant> restored_;  // by an operator: left alone until then
  std::int64_t seen_ms_ = 0;                 // the master's time, when it was looked at last ...
  Instant seen_at_{};
  Instant put_off_until_{};  // ... and for how long nothing is unlinked, because it jumped
  Semaphore orders_{1};
  TaskGroup tasks_;
};

}  // namespace gfs::chunkserver
