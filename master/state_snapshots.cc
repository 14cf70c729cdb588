// MasterState, fourth part: copies of trees that share chunks, and the end of sharing.
#include <algorithm>
#include <array>

#include "base/hash64.h"
#include "master/little_endian.h"
#include "master/state.h"

namespace gfs::master {

Result<> MasterState::foresee(const SnapshotOp& op) const {
  return namespace_.check_copy(op.source, op.target, op.named);
}

Result<MasterState::TreeChunks> MasterState::tree_chunks(InodeId head) const {
  TreeChunks tree;
  tree.files = namespace_.files_below(head);
  const bool still = namespace_.is_in_snapshot(head);
  bool too_many = false;
  std::string one;
  for (std::size_t number = 0; number < tree.files.size() && !too_many; ++number) {
    chunks_.walk_file(tree.files[number], 0, [&](std::uint32_t index, ChunkHandle handle) {
      const Chunk chunk = *chunks_.find(handle);
      if (chunk.configuration.virgin) {  // nothing is in it
        tree.virgins.push_back(handle);
        return true;
      }
      tree.chunks.push_back({number, index, handle});
      too_many = tree.chunks.size() > kSharedAtOnce;
      if (still || chunk.shared()) return !too_many;  // frozen already
      tree.unfrozen.push_back(handle);
      one.clear();
      put(one, tree.digest);
      put(one, tree.files[number].value);
      put(one, index);
      put(one, handle.value);
      put(one, chunk.configuration.version.value);
      tree.digest = hash64(one.data(), one.size());
      return !too_many;
    });
  }
  if (too_many) return fail(Code::too_large, "a tree of more than {} chunks cannot be copied at once", kSharedAtOnce);
  return tree;
}

Decision MasterState::run(const SnapshotOp& op, WallMs now) {
  Result<> possible = foresee(op);
  if (!possible) return refusal(std::move(possible).error());
  Result<TreeChunks> tree = tree_chunks(*namespace_.find(op.source));
  if (!tree) return refusal(std::move(tree).error());
  if (tree->digest != op.frozen)
    return refusal(Code::conflict, fmt::format("{}: a chunk of it changed after it was frozen", op.source));
  Result<Namespace::Copied> copied = namespace_.copy(op.source, op.target, op.named, now);
  if (!copied) return refusal(std::move(copied).error());
  for (InodeId copy : copied->files) namespace_.change(copy)->chunks = 0;
  for (const TreeChunks::Place& place : tree->chunks) {
    const InodeId copy = copied->files[place.file];
    chunks_.share(place.handle, copy);
    namespace_.change(copy)->chunks = place.index + 1;
  }
  Decision decision;
  decision.info = info(copied->head, {});
  decision.files = copied->what.files;
  decision.directories = copied->what.directories;
  return decision;
}

Decision MasterState::run(const RemoveSnapshotOp& op, WallMs now) {
  Result<Namespace::Removed> removed = namespace_.remove_snapshot(op.name, now);
  if (!removed) return refusal(std::move(removed).error());
  for (InodeId gone : removed->files) (void)drop_chunks(gone, 0);
  Decision decision;
  decision.files = removed->what.files;
  decision.directories = removed->what.directories;
  return decision;
}

Decision MasterState::run(const ReserveHandleOp& op, WallMs) {
  if (op.handle <= last_handle_) return refusal(Code::conflict, fmt::format("handle {} was given before", op.handle));
  Decision decision;
  last_handle_ = decision.handle = op.handle;
  return decision;
}

Decision MasterState::run(const ReplaceChunkOp& op, WallMs) {
  Result<> there = is_changeable_file(op.inode);
  if (!there) return refusal(std::move(there).error());
  const std::optional<Chunk> shared = chunks_.find(op.shared);
  const bool as_expected =
      shared && shared->shared() && shared->frozen == op.frozen && chunks_.at(op.inode, op.index) == op.shared;
  if (!as_expected || op.handle > last_handle_ || chunks_.has(op.handle) || op.members.empty()) {
    return refusal(Code::conflict,
                   fmt::format("chunk {} of file {} is not shared chunk {} any more", op.index, op.inode, op.shared));
  }
  const Inode& inode = *namespace_.inode(op.inode);
  // All of them hold the first version; nobody writes before the second one is active.
  Configuration first{.version = {2}, .members = op.members, .primary = op.primary, .virgin = false, .ack = inode.ack};
  first.settled = {1};
  first.settled_members = op.members;
  if (first.ack == bus::AckMode::primary) first.lone.push_back(op.primary);
  Chunk own{op.inode, op.index, inode.replicas, std::move(first)};
  own.sealed = shared->sealed;
  own.sealed_length = shared->sealed_length;
  chunks_.replace(op.shared, op.handle, own);
  Decision decision;
  decision.handle = op.handle;
  return decision;
}

Decision MasterState::run(const ClaimChunkOp& op, WallMs) {
  const ChunkHandle handle = chunks_.at(op.inode, op.index);
  const std::optional<Chunk> chunk = handle.value != 0 ? chunks_.find(handle) : std::nullopt;
  if (chunk && !chunk->shared()) chunks_.claim(handle, op.inode, namespace_.inode(op.inode)->replicas);
  return {};
}

}  // namespace gfs::master
