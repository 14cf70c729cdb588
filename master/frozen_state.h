// FrozenState: MasterState as it was at one index, to be written down while the state goes on; and the way back.
//
// Made in the time it takes to copy a pointer per page; what changes meanwhile costs a copy of the page it is on. Given
// away piece by piece, each of some 16 KiB, in an order in which they can be loaded.
//
// Pure. One thread: the state's.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "master/state.h"

namespace gfs::master {

// In the order in which they come. On disk: append, never reorder.
enum class PieceKind : std::uint8_t {
  head = 1,
  servers = 2,
  inodes = 3,
  entries = 4,
  chunks = 5,
  outcomes = 6,
  trash = 7,
  policies = 8,
  snapshots = 9,
  directives = 10
};
inline constexpr PieceKind kLastPiece = PieceKind::directives;

class FrozenState {
 public:
  explicit FrozenState(const MasterState& state);

  std::uint64_t index() const { return index_; }
  // The next piece, and what it is; false: that was all.
  bool next(PieceKind& kind, std::string& piece);

 private:
  bool next_of(PieceKind kind, std::string& piece);

  std::uint64_t index_;
  PieceKind at_ = PieceKind::head;
  std::string head_, servers_;
  InodeTable::Frozen inodes_;
  EntryMap::Frozen entries_;
  ChunkTable::Frozen chunks_;
  OutcomeTable::Frozen outcomes_;
  EntryMap::Frozen trash_;
  std::string policies_, snapshots_, directives_;
};

// Puts a state together from such pieces. Everything is checked: pieces are read from disks.
class StateLoader {
 public:
  // `mutant`, `chunk_size`: as for MasterState.
  StateLoader(std::string_view mutant, std::uint64_t chunk_size);

  // malformed, naming what is wrong; conflict: of a cluster with another chunk size.
  Result<> add(PieceKind kind, std::string_view piece);
  // After the last piece.
  Result<MasterState> finish();

 private:
  Result<> add_head(std::string_view piece);
  Result<> add_servers(std::string_view piece);

  MasterState state_;
  PieceKind at_{};  // of the last piece
  InodeId last_inode_;
  std::uint64_t chunks_ = 0;
};

}  // namespace gfs::master
