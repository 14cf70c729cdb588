// Collection: replicas that no file needs any more are found by the master, put into quarantine by the chunkserver, and
// unlinked there after a while. And what an operator may say and ask about it.
#pragma once

#include "bus/messages/types.h"

namespace gfs::bus {

// Why a replica is of no use.
enum class Garbage : std::uint8_t {
  orphan = 1,  // no file has the chunk any more
  stale = 2,   // an old copy of a chunk that has all its members without this server
};

// A page of what the server holds, by handle: what the master goes by when it looks for garbage.
struct ListHeld {
  static constexpr std::string_view kind = "server.list_held";
  static constexpr Roles senders = kMaster | kAnyClient;
  struct Held {
    ChunkHandle handle;
    Version version;
    Version fence;  // promised: at least `version`
    GFS_FIELDS(handle, version, fence);
  };
  struct Reply {
    std::vector<Held> chunks;  // ascending, greater than `after`
    bool last = true;
    GFS_FIELDS(chunks, last);
  };
  ChunkHandle after;
  std::uint32_t limit = 1024;  // at most 4096
  GFS_FIELDS(after, limit);
};

// Order: put these into quarantine. The server refuses what it holds otherwise than named, what is being copied or
// used, and more within a while than its limit without an operator's word. Idempotent; nothing is deleted by it.
struct CollectChunks {
  static constexpr std::string_view kind = "server.collect_chunks";
  static constexpr Roles senders = kMaster;
  struct Item {
    ChunkHandle handle;
    Version version;  // as reported ...
    Version fence;    // ... too
    Garbage why = Garbage::orphan;
    GFS_FIELDS(handle, version, fence, why);
  };
  enum class Done : std::uint8_t {
    quarantined = 1,
    gone = 2,     // nothing of it is held
    newer = 3,    // another version is held or promised
    busy = 4,     // it is being copied or used: later
    refused = 5,  // over the limit: until an operator allows it, or time has passed
    failed = 6,   // the disk did not do it
  };
  struct Reply {
    std::vector<Done> done;  // by item
    GFS_FIELDS(done);
  };
  std::vector<Item> items;  // at most 64
  std::uint64_t index = 0;  // of the log that this was decided by
  GFS_FIELDS(items, index);
};

// The three below go to the master, which hands them on to the server named, or to all that live (nil).

// An operator's word: so many more chunks may be collected than the server's limit lets through, for so long. Replaces
// what was allowed before; 0 takes it back.
struct AllowCollection {
  static constexpr std::string_view kind = "collection.allow";
  static constexpr Roles senders = kMaster | kClient | kAdmin;
  struct Reply {
    std::uint32_t servers = 0;
    GFS_FIELDS(servers);
  };
  ServerId server;
  std::uint64_t up_to = 0;
  std::uint64_t for_ms = 3600 * 1000;  // at most 7 days
  GFS_FIELDS(server, up_to, for_ms);
};

// Takes the youngest quarantined replica of the chunk back, as it was. It is left alone then for the quarantine's time.
//   not_found: none is there · already_exists: the server holds the chunk · refused: it is older than `at_least`
struct RestoreChunk {
  static constexpr std::string_view kind = "collection.restore";
  static constexpr Roles senders = kMaster | kClient | kAdmin;
  struct Reply {
    Version version;
    std::uint64_t length = 0;
    GFS_FIELDS(version, length);
  };
  ServerId server;
  ChunkHandle handle;
  // Filled in by the master, of a member: an older replica would count as one that holds what was acknowledged.
  Version at_least;
  GFS_FIELDS(server, handle, at_least);
};

// Unlinks what has been in quarantine for so long, at most `limit` replicas of each server.
struct PurgeQuarantine {
  static constexpr std::string_view kind = "collection.purge";
  static constexpr Roles senders = kMaster | kClient | kAdmin;
  struct Reply {
    std::uint64_t chunks = 0;
    std::uint64_t bytes = 0;
    bool more = false;
    GFS_FIELDS(chunks, bytes, more);
  };
  ServerId server;
  std::uint64_t older_than_ms = 0;
  std::uint32_t limit = 256;  // at most 256
  GFS_FIELDS(server, older_than_ms, limit);
};

// What is in the quarantine of a server, asked of it directly.
struct ListQuarantine {
  static constexpr std::string_view kind = "collection.list";
  static constexpr Roles senders = kMaster | kAnyClient;
  struct Entry {
    ChunkHandle handle;
    std::uint64_t number = 0;  // tells two of one chunk apart: the later has the higher one
    Version version;
    std::int64_t since_ms = 0;  // the master's time
    std::uint64_t bytes = 0;
    Garbage why = Garbage::orphan;
    GFS_FIELDS(handle, number, version, since_ms, bytes, why);
  };
  struct Reply {
    std::vector<Entry> entries;  // ascending (handle, number), greater than those of the question
    bool last = true;
    std::int64_t now_ms = 0;          // the master's time
    std::uint64_t quarantine_ms = 0;  // after so long they are unlinked
    GFS_FIELDS(entries, last, now_ms, quarantine_ms);
  };
  ChunkHandle after;
  std::uint64_t after_number = 0;
  std::uint32_t limit = 1024;  // at most 1024
  GFS_FIELDS(after, after_number, limit);
};

// What `gc status` shows.
struct CollectionStatus {
  static constexpr std::string_view kind = "master.collection_status";
  static constexpr Roles senders = kAnyClient;
  struct Server {
    ServerId server;
    std::string address;
    std::uint64_t quarantined = 0, quarantined_bytes = 0;
    std::int64_t oldest_ms = -1;  // in quarantine for so long; -1: nothing is there
    std::uint64_t garbage = 0;    // found, not in quarantine yet ...
    std::uint64_t refused = 0;    // ... of it: the server waits for an operator's word
    std::uint64_t unknown = 0;    // chunks of a later time than the master's log knows of
    GFS_FIELDS(server, address, quarantined, quarantined_bytes, oldest_ms, garbage, refused, unknown);
  };
  struct Reply {
    std::vector<Server> servers;
    std::string held_back;  // why nothing is collected at the moment; empty: it is
    GFS_FIELDS(servers, held_back);
  };
  std::uint32_t reserved = 0;
  GFS_FIELDS(reserved);
};

}  // namespace gfs::bus

MSGPACK_ADD_ENUM(gfs::bus::Garbage)
MSGPACK_ADD_ENUM(gfs::bus::CollectChunks::Done)
