// ConfigureService: the master's order "you are the primary of this configuration".
//
// Adopts the version durably here, has every other member adopt it, then makes it active. This process makes a (chunk,
// version) active at most once in its life, by one flow that repeats of the order join; a version that was adopted in
// an earlier life is refused (conflict): its last serial may have been lost with that life, so the master grants the
// next.
//
// Owned by ChunkServer; lives on its executor's thread. A flow goes on when the order's connection is lost.
#pragma once

#include <map>
#include <vector>

#include "bus/endpoint.h"
#include "bus/messages/chunk_chunk.h"
#include "bus/messages/chunk_master.h"
#include "chunkserver/replica.h"
#include "chunkserver/write_service.h"

namespace gfs::chunkserver {

class ConfigureService {
 public:
  ConfigureService(bus::Endpoint& endpoint, ChunkStore& store, Replica& replica, WriteService& writes, ServerId self)
      : endpoint_(endpoint), store_(store), replica_(replica), writes_(writes), self_(self) {}

  Task<bus::Configure::Reply> configure(bus::Configure ask, bus::Caller caller);

 private:
  using Key = std::pair<ChunkHandle, Version>;

  Result<> check(const bus::Configure& ask) const;
  Task<bus::Configure::Reply> run(bus::Configure ask);
  Task<> adopt_there(bus::Member member, bus::AdoptVersion ask);

  bus::Endpoint& endpoint_;
  ChunkStore& store_;
  Replica& replica_;
  WriteService& writes_;
  ServerId self_;
  std::map<Key, std::vector<Promise<bus::Configure::Reply>>> flows_;
  std::map<ChunkHandle, Version> adopted_here_;  // by a flow of this process
  TaskGroup tasks_;
};

}  // namespace gfs::chunkserver
