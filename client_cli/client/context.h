// Context: what the parts of one Filesystem share. Owned by Filesystem, which goes after its files; one thread.
#pragma once

#include <tuple>

#include "base/executor.h"
#include "base/random.h"
#include "bus/endpoint.h"
#include "client_cli/client/filesystem.h"
#include "client_cli/client/hedge_clock.h"
#include "client_cli/client/layout_cache.h"
#include "client_cli/client/master_client.h"
#include "client_cli/client/replica_choice.h"
#include "client_cli/client/single_flight.h"
#include "client_cli/client/write_floors.h"

namespace gfs::client {

// A chunk by its place in a file. The path is for messages.
struct ChunkAt {
  InodeId inode;
  std::uint32_t index = 0;
  std::string path;

  std::string text() const { return fmt::format("chunk {} of {}", index, path); }
};

inline std::string server_text(const bus::Member& member) {
  return fmt::format("{} ({})", member.control, member.server.text().substr(0, 8));
}

struct Context {
  Context(Executor& executor_given, Random& random_given, bus::Bus& bus, Settings given);

  // One try, within the operation.
  bus::CallOptions one_try(Instant deadline, RequestId request = {}) const {
    return {std::min(settings.call_deadline, deadline - executor.now()), request};
  }
  Instant deadline() const { return executor.now() + settings.deadline; }
  // Whether a flight that ended with `code` says nothing to one who joined it and still has time: the one who began it
  // had less, or its master was away.
  bool may_fly_again(bool own, Code code, Instant deadline) const {
    return !own && master_may_recover(code) && executor.now() < deadline;
  }

  static constexpr std::size_t kLayoutsMax = 65536;

  const Settings settings;
  Executor& executor;
  Random& random;
  bus::Endpoint endpoint;
  MasterClient master;
  LayoutCache layouts;
  ReplicaChoice replicas;
  HedgeClock hedges;
  WriteFloors floors;
  SingleFlight<std::tuple<InodeId, std::uint32_t, ChunkVersion>, bus::ChunkLayout> locating_to_write;
  // Whoever asks after a file was opened joins nobody who asked before.
  SingleFlight<std::tuple<InodeId, std::uint32_t, LayoutCache::Question>, bus::ChunkLayout> locating_to_read;
  SingleFlight<std::pair<InodeId, ChunkVersion>, bus::LocateForAppend::Reply> locating_to_append;
};

}  // namespace gfs::client
