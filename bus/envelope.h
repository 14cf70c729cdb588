// Envelope: the first frame of every message. A msgpack map with short stable names; unknown keys are ignored.
#pragma once

#include <string>
#include <vector>

#include "base/id.h"
#include "bus/fields.h"
#include "bus/messages/types.h"

namespace gfs::bus {

inline constexpr std::uint32_t kProtocolVersion = 1;

enum class Saying : std::uint8_t { request = 1, reply = 2, cast = 3, data = 4, event = 5 };

struct Envelope {
  std::uint32_t v = kProtocolVersion;
  ClusterId cluster;  // nil: does not know yet (Hello only)
  Saying type = Saying::request;
  Roles role = kClient;           // of the sender
  std::string kind;               // empty on replies
  std::uint64_t id = 0;           // correlation: a reply repeats its request's
  RequestId request;              // nil client: none
  std::uint32_t deadline_ms = 0;  // what is left of it when sent; requests only
  std::uint16_t code = 0;         // replies: 0 ok, else an Error's code ...
  std::string text;               // ... and sentence, cut to 1 KiB
  std::vector<std::string> why;   // ... and its failed steps: server, reason, server, reason ...; at most eight
  std::string trace;              // trace context, carried on unread
  std::uint64_t index = 0;        // replies of a master: the log index whose state this answer reflects
  // Replies of a shadow: so long ago, at most, its master had nothing that it had not. Below 0: this is no shadow, and
  // nothing is sent.
  std::int64_t behind_ms = -1;

  template <class Packer>
  void msgpack_pack(Packer& packer) const {
    packer.pack_map(behind_ms < 0 ? 13 : 14);
    pack_fields(packer, "v", v, "cluster", cluster, "type", type, "role", role, "kind", kind, "id", id, "request",
                request, "deadline_ms", deadline_ms, "code", code, "text", text, "trace", trace, "index", index, "why",
                why);
    if (behind_ms >= 0) pack_fields(packer, "behind_ms", behind_ms);
  }
  void msgpack_unpack(const msgpack::object& object) {
    named_fields<void>("v", v, "cluster", cluster, "type", type, "role", role, "kind", kind, "id", id, "request",
                       request, "deadline_ms", deadline_ms, "code", code, "text", text, "trace", trace, "index", index,
                       "why", why, "behind_ms", behind_ms)
        .msgpack_unpack(object);
  }

 private:
  template <class Packer>
  static void pack_fields(Packer&) {}
  template <class Packer, class Value, class... Rest>
  static void pack_fields(Packer& packer, const char* name, const Value& value, const Rest&... rest) {
    const auto size = static_cast<std::uint32_t>(std::char_traits<char>::length(name));
    packer.pack_str(size).pack_str_body(name, size);
    packer.pack(value);
    pack_fields(packer, rest...);
  }
};

}  // namespace gfs::bus

MSGPACK_ADD_ENUM(gfs::bus::Saying)
