// Chunkserver -> master: who I am, that I live, what I hold. Master -> chunkserver (orders, down the same connection).
#pragma once

#include "bus/messages/types.h"

namespace gfs::bus {

// First message of a chunkserver's life and after every "unknown" heartbeat. wrong_cluster, in_use (another live server
// has this id), unreachable (the advertised address cannot be dialled from where the master or a member stands).
struct RegisterServer {
  static constexpr std::string_view kind = "server.register";
  static constexpr Roles senders = kChunkserver;
  struct Reply {
    ClusterId cluster;
    std::uint64_t lease_ms = 60000;      // a session lasts this long from the sending of an answered heartbeat
    std::uint64_t heartbeat_ms = 1000;
    std::uint32_t report_page = 4096;    // chunks a report page may carry
    std::uint64_t term = 0, index = 0;
    MSGPACK_DEFINE_MAP(cluster, lease_ms, heartbeat_ms, report_page, term, index);
  };
  ServerId server;
  SessionId session;  // of this process
  std::string control, data;  // advertised addresses
  std::string rack;
  std::uint64_t capacity = 0, used = 0, free = 0, chunks = 0;
  MSGPACK_DEFINE_MAP(server, session, control, data, rack, capacity, used, free, chunks);
};

struct Heartbeat {
  static constexpr std::string_view kind = "server.heartbeat";
  static constexpr Roles senders = kChunkserver;
  struct Reply {
    bool known = true;  // false: register again and report everything (the master restarted, or gave you up)
    std::uint64_t term = 0, index = 0;
    MSGPACK_DEFINE_MAP(known, term, index);
  };
  ServerId server;
  SessionId session;
  std::uint64_t capacity = 0, used = 0, free = 0, chunks = 0;
  bool leaving = false;  // a clean goodbye
  MSGPACK_DEFINE_MAP(server, session, capacity, used, free, chunks, leaving);
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
    MSGPACK_DEFINE_MAP(handle, version, length, damaged);
  };
  struct Reply {
    bool known = true;
    MSGPACK_DEFINE_MAP(known);
  };
  ServerId server;
  SessionId session;
  std::vector<Held> chunks;  // ascending handles, greater than `after`
  ChunkHandle after;         // last handle of the page before; 0 on the first
  bool last = true;
  MSGPACK_DEFINE_MAP(server, session, chunks, after, last);
};

// A block that failed its checksum: the replica is not read from or counted until it has been replaced.
struct ReportDamage {
  static constexpr std::string_view kind = "server.report_damage";
  static constexpr Roles senders = kChunkserver;
  using Reply = Done;
  ServerId server;
  SessionId session;
  ChunkHandle handle;
  std::uint32_t block = 0;
  std::string reason;
  MSGPACK_DEFINE_MAP(server, session, handle, block, reason);
};

// Order: you are the primary of this configuration. Adopt it durably, have every other member adopt it, then answer.
// Idempotent: an active primary answers at once.
//   conflict: this process cannot resume the version (it restarted since): the master must grant the next one
//   replica_failed: a member could not be reached or refused (named in the message) · stale_version: a newer one is held
struct Configure {
  static constexpr std::string_view kind = "server.configure";
  static constexpr Roles senders = kMaster;
  struct Reply {
    std::uint64_t length = 0;
    MSGPACK_DEFINE_MAP(length);
  };
  ChunkHandle handle;
  Version version;
  std::vector<Member> members;  // all of them, the receiver included
  bool virgin = false;
  MSGPACK_DEFINE_MAP(handle, version, members, virgin);
};

// Order (or request): can you dial this address? Used when a server joins.
struct ProbeAddress {
  static constexpr std::string_view kind = "server.probe_address";
  static constexpr Roles senders = kMaster;
  using Reply = Done;
  std::string address;
  MSGPACK_DEFINE_MAP(address);
};

}  // namespace gfs::bus
