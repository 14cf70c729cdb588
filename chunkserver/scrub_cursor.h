// ScrubCursor: how far the scrubber is, as it is kept over restarts. DATA/scrub: magic, format, the numbers below,
// CRC; replaced atomically. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/id.h"
#include "base/result.h"
#include "base/time.h"

namespace gfs::chunkserver {

struct ScrubCursor {
  ChunkHandle at;    // everything up to here was read in this pass
  WallMs begun = 0;  // 0: no pass is under way
  WallMs ended = 0;  // the last one; 0: none yet
  bool paused = false;
  bool hurried = false;
  std::uint64_t chunks = 0, bytes = 0, bad = 0, differing = 0;  // of this pass
  std::uint64_t last_bad = 0, last_differing = 0;               // of the last one
  bool operator==(const ScrubCursor&) const = default;
};

std::string encode_scrub_cursor(const ScrubCursor& cursor);
// corrupt, wrong_version.
Result<ScrubCursor> decode_scrub_cursor(const Bytes& bytes);

}  // namespace gfs::chunkserver
