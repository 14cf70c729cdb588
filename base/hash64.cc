#include "base/hash64.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace gfs {

std::uint64_t hash64(const void* data, std::size_t size) { return XXH3_64bits(data, size); }

}  // namespace gfs
