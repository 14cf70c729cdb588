// Client -> chunkserver: bytes in (pushed along the chain), the order to write them, bytes out.
//
// Checksums on the wire are plain CRC32C, one for each piece of the range cut at the chunk's 64 KiB block borders:
// range [100000, 200000) has pieces [100000,131072) [131072,196608) [196608,200000), three checksums.
#pragma once

#include "bus/messages/types.h"

namespace gfs::bus {

// Data conversation (PUSH/PULL). Hands a fragment (at most 1 MiB) to the first member of the chain, which forwards the
// very same message, less itself, before it looks at the bytes. Staged under (client, sequence) until the order that
// names it has been applied, or it expires. Not answered: WriteChunk is.
struct PushFragment {
  static constexpr std::string_view kind = "chunk.push";
  static constexpr Roles senders = kWriters | kChunkserver;
  RequestId id;  // that of the WriteChunk to come
  ChunkHandle handle;
  std::uint64_t offset = 0;  // in the chunk
  std::vector<std::uint32_t> crcs;
  std::vector<std::string> chain;  // data addresses still to come after the receiver
  Bytes payload;
  MSGPACK_DEFINE_MAP(id, handle, offset, crcs, chain);
};

// To the primary, right behind the push: order and apply the fragment with this RequestId (envelope's) everywhere.
// A repeat joins the one in flight or is answered from its record.
//   missing_data: the bytes have not come (push again, same id) · not_primary, stale_version, lease_lost: ask the master
//   replica_failed: some member did not confirm; may have happened · invalid_argument: other content under this id
struct WriteChunk {
  static constexpr std::string_view kind = "chunk.write";
  static constexpr Roles senders = kWriters;
  struct Reply {
    Serial serial;
    std::uint64_t length = 0;  // of the chunk, after this write
    MSGPACK_DEFINE_MAP(serial, length);
  };
  ChunkHandle handle;
  Version version;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::uint32_t digest = 0;  // CRC32C over the fragment's checksums (as little-endian words): what the bytes must be
  MSGPACK_DEFINE_MAP(handle, version, offset, size, digest);
};

// At most 1 MiB. Every block touched is verified before anything is sent.
//   stale_version: this replica is older than `version`, or not a member · corrupt: a block failed (named; try another)
struct ReadChunk {
  static constexpr std::string_view kind = "chunk.read";
  static constexpr Roles senders = kAnyClient | kChunkserver;
  struct Reply {
    std::vector<std::uint32_t> crcs;  // of the pieces of [offset, offset + payload size)
    std::uint64_t length = 0;         // of the chunk on this replica; the payload ends there
    Version version;
    Bytes payload;
    MSGPACK_DEFINE_MAP(crcs, length, version);
  };
  ChunkHandle handle;
  Version version;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  MSGPACK_DEFINE_MAP(handle, version, offset, size);
};

// To the primary: forces everything acknowledged so far to every member's disk.
struct SyncChunk {
  static constexpr std::string_view kind = "chunk.sync";
  static constexpr Roles senders = kWriters;
  struct Reply {
    std::uint64_t length = 0;
    MSGPACK_DEFINE_MAP(length);
  };
  ChunkHandle handle;
  Version version;
  MSGPACK_DEFINE_MAP(handle, version);
};

// How long the chunk is on this replica, now.
struct ChunkLength {
  static constexpr std::string_view kind = "chunk.length";
  static constexpr Roles senders = kAnyClient | kMaster;
  struct Reply {
    std::uint64_t length = 0;
    Version version;
    MSGPACK_DEFINE_MAP(length, version);
  };
  ChunkHandle handle;
  Version version;
  MSGPACK_DEFINE_MAP(handle, version);
};

}  // namespace gfs::bus
