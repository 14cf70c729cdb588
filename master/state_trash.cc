// MasterState: what ops do to the trash, to rules of directories and to goals.
#include <algorithm>
#include <set>

#include "master/state.h"

namespace gfs::master {

Decision MasterState::run(const RestoreOp& op, WallMs now) {
  Result<InodeId> restored = namespace_.restore(op.item, op.path, op.parents, now);
  if (!restored) return refusal(std::move(restored).error());
  Decision decision;
  decision.info = info(*restored, {});
  return decision;
}

Decision MasterState::run(const ExpireOp& op, WallMs) {
  Decision decision;
  for (InodeId item : std::set<InodeId>(op.items.begin(), op.items.end())) decision.files += namespace_.expire(item);
  return decision;
}

// A leaf costs more the deeper it is, as everybody above it is told.
Decision MasterState::run(const PurgeOp& op, WallMs now) {
  constexpr std::uint64_t kLevelsForOne = 8;
  Decision decision;
  std::uint64_t done = 0;
  while (done < op.limit) {
    const std::optional<TrashItem> item = namespace_.trash().first();
    if (!item || item->until > std::max(now, Trash::kNow)) break;
    InodeId at = item->inode;
    for (bool whole = false; !whole && done < op.limit;) {
      const InodeId leaf = namespace_.leaf_of(at);
      const Inode found = *namespace_.inode(leaf);
      const bool is_file = found.type == FileType::file;
      if (is_file) {
        const std::uint32_t end = chunks_.end(leaf);
        const std::uint64_t left = op.limit - done;
        const std::uint32_t first = end > left ? static_cast<std::uint32_t>(end - left) : 0;
        done += drop_chunks(leaf, first);
        namespace_.change(leaf)->chunks = chunks_.end(leaf);
        if (first > 0) {
          ++done;
          continue;
        }
      }
      (is_file ? decision.files : decision.directories) += 1;
      whole = leaf == item->inode;
      done += 1 + namespace_.erase_leaf(leaf, item->inode) / kLevelsForOne;
      if (!whole) at = found.parent;
    }
  }
  return decision;
}

Decision MasterState::run(const SetDirectoryPolicyOp& op, WallMs) {
  Result<InodeId> directory = namespace_.find(op.path);
  if (!directory) return refusal(std::move(directory).error());
  // The directory of all snapshots may have quotas.
  if (*directory != namespace_.snapshots().directory()) {
    Result<> changeable = namespace_.check_changeable(*directory);
    if (!changeable) return refusal(std::move(changeable).error());
  }
  Result<> changed = namespace_.change_policy(*directory, op.policy);
  if (!changed) return refusal(std::move(changed).error());
  return {};
}

Decision MasterState::run(const SetReplicasOp& op, WallMs) {
  Result<InodeId> file = namespace_.find(op.path);
  if (!file) return refusal(std::move(file).error());
  Result<> there = is_changeable_file(*file);
  if (!there) return refusal(std::move(there).error());
  if (*file != op.inode) return refusal(Code::conflict, fmt::format("{} is another file by now", op.path));
  namespace_.change(op.inode)->replicas = static_cast<std::uint8_t>(op.replicas);
  for (ChunkHandle handle : chunks_.range(op.inode, op.first, op.count)) {
    const Chunk chunk = *chunks_.find(handle);
    // Others who have it may want as many as before.
    if (!chunk.shared() || chunk.goal < op.replicas) chunks_.set_goal(handle, op.replicas);
  }
  Decision decision;
  decision.info = info(op.inode, {});
  return decision;
}

}  // namespace gfs::master
