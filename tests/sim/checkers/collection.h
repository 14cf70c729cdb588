// Collection: only what is of no use is put away, and all of it is, some time after the calm.
//
// Judged by the master's log: by the state of the entry that an order was decided by, an orphan belongs to no file, and
// a stale replica to a server that is no member and holds less than the last settled version. What the server really
// had when it did it is what counts, not what it was told to have: a member's replica is at least that version, so none
// is ever lost, however late an order comes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/sim_disk.h"
#include "bus/endpoint.h"
#include "bus/messages/client_master.h"
#include "bus/messages/collection.h"
#include "master/state.h"
#include "tests/sim/history.h"

namespace gfs::sim {

struct Collected {
  ServerId server;
  ChunkHandle handle;
  Version version;  // that it held
  bool orphan = false;
  std::uint64_t index = 0;  // of the log
};

// What is wrong with it, by the state after that entry of the log; empty: nothing.
std::string judge_collected(const master::MasterState& state, const Collected& one);

// The first that was wrong; empty: none.
std::string check_collected(const SimDisk& master, std::uint64_t chunk_size, std::vector<Collected> collected);

// Waits until the servers hold only what they are members of (or may be called back for); finds what they still do when
// the time is up.
Task<> check_garbage(History& history, bus::Endpoint& endpoint, const SimDisk& master, std::uint64_t chunk_size,
                     std::vector<bus::ServerInfo> servers, Instant deadline);

}  // namespace gfs::sim
