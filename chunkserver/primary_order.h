// PrimaryOrder: the heart of a primary. Gives each mutation its serial, applies it here, has every secondary apply it,
// and tells when it is done; goes by the master's word when a member fails.
//
//   session held?      asked right before a serial is taken
//   standing?          a process that stood still for a while (paused, suspended) asks the others whether a newer
//   version
//                      is known to them before it takes a serial or acknowledges anything
//   then               here and on every secondary in parallel; later serials do not wait for earlier answers
//   a member fails     who waits is told at once (replica_failed: may have happened); the master is told who failed,
//                      and gives the next version, with or without it. Until it has, the member is ordered to again
//                      from time to time, and accused again if that fails
//   all have it        committed; said with the next order, or by itself if none follows soon
//   frozen             order(), the only place where serials are taken, takes none any more: the master gives out the
//                      next version, or another chunk in its place. What is known is still answered, read, synced
//
// A higher version ends everything pending of the old one: what was applied is rolled forward by its reconcile.
//
// Owned by ChunkServer; lives on its executor's thread. Orders go on when the client that asked goes away.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "bus/endpoint.h"
#include "bus/messages/chunk_chunk.h"
#include "chunkserver/apply_batcher.h"
#include "chunkserver/primary_chunk.h"
#include "chunkserver/replica.h"
#include "chunkserver/session.h"
#include "chunkserver/staging.h"

namespace gfs::chunkserver {

struct WriteSettings {
  Duration data_wait = 1s;
  Duration try_time = 1s;  // one ApplyWrite
  int tries = 3;
  std::size_t pending_max = 256;  // of one chunk
  Duration records_age = 5min;    // a chunk nobody writes to forgets its answers; no client repeats for that long
  Duration announce_after = 5ms;  // without a next order
  Duration lag_max = 2s;          // ack=primary: a secondary further behind is waited for ...
  std::size_t backlog_max = 64;   // ... and one with more mutations to come
  Duration freeze_time = 2s;      // for what was ordered before a freeze; the master waits 5 s for its answer
  Duration stall = 2s;            // this long without a turn of the loop is standing still
  Duration accuse_every = 500ms;  // the same member of a chunk
  Duration mend_first = 2s;       // what a member refused is driven again after this and twice that and so on ...
  Duration mend_most = 30s;       // ... up to this, even if nobody mutates the chunk any more
  std::uint64_t chunk_size = kChunkSize;
  std::string mutant;  // test-only (tests/sim/mutants.h)
};

class PrimaryOrder {
 public:
  using Chunk = std::shared_ptr<PrimaryChunk>;

  PrimaryOrder(bus::Endpoint& endpoint, DiskSet& store, Staging& staging, Replica& replica, Session& session,
               ServerId self, WriteSettings settings);
  ~PrimaryOrder();
  PrimaryOrder(const PrimaryOrder&) = delete;
  PrimaryOrder& operator=(const PrimaryOrder&) = delete;

  // The version is active: every member holds it. Once per (chunk, version) and process.
  // `ordered`: when the order came that led to it. Frozen from the beginning if the configuration is.
  void activate(bus::Configure configuration, Instant ordered);
  bool active(ChunkHandle handle, Version version) const;
  // Takes no more serials of it, for good, whatever the outcome; then until everything ordered so far is on all
  // members. replica_failed names those that did not confirm in time; stale_version: it is not active, or ended.
  Task<> freeze(ChunkHandle handle, Version version);
  bool frozen(ChunkHandle handle, Version version) const;
  // Ends what is pending of versions below this one.
  void end_below(ChunkHandle handle, Version version);
  // The chunk is of no file any more: not_found from now on. Ignored if a newer version than the one named was promised
  // or adopted here meanwhile: the order was late.
  void release(ChunkHandle handle, Version version);

  // not_primary, stale_version, lease_lost, not_found (released).
  Result<Chunk> primary_of(ChunkHandle handle, Version version);
  // Until it is certain that no newer version was made while this process stood still. Usually at once.
  Task<> stand(Chunk chunk);
  // Writes that some member refused are driven again before a new serial is taken.
  Task<> clear_the_way(Chunk chunk);
  // not_primary: the version is frozen.
  Result<> unfrozen(const PrimaryChunk& chunk) const;
  // overloaded: too many are pending. not_primary: as unfrozen().
  Result<> room(const PrimaryChunk& chunk) const;
  // Takes the next serial, unless the version is frozen (not_primary). The caller has just checked everything else and
  // awaits nothing in between.
  Result<std::shared_ptr<OrderedWrite>> order(Chunk chunk, Mutation mutation, std::vector<std::uint32_t> wire,
                                              bool with_bytes);
  // Until it may be answered; drives what is stuck before it. replica_failed.
  Task<> done(Chunk chunk, std::shared_ptr<OrderedWrite> write);
  // Until everything ordered so far is on all members. replica_failed, stale_version.
  Task<> settled(Chunk chunk);

  Task<bus::AskCommitted::Reply> ask_committed(bus::AskCommitted ask, bus::Caller caller);

  // Tells the master who failed; empty: nobody is told.
  std::function<Task<>(ChunkHandle, Version, ServerId accused, bool confessed, Error)> accuse;
  // Told how long a member, or this server, took for one order; may be empty.
  std::function<void(ServerId, Duration)> on_pace;
  // Told what was acknowledged to a client (tests); may be empty.
  std::function<void(ChunkHandle, Version, Serial, RequestId)> on_acknowledged;

  const WriteSettings& settings() const { return settings_; }
  std::string name_of(const PrimaryChunk& chunk, std::size_t member) const;

 private:
  void note_pace(ServerId server, Instant ordered) const {
    if (on_pace) on_pace(server, endpoint_.executor().now() - ordered);
  }
  void drive(Chunk chunk, std::shared_ptr<OrderedWrite> write);
  Task<> apply_here(Chunk chunk, std::shared_ptr<OrderedWrite> write);
  Task<> apply_there(Chunk chunk, std::shared_ptr<OrderedWrite> write, std::size_t member);
  Task<> push_again(bus::Member member, std::shared_ptr<OrderedWrite> write);
  bus::ApplyWrite order_for(const PrimaryChunk& chunk, const OrderedWrite& write, bool with_bytes) const;
  void confirmed(Chunk chunk, std::shared_ptr<OrderedWrite> write, std::size_t member);
  void commit(Chunk chunk, const OrderedWrite& write);
  void refused(Chunk chunk, OrderedWrite& write, std::size_t member, Error error);
  void fail_waiters(PrimaryChunk& chunk, OrderedWrite& write);
  void answer(Chunk chunk, OrderedWrite& write);
  void wake_arrivals(PrimaryChunk& chunk);
  Error unconfirmed(const PrimaryChunk& chunk) const;
  bool lags(const PrimaryChunk& chunk) const;
  bool may_acknowledge_alone(const PrimaryChunk& chunk) const;
  bool doubtful(const PrimaryChunk& chunk);  // notices a standstill that no timer has seen yet
  Task<> answer_standing(Chunk chunk, std::vector<Promise<void>> waiters);
  Task<> ask_standing(bus::Member member, bus::PrepareVersion ask);
  static std::vector<std::shared_ptr<OrderedWrite>> refused_ones(const PrimaryChunk& chunk);
  Task<> mend(Chunk chunk);
  void complain(Chunk chunk, std::size_t member, const Error& error);
  void announce(Chunk chunk);
  Task<> announce_soon(Chunk chunk);
  void forget_idle();
  void watch_stalls();

  // Set once.
  bus::Endpoint& endpoint_;
  DiskSet& store_;
  Staging& staging_;
  Replica& replica_;
  Session& session_;
  ServerId self_;
  WriteSettings settings_;

  // State.
  std::map<ChunkHandle, Chunk> chunks_;
  std::set<ChunkHandle> released_;
  std::deque<ChunkHandle> released_order_;
  Instant forget_next_{};
  Instant turn_{};     // the loop was seen running
  Instant stalled_{};  // it was found to have stood still
  TimerId watch_ = 0;
  ApplyBatcher batcher_;
  TaskGroup tasks_;
};

}  // namespace gfs::chunkserver
