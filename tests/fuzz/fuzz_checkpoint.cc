// Fuzz target: what a master reads from a checkpoint. Any bytes give a state or an error, never a crash and never much
// memory; a state that is given can be frozen, and what is frozen loads to the same.
//
// The checksums would keep the fuzzer out: the first byte chooses between the file as it is and bare pieces, each
// {kind u8, size u16, bytes}.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/bytes.h"
#include "master/checkpoint_format.h"
#include "master/frozen_state.h"

namespace {

using namespace gfs;
using namespace gfs::master;

void check(MasterState state) {
  StateLoader again({}, kChunkSize);
  FrozenState frozen(state);
  PieceKind kind{};
  std::string piece;
  while (frozen.next(kind, piece)) {
    if (!again.add(kind, piece)) std::abort();
  }
  Result<MasterState> loaded = again.finish();
  if (!loaded || loaded->dump() != state.dump()) std::abort();
}

void read_file(std::string_view bytes) {
  StateLoader loader({}, kChunkSize);
  CheckpointDecoder decoder([&loader](PieceKind kind, std::string_view piece) { return loader.add(kind, piece); });
  if (!decoder.feed(bytes) || !decoder.finish()) return;
  Result<MasterState> state = loader.finish();
  if (state) check(std::move(*state));
}

void read_pieces(std::string_view bytes) {
  StateLoader loader({}, kChunkSize);
  while (bytes.size() >= 3) {
    const auto kind = static_cast<PieceKind>(bytes[0]);
    const std::size_t size = static_cast<std::uint8_t>(bytes[1]) | static_cast<std::size_t>(static_cast<std::uint8_t>(bytes[2])) << 8;
    if (!loader.add(kind, bytes.substr(3, size))) return;
    bytes.remove_prefix(std::min(bytes.size(), 3 + size));
  }
  Result<MasterState> state = loader.finish();
  if (state) check(std::move(*state));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 4 == 0) {
    read_file(bytes);
  } else {
    read_pieces(bytes);
  }
  return 0;
}
