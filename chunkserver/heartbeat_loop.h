// HeartbeatLoop: the conversation with the master: hello, register, report what is held, then a heartbeat each second.
//
// * Several masters are tried in turn; a heartbeat that finds nobody moves on to the next address.
// * A master that does not know us (it restarted, or gave us up) is registered with again, and told everything again.
// * Damage found meanwhile is reported until the master has it.
// * A master whose log is behind what was seen before (MasterMemory) is refused, at registration and at every
// heartbeat;
//   the next address is tried, or the same one again. Nobody's orders are obeyed but those of the master that this
//   server is registered with.
// * The first cluster this directory registers with is written into its identity; another one is fatal.
//
// Owned by ChunkServer; lives on its executor's thread.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "bus/endpoint.h"
#include "bus/messages/chunk_master.h"
#include "bus/messages/client_master.h"
#include "chunkserver/disk_set.h"
#include "chunkserver/identity.h"
#include "chunkserver/master_memory.h"
#include "chunkserver/peer_paces.h"
#include "chunkserver/session.h"

namespace gfs::chunkserver {

class HeartbeatLoop {
 public:
  struct Surroundings {
    std::vector<bus::Address> masters;
    std::string control, data;  // advertised
    std::string rack;
  };

  HeartbeatLoop(bus::Endpoint& endpoint, Disk& disk, DiskSet& store, Session& session, MasterMemory& memory,
                Identity identity, Surroundings surroundings);

  // For ever; ends only with the error this server cannot live with.
  Task<> run();
  // Says goodbye to the master, if there is one; does not wait long.
  Task<> leave();
  void report_damage(ChunkHandle handle, std::uint32_t block, std::string reason, bool mended = false);
  // A member took so long for what was ordered.
  void note_pace(ServerId server, Duration took) { paces_.note(server, took, endpoint_.executor().now()); }
  // Another set of chunks is held than was reported: everything is told again, in a session of its own.
  void report_again() { changed_ = true; }
  // Accuses a member of a chunk's configuration; returns when the master has decided.
  Task<> accuse(ChunkHandle handle, Version version, ServerId accused, bool confessed, Error error);
  // The seal is on every member: returns when the master has logged it.
  Task<> report_sealed(ChunkHandle handle, Version version, std::uint64_t length);
  // Who holds the chunk.
  Task<bus::FindChunk::Reply> find_chunk(ChunkHandle handle);
  // The master's time, as of its last answer and our clock since; never goes back.
  std::int64_t master_now() const;

  // unavailable: whoever it comes from is not the master that has registered us.
  Result<> check_order(const bus::Peer& from) const;

  bool registered() const { return registered_; }
  std::function<void()> on_registered;

 private:
  Task<> join();
  Task<> say_hello();
  Task<> register_here();
  Task<> report_chunks();
  Task<> report_damages();
  Task<bool> beat();
  // refused: behind what was seen before.
  template <class Reply>
  Task<> follow(Reply reply);
  void move_on();
  void heard(std::int64_t master_ms);
  bus::Peer master() const { return bus::Peer::at(surroundings_.masters[at_]); }

  bus::Endpoint& endpoint_;
  Disk& disk_;
  DiskSet& store_;
  Session& session_;
  MasterMemory& memory_;
  Identity identity_;
  Surroundings surroundings_;

  std::size_t at_ = 0;
  bool accepted_ = false;    // the master there took us, and we took it: its orders are obeyed
  bool registered_ = false;  // and it has our report
  bool ever_registered_ = false;
  bool changed_ = false;
  Duration lease_ = 60s;
  Duration interval_ = 1s;
  Instant last_beat_{};
  std::size_t page_ = 4096;
  std::deque<bus::ReportDamage> damages_;
  PeerPaces paces_;
  std::int64_t master_ms_ = 0;  // the master's time ...
  Instant master_at_{};         // ... when this was here
};

}  // namespace gfs::chunkserver
