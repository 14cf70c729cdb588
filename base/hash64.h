// hash64: XXH3, by xxHash. Tells contents apart that a CRC does not: a CRC over data that ends in its own CRC is the same
// whatever the data (docs/decisions/007-blocks-are-compared-by-a-hash.md). Against chance, not against malice. Pure.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gfs {

std::uint64_t hash64(const void* data, std::size_t size);

}  // namespace gfs
