// SnapshotService: copies of trees that share their chunks: made, listed, removed, compared.
//
//   warm      chunks that nobody leads get a primary; nobody waits for that
//   freeze    who wants to write in the tree waits; its primaries take nothing more
//   log       the copy, if everything is as it was frozen; else once more
//
// One at a time, so that writers wait for one. A chunk that cannot be frozen within kFreezeTime ends it: everybody goes
// on, and nothing was done.
//
// Owned by Master; lives on its loop.
#pragma once

#include "base/task_group.h"
#include "bus/endpoint.h"
#include "bus/messages/client_snapshot.h"
#include "master/journal.h"
#include "master/layout_service.h"

namespace gfs::master {

class SnapshotService {
 public:
  static constexpr Duration kFreezeTime = 10s;
  static constexpr Duration kWarmTime = 3s;

  SnapshotService(const MasterState& state, Journal& journal, LayoutService& layouts)
      : state_(state), journal_(journal), layouts_(layouts) {}

  void serve(bus::Endpoint& endpoint);

  Task<bus::CreateSnapshot::Reply> create(bus::CreateSnapshot ask, bus::Caller caller);
  Task<bus::ListSnapshots::Reply> list(bus::ListSnapshots ask, bus::Caller caller);
  Task<bus::RemoveSnapshot::Reply> remove(bus::RemoveSnapshot ask, bus::Caller caller);
  Task<bus::CompareTrees::Reply> compare(bus::CompareTrees ask, bus::Caller caller);

 private:
  Task<> prepare(InodeId head);
  Task<> save_sizes(MasterState::TreeChunks tree);
  // Freezes the tree and logs the op, once. conflict: something changed meanwhile.
  Task<Decision> try_to_create(SnapshotOp op, std::uint32_t digest, bus::Caller caller, Instant until);

  const MasterState& state_;
  Journal& journal_;
  LayoutService& layouts_;
  bus::Endpoint* endpoint_ = nullptr;
  Semaphore turn_{1};
};

}  // namespace gfs::master
