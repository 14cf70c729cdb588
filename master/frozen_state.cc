#include "master/frozen_state.h"

#include "master/little_endian.h"

namespace gfs::master {

FrozenState::FrozenState(const MasterState& state)
    : index_(state.index_),
      inodes_(state.namespace_.freeze_inodes()),
      entries_(state.namespace_.freeze_entries()),
      chunks_(state.chunks_.freeze()),
      outcomes_(state.outcomes_.freeze()),
      trash_(state.namespace_.freeze_trash()),
      policies_(state.namespace_.policies().freeze()),
      snapshots_(state.namespace_.snapshots().freeze()),
      directives_(state.directives_.freeze()) {
  put(head_, state.index_);
  put(head_, static_cast<std::uint64_t>(state.last_time_));
  put(head_, state.last_handle_.value);
  put(head_, state.namespace_.last_inode().value);
  put(head_, state.chunk_size_);
  put(head_, static_cast<std::uint64_t>(state.chunks_.size()));
  if (state.epoch_ > 1) put(head_, state.epoch_);
  for (const auto& [id, server] : state.servers_) {
    put_uuid(servers_, id);
    put_text(servers_, server.control);
    put_text(servers_, server.data);
    put_text(servers_, server.rack);
  }
}

bool FrozenState::next_of(PieceKind kind, std::string& piece) {
  switch (kind) {
    case PieceKind::head:
      piece = std::exchange(head_, {});
      return !piece.empty();
    case PieceKind::servers:
      piece = std::exchange(servers_, {});
      return !piece.empty();
    case PieceKind::inodes:
      return inodes_.next(piece);
    case PieceKind::entries:
      return entries_.next(piece);
    case PieceKind::chunks:
      return chunks_.next(piece);
    case PieceKind::outcomes:
      return outcomes_.next(piece);
    case PieceKind::trash:
      return trash_.next(piece);
    case PieceKind::policies:
      piece = std::exchange(policies_, {});
      return !piece.empty();
    case PieceKind::snapshots:
      piece = std::exchange(snapshots_, {});
      return !piece.empty();
    case PieceKind::directives:
      piece = std::exchange(directives_, {});
      return !piece.empty();
  }
  return false;
}

bool FrozenState::next(PieceKind& kind, std::string& piece) {
  while (true) {
    piece.clear();
    kind = at_;
    if (next_of(at_, piece)) return true;
    if (at_ == kLastPiece) return false;
    at_ = static_cast<PieceKind>(static_cast<std::uint8_t>(at_) + 1);
  }
}

StateLoader::StateLoader(std::string_view mutant, std::uint64_t chunk_size) : state_(mutant, chunk_size) {
  state_.namespace_ = Namespace(Namespace::Empty{});
}

Result<> StateLoader::add(PieceKind kind, std::string_view piece) {
  const bool first = at_ == PieceKind{};
  if (first != (kind == PieceKind::head) || kind < at_)
    return fail(Code::malformed, "a piece of kind {} behind one of kind {}", static_cast<int>(kind),
                static_cast<int>(at_));
  at_ = kind;
  switch (kind) {
    case PieceKind::head:
      return add_head(piece);
    case PieceKind::servers:
      return add_servers(piece);
    case PieceKind::inodes:
      return state_.namespace_.load_inodes(piece, last_inode_);
    case PieceKind::entries:
      return state_.namespace_.load_entries(piece);
    case PieceKind::chunks:
      return state_.chunks_.load(piece);
    case PieceKind::outcomes:
      return state_.outcomes_.load(piece);
    case PieceKind::trash:
      return state_.namespace_.load_trash(piece);
    case PieceKind::policies:
      return state_.namespace_.load_policies(piece);
    case PieceKind::snapshots:
      return state_.namespace_.load_snapshots(piece);
    case PieceKind::directives:
      return state_.directives_.load(piece);
  }
  return fail(Code::malformed, "a piece of the unknown kind {}", static_cast<int>(kind));
}

Result<> StateLoader::add_head(std::string_view piece) {
  Taker taker(piece);
  state_.index_ = taker.number<std::uint64_t>();
  state_.last_time_ = static_cast<WallMs>(taker.number<std::uint64_t>());
  state_.last_handle_ = ChunkHandle{taker.number<std::uint64_t>()};
  last_inode_ = InodeId{taker.number<std::uint64_t>()};
  const auto chunk_size = taker.number<std::uint64_t>();
  chunks_ = taker.number<std::uint64_t>();
  if (!taker.failed() && !taker.at_end()) state_.epoch_ = taker.number<std::uint64_t>();
  if (taker.failed() || !taker.at_end()) return fail(Code::malformed, "the head is not one");
  if (chunk_size != state_.chunk_size_)
    return fail(Code::conflict, "chunks of {} bytes, here they have {}", chunk_size, state_.chunk_size_);
  return {};
}

Result<> StateLoader::add_servers(std::string_view piece) {
  Taker taker(piece);
  while (!taker.at_end()) {
    const auto id = taker.uuid<ServerId>();
    KnownServer server;
    server.control = taker.text();
    server.data = taker.text();
    server.rack = taker.text();
    if (taker.failed() || !state_.servers_.emplace(id, std::move(server)).second)
      return fail(Code::malformed, "server {} is not whole, or comes twice", id);
  }
  return {};
}

Result<MasterState> StateLoader::finish() {
  if (at_ == PieceKind{}) return fail(Code::malformed, "there is nothing");
  Result<> whole = state_.namespace_.check_loaded();
  if (!whole) return fail(std::move(whole));
  if (state_.chunks_.size() != chunks_)
    return fail(Code::malformed, "{} chunks, there were {}", state_.chunks_.size(), chunks_);
  Result<> owned = state_.chunks_.check_loaded([this](InodeId inode) { return state_.is_file(inode).has_value(); });
  if (!owned) return fail(std::move(owned));
  return std::move(state_);
}

}  // namespace gfs::master
