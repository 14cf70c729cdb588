// WriteService: the primary's side of a write. Gives each mutation its serial, applies it here and has every secondary
// apply it, and answers when all have confirmed.
//
//   request id known?    a repeat joins the one in flight, or is answered from its record
//   bytes staged?        waits for them; a serial is taken only when all of them are here
//   lease still held?    asked right before the serial is taken
//   then                 here and on every secondary in parallel; later serials do not wait for earlier answers
//
// A member that refuses or cannot be reached costs the client replica_failed at once; one that is only slow is asked
// again. A higher version ends everything pending of the old one.
//
// Owned by ChunkServer; lives on its executor's thread. Orders go on when the client that asked goes away.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>

#include "bus/endpoint.h"
#include "bus/messages/chunk_chunk.h"
#include "chunkserver/primary_chunk.h"
#include "chunkserver/replica.h"
#include "chunkserver/session.h"
#include "chunkserver/staging.h"

namespace gfs::chunkserver {

struct WriteSettings {
  Duration data_wait = 1s;
  Duration try_time = 1s;  // one ApplyWrite
  int tries = 3;
  std::size_t pending_max = 256;     // of one chunk
  Duration records_age = 5min;       // a chunk nobody writes to forgets its answers; no client repeats for that long
  bool wait_for_secondaries = true;  // false: a mutant's
};

class WriteService {
 public:
  WriteService(bus::Endpoint& endpoint, ChunkStore& store, Staging& staging, Replica& replica, Session& session,
               ServerId self, WriteSettings settings);
  ~WriteService();
  WriteService(const WriteService&) = delete;
  WriteService& operator=(const WriteService&) = delete;

  Task<bus::WriteChunk::Reply> write(bus::WriteChunk ask, bus::Caller caller);
  Task<bus::SyncChunk::Reply> sync(bus::SyncChunk ask, bus::Caller caller);

  // The version is active: every member holds it. Once per (chunk, version) and process.
  void activate(ChunkHandle handle, Version version, std::vector<bus::Member> others);
  bool active(ChunkHandle handle, Version version) const;
  // Ends what is pending of versions below this one.
  void end_below(ChunkHandle handle, Version version);

 private:
  Result<std::shared_ptr<PrimaryChunk>> primary_of(ChunkHandle handle, Version version);
  Task<> clear_the_way(std::shared_ptr<PrimaryChunk> chunk);
  void order(std::shared_ptr<PrimaryChunk> chunk, Mutation mutation);
  void drive(std::shared_ptr<PrimaryChunk> chunk, std::shared_ptr<OrderedWrite> write);
  Task<> apply_here(std::shared_ptr<PrimaryChunk> chunk, std::shared_ptr<OrderedWrite> write);
  Task<> apply_there(std::shared_ptr<PrimaryChunk> chunk, std::shared_ptr<OrderedWrite> write, std::size_t member);
  void forget_idle();
  void confirmed(PrimaryChunk& chunk, OrderedWrite& write, std::size_t member);
  void refused(PrimaryChunk& chunk, OrderedWrite& write, std::size_t member, Error error);
  void fail_waiters(PrimaryChunk& chunk, OrderedWrite& write);
  Task<> sync_there(bus::Member member, bus::SyncReplica ask, Instant deadline);
  std::string name_of(const PrimaryChunk& chunk, std::size_t member) const;

  bus::Endpoint& endpoint_;
  ChunkStore& store_;
  Staging& staging_;
  Replica& replica_;
  Session& session_;
  ServerId self_;
  WriteSettings settings_;
  std::map<ChunkHandle, std::shared_ptr<PrimaryChunk>> chunks_;
  Instant forget_next_{};
};

}  // namespace gfs::chunkserver
