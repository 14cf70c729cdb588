// HealingLoop: brings chunks back to as many sound members as they should have, a few at a time.
//
// Copies are made ahead of time, aside, by the server that is to join, while the chunk is being written; only then does
// a configuration with it follow, so that little is left to do while mutations wait. Nothing is removed here but
// members that are lost. Also tells the servers of chunks that lost their file.
//
// Owned by Master; lives on its loop.
#pragma once

#include <map>
#include <utility>

#include "bus/endpoint.h"
#include "master/healing_planner.h"
#include "master/layout_service.h"

namespace gfs::master {

class HealingLoop {
 public:
  static constexpr Duration kTick = 250ms;
  static constexpr std::size_t kReleasesPerTick = 64;

  HealingLoop(MasterState& state, ServerTable& servers, LayoutService& layouts, bus::Endpoint& endpoint,
              Duration heal_after);

  Task<> run();

 private:
  Task<> cure(HealingPlanner::Order order);
  // Has somebody copy the chunk, then join it.
  Task<> copy(ChunkHandle handle);
  Task<bus::CloneChunk::Reply> clone(ChunkHandle handle, ServerId target);
  void release_dropped();
  std::vector<ServerId> failed_targets(ChunkHandle handle);

  // Set once.
  MasterState& state_;
  ServerTable& servers_;
  LayoutService& layouts_;
  bus::Endpoint& endpoint_;

  // State.
  HealingPlanner planner_;
  std::vector<DroppedChunk> dropped_;                           // nobody was told yet
  std::map<std::pair<ChunkHandle, ServerId>, Instant> failed_;  // who could not copy, and when
  TaskGroup group_;
};

}  // namespace gfs::master
