// ChunkReader: bytes of one chunk, verified end to end, from whichever replica can give them.
//
// Replicas are tried in ReplicaChoice's order. One that takes longer than most reads lately has a second one asked as
// well (HedgeClock), and the first answer counts. One that fails is passed over; when all have failed the layout is
// asked for again, with pauses, until the operation's deadline. A replica whose bytes do not match their checksums is
// not asked again by the same read. The final error names each server and its reason.
//
// A replica that is further than the layout serves old readers, too. Its version tells: then the master is asked
// whether the file has that chunk in that version, before the bytes are believed. It may have been shared with a
// snapshot, be another file's alone by now, and hold what that one wrote.
//
// Owned by Context's Filesystem; one thread; tasks must not outlive it.
#pragma once

#include <optional>
#include <vector>

#include "base/bytes.h"
#include "client_cli/client/context.h"

namespace gfs::client {

// Zero bytes; the memory is shared.
Bytes zeros(std::uint64_t size);
// Made as long as `size` with zero bytes.
Bytes extended(Bytes bytes, std::uint64_t size);

class ChunkReader {
 public:
  explicit ChunkReader(Context& context) : context_(context) {}

  // Exactly `size` bytes (at most 1 MiB); what was never written reads as zeros.
  Task<Bytes> read(ChunkAt at, std::uint64_t offset, std::uint64_t size, Instant deadline);
  // Of them, those that are committed; what lies behind the chunk's length is left away.
  struct Committed {
    Bytes bytes;
    bool sealed = false;  // the chunk takes no more: what is behind its length is a gap
    ChunkHandle handle;   // 0: there was no chunk
    Version version;      // what the replica that answered had
  };
  Task<Committed> read_committed(ChunkAt at, std::uint64_t offset, std::uint64_t size, Instant deadline);
  // The chunk as the master sees it now, and whether the file has one behind it.
  struct Now {
    ChunkHandle handle;  // 0: there is no such chunk
    Version version;
    bool chunk_behind = false;
  };
  Task<Now> look_again(ChunkAt at, Instant deadline);
  // What is known of where the chunk is may be wrong.
  void forget(const ChunkAt& at) { context_.layouts.drop(at.inode, at.index, {{UINT64_MAX}, {}}); }

  // What the size is for decides what happens when no replica tells it.
  enum class For : std::uint8_t {
    stat,     // the master's size stands: what was acknowledged since the last fsync may be missing from it
    reading,  // asked until the deadline, then unavailable: acknowledged bytes must not be taken for the end. The chunk
              // is made active again, as a write to it would, if nobody knows how far it is committed
    writing,  // the same, whatever the reason was
  };
  // How long the file is now: the master's size, or the end of the last chunk that holds a byte if that is further.
  // Chunks at the end may hold none: their first write is on its way, or was never made.
  Task<std::uint64_t> current_size(InodeId inode, std::string path, std::uint32_t chunks_hint, For purpose,
                                   Instant deadline);

 private:
  Task<bus::ChunkLayout> locate(ChunkAt at, Instant deadline);
  // Asks for a page of layouts from at.index on; all of it goes into the cache.
  Task<bus::ChunkLayout> ask_master(ChunkAt at, Instant deadline);
  Task<bus::LocateForRead::Reply> ask_page(InodeId inode, std::uint32_t first, std::uint32_t count, std::string path,
                                           Instant deadline, MasterClient::Who who = MasterClient::Who::anybody);
  // What became of a read from one member, or from two side by side. Of one that was overtaken nothing is said.
  struct Tried {
    bus::Member member;
    Result<Committed> got;
  };
  // `second`: who is asked besides if `first` takes long; nobody if there is none. Who was asked in vain is told, too.
  Task<std::vector<Tried>> read_hedged(bus::Member first, std::optional<bus::Member> second, ChunkAt at,
                                       bus::ChunkLayout layout, std::uint64_t offset, std::uint64_t size,
                                       Instant deadline);
  Task<Committed> read_from(bus::Member member, ChunkAt at, bus::ChunkLayout layout, std::uint64_t offset,
                            std::uint64_t size, Instant deadline);
  // Whether what a replica tells of `layout` is of this file, if its version is `version`. stale_version.
  Task<> check_still_here(ChunkAt at, bus::ChunkLayout layout, Version version, Instant deadline);
  // Asks the master for an active version, as a write would: after a restart of its primary only a new one can say how
  // far a chunk is committed. What comes of it shows in the next layout.
  Task<> make_active(ChunkAt at, Attempts& attempts, Instant deadline);
  // 0 also if no member holds the chunk. Notes in `attempts` who could not tell. stale_version: it is not of this file
  // any more.
  Task<std::uint64_t> length_of(ChunkAt at, bus::ChunkLayout layout, bool stale_ok, Duration patience,
                                Attempts& attempts, Instant deadline);

  Context& context_;
};

}  // namespace gfs::client
