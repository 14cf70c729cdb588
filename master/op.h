// Op: one change of the master's logged state, as it stands in the log.
//
// Whatever a change depends on that is not state (the time, the servers chosen) was decided before and travels inside,
// so that applying the same ops gives the same state on every machine and at every replay.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/id.h"
#include "base/result.h"
#include "bus/fields.h"
#include "bus/messages/client_repair.h"
#include "bus/messages/types.h"

namespace gfs::master {

struct CreateFileOp {
  std::string path;
  std::uint32_t replicas = 0;
  bool unasked = false;  // `replicas` is the cluster's default: a directory's rule comes first
  GFS_FIELDS(path, replicas, unasked);
};
struct MakeDirectoryOp {
  std::string path;
  bool parents = false;
  GFS_FIELDS(path, parents);
};
struct RenameOp {
  std::string source, target;
  bool replace = false;
  GFS_FIELDS(source, target, replace);
};
struct RemoveOp {
  std::string path;
  bool recursive = false;
  WallMs keep = 0;  // so long in the trash, if no directory's rule says otherwise; 0: not at all, whatever it says
  GFS_FIELDS(path, recursive, keep);
};
struct SetSizeOp {
  InodeId inode;
  std::uint64_t size = 0;
  GFS_FIELDS(inode, size);
};
// Gives the file a chunk at the index, if it has none; else the handle is not used.
struct AllocateChunkOp {
  InodeId inode;
  std::uint32_t index = 0;
  ChunkHandle handle;
  std::vector<ServerId> members;
  ServerId primary;
  GFS_FIELDS(inode, index, handle, members, primary);
};
// Compare-and-swap: only if the chunk still has version `from`; the new one is from + 1.
struct ReconfigureOp {
  ChunkHandle handle;
  Version from;
  std::vector<ServerId> members;
  ServerId primary;
  std::vector<ServerId> joining;  // of the members: they do not hold the chunk yet
  bool salvage = false;           // all that is left is suspect: it counts, for want of better
  bus::AckMode ack = bus::AckMode::all;
  std::vector<ServerId> over;  // those who could still acknowledge alone, and whose sessions are certainly over
  GFS_FIELDS(handle, from, members, primary, joining, salvage, ack, over);
};
// The configuration has been active on all its members: it is no longer virgin, nobody is joining or suspect, and
// whichever of them acknowledged alone before has promised not to go on. Logged for every version before anybody is
// told where to write in it.
struct ActivateOp {
  ChunkHandle handle;
  Version version;
  GFS_FIELDS(handle, version);
};
// A server that is known from now on, or its new addresses.
struct AddServerOp {
  ServerId server;
  std::string control, data, rack;
  GFS_FIELDS(server, control, data, rack);
};

// The seal is on every member of the version. Only if that is still the chunk's.
struct SealChunkOp {
  ChunkHandle handle;
  Version version;
  std::uint64_t length = 0;
  GFS_FIELDS(handle, version, length);
};
// For the configurations to come; those that are there follow one by one.
struct SetPolicyOp {
  std::string path;
  bus::AckMode ack = bus::AckMode::all;
  GFS_FIELDS(path, ack);
};
// Its primary takes nothing more in this version.
struct EndedChunk {
  ChunkHandle handle;
  Version version;
  GFS_FIELDS(handle, version);
};
// Sets the size and drops the chunks behind it. The chunk that the new end lies in was cut by its primary before, in
// `version`, and all that are dropped were ended: conflict if one of them is another chunk or version by now (what it
// acknowledged there would be lost), or if the path names another file.
struct TruncateOp {
  std::string path;
  InodeId inode;
  std::uint64_t size = 0;
  ChunkHandle cut;  // 0: no chunk is there
  Version version;
  std::vector<EndedChunk> ended;
  bool partly = false;  // one step of a long way: the file does not become longer, and its end lies between two chunks
  GFS_FIELDS(path, inode, size, cut, version, ended, partly);
};
// The client repeats nothing any more: what is remembered of it goes.
struct CloseClientOp {
  ClientId client;
  GFS_FIELDS(client);
};
// The file takes appends from now on: every chunk that gets a successor is sealed first.
struct MarkAppendOp {
  InodeId inode;
  GFS_FIELDS(inode);
};

struct RestoreOp {
  InodeId item;  // of the trash
  std::string path;
  bool parents = false;
  GFS_FIELDS(item, path, parents);
};
// These cannot be had back any more.
struct ExpireOp {
  std::vector<InodeId> items;
  GFS_FIELDS(items);
};
// Takes so many names or chunks off what is in the trash and whose time is over.
struct PurgeOp {
  std::uint32_t limit = 0;
  GFS_FIELDS(limit);
};
struct SetDirectoryPolicyOp {
  std::string path;
  bus::Policy policy;  // what changes of it
  GFS_FIELDS(path, policy);
};
// The file's goal from now on, and that of its chunks [first, first + count). conflict if the path names another file.
struct SetReplicasOp {
  std::string path;
  InodeId inode;
  std::uint32_t replicas = 0;
  std::uint32_t first = 0, count = 0;
  GFS_FIELDS(path, inode, replicas, first, count);
};
// What follows is of this log epoch: the directory was restored from a copy, or its log was cut, and somebody said that
// it counts from now on (master/epoch.h).
struct BeginEpochOp {
  std::uint64_t epoch = 0;
  GFS_FIELDS(epoch);
};
// A chunk of an older epoch, as servers hold it: compare-and-swap on the version, as a reconfiguration. `version` is of
// this epoch.
struct RestoreChunkOp {
  ChunkHandle handle;
  Version from, version;
  Version held;                   // the newest that was reported, and ...
  std::vector<ServerId> members;  // ... by whom. Empty: nobody holds a newer one, the members stay as they are
  ServerId primary;
  GFS_FIELDS(handle, from, version, held, members, primary);
};

// A copy of a tree that shares its chunks: at a path, or `named` as a read-only snapshot. `frozen`: the digest that
// MasterState::tree_chunks() gave when all of them had been frozen; conflict if it is another by now. Chunks that
// nobody ever wrote to are left out.
struct SnapshotOp {
  std::string source, target;
  bool named = false;
  std::uint64_t frozen = 0;
  GFS_FIELDS(source, target, named, frozen);
};
struct RemoveSnapshotOp {
  std::string name;
  GFS_FIELDS(name);
};
// The handle is for a copy that servers are about to make.
struct ReserveHandleOp {
  ChunkHandle handle;
  GFS_FIELDS(handle);
};
// The file has its own copy of a chunk that it shared, in version 1 on these members. conflict if it does not have that
// one there any more, or has had it alone since it was copied: `frozen` is another version then.
struct ReplaceChunkOp {
  InodeId inode;
  std::uint32_t index = 0;
  ChunkHandle shared;
  Version frozen;
  ChunkHandle handle;
  std::vector<ServerId> members;
  ServerId primary;
  GFS_FIELDS(inode, index, shared, frozen, handle, members, primary);
};
// The file is the last one that has the chunk: it is its own from now on. Nothing happens if that is not so.
struct ClaimChunkOp {
  InodeId inode;
  std::uint32_t index = 0;
  GFS_FIELDS(inode, index);
};

// An operator's word about a server (bus::MarkServer). `until`: of maint, by the master's time.
struct MarkServerOp {
  ServerId server;
  bus::ServerMark mark = bus::ServerMark::none;
  WallMs until = 0;
  ServerId successor;
  GFS_FIELDS(server, mark, until, successor);
};
// No chunk counts on it.
struct ForgetServerOp {
  ServerId server;
  GFS_FIELDS(server);
};
// As in bus::SetRepair.
struct SetRepairOp {
  std::int64_t paused = 0, per_server = 0, per_cluster = 0, balance = bus::SetRepair::kKeep;
  GFS_FIELDS(paused, per_server, per_cluster, balance);
};

struct OpHeader {
  RequestId request;         // whose outcome this is; nil: the master's own
  std::uint32_t digest = 0;  // of what was asked: a repeat must have the same
  WallMs time = 0;
  GFS_FIELDS(request, digest, time);
};

// The position in the variant is the kind byte in the log: append, never reorder.
using OpBody = std::variant<CreateFileOp, MakeDirectoryOp, RenameOp, RemoveOp, SetSizeOp, AllocateChunkOp,
                            ReconfigureOp, ActivateOp, AddServerOp, SealChunkOp, SetPolicyOp, TruncateOp, CloseClientOp,
                            MarkAppendOp, RestoreOp, ExpireOp, PurgeOp, SetDirectoryPolicyOp, SetReplicasOp,
                            BeginEpochOp, RestoreChunkOp, SnapshotOp, RemoveSnapshotOp, ReserveHandleOp, ReplaceChunkOp,
                            ClaimChunkOp, MarkServerOp, ForgetServerOp, SetRepairOp>;

struct Op {
  OpHeader header;
  OpBody body;
};

// Never 0.
std::uint32_t digest_of(const OpBody& body);
// {kind u8, header size u16, header, body}; header and body are msgpack maps. Fills in the body's digest if there is
// none.
std::string encode_op(Op& op);
// malformed for anything that encode_op does not give.
Result<Op> decode_op(const Bytes& bytes);

// "create", "reconfigure", ...
std::string_view name_of(const OpBody& body);
// The op's body as it stands in the log: a msgpack map. Of bytes that decode_op() takes.
Bytes body_bytes(const Bytes& bytes);

}  // namespace gfs::master
