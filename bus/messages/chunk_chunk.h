// Chunkserver -> chunkserver: the primary fences, makes equal and configures the members of a version, has them apply
// mutations in serial order, and tells them what is committed.
//
// How a version becomes active (DESIGN: reconcile):
//   PrepareVersion   each member promises to take nothing of an older version, durably, and says what it holds
//   MakeEqual        whoever differs from the most advanced member copies from it what differs
//   AdoptVersion     each member that is equal now holds the version, durably; then it is active
// A new (virgin) chunk is empty everywhere: AdoptVersion alone.
#pragma once

#include "bus/messages/types.h"

namespace gfs::bus {

// What a replica holds, as far as it matters for who is ahead: greater (version, serial) wins.
struct ReplicaState {
  Version version;  // the last one it was equal to all members in; 0: none
  Serial serial;    // applied of that version
  std::uint64_t length = 0;
  bool sealed = false;
  std::uint32_t digest = 0;  // over length, seal, block checksums and append records: equal states, equal digests
  bool suspect = false;      // bytes may have been lost in a power cut
  bool damaged = false;      // a block does not verify
  bool operator==(const ReplicaState&) const = default;
  GFS_FIELDS(version, serial, length, sealed, digest, suspect, damaged);
};

// From the reply on nothing of a version below `version` is applied here. Durable; idempotent.
//   stale_version: a newer promise was made, or the same one to another primary
struct PrepareVersion {
  static constexpr std::string_view kind = "replica.prepare";
  static constexpr Roles senders = kChunkserver;
  struct Reply {
    bool held = false;  // false: nothing of this chunk is here
    ReplicaState state;
    GFS_FIELDS(held, state);
  };
  ChunkHandle handle;
  Version version;
  ServerId primary;  // the sender
  GFS_FIELDS(handle, version, primary);
};

// Copies from `source` every block that differs, its length, seal and append records. Takes effect at once or not at
// all. With `version` it is for a version that was prepared here: the source is fenced, so its state stands still, and
// on success this member's state is the source's. Without (0), a learner's copy ahead of time: what it brings is kept
// aside and counts for nothing until a MakeEqual with a version takes it over.
// Idempotent; a repeat joins the one that runs.
//   stale_version: another version was prepared meanwhile · corrupt: the source's bytes do not verify
struct MakeEqual {
  static constexpr std::string_view kind = "replica.make_equal";
  static constexpr Roles senders = kChunkserver;
  struct Reply {
    ReplicaState state;
    std::uint64_t copied = 0;  // bytes
    GFS_FIELDS(state, copied);
  };
  ChunkHandle handle;
  Version version;
  Member source;
  GFS_FIELDS(handle, version, source);
};

// Holds the version durably from the reply on; serials start at 1. Idempotent: a repeat of the version held answers as
// the first time.
//   stale_version: a newer one is held or prepared · conflict: the state here is not `base`: make it equal first ·
//   not_found: no replica here although the chunk is not virgin
struct AdoptVersion {
  static constexpr std::string_view kind = "replica.adopt";
  static constexpr Roles senders = kChunkserver;
  struct Reply {
    std::uint64_t length = 0;
    GFS_FIELDS(length);
  };
  ChunkHandle handle;
  Version version;
  ServerId primary;     // the sender
  bool virgin = false;  // never active so far: a missing replica is an empty one; `base` is not looked at
  ReplicaState base;
  std::string address;  // of the primary: whom to ask what is committed
  GFS_FIELDS(handle, version, primary, virgin, base, address);
};

// Any bytes held here, verified, whatever the version: for making another replica equal. At most 1 MiB.
struct ReadReplica {
  static constexpr std::string_view kind = "replica.read";
  static constexpr Roles senders = kChunkserver;
  struct Reply {
    std::vector<std::uint32_t> crcs;  // of the pieces
    std::uint64_t length = 0;
    Bytes payload;
    GFS_FIELDS(crcs, length);
  };
  ChunkHandle handle;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  GFS_FIELDS(handle, offset, size);
};

enum class MutationKind : std::uint8_t {
  write = 1,
  append = 2,
  seal = 3,            // nothing more is appended; the length stands
  import_records = 4,  // takes over what the file's previous chunk remembers of appends (payload)
  truncate = 5,        // to `offset` bytes
};

// Applies mutation `serial`. Nothing is written unless version, primary and serial are the expected ones; a serial that
// was applied before answers as it did then. Bytes are the staged fragment `id`, or inline.
//   out_of_order (the message names the one expected) · stale_version · not_primary (the sender is not) · missing_data:
//   the primary repeats the order with payload and crcs filled in (inline)
struct ApplyWrite {
  static constexpr std::string_view kind = "replica.apply";
  static constexpr Roles senders = kChunkserver;
  struct Reply {
    Serial serial;
    std::uint64_t length = 0;
    GFS_FIELDS(serial, length);
  };
  ChunkHandle handle;
  Version version;
  ServerId primary;
  Serial serial;
  Serial committed;  // every serial up to this one is on all members
  RequestId id;
  MutationKind what = MutationKind::write;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::uint32_t digest = 0;
  std::uint32_t count = 0;          // append: records in the batch
  std::uint32_t index = 0;          // append: the chunk's number in its file
  std::int64_t time_ms = 0;         // append, import: the master's time; what is remembered expires by it
  std::vector<std::uint32_t> crcs;  // inline only; of an append: of its pieces from its begin
  Bytes payload;                    // inline only
  GFS_FIELDS(handle, version, primary, serial, committed, id, what, offset, size, digest, count, index, time_ms, crcs);
};

// Several orders to one member, of any chunks, in one message: what a primary orders within one turn travels together.
// Each has its own outcome. The payload is that of the orders that carry bytes, one behind the other.
struct ApplyBatch {
  static constexpr std::string_view kind = "replica.apply_batch";
  static constexpr Roles senders = kChunkserver;
  struct Reply {
    std::vector<std::uint64_t> lengths;  // as in ApplyWrite::Reply, by order
    std::vector<std::uint16_t> codes;    // 0: applied
    std::vector<std::string> texts;      // of the errors
    GFS_FIELDS(lengths, codes, texts);
  };
  std::vector<ApplyWrite> orders;    // at most 64
  std::vector<std::uint32_t> sizes;  // of the bytes each brings; 0: they are staged, or there are none
  Bytes payload;
  GFS_FIELDS(orders, sizes);
};

// Forces everything applied up to `serial` to disk; out_of_order if that has not been applied yet.
struct SyncReplica {
  static constexpr std::string_view kind = "replica.sync";
  static constexpr Roles senders = kChunkserver;
  struct Reply {
    std::uint64_t length = 0;
    GFS_FIELDS(length);
  };
  ChunkHandle handle;
  Version version;
  Serial serial;
  GFS_FIELDS(handle, version, serial);
};

// Cast by the primary when no order follows soon: every serial up to this one is on all members.
struct Committed {
  static constexpr std::string_view kind = "replica.committed";
  static constexpr Roles senders = kChunkserver;
  using Reply = Done;
  ChunkHandle handle;
  Version version;
  Serial serial;
  GFS_FIELDS(handle, version, serial);
};

// To the primary, by a member that has applied more than it knows to be committed and is asked to read it.
//   not_primary, stale_version, lease_lost: as WriteChunk
struct AskCommitted {
  static constexpr std::string_view kind = "replica.ask_committed";
  static constexpr Roles senders = kChunkserver;
  struct Reply {
    Serial serial;
    GFS_FIELDS(serial);
  };
  ChunkHandle handle;
  Version version;
  GFS_FIELDS(handle, version);
};

}  // namespace gfs::bus

MSGPACK_ADD_ENUM(gfs::bus::MutationKind)
