// ChunkServer: the composition root of one server of chunks: its store, its services, its session with the master.
//
// Everything runs on the executor's thread; the same object serves real clusters, embedded ones and the simulator.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/id.h"
#include "base/random.h"
#include "bus/bus.h"
#include "chunkserver/data_disk.h"

namespace gfs::chunkserver {

struct Settings {
  std::vector<bus::Address> masters;
  bus::ListenAt listen;     // control, data (and events)
  bus::ListenAt advertise;  // empty members: as bound
  bus::Address gossip, gossip_advertise;
  std::string rack = "default";
  std::uint64_t staging_max = 256ull << 20;  // bytes pushed and not yet applied; over it the newest are refused
  Duration staging_age = 60s;                // pushed bytes nobody ordered
  Duration data_wait = 1s;                   // how long an order waits for its bytes before missing_data
  std::uint64_t journal_segment = 64ull << 20;
  std::uint64_t space_reserve = 256ull << 20;  // free space under which writes get no_space (capped at 1 % of the disk)
  // What no file needs any more is put away before it is unlinked: for so long.
  Duration quarantine_time = 72h;
  bool purge_when_full = false;  // unlink the oldest of it earlier when the disk is full
  // So many replicas, or so many percent of those held, may be put away within `collect_window` without an operator.
  std::uint64_t collect_limit = 100;
  std::uint32_t collect_percent = 5;
  Duration collect_window = 1h;
  // Everything is read through once in so long (0: never), never faster than so many bytes a second (0: no limit).
  Duration scrub_pass = 14 * 24h;
  std::uint64_t scrub_rate = 8ull << 20;
  // A disk with so many errors within an hour takes no more chunks and mutations (0: that is not counted).
  std::uint32_t disk_errors_max = 10;
  // A small file is written, synced and read on every disk so often; every 5 s on one that is not ok.
  Duration disk_probe = 30s;
  std::vector<std::string> forget_disks;   // directories, as named before, whose disks will not come back
  std::uint64_t chunk_size = 64ull << 20;  // tests only: as the master's
  std::string mutant;                      // test-only, as master::Settings::mutant
  // Test-only: told of every mutation this server has applied, and of every one it has acknowledged as primary, for the
  // simulator's checkers.
  std::function<void(ServerId, ChunkHandle, Version, Serial, RequestId)> on_applied;
  std::function<void(ServerId, ChunkHandle, Version, Serial, RequestId)> on_acknowledged;
  // And of every replica it has put into quarantine, and by which entry of the master's log.
  std::function<void(ServerId, ChunkHandle, Version, bool orphan, std::uint64_t index)> on_collected;
};

class ChunkServer {
 public:
  // `disks`: the first one is there. `gossip`: a bus for the members' gossip alone; null: this server takes no part in
  // it.
  ChunkServer(Executor& executor, Random& random, bus::Bus& bus, std::vector<DataDisk> disks, Settings settings,
              bus::Bus* gossip = nullptr);
  ChunkServer(Executor& executor, Random& random, bus::Bus& bus, Disk& disk, Settings settings,
              bus::Bus* gossip = nullptr);
  ~ChunkServer();  // as kill -9

  // Locks the directory (an empty one gets an identity: a fresh ServerId; the cluster is written at the first
  // registration and never changes), recovers the store from metadata and journal, listens, and starts registering in
  // the background. in_use, corrupt, wrong_version, read_only. A directory of another cluster is found out at
  // registration: fatal(), below.
  Task<> start();
  // Says goodbye to the master, settles the journal, stops serving.
  Task<> stop();

  bus::ListenAt listening() const;  // after start()
  bool registered() const;
  // Until it has registered for the first time: it is listening and the master knows it.
  Task<> ready();

  // Awaits the error this server cannot live with (wrong_cluster, a disk it can no longer trust).
  Task<Error> fatal();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace gfs::chunkserver
