// Random ops for a master's state: most of them possible, some not, some repeats.
#pragma once

#include "base/random.h"
#include "master/op.h"
#include "master/state.h"

namespace gfs::master {

class RandomOps {
 public:
  explicit RandomOps(std::uint64_t seed) : random_(seed) {}

  // Its place in the log is the caller's business.
  Op next(const MasterState& state) {
    time_ += random_.below(2000);
    Op op{{request(), 0, time_}, body(state)};
    (void)encode_op(op);
    return op;
  }

 private:
  RequestId request() {
    if (random_.chance(0.2)) return {};
    RequestId id;
    id.client.bytes[0] = static_cast<std::uint8_t>(1 + random_.below(6));
    id.sequence = random_.chance(0.05) ? random_.between(1, last_sequence_ + 1) : ++last_sequence_;
    return id;
  }
  std::string path() {
    std::string path;
    for (std::uint64_t depth = random_.between(1, 3); depth > 0; --depth)
      path += "/n" + std::to_string(random_.below(12));
    return path;
  }
  ServerId server() {
    ServerId id;
    id.bytes[0] = static_cast<std::uint8_t>(1 + random_.below(6));
    return id;
  }
  std::vector<ServerId> servers(std::uint64_t count) {
    std::vector<ServerId> all;
    while (all.size() < count) {
      ServerId one = server();
      if (std::find(all.begin(), all.end(), one) == all.end()) all.push_back(one);
    }
    return all;
  }
  InodeId file(const MasterState& state) {
    for (int tries = 0; tries < 20; ++tries) {
      const InodeId id{random_.between(1, state.names().last_inode().value)};
      const Inode* inode = state.names().inode(id);
      if (inode != nullptr && inode->type == FileType::file) return id;
    }
    return InodeId{1};
  }
  InodeId item(const MasterState& state) {
    InodeId found{random_.below(100)};
    const std::uint64_t steps = random_.below(4);
    std::uint64_t seen = 0;
    state.names().trash().walk(0, {}, [&](const TrashItem& one) {
      found = one.inode;
      return seen++ < steps;
    });
    return found;
  }
  std::string snapshot() { return "s" + std::to_string(random_.below(5)); }
  // Where a file has a chunk that was not made for it; or anywhere.
  std::pair<InodeId, std::uint32_t> borrowed(const MasterState& state) {
    std::pair<InodeId, std::uint32_t> place{file(state), static_cast<std::uint32_t>(random_.below(6))};
    const std::uint64_t steps = random_.below(8);
    std::uint64_t seen = 0;
    state.chunks().walk_borrowed([&](InodeId inode, std::uint32_t index, ChunkHandle) {
      place = {inode, index};
      return seen++ < steps;
    });
    return place;
  }
  std::int64_t rule(std::int64_t most) {
    return random_.chance(0.3) ? bus::Policy::kKeep : random_.between(0, static_cast<std::uint64_t>(most) + 1) - 1;
  }
  ChunkHandle chunk(const MasterState& state) { return ChunkHandle{random_.between(1, state.last_handle().value + 1)}; }

  OpBody body(const MasterState& state) {
    switch (random_.below(29)) {
      case 0:
      case 1:
      case 2:
        return CreateFileOp{path(), 3, random_.chance(0.8)};
      case 3:
        return MakeDirectoryOp{path(), random_.chance(0.7)};
      case 4:
        return RenameOp{path(), path(), random_.chance(0.5)};
      case 5:
        return RemoveOp{path(), random_.chance(0.5), random_.pick(std::vector<WallMs>{0, 1000, 100000})};
      case 13:
        return RestoreOp{item(state), path(), random_.chance(0.5)};
      case 14:
        return ExpireOp{{item(state), InodeId{random_.below(100)}}};
      case 15:
        return PurgeOp{static_cast<std::uint32_t>(random_.between(1, 4))};
      case 16: {
        const bus::Policy policy{rule(8), rule(3), rule(2), rule(5000), rule(30), rule(1 << 22)};
        return SetDirectoryPolicyOp{path(), policy};
      }
      case 17: {
        const std::string where = path();
        const Result<InodeId> there = state.names().find(where);
        return SetReplicasOp{where, there ? *there : file(state), static_cast<std::uint32_t>(random_.between(1, 8)),
                             static_cast<std::uint32_t>(random_.below(3)), 4};
      }
      case 6:
        return SetSizeOp{file(state), random_.chance(0.1) ? ~random_.below(1 << 20) : random_.below(1 << 20)};
      case 7:
      case 8: {
        const std::vector<ServerId> members = servers(3);
        return AllocateChunkOp{file(state), static_cast<std::uint32_t>(random_.below(6)),
                               ChunkHandle{state.last_handle().value + 1}, members, members[0]};
      }
      case 9: {
        const ChunkHandle handle = chunk(state);
        const auto found = state.chunks().find(handle);
        const std::vector<ServerId> members = servers(random_.between(1, 4));
        ReconfigureOp op{handle, found ? found->configuration.version : Version{1}, members, members[0]};
        if (random_.chance(0.3)) op.joining = {members.back()};
        op.salvage = random_.chance(0.1);
        op.ack = random_.chance(0.3) ? bus::AckMode::primary : bus::AckMode::all;
        return op;
      }
      case 10: {
        const ChunkHandle handle = chunk(state);
        const auto found = state.chunks().find(handle);
        return ActivateOp{handle, found ? found->configuration.version : Version{1}};
      }
      case 11: {
        const ChunkHandle handle = chunk(state);
        const auto found = state.chunks().find(handle);
        return SealChunkOp{handle, found ? found->configuration.version : Version{1}, random_.below(1 << 20)};
      }
      case 12: {
        const ChunkHandle handle = chunk(state);
        const auto found = state.chunks().find(handle);
        const Version from = found ? found->configuration.version : Version{1};
        const std::vector<ServerId> members = servers(random_.between(0, 3));
        return RestoreChunkOp{handle, from,    Version{from.value + random_.below(3)},
                              from,   members, members.empty() ? ServerId{} : members[0]};
      }
      case 18:
        return AddServerOp{server(), "tcp://c", "tcp://d", "r" + std::to_string(random_.below(3))};
      case 20: {
        SnapshotOp op{random_.chance(0.1) ? "/" : path(), path(), random_.chance(0.6), 0};
        if (op.named) op.target = snapshot();
        const Result<InodeId> head = state.names().find(op.source);
        if (head && random_.chance(0.9)) op.frozen = state.tree_chunks(*head)->digest;
        return op;
      }
      case 21:
        if (random_.chance(0.5)) return RenameOp{"/.snapshots/" + snapshot() + path(), path(), false};
        return RemoveSnapshotOp{snapshot()};
      case 22:
        return ReserveHandleOp{ChunkHandle{state.last_handle().value + random_.below(3)}};
      case 23:
      case 24: {
        const auto [inode, index] = borrowed(state);
        const std::vector<ServerId> members = servers(3);
        const ChunkHandle shared = state.chunks().at(inode, index);
        const std::optional<Chunk> chunk = state.chunks().find(shared);
        return ReplaceChunkOp{inode,   index,     shared, chunk ? chunk->frozen : Version{}, state.last_handle(),
                              members, members[0]};
      }
      case 25: {
        const auto [inode, index] = borrowed(state);
        return ClaimChunkOp{inode, index};
      }
      case 26:
        return MarkServerOp{server(), static_cast<bus::ServerMark>(random_.below(4)),
                            static_cast<WallMs>(random_.below(100000)), random_.chance(0.2) ? server() : ServerId{}};
      case 27:
        return ForgetServerOp{server()};
      case 28:
        return SetRepairOp{static_cast<std::int64_t>(random_.below(5)) - 2, rule(5000), rule(5000), rule(2)};
      default:
        return SetPolicyOp{path(), random_.chance(0.5) ? bus::AckMode::primary : bus::AckMode::all};
    }
  }

  Random random_;
  WallMs time_ = 1000;
  std::uint64_t last_sequence_ = 0;
};

}  // namespace gfs::master
