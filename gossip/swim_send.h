// What both halves of Swim need: what it does by itself (swim.cc), and what it does with what it hears
// (swim_messages.cc). For these two only.
#pragma once

#include <utility>

#include "gossip/swim.h"

namespace gfs::gossip {

inline constexpr std::uint64_t kVerdictMax = std::uint64_t{1} << 61;

template <class M>
void Swim::send(const bus::Peer& to, NodeId receiver, M message) {
  message.from = self_;
  message.you = believed(receiver);
  outgoing_.push_back({to, std::move(message)});
}

}  // namespace gfs::gossip
