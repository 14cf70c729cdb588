// Chunkserver -> master: who I am, that I live, what I hold. Master -> chunkserver (orders, down the same connection).
#pragma once

#include "bus/messages/log_position.h"
#include "bus/messages/types.h"

namespace gfs::bus {

// First message of a chunkserver's life and after every "unknown" heartbeat. wrong_cluster, in_use (another live server
// has this id), unreachable (the advertised address cannot be dialled from where the master or a member stands),
// refused (the server has seen a log that goes further than the master's, or another one).
struct RegisterServer {
  static constexpr std::string_view kind = "server.register";
  static constexpr Roles senders = kChunkserver;
  struct Reply {
    ClusterId cluster;
    std::uint64_t lease_ms = 60000;  // a session lasts this long from the sending of an answered heartbeat
    std::uint64_t heartbeat_ms = 1000;
    std::uint32_t report_page = 4096;  // chunks a report page may carry
    std::uint64_t term = 0, index = 0;
    std::int64_t now_ms = 0;  // the master's time; never goes back
    std::uint64_t epoch = 1;  // with term and index: what of the log is durable
    std::uint32_t check = 0;  // of the entry at index (LogPosition)
    GFS_FIELDS(cluster, lease_ms, heartbeat_ms, report_page, term, index, now_ms, epoch, check);
  };
  ServerId server;
  SessionId session;          // of this process
  std::string control, data;  // advertised addresses
  std::string rack;
  std::uint64_t capacity = 0, used = 0, free = 0, chunks = 0;
  LogPosition seen = {};  // the furthest ever
  GFS_FIELDS(server, session, control, data, rack, capacity, used, free, chunks, seen);
};

// refused: as a registration.
struct Heartbeat {
  static constexpr std::string_view kind = "server.heartbeat";
  static constexpr Roles senders = kChunkserver;
  struct Reply {
    bool known = true;  // false: register again and report everything (the master restarted, or gave you up)
    std::uint64_t term = 0, index = 0;
    std::int64_t now_ms = 0;
    std::uint64_t epoch = 1;
    std::uint32_t check = 0;
    GFS_FIELDS(known, term, index, now_ms, epoch, check);
  };
  // How long a member (or the sender) takes for what the sender orders as a primary: the median of the last times.
  struct Pace {
    ServerId server;
    std::uint64_t us = 0;
    GFS_FIELDS(server, us);
  };
  ServerId server;
  SessionId session;
  std::uint64_t capacity = 0, used = 0, free = 0, chunks = 0;
  bool leaving = false;  // a clean goodbye
  LogPosition seen = {};
  // Replicas in quarantine, and since when the oldest is there (the master's time).
  std::uint64_t quarantined = 0, quarantined_bytes = 0;
  std::int64_t quarantined_since_ms = 0;
  std::vector<Pace> paces;  // at most 256
  // One per data directory. `capacity`, `used` and `free` above are of those that take chunks: 0 free if none does.
  std::vector<DiskInfo> disks;
  GFS_FIELDS(server, session, capacity, used, free, chunks, leaving, seen, quarantined, quarantined_bytes,
             quarantined_since_ms, paces, disks);
};

// One page of what the server holds, by handle; idempotent. After the last page, replicas the master believed in but
// that were not named are known to be missing.
struct ReportChunks {
  static constexpr std::string_view kind = "server.report_chunks";
  static constexpr Roles senders = kChunkserver;
  struct Held {
    ChunkHandle handle;
    Version version;
    std::uint64_t length = 0;
    bool damaged = false;
    bool suspect = false;  // bytes may have been lost in a power cut
    bool sealed = false;
    GFS_FIELDS(handle, version, length, damaged, suspect, sealed);
  };
  struct Reply {
    bool known = true;
    GFS_FIELDS(known);
  };
  ServerId server;
  SessionId session;
  std::vector<Held> chunks;  // ascending handles, greater than `after`
  ChunkHandle after;         // last handle of the page before; 0 on the first
  bool last = true;
  GFS_FIELDS(server, session, chunks, after, last);
};

// A block that failed its checksum: the replica is not read from or counted until it has been replaced. Or (`mended`)
// all of it verifies again.
struct ReportDamage {
  static constexpr std::string_view kind = "server.report_damage";
  static constexpr Roles senders = kChunkserver;
  using Reply = Done;
  ServerId server;
  SessionId session;
  ChunkHandle handle;
  std::uint32_t block = 0;
  std::string reason;
  bool mended = false;
  GFS_FIELDS(server, session, handle, block, reason, mended);
};

// The primary accuses a member of its configuration (or itself) of having failed a mutation. The answer comes when the
// master has decided: with a newer version if it changed the configuration (its Configure comes separately), with the
// version named if it did not.
//   unavailable: nothing can be changed now (too few members would be left)
struct AccuseMember {
  static constexpr std::string_view kind = "server.accuse";
  static constexpr Roles senders = kChunkserver;
  struct Reply {
    Version version;  // the chunk's, now
    GFS_FIELDS(version);
  };
  ServerId server;  // the accuser
  SessionId session;
  ChunkHandle handle;
  Version version;
  ServerId accused;
  std::uint16_t code = 0;  // of the error (base/result.h)
  bool confessed = false;  // the accused said itself that it cannot (no_space, corrupt, suspect, ...)
  std::string reason;
  GFS_FIELDS(server, session, handle, version, accused, code, confessed, reason);
};

// The seal is on every member of this version. Logged before it is answered. Idempotent.
//   stale_version: the chunk has a newer configuration
struct ChunkSealed {
  static constexpr std::string_view kind = "server.chunk_sealed";
  static constexpr Roles senders = kChunkserver;
  using Reply = Done;
  ServerId server;
  SessionId session;
  ChunkHandle handle;
  Version version;
  std::uint64_t length = 0;
  GFS_FIELDS(server, session, handle, version, length);
};

// Order to an active primary: seal the chunk on every member (after what is in flight), report it (ChunkSealed),
// answer. Idempotent. Errors as WriteChunk.
struct SealChunk {
  static constexpr std::string_view kind = "server.seal_chunk";
  static constexpr Roles senders = kMaster;
  struct Reply {
    std::uint64_t length = 0;
    GFS_FIELDS(length);
  };
  ChunkHandle handle;
  Version version;
  GFS_FIELDS(handle, version);
};

// Order to an active primary: cut the chunk to `length` bytes (no effect if it is shorter), on every member, in order
// with the writes. Idempotent: an order whose number is not higher than the last one carried out does nothing, so that
// a copy of it that comes late takes nothing of what was written since. Errors as WriteChunk.
struct TruncateChunk {
  static constexpr std::string_view kind = "server.truncate_chunk";
  static constexpr Roles senders = kMaster;
  using Reply = Done;
  ChunkHandle handle;
  Version version;
  std::uint64_t length = 0;
  std::uint64_t number = 0;  // of orders to cut this chunk: rises
  GFS_FIELDS(handle, version, length, number);
};

// Order to a server that is to become a member: copy the chunk from a member ahead of time, aside, so that little is
// left to do when the configuration with it is made active. A repeat copies what has changed since.
struct CloneChunk {
  static constexpr std::string_view kind = "server.clone_chunk";
  static constexpr Roles senders = kMaster;
  struct Reply {
    std::uint64_t copied = 0;  // bytes, this time
    GFS_FIELDS(copied);
  };
  ChunkHandle handle;
  Member source;
  std::uint64_t rate = 0;  // bytes a second at most; 0: no limit
  GFS_FIELDS(handle, source, rate);
};

// Order to a member of a chunk that several files share, before one of them is written to: what is held under `source`,
// bytes, length, seal and append records, is held under the new handle as well, in version 1, from the reply on,
// durably. Only of the version named: it is frozen, so all its members give the same. Idempotent; a repeat joins the
// one that runs.
//   stale_version: another version of the source is held · not_found · suspect, corrupt: the source is no good here ·
//   conflict: something else is held, or was promised, under the new handle
struct CopyChunk {
  static constexpr std::string_view kind = "server.copy_chunk";
  static constexpr Roles senders = kMaster;
  struct Reply {
    std::uint64_t length = 0;
    std::uint32_t digest = 0;  // as in ReplicaState
    GFS_FIELDS(length, digest);
  };
  ChunkHandle source;
  Version version;
  ChunkHandle handle;
  GFS_FIELDS(source, version, handle);
};

// The chunk is no longer part of any file: take no more mutations of it. Best effort; nothing is deleted by it.
struct ReleaseChunk {
  static constexpr std::string_view kind = "server.release_chunk";
  static constexpr Roles senders = kMaster;
  using Reply = Done;
  ChunkHandle handle;
  Version version;
  GFS_FIELDS(handle, version);
};

// Order: you are the primary of this configuration. Fence every member, make them equal, have them hold the version,
// then answer: it is active. Idempotent: an active primary answers at once.
// With `frozen` no mutation is taken in this version, and the answer comes when all that was are on every member. An
// active version can be frozen; it stays so for good.
//   conflict: this process cannot resume the version (it restarted since), or not unfrozen: the master must grant the
//   next one
//   replica_failed: a member could not be reached or refused (named in `why` and in the message) · stale_version: a
//   newer one is held · suspect: every member that counts is suspect, and `salvage` is not set
struct Configure {
  static constexpr std::string_view kind = "server.configure";
  static constexpr Roles senders = kMaster;
  struct Reply {
    std::uint64_t length = 0;
    GFS_FIELDS(length);
  };
  ChunkHandle handle;
  Version version;
  std::vector<Member> members;  // all of them, the receiver included
  bool virgin = false;
  std::vector<ServerId> joining;  // of the members: those that do not hold the chunk yet; never the base
  bool salvage = false;           // all that is left is suspect: the most advanced of it is the base
  AckMode ack = AckMode::all;
  std::uint32_t index = 0;  // the chunk's number in its file
  // The file's chunk before this one, if that took appends: its records are imported before this one takes any.
  ChunkHandle before;
  Version before_version;
  std::vector<Member> before_members;
  bool frozen = false;
  GFS_FIELDS(handle, version, members, virgin, joining, salvage, ack, index, before, before_version, before_members,
             frozen);
};

// Order (or request): can you dial this address? Used when a server joins.
struct ProbeAddress {
  static constexpr std::string_view kind = "server.probe_address";
  static constexpr Roles senders = kMaster;
  using Reply = Done;
  std::string address;
  GFS_FIELDS(address);
};

}  // namespace gfs::bus
