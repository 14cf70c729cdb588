// The definitions behind bus/codec.h, for the .cc of each message file only: GFS_CODEC(Stat) instantiates one message.
#pragma once

#include <algorithm>
#include <msgpack.hpp>

#include "bus/codec.h"

namespace gfs::bus {

inline constexpr std::size_t kDecodeDepth = 16;
inline constexpr std::size_t kDecodeElements = 65536;

template <class M>
Bytes encode(const M& message) {
  thread_local msgpack::sbuffer buffer;
  buffer.clear();
  msgpack::pack(buffer, message);
  return Bytes::copy_of(buffer.data(), buffer.size());
}

template <class M>
Result<M> decode(const Bytes& bytes) {
  const std::size_t elements = std::min(bytes.size(), kDecodeElements);
  const msgpack::unpack_limit limit(elements, elements, bytes.size(), bytes.size(), bytes.size(), kDecodeDepth);
  try {
    msgpack::zone zone;
    std::size_t offset = 0;
    bool referenced = false;
    msgpack::object object = msgpack::unpack(
        zone, reinterpret_cast<const char*>(bytes.data()), bytes.size(), offset, referenced,
        [](msgpack::type::object_type, std::size_t, void*) { return true; }, nullptr, limit);
    if (offset != bytes.size()) return fail(Code::malformed, "{} bytes too many", bytes.size() - offset);
    M message{};
    object.convert(message);
    return message;
  } catch (const std::exception& error) {
    return fail(Code::malformed, "not a message of this kind: {}", error.what());
  }
}

}  // namespace gfs::bus

#define GFS_CODEC(Type)                                    \
  template gfs::Bytes gfs::bus::encode<Type>(const Type&); \
  template gfs::Result<Type> gfs::bus::decode<Type>(const gfs::Bytes&)
