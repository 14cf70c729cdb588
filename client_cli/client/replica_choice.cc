#include "client_cli/client/replica_choice.h"

#include <string_view>

namespace gfs::client {

bool on_this_host(const bus::Address& address) {
  std::string_view text = address;
  for (std::string_view local : {"inproc://", "ipc://", "tcp://127.", "tcp://localhost:", "tcp://[::1]:"}) {
    if (text.starts_with(local)) return true;
  }
  return false;
}

std::vector<bus::Member> ReplicaChoice::order(const bus::ChunkLayout& layout, Instant now) const {
  std::vector<bus::Member> ordered;
  auto rank = [&](const bus::Member& member) {
    auto avoided = avoided_.find(member.server);
    bool unwell = !member.up || (avoided != avoided_.end() && avoided->second > now);
    return (unwell ? 2 : 0) + (on_this_host(member.control) ? 0 : 1);
  };
  for (int wanted = 0; wanted <= 3; ++wanted) {
    for (std::size_t i = 0; i < layout.members.size(); ++i) {
      const bus::Member& member = layout.members[(salt_ + layout.handle.value + i) % layout.members.size()];
      if (rank(member) == wanted) ordered.push_back(member);
    }
  }
  return ordered;
}

void ReplicaChoice::failed(ServerId server, Instant now) {
  if (avoided_.size() >= kAvoidedMax) std::erase_if(avoided_, [&](const auto& entry) { return entry.second <= now; });
  if (avoided_.size() < kAvoidedMax || avoided_.contains(server)) avoided_[server] = now + kAvoided;
}

}  // namespace gfs::client
