// GFS_FIELDS(a, b, c): the fields of a message, by name, as msgpack finds them.
//
// The library's own macro for this builds its templates of every message in every file that sees the header; that was
// half of the time of a build. Here nothing is built before encode() or decode() of the message is.
#pragma once

#include <msgpack.hpp>

namespace gfs::bus {

// `Later` makes the call depend on a template parameter, which is all its purpose.
template <typename Later, typename... NamesAndFields>
auto named_fields(NamesAndFields&... names_and_fields) {
  return msgpack::type::define_map<NamesAndFields...>{names_and_fields...};
}

}  // namespace gfs::bus

#define GFS_FIELDS(...)                                                                        \
  template <typename Packer>                                                                   \
  void msgpack_pack(Packer& packer) const {                                                    \
    gfs::bus::named_fields<Packer> MSGPACK_DEFINE_MAP_IMPL(__VA_ARGS__).msgpack_pack(packer);  \
  }                                                                                            \
  template <typename Later = void>                                                             \
  void msgpack_unpack(const msgpack::object& object) {                                         \
    gfs::bus::named_fields<Later> MSGPACK_DEFINE_MAP_IMPL(__VA_ARGS__).msgpack_unpack(object); \
  }
