// Envelope: the first frame of every message. A msgpack map with short stable names; unknown keys are ignored.
#pragma once

#include <msgpack.hpp>
#include <string>

#include "base/id.h"
#include "bus/messages/types.h"

namespace gfs::bus {

inline constexpr std::uint32_t kProtocolVersion = 1;

enum class Saying : std::uint8_t { request = 1, reply = 2, cast = 3, data = 4, event = 5 };

struct Envelope {
  std::uint32_t v = kProtocolVersion;
  ClusterId cluster;            // nil: does not know yet (Hello only)
  Saying type = Saying::request;
  Roles role = kClient;         // of the sender
  std::string kind;             // empty on replies
  std::uint64_t id = 0;         // correlation: a reply repeats its request's
  RequestId request;            // nil client: none
  std::uint32_t deadline_ms = 0;  // what is left of it when sent; requests only
  std::uint16_t code = 0;       // replies: 0 ok, else an Error's code ...
  std::string text;             // ... and sentence, cut to 1 KiB
  std::string trace;            // trace context, carried on unread
  MSGPACK_DEFINE_MAP(v, cluster, type, role, kind, id, request, deadline_ms, code, text, trace);
};

}  // namespace gfs::bus

MSGPACK_ADD_ENUM(gfs::bus::Saying)
