// Client -> master: names, sizes, and where chunks are. Paths are absolute ("/a/b"), at most 4096 bytes, components at
// most 255, no ".", "..", empty components or NUL.
//
// Every mutating message is answered from the record of its RequestId (envelope) when it is repeated.
#pragma once

#include "bus/messages/types.h"

namespace gfs::bus {

// The first words on any connection: the only kind that is answered to an envelope without a cluster id.
struct Hello {
  static constexpr std::string_view kind = "hello";
  static constexpr Roles senders = kEverybody;
  struct Reply {
    ClusterId cluster;
    std::string program;  // "gfs-master 0.1.0"
    std::uint64_t chunk_size = 0;
    GFS_FIELDS(cluster, program, chunk_size);
  };
  std::string program;
  GFS_FIELDS(program);
};

// Creates an empty file. already_exists; not_found for a missing parent.
struct CreateFile {
  static constexpr std::string_view kind = "master.create";
  static constexpr Roles senders = kWriters;
  using Reply = FileInfo;
  std::string path;
  std::uint32_t replicas = 0;  // 0: the cluster's default
  GFS_FIELDS(path, replicas);
};

struct MakeDirectory {
  static constexpr std::string_view kind = "master.make_directory";
  static constexpr Roles senders = kWriters;
  using Reply = FileInfo;
  std::string path;
  bool parents = false;  // as mkdir -p: also no error if the directory is there
  GFS_FIELDS(path, parents);
};

struct Stat {
  static constexpr std::string_view kind = "master.stat";
  static constexpr Roles senders = kAnyClient;
  using Reply = FileInfo;
  std::string path;
  GFS_FIELDS(path);
};

struct Exists {
  static constexpr std::string_view kind = "master.exists";
  static constexpr Roles senders = kAnyClient;
  struct Reply {
    bool exists = false;
    FileType type = FileType::file;
    GFS_FIELDS(exists, type);
  };
  std::string path;
  GFS_FIELDS(path);
};

// A page of a directory, ordered by name (bytewise). Of a file: the file itself.
struct List {
  static constexpr std::string_view kind = "master.list";
  static constexpr Roles senders = kAnyClient;
  struct Reply {
    std::vector<FileInfo> entries;  // full paths
    bool more = false;              // ask again with after = name of the last entry
    GFS_FIELDS(entries, more);
  };
  std::string path;
  std::string after;           // names greater than this one
  std::uint32_t limit = 1000;  // at most 1000
  GFS_FIELDS(path, after, limit);
};

// Atomic. With replace an existing file at the target is dropped in the same step (type must agree; a directory only if
// empty). invalid_argument for a directory into itself.
struct Rename {
  static constexpr std::string_view kind = "master.rename";
  static constexpr Roles senders = kWriters;
  using Reply = FileInfo;
  std::string source;
  std::string target;
  bool replace = false;
  GFS_FIELDS(source, target, replace);
};

// Into the trash, where it can be had back for a while, unless the directory's policy or `now` say otherwise.
struct Remove {
  static constexpr std::string_view kind = "master.remove";
  static constexpr Roles senders = kWriters;
  struct Reply {
    std::uint64_t files = 0;  // removed, the named one included
    std::uint64_t directories = 0;
    InodeId item;               // in the trash; 0: it is gone
    std::int64_t until_ms = 0;  // so long
    GFS_FIELDS(files, directories, item, until_ms);
  };
  std::string path;
  bool recursive = false;
  bool now = false;  // not into the trash
  GFS_FIELDS(path, recursive, now);
};

// Where the chunks [first, first + count) of a file are. Chunks that were never written are left out (they read as
// zeros), also if they have been placed already.
struct LocateForRead {
  static constexpr std::string_view kind = "master.locate_for_read";
  static constexpr Roles senders = kAnyClient;
  struct Reply {
    std::uint64_t size = 0;           // as Stat
    std::uint32_t chunks = 0;         // highest chunk index + 1
    std::vector<ChunkLayout> layout;  // by index
    GFS_FIELDS(size, chunks, layout);
  };
  InodeId inode;
  std::uint32_t first = 0;
  std::uint32_t count = 16;  // at most 256
  GFS_FIELDS(inode, first, count);
};

// The chunk to write at, with an active version: created, or given a new configuration, if need be.
// not_enough_servers / unavailable: retry until the operation's deadline.
struct LocateForWrite {
  static constexpr std::string_view kind = "master.locate_for_write";
  static constexpr Roles senders = kWriters;
  using Reply = ChunkLayout;
  InodeId inode;
  std::uint32_t index = 0;
  Version failed;        // the version a write just failed with (0: none): makes the master look twice
  ServerId unreachable;  // who could not be reached just now (nil: nobody): the master looks for itself
  GFS_FIELDS(inode, index, failed, unreachable);
};

// The chunk to append to: the file's last one, or, if that is sealed, a new one, with an active version. Chunks before
// it are sealed; what they remember of appends goes to it before it takes any.
struct LocateForAppend {
  static constexpr std::string_view kind = "master.locate_for_append";
  static constexpr Roles senders = kWriters;
  struct Reply {
    ChunkLayout layout;
    std::int64_t now_ms = 0;  // the master's time; never goes back
    GFS_FIELDS(layout, now_ms);
  };
  InodeId inode;
  Version failed;  // as LocateForWrite, of the chunk that was the last one
  ServerId unreachable;
  GFS_FIELDS(inode, failed, unreachable);
};

// Cuts a file, or makes it longer (the new part reads as zeros; no chunk is made). In order with the writes.
struct Truncate {
  static constexpr std::string_view kind = "master.truncate";
  static constexpr Roles senders = kWriters;
  using Reply = FileInfo;
  std::string path;
  std::uint64_t size = 0;
  GFS_FIELDS(path, size);
};

// The sender will repeat none of its requests any more: their records go.
struct CloseClient {
  static constexpr std::string_view kind = "master.close_client";
  static constexpr Roles senders = kWriters;
  using Reply = Done;
  ClientId client;
  GFS_FIELDS(client);
};

// Who holds a lease, by chunk: the primaryships of servers whose session lasts.
struct ListLeases {
  static constexpr std::string_view kind = "master.list_leases";
  static constexpr Roles senders = kAnyClient;
  struct Lease {
    ChunkHandle handle;
    InodeId inode;
    std::uint32_t index = 0;
    Version version;
    ServerId primary;
    std::string address;
    std::uint64_t remaining_ms = 0;  // at least, unless the server is heard again
    GFS_FIELDS(handle, inode, index, version, primary, address, remaining_ms);
  };
  struct Reply {
    std::vector<Lease> leases;  // by handle
    bool more = false;
    GFS_FIELDS(leases, more);
  };
  ChunkHandle after;
  std::uint32_t limit = 1000;  // at most 1000
  GFS_FIELDS(after, limit);
};

// Takes a chunk's lease from its primary at once: the next version, with another primary if there is one.
struct RevokeLease {
  static constexpr std::string_view kind = "master.revoke_lease";
  static constexpr Roles senders = kAdmin | kClient;
  struct Reply {
    Version version;
    ServerId primary;
    GFS_FIELDS(version, primary);
  };
  ChunkHandle handle;
  GFS_FIELDS(handle);
};

// The file's size as of this fsync or close, and its mtime. Only grows (truncate is another message's work).
struct SetSize {
  static constexpr std::string_view kind = "master.set_size";
  static constexpr Roles senders = kWriters;
  using Reply = Done;
  InodeId inode;
  std::uint64_t size = 0;
  GFS_FIELDS(inode, size);
};

// Writes down the master's state now, so that a restart needs no older log.
struct Checkpoint {
  static constexpr std::string_view kind = "master.checkpoint";
  static constexpr Roles senders = kAdmin | kClient;
  struct Reply {
    std::uint64_t index = 0;  // of the last entry of the log that it holds
    std::uint64_t bytes = 0;  // of its file; 0: it had been there when the master started
    std::uint64_t took_ms = 0;
    std::uint64_t log_from = 0;  // the first index that the log still holds
    GFS_FIELDS(index, bytes, took_ms, log_from);
  };
  std::uint32_t reserved = 0;
  GFS_FIELDS(reserved);
};

// "up|suspect|lost|left|maint|drain"
struct ServerInfo {
  ServerId server;
  std::string address;
  std::string rack;
  std::string state;
  std::uint64_t used = 0;
  std::uint64_t free = 0;
  std::uint64_t chunks = 0;
  std::int64_t last_seen_ms = -1;  // ago; -1: not since the master started
  std::vector<DiskInfo> disks;     // as of its last heartbeat
  GFS_FIELDS(server, address, rack, state, used, free, chunks, last_seen_ms, disks);
};

struct ListServers {
  static constexpr std::string_view kind = "master.list_servers";
  static constexpr Roles senders = kAnyClient;
  struct Reply {
    std::vector<ServerInfo> servers;
    GFS_FIELDS(servers);
  };
  bool all = true;
  GFS_FIELDS(all);
};

struct ClusterStatus {
  static constexpr std::string_view kind = "master.status";
  static constexpr Roles senders = kAnyClient;
  struct Reply {
    ClusterId cluster;
    std::string health;              // OK|WARN|ERROR
    std::vector<std::string> codes;  // stable: GFS_FEW_SERVERS, GFS_CHUNKS_UNDER_REPLICATED, ...
    std::string address;             // of the master
    std::uint64_t term = 0;
    std::uint64_t index = 0;  // of the log
    std::uint32_t up = 0, suspect = 0, lost = 0;
    std::uint64_t files = 0, directories = 0;
    std::uint64_t chunks_total = 0, chunks_full = 0, chunks_under = 0, chunks_lost = 0, chunks_corrupt = 0;
    std::uint64_t used = 0, capacity = 0;
    std::uint64_t epoch = 1;      // of the log
    std::string follows;          // empty: the master itself says so. Else a shadow: its master's address, ...
    std::uint64_t behind_ms = 0;  // ... and how old, at most, what it says is
    std::uint64_t trash_items = 0, trash_files = 0, trash_bytes = 0;
    struct Rack {
      std::string name;
      std::uint32_t up = 0;  // servers
      GFS_FIELDS(name, up);
    };
    std::vector<Rack> racks;                       // with servers that are up; at most 64
    std::uint32_t maint = 0, drain = 0, slow = 0;  // servers
    std::vector<std::uint64_t> by_sound;           // chunks with 0, 1, 2, 3 and more sound replicas
    std::uint64_t quarantined = 0;                 // replicas, on servers that are up
    std::string fullest;                           // the address of that server; empty: none is up ...
    std::uint32_t fullest_percent = 0;             // ... and how full it is
    GFS_FIELDS(cluster, health, codes, address, term, index, up, suspect, lost, files, directories, chunks_total,
               chunks_full, chunks_under, chunks_lost, chunks_corrupt, used, capacity, epoch, follows, behind_ms,
               trash_items, trash_files, trash_bytes, racks, maint, drain, slow, by_sound, quarantined, fullest,
               fullest_percent);
  };
  bool detail = false;
  GFS_FIELDS(detail);
};

// What `chunk ls PATH` shows.
struct ListChunks {
  static constexpr std::string_view kind = "master.list_chunks";
  static constexpr Roles senders = kAnyClient;
  struct Holder {
    ServerId server;
    std::string address;
    std::string state;  // ok|stale|suspect|away|corrupt
    Version version;
    bool member = true;  // of the chunk's configuration; else an old copy
    GFS_FIELDS(server, address, state, version, member);
  };
  struct Chunk {
    std::uint32_t index = 0;
    ChunkHandle handle;
    Version version;
    std::uint64_t length = 0;
    bool sealed = false;
    ServerId primary;
    std::vector<Holder> members;
    GFS_FIELDS(index, handle, version, length, sealed, primary, members);
  };
  struct Reply {
    std::vector<Chunk> chunks;
    bool more = false;
    GFS_FIELDS(chunks, more);
  };
  std::string path;
  std::uint32_t first = 0;
  std::uint32_t count = 256;  // at most 256
  GFS_FIELDS(path, first, count);
};

// What `chunk info HANDLE` shows.
struct FindChunk {
  static constexpr std::string_view kind = "master.find_chunk";
  static constexpr Roles senders = kAnyClient | kChunkserver;
  struct Reply {
    InodeId inode;
    ListChunks::Chunk chunk;
    std::uint32_t goal = 0;
    bool active = false;  // as the master believes
    bool virgin = false;
    AckMode ack = AckMode::all;
    std::vector<ServerId> joining;
    std::uint32_t references = 1;  // files that have it; of several `inode` is one, or 0
    GFS_FIELDS(inode, chunk, goal, active, virgin, ack, joining, references);
  };
  ChunkHandle handle;
  GFS_FIELDS(handle);
};

}  // namespace gfs::bus
