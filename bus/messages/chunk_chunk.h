// Primary -> secondary: adopt a version, apply mutations in serial order, sync.
#pragma once

#include "bus/messages/types.h"

namespace gfs::bus {

// Adopts a version durably: from the reply on, everything of an older version is refused (the fence). Idempotent: a
// repeat of the version held answers as the first time. The serials of the new version start at 1.
//   stale_version: a newer one is held · not_found: no replica here although the chunk is not virgin
struct AdoptVersion {
  static constexpr std::string_view kind = "replica.adopt";
  static constexpr Roles senders = kChunkserver;
  struct Reply {
    std::uint64_t length = 0;
    MSGPACK_DEFINE_MAP(length);
  };
  ChunkHandle handle;
  Version version;
  ServerId primary;  // the sender
  bool virgin = false;  // never active so far: a missing replica is an empty one
  MSGPACK_DEFINE_MAP(handle, version, primary, virgin);
};

// Applies the staged fragment `id` as mutation `serial`. Nothing is written unless version, primary and serial are the
// expected ones; a serial that was applied before answers as it did then.
//   out_of_order (the message names the one expected) · stale_version · not_primary (the sender is not) · missing_data:
//   the primary repeats the order with payload and crcs filled in (inline)
struct ApplyWrite {
  static constexpr std::string_view kind = "replica.apply";
  static constexpr Roles senders = kChunkserver;
  struct Reply {
    Serial serial;
    std::uint64_t length = 0;
    MSGPACK_DEFINE_MAP(serial, length);
  };
  ChunkHandle handle;
  Version version;
  ServerId primary;
  Serial serial;
  Serial committed;  // every serial up to this one is on all members
  RequestId id;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::uint32_t digest = 0;
  std::vector<std::uint32_t> crcs;  // inline only
  Bytes payload;                    // inline only
  MSGPACK_DEFINE_MAP(handle, version, primary, serial, committed, id, offset, size, digest, crcs);
};

// Forces everything applied up to `serial` to disk; out_of_order if that has not been applied yet.
struct SyncReplica {
  static constexpr std::string_view kind = "replica.sync";
  static constexpr Roles senders = kChunkserver;
  struct Reply {
    std::uint64_t length = 0;
    MSGPACK_DEFINE_MAP(length);
  };
  ChunkHandle handle;
  Version version;
  Serial serial;
  MSGPACK_DEFINE_MAP(handle, version, serial);
};

}  // namespace gfs::bus
