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
  RequestId id;  // that of the WriteChunk or AppendChunk to come
  ChunkHandle handle;
  std::uint64_t offset = 0;  // in the chunk; of an append, which has no place yet: in the append
  std::uint32_t part = 0;    // of an append over 1 MiB: which piece of it; all but the last are 1 MiB
  std::vector<std::uint32_t> crcs;
  std::vector<std::string> chain;  // data addresses still to come after the receiver
  Bytes payload;
  GFS_FIELDS(id, handle, offset, part, crcs, chain);
};

// To the primary, right behind the push: order and apply the fragment with this RequestId (envelope's) everywhere.
// A repeat joins the one in flight or is answered from its record.
//   missing_data: the bytes have not come (push again, same id) · not_primary, stale_version, lease_lost: ask the
//   master replica_failed: some member did not confirm; may have happened · invalid_argument: other content under this
//   id
struct WriteChunk {
  static constexpr std::string_view kind = "chunk.write";
  static constexpr Roles senders = kWriters;
  struct Reply {
    Serial serial;
    std::uint64_t length = 0;  // of the chunk, after this write
    GFS_FIELDS(serial, length);
  };
  ChunkHandle handle;
  Version version;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::uint32_t digest = 0;  // CRC32C over the fragment's checksums (as little-endian words): what the bytes must be
  std::uint64_t floor = 0;   // this client has given up every write to this chunk with a lower sequence: expired
  GFS_FIELDS(handle, version, offset, size, digest, floor);
};

// To the primary: appends records at an offset it picks, the same on every member; atomic; each record exactly once.
//
// A batch is records of one client, with consecutive sequences beginning with the envelope's request id. It is ordered,
// applied and answered as one; record i lies behind record i - 1. Small batches carry their bytes (payload), larger
// ones were pushed before in parts of 1 MiB under the same id. A repeat must have the same first sequence, sizes and
// digest. Retries go to the chunk of the first try until that answers: it alone knows whether it has the batch.
//   sealed: this chunk takes no more, and does not have the batch: the next chunk (LocateForAppend) · missing_data:
//   push again, or send the bytes along · out_of_sequence: `previous` is not here: nothing was written ·
//   record_expired: the batch is older than what is remembered; never executed (again) · invalid_argument: other
//   content under this id not_primary, stale_version, lease_lost, replica_failed: as WriteChunk
struct AppendChunk {
  static constexpr std::string_view kind = "chunk.append";
  static constexpr Roles senders = kWriters;
  struct Reply {
    std::uint32_t index = 0;   // chunk number in the file: of a repeat, perhaps an earlier chunk than the one asked
    std::uint64_t offset = 0;  // of the first record, in that chunk
    std::uint64_t length = 0;  // of the chunk, after it
    bool repeat = false;       // it had been done before
    GFS_FIELDS(index, offset, length, repeat);
  };
  ChunkHandle handle;
  Version version;
  std::vector<std::uint32_t> sizes;  // of the records, in order; at most 4096 of them; more than one: at most 1 MiB
  std::uint32_t digest = 0;          // CRC32C over the checksums of the 64 KiB pieces of the whole batch from its begin
  std::uint64_t previous = 0;        // last sequence of this client's append to this file that was undecided; 0: none
  std::int64_t asked_ms = 0;         // the master's time when this batch was first tried (the same on every try)
  std::vector<std::uint32_t> crcs;   // with payload only: of its 64 KiB pieces
  Bytes payload;
  GFS_FIELDS(handle, version, sizes, digest, previous, asked_ms, crcs);
};

// What a replica holds: its place in the order and the checksums of its blocks. For `chunk info|verify`, and for making
// replicas equal.
struct InspectChunk {
  static constexpr std::string_view kind = "chunk.inspect";
  static constexpr Roles senders = kAnyClient | kChunkserver;
  struct Reply {
    Version version;  // the last one it was equal to all members in
    Version fence;    // nothing older than this is taken from anybody
    Serial serial;
    std::uint64_t length = 0;
    bool sealed = false, suspect = false, damaged = false;
    std::vector<std::uint32_t> checksums;  // CRC32C per 64 KiB block
    std::vector<std::uint32_t> bad;        // with `verify`: blocks whose bytes do not match
    std::vector<std::uint64_t> hashes;     // with `verify`: XXH3 per block; none if the chunk changed meanwhile
    std::uint32_t records_digest = 0;      // of what is remembered of appends
    Bytes payload;                         // with `records`: those, encoded (chunkserver/append_records.h)
    GFS_FIELDS(version, fence, serial, length, sealed, suspect, damaged, checksums, bad, hashes, records_digest);
  };
  ChunkHandle handle;
  bool verify = false;   // read every byte
  bool records = false;  // with the append records
  GFS_FIELDS(handle, verify, records);
};

// At most 1 MiB. Every block touched is verified before anything is sent.
//   lease_lost: out of touch with the master for so long that others may have its place
//   stale_version: this replica is older than `version`, or not a member · corrupt: a block failed (named; try another)
struct ReadChunk {
  static constexpr std::string_view kind = "chunk.read";
  static constexpr Roles senders = kAnyClient | kChunkserver;
  struct Reply {
    std::vector<std::uint32_t> crcs;  // of the pieces of [offset, offset + payload size)
    std::uint64_t length = 0;         // of the chunk, as far as it is committed; the payload ends there
    Version version;
    bool sealed = false;
    Bytes payload;
    GFS_FIELDS(crcs, length, version, sealed);
  };
  ChunkHandle handle;
  Version version;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  bool stale_ok = false;  // of a replica, too, that has not heard from its master for longer than the lease
  GFS_FIELDS(handle, version, offset, size, stale_ok);
};

// To the primary: forces everything acknowledged so far to every member's disk.
struct SyncChunk {
  static constexpr std::string_view kind = "chunk.sync";
  static constexpr Roles senders = kWriters;
  struct Reply {
    std::uint64_t length = 0;
    GFS_FIELDS(length);
  };
  ChunkHandle handle;
  Version version;
  GFS_FIELDS(handle, version);
};

// How long the chunk is, now. A secondary that is not sure asks the primary.
struct ChunkLength {
  static constexpr std::string_view kind = "chunk.length";
  static constexpr Roles senders = kAnyClient | kMaster;
  struct Reply {
    std::uint64_t length = 0;  // as far as it is committed
    Version version;
    bool sealed = false;
    GFS_FIELDS(length, version, sealed);
  };
  ChunkHandle handle;
  Version version;
  bool stale_ok = false;  // as ReadChunk
  GFS_FIELDS(handle, version, stale_ok);
};

}  // namespace gfs::bus
