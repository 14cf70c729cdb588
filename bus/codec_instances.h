// The definitions behind bus/codec.h, for the .cc of each message file only: GFS_CODEC(Stat) instantiates one message.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <msgpack.hpp>
#include <string_view>

#include "bus/codec.h"

namespace gfs::bus {

inline constexpr std::size_t kDecodeDepth = 16;
inline constexpr std::size_t kDecodeElements = 65536;

// "List::Reply", for errors.
template <class M>
constexpr std::string_view message_name() {
  std::string_view text = __PRETTY_FUNCTION__;  // "... [M = gfs::bus::List::Reply]"
  constexpr std::string_view before = "M = ";
  text = text.substr(text.rfind(before) + before.size());
  text.remove_suffix(1);
  constexpr std::string_view space = "gfs::bus::";
  if (text.starts_with(space)) text.remove_prefix(space.size());
  return text;
}

template <class M>
Bytes encode(const M& message) {
  thread_local msgpack::sbuffer buffer;
  buffer.clear();
  msgpack::pack(buffer, message);
  std::shared_ptr<char[]> memory = std::make_shared_for_overwrite<char[]>(buffer.size());
  std::memcpy(memory.get(), buffer.data(), buffer.size());
  const void* data = memory.get();
  return Bytes(std::move(memory), data, buffer.size());
}

template <class M>
Result<M> decode(const Bytes& bytes) {
  // Strings of the objects point into `bytes`; the zone holds arrays and maps only and keeps its first block.
  thread_local msgpack::zone zone;
  zone.clear();
  const std::size_t elements = std::min(bytes.size(), kDecodeElements);
  const msgpack::unpack_limit limit(elements, elements, bytes.size(), bytes.size(), bytes.size(), kDecodeDepth);
  try {
    std::size_t offset = 0;
    bool referenced = false;
    msgpack::object object = msgpack::unpack(
        zone, reinterpret_cast<const char*>(bytes.data()), bytes.size(), offset, referenced,
        [](msgpack::type::object_type, std::size_t, void*) { return true; }, nullptr, limit);
    if (offset != bytes.size()) {
      return fail(Code::malformed, "{}: {} bytes after its end", message_name<M>(), bytes.size() - offset);
    }
    M message{};
    object.convert(message);
    return message;
  } catch (const std::exception& error) {
    return fail(Code::malformed, "{}: {} bytes do not decode: {}", message_name<M>(), bytes.size(), error.what());
  }
}

}  // namespace gfs::bus

#define GFS_CODEC(Type)                                    \
  template gfs::Bytes gfs::bus::encode<Type>(const Type&); \
  template gfs::Result<Type> gfs::bus::decode<Type>(const gfs::Bytes&)
