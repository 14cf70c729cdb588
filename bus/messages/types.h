// What several conversations speak of, and how ids are packed (as unsigned integers and 16-byte binaries).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/id.h"
#include "bus/fields.h"

namespace gfs::bus {

// Who may send a message: named by each declaration (`senders`), checked by the receiving endpoint.
// Until keys arrive a node says its own role in the envelope; with them it comes from its key.
using Roles = std::uint8_t;
// A shadow (kShadow) follows the master and may do nothing else: it is no master for chunkservers.
enum Role : Roles { kMaster = 1, kChunkserver = 2, kClient = 4, kReader = 8, kAdmin = 16, kShadow = 32 };
inline constexpr Roles kAnyClient = kClient | kReader | kAdmin;
inline constexpr Roles kWriters = kClient | kAdmin;
inline constexpr Roles kEverybody = kMaster | kChunkserver | kClient | kReader | kAdmin | kShadow;

// A reply that says nothing but "done".
struct Done {
  template <class Packer>
  void msgpack_pack(Packer& packer) const {
    packer.pack_map(0);
  }
  void msgpack_unpack(const msgpack::object& object) const {
    if (object.type != msgpack::type::MAP) throw msgpack::type_error();
  }
};

enum class FileType : std::uint8_t { file = 1, directory = 2 };

// When a mutation is acknowledged.
enum class AckMode : std::uint8_t {
  all = 1,      // every member has applied it
  primary = 2,  // the primary has; the others follow in order. What only the primary has may be lost with it
};

// Rules of a directory for what is below it. Each: its value, kInherit (none of its own), or, where rules are changed,
// kKeep (as it is).
struct Policy {
  static constexpr std::int64_t kInherit = -1;
  static constexpr std::int64_t kKeep = -2;
  std::int64_t replicas = kInherit;             // of new files
  std::int64_t minimum_for_writing = kInherit;  // members of a chunk
  std::int64_t ack = kInherit;                  // of new files: an AckMode
  std::int64_t trash_ms = kInherit;             // what is removed is kept so long; 0: not at all
  std::int64_t quota_files = kInherit;          // files and directories; without: no quota
  std::int64_t quota_bytes = kInherit;          // as of the files' last fsync or close
  bool operator==(const Policy&) const = default;
  GFS_FIELDS(replicas, minimum_for_writing, ack, trash_ms, quota_files, quota_bytes);
};

struct FileInfo {
  std::string path;
  FileType type = FileType::file;
  std::uint64_t size = 0;      // of a file that is being written: as of its last fsync or close
  std::uint32_t replicas = 0;  // goal; 0 for directories
  std::uint32_t chunks = 0;
  std::int64_t mtime_ms = 0;
  InodeId inode;
  AckMode ack = AckMode::all;
  GFS_FIELDS(path, type, size, replicas, chunks, mtime_ms, inode, ack);
};

// A chunkserver as others reach it.
struct Member {
  ServerId server;
  std::string control;  // address of its ROUTER
  std::string data;     // address of its PULL
  std::string rack;
  bool up = true;  // heartbeat not overdue, as the master sees it
  GFS_FIELDS(server, control, data, rack, up);
};

// One chunk of a file and who holds it.
struct ChunkLayout {
  std::uint32_t index = 0;  // chunk number in the file
  ChunkHandle handle;
  Version version;
  std::vector<Member> members;
  ServerId primary;          // nil: none at the moment
  bool sealed = false;       // it takes no more appends ...
  std::uint64_t length = 0;  // ... and is so long; what lies behind it in the chunk's range is a gap
  GFS_FIELDS(index, handle, version, members, primary, sealed, length);
};

// How a disk of a chunkserver is; the worst that holds.
enum class DiskState : std::uint8_t {
  ok = 1,
  slow = 2,       // its syncs take much longer than they used to: new chunks go elsewhere if they can
  read_only = 3,  // takes no new chunks and no mutations: mounted so, or it had too many errors
  failed = 4,     // gone: nothing of it is held
};

// One data directory of a chunkserver, in its own words.
struct DiskInfo {
  std::string name;  // the directory as the server was given it
  DiskId disk;       // nil: never seen in the life of this process
  DiskState state = DiskState::ok;
  bool full = false;   // it said so, or has no more than its reserve
  std::string reason;  // why it is not ok, or full
  std::uint64_t capacity = 0, used = 0, free = 0, chunks = 0;
  std::uint64_t errors = 0;  // of reading, writing and syncing, in the life of this process
  GFS_FIELDS(name, disk, state, full, reason, capacity, used, free, chunks, errors);
};

}  // namespace gfs::bus

MSGPACK_ADD_ENUM(gfs::bus::FileType)
MSGPACK_ADD_ENUM(gfs::bus::AckMode)
MSGPACK_ADD_ENUM(gfs::bus::DiskState)

namespace msgpack {
MSGPACK_API_VERSION_NAMESPACE(MSGPACK_DEFAULT_API_NS) {
  namespace adaptor {

  template <class Tag>
  struct convert<gfs::Number<Tag>> {
    const msgpack::object& operator()(const msgpack::object& o, gfs::Number<Tag>& v) const {
      v.value = o.as<std::uint64_t>();
      return o;
    }
  };
  template <class Tag>
  struct pack<gfs::Number<Tag>> {
    template <class Stream>
    packer<Stream>& operator()(packer<Stream>& o, const gfs::Number<Tag>& v) const {
      return o.pack(v.value);
    }
  };
  template <class Tag>
  struct convert<gfs::Uuid<Tag>> {
    const msgpack::object& operator()(const msgpack::object& o, gfs::Uuid<Tag>& v) const {
      if (o.type != msgpack::type::BIN || o.via.bin.size != 16) throw msgpack::type_error();
      for (std::size_t i = 0; i < 16; ++i) v.bytes[i] = static_cast<std::uint8_t>(o.via.bin.ptr[i]);
      return o;
    }
  };
  template <class Tag>
  struct pack<gfs::Uuid<Tag>> {
    template <class Stream>
    packer<Stream>& operator()(packer<Stream>& o, const gfs::Uuid<Tag>& v) const {
      o.pack_bin(16);
      return o.pack_bin_body(reinterpret_cast<const char*>(v.bytes.data()), 16);
    }
  };
  template <>
  struct convert<gfs::RequestId> {
    const msgpack::object& operator()(const msgpack::object& o, gfs::RequestId& v) const {
      if (o.type != msgpack::type::ARRAY || o.via.array.size != 2) throw msgpack::type_error();
      o.via.array.ptr[0].convert(v.client);
      o.via.array.ptr[1].convert(v.sequence);
      return o;
    }
  };
  template <>
  struct pack<gfs::RequestId> {
    template <class Stream>
    packer<Stream>& operator()(packer<Stream>& o, const gfs::RequestId& v) const {
      o.pack_array(2);
      o.pack(v.client);
      o.pack(v.sequence);
      return o;
    }
  };

  }  // namespace adaptor
}
}  // namespace msgpack
