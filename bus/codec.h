// codec: the only way from bytes to messages and back. msgpack maps with field names: unknown keys are ignored, missing
// ones keep their defaults, so old and new nodes talk.
//
// decode() has compulsory limits (without them five bytes make msgpack reserve 8 GiB, and nesting eats the stack):
// depth 16; strings, binaries and extensions no longer than the body; arrays and maps of no more elements than the body
// has bytes, and at most 65536. Trailing bytes are refused. Exceptions of the library end here, as Code::malformed.
//
// encode/decode are instantiated in the .cc of each message file (GFS_CODEC in bus/codec_instances.h), so that msgpack's
// templates are compiled once.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace gfs::bus {

template <class M>
Bytes encode(const M& message);

template <class M>
Result<M> decode(const Bytes& bytes);

}  // namespace gfs::bus
