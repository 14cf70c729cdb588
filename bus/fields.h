// GFS_FIELDS(a, b, c): the fields of a message, by name, as msgpack finds them.
//
// The library's own macro for this builds its templates of every message in every file that sees the header; that was
// half of the time of a build. Here nothing is built before encode() or decode() of the message is.
#pragma once

#include <array>
#include <cstdint>
#include <msgpack.hpp>
#include <string_view>
#include <tuple>
#include <utility>

namespace gfs::bus {

// Names and fields in turn. A field whose name is missing keeps its value, a name that is no field is passed over.
//
// The library's class for this makes a map of strings of every object that it unpacks. Whoever writes a message does so
// in this order, so that the next name is nearly always the next field's.
template <typename... NamesAndFields>
class NamedFields {
 public:
  explicit NamedFields(NamesAndFields&... names_and_fields) : all_(names_and_fields...) {}

  template <typename Packer>
  void msgpack_pack(Packer& packer) const {
    packer.pack_map(kCount);
    std::apply([&packer](auto&... one) { (packer.pack(one), ...); }, all_);
  }
  void msgpack_unpack(const msgpack::object& object) { unpack(object, std::make_index_sequence<kCount>()); }

 private:
  static constexpr std::size_t kCount = sizeof...(NamesAndFields) / 2;

  template <std::size_t... I>
  void unpack(const msgpack::object& object, std::index_sequence<I...>) {
    if (object.type != msgpack::type::MAP) throw msgpack::type_error();
    const std::array<std::string_view, kCount> names{std::string_view(std::get<2 * I>(all_))...};
    std::size_t next = 0;
    for (std::uint32_t i = 0; i < object.via.map.size; ++i) {
      const msgpack::object_kv& entry = object.via.map.ptr[i];
      if (entry.key.type != msgpack::type::STR) throw msgpack::type_error();
      const std::string_view name(entry.key.via.str.ptr, entry.key.via.str.size);
      std::size_t field = next;
      if (field == kCount || names[field] != name) {
        for (field = 0; field < kCount && names[field] != name;) ++field;
      }
      if (field == kCount) continue;
      (void)((I == field && (entry.val.convert(std::get<2 * I + 1>(all_)), true)) || ...);
      next = field + 1;
    }
  }

  std::tuple<NamesAndFields&...> all_;
};

// `Later` makes the call depend on a template parameter, which is all its purpose.
template <typename Later, typename... NamesAndFields>
auto named_fields(NamesAndFields&... names_and_fields) {
  return NamedFields<NamesAndFields...>(names_and_fields...);
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
