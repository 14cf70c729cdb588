// MasterState's second half: what ops do to chunks and to the files they belong to.
#include <algorithm>
#include <map>

#include "master/state.h"

namespace gfs::master {

Decision MasterState::run(const AllocateChunkOp& op, WallMs) {
  Result<> there = is_changeable_file(op.inode);
  if (!there) return refusal(std::move(there).error());
  if (two_successors_) (void)drop_chunks(op.inode, op.index);
  Decision decision;
  decision.handle = chunks_.at(op.inode, op.index);
  if (decision.handle.value != 0) return decision;  // somebody was faster: that one counts
  if (op.handle <= last_handle_) return refusal(Code::conflict, fmt::format("handle {} was given before", op.handle));
  Inode* inode = namespace_.change(op.inode);
  // The file will be so long at least, though it is told later.
  const std::uint64_t size = std::max(inode->size, op.index * chunk_size_ + 1);
  Result<> room =
      namespace_.check_quota(inode->parent, {.bytes = std::max(size, inode->size + 1)}, {.bytes = inode->size});
  if (!room) return refusal(std::move(room).error());
  const std::uint32_t end = chunks_.end(op.inode);
  if (inode->appends && end > 0 && op.index >= end) {
    // What the last chunk remembers of appends goes to its successor once: so it may gain nothing afterwards.
    const ChunkHandle last = chunks_.at(op.inode, end - 1);
    if (!chunks_.find(last)->sealed)
      return refusal(Code::conflict, fmt::format("chunk {} has to be sealed before it gets a successor", last));
  }
  last_handle_ = decision.handle = op.handle;
  Configuration first{.version = {1}, .members = op.members, .primary = op.primary, .ack = inode->ack};
  first.lone = first.lone_when_active();
  chunks_.add(op.handle, Chunk{op.inode, op.index, inode->replicas, std::move(first)});
  inode->chunks = std::max(inode->chunks, op.index + 1);
  return decision;
}

Decision MasterState::run(const ReconfigureOp& op, WallMs) {
  Configuration next{
      .members = op.members, .primary = op.primary, .joining = op.joining, .salvage = op.salvage, .ack = op.ack};
  Result<> done = chunks_.reconfigure(op.handle, op.from, std::move(next), op.over, !skip_version_bump_);
  if (!done) return refusal(std::move(done).error());
  Decision decision;
  decision.handle = op.handle;
  return decision;
}

Decision MasterState::run(const ActivateOp& op, WallMs) {
  chunks_.activated(op.handle, op.version);
  return {};
}

Decision MasterState::run(const SealChunkOp& op, WallMs now) {
  const std::optional<Chunk> chunk = chunks_.find(op.handle);
  if (!chunk) return refusal(Code::not_found, fmt::format("chunk {} does not exist", op.handle));
  if (chunk->configuration.version != op.version) {
    return refusal(Code::conflict,
                   fmt::format("chunk {} has version {}, not {}", op.handle, chunk->configuration.version, op.version));
  }
  if (chunk->sealed) return {};
  const std::uint64_t length = std::min(op.length, chunk_size_);
  chunks_.seal(op.handle, length);
  if (chunk->inode.value == 0) return {};
  Inode* inode = namespace_.change(chunk->inode);
  inode->mtime = std::max(inode->mtime, now);
  namespace_.resize(chunk->inode, std::max(inode->size, chunk->index * chunk_size_ + length));
  return {};
}

Decision MasterState::run(const TruncateOp& op, WallMs now) {
  Result<InodeId> file = namespace_.find(op.path);
  if (!file) return refusal(std::move(file).error());
  Result<> there = is_changeable_file(*file);
  if (!there) return refusal(std::move(there).error());
  if (*file != op.inode) return refusal(Code::conflict, fmt::format("{} is another file by now", op.path));
  const std::uint64_t rest = op.size % chunk_size_;
  const auto whole = static_cast<std::uint32_t>(op.size / chunk_size_);
  const ChunkHandle cut = rest == 0 ? ChunkHandle{} : chunks_.at(op.inode, whole);
  const std::optional<Chunk> last = cut.value != 0 ? chunks_.find(cut) : std::nullopt;
  if (cut != op.cut || (last && (last->configuration.version != op.version || last->shared()))) {
    return refusal(Code::conflict, fmt::format("{}: the chunk at its new end changed meanwhile", op.path));
  }
  const std::uint32_t first = rest == 0 ? whole : whole + 1;
  std::map<ChunkHandle, Version> ended;
  for (const EndedChunk& one : op.ended) ended.emplace(one.handle, one.version);
  for (ChunkHandle behind : chunks_.range(op.inode, first, kChunksMax)) {
    const Chunk chunk = *chunks_.find(behind);
    if (chunk.shared()) continue;  // it is frozen
    auto found = ended.find(behind);
    if (found == ended.end() || found->second != chunk.configuration.version)
      return refusal(Code::conflict, fmt::format("{}: chunk {} behind its new end goes on", op.path, behind));
  }
  Inode* inode = namespace_.change(op.inode);
  const std::uint64_t length = op.partly ? std::min(inode->size, op.size) : op.size;
  Result<> room = namespace_.check_quota(inode->parent, {.bytes = length}, {.bytes = inode->size});
  if (!room) return refusal(std::move(room).error());
  chunks_.cut(cut, rest);
  (void)drop_chunks(op.inode, first);
  inode->chunks = chunks_.end(op.inode);
  inode->mtime = std::max(inode->mtime, now);
  namespace_.resize(op.inode, length);
  Decision decision;
  decision.info = info(op.inode, {});
  return decision;
}

Decision MasterState::run(const MarkAppendOp& op, WallMs) {
  Result<> there = is_changeable_file(op.inode);
  if (!there) return refusal(std::move(there).error());
  namespace_.change(op.inode)->appends = true;
  return {};
}

std::size_t MasterState::drop_chunks(InodeId inode, std::uint32_t first) {
  ChunkTable::Dropped gone = chunks_.drop(inode, first);
  for (DroppedChunk& chunk : gone.chunks) {
    if (dropped_.size() < kDroppedMax) dropped_.push_back(std::move(chunk));
  }
  return gone.places;
}

}  // namespace gfs::master
