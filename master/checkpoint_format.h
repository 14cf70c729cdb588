// A checkpoint on disk: the master's state at one index. docs/formats.md has an example.
//
//   checkpoint/<index, 16 hex digits>.ckp
//   file    := header block* end
//   header  := magic "GFSCKPT\n"  format u32  crc u32  cluster 16 bytes  epoch u64  term u64  index u64  salt u64
//   block   := size u32  crc u32  number u32  kind u8  zero 3 bytes  piece[size]
//   end     := a block of kind 255 without a piece; nothing follows it
//
// Little-endian. The header's crc is CRC32C over all of it but itself; a block's is over everything behind
// its crc, begun with the crc before it: a block of another checkpoint, or at another place, does not verify. Blocks
// are numbered from 1; kind and piece are master/frozen_state.h's.
//
// Pure; a fuzz target.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/id.h"
#include "base/result.h"
#include "master/frozen_state.h"

namespace gfs::master {

inline constexpr std::uint32_t kCheckpointFormat = 1;
inline constexpr std::size_t kCheckpointHeaderSize = 8 + 4 + 4 + 16 + 4 * 8;
inline constexpr std::size_t kBlockHeaderSize = 4 + 4 + 4 + 4;
inline constexpr std::size_t kPieceMax = 16 << 20;

struct CheckpointHeader {
  ClusterId cluster;
  std::uint64_t epoch = 0;
  std::uint64_t term = 0;
  std::uint64_t index = 0;
  std::uint64_t salt = 0;
};

std::string checkpoint_name(std::uint64_t index);
// 0 for what is no checkpoint's name.
std::uint64_t parse_checkpoint_name(std::string_view name);

class CheckpointEncoder {
 public:
  void begin(std::string& text, const CheckpointHeader& header);
  void add(std::string& text, PieceKind kind, std::string_view piece);
  void end(std::string& text);

 private:
  void block(std::string& text, std::uint8_t kind, std::string_view piece);

  std::uint32_t before_ = 0;
  std::uint32_t number_ = 0;
};

// Takes the bytes of a file as they come, in pieces of any size.
class CheckpointDecoder {
 public:
  using Take = std::function<Result<>(PieceKind kind, std::string_view piece)>;
  explicit CheckpointDecoder(Take take) : take_(std::move(take)) {}

  // corrupt, naming offset and reason; wrong_version (newer format); what `take` says of a piece.
  Result<> feed(std::string_view bytes);
  // No more bytes come.
  Result<> finish() const;

  // Once feed() has taken so much.
  const CheckpointHeader& header() const { return header_; }
  bool has_header() const { return has_header_; }

 private:
  Result<> decode_header(std::string_view bytes);
  // Gives how many bytes it took; 0: not all of the block is there.
  Result<std::size_t> decode_block(std::string_view bytes);
  std::unexpected<Error> broken(std::string_view why) const;

  Take take_;
  CheckpointHeader header_;
  bool has_header_ = false;
  bool ended_ = false;
  std::string left_;  // of what was fed, and is not a whole block
  std::uint64_t offset_ = 0;
  std::uint32_t before_ = 0;
  std::uint32_t number_ = 0;
};

}  // namespace gfs::master
