// MasterState: what ops do to the trash, to rules of directories and to goals.
#include <algorithm>

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
  for (InodeId item : op.items) decision.files += namespace_.expire(item);
  return decision;
}

Decision MasterState::run(const PurgeOp& op, WallMs now) {
  Decision decision;
  const std::optional<TrashItem> item = namespace_.trash().find(op.item);
  if (!item) return decision;
  if (item->until > std::max(now, Trash::kNow))
    return refusal(Code::conflict, fmt::format("{} is kept in the trash", item->path));
  for (std::uint64_t done = 0; done < op.limit; ++done) {
    const InodeId leaf = namespace_.leaf_of(op.item);
    const bool is_file = namespace_.inode(leaf)->type == FileType::file;
    if (is_file) {
      const std::vector<ChunkHandle> chunks = chunks_.range(leaf, 0, kChunksMax);
      if (chunks.size() > op.limit - done) {
        drop_chunks(leaf, chunks_.find(chunks[chunks.size() - (op.limit - done)])->index);
        namespace_.change(leaf)->chunks = chunks_.end(leaf);
        return decision;
      }
      drop_chunks(leaf, 0);
      done += chunks.size();
    }
    (is_file ? decision.files : decision.directories) += 1;
    namespace_.erase_leaf(leaf, op.item);
    if (leaf == op.item) return decision;
  }
  return decision;
}

Decision MasterState::run(const SetDirectoryPolicyOp& op, WallMs) {
  Result<InodeId> directory = namespace_.find(op.path);
  if (!directory) return refusal(std::move(directory).error());
  Result<> changed = namespace_.change_policy(*directory, op.policy);
  if (!changed) return refusal(std::move(changed).error());
  return {};
}

Decision MasterState::run(const SetReplicasOp& op, WallMs) {
  Result<InodeId> file = namespace_.find(op.path);
  if (!file) return refusal(std::move(file).error());
  Result<> there = is_file(*file);
  if (!there) return refusal(std::move(there).error());
  if (*file != op.inode) return refusal(Code::conflict, fmt::format("{} is another file by now", op.path));
  namespace_.change(op.inode)->replicas = static_cast<std::uint8_t>(op.replicas);
  for (ChunkHandle handle : chunks_.range(op.inode, op.first, op.count)) chunks_.set_goal(handle, op.replicas);
  Decision decision;
  decision.info = info(op.inode, {});
  return decision;
}

}  // namespace gfs::master
