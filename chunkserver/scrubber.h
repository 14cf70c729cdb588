// Scrubber: reads everything that is held, again and again, a little at a time, so that rot is found while there are
// other replicas to mend it from.
//
//   pass      all chunks, in the order of their handles; one in `pass`, evenly, and never faster than `rate_max`
//   bad       a block that does not match its checksum: the store tells the master, which has the replica replaced
//   differs   what was read verifies, but all other members agree on something else of the same version: a write was
//             lost, bytes and checksum together. This replica says so of itself. Where no majority is, it is told in
//             the program's log and by `scrub status`, and nothing is given up
//
// How far it is survives restarts (scrub_cursor.h). Chunks that are being written to are read, not compared.
//
// Owned by ChunkServer; lives on its executor's thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bus/endpoint.h"
#include "bus/messages/client_chunk.h"
#include "bus/messages/client_master.h"
#include "bus/messages/client_scrub.h"
#include "chunkserver/disk_set.h"
#include "chunkserver/scrub_cursor.h"

namespace gfs::chunkserver {

class Scrubber {
 public:
  struct Settings {
    Duration pass = 14 * 24h;             // 0: off
    std::uint64_t rate_max = 8ull << 20;  // bytes a second; 0: no limit
  };
  static constexpr Duration kSaveEvery = 60s;
  static constexpr Duration kIdle = 2s;     // a chunk has to stand still for so long to be compared
  static constexpr Duration kBetween = 5s;  // looks whether there is something to do
  static constexpr std::uint64_t kRateLeast = 64 << 10;

  Scrubber(bus::Endpoint& endpoint, Disk& disk, DiskSet& store, ServerId self, Settings settings)
      : endpoint_(endpoint), disk_(disk), store_(store), self_(self), settings_(settings) {}

  // Ends only by being cancelled. A damaged cursor is told in the program's log, and the pass begins anew.
  Task<> run();

  Task<bus::ScrubStatus::Reply> status(bus::ScrubStatus ask, bus::Caller caller);
  Task<bus::Done> control(bus::ControlScrub ask, bus::Caller caller);

  // Who holds the chunk, by the master.
  std::function<Task<bus::FindChunk::Reply>(ChunkHandle)> find_chunk;

 private:
  WallMs wall() const { return endpoint_.executor().wall_now(); }
  Task<> load();
  // The cursor, as it is now, durably.
  Task<> save();
  void begin_pass();
  // True: something was done.
  Task<bool> step();
  Task<> read_all(ChunkHandle handle);
  // What a replica is, at one moment.
  struct Content {
    Version version;
    Serial serial;
    std::uint32_t digest = 0;
    bool operator==(const Content&) const = default;
  };
  struct Difference {
    Content own;
    std::vector<Content> others;
  };
  Task<> compare(ChunkHandle handle);
  // Nothing: there is none, or nobody to compare with.
  Task<std::optional<Difference>> difference(ChunkHandle handle);
  Task<> pace(std::uint64_t bytes);
  std::uint64_t rate() const;
  void measure();

  // Set once.
  bus::Endpoint& endpoint_;
  Disk& disk_;
  DiskSet& store_;
  const ServerId self_;
  const Settings settings_;

  // State.
  ScrubCursor cursor_, saved_;
  bool loaded_ = false;
  std::uint64_t bytes_held_ = 0;  // measured now and then
  Instant next_{};                // not before: the next bytes
  Instant save_at_{};
  Semaphore saving_{1};  // one at a time
};

}  // namespace gfs::chunkserver
