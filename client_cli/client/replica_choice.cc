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
    auto is_in = [&](const Until& servers) {
      auto found = servers.find(member.server);
      return found != servers.end() && found->second > now;
    };
    const bool unwell = !member.up || is_in(avoided_);
    return (unwell ? 4 : is_in(slow_) ? 2 : 0) + (on_this_host(member.control) ? 0 : 1);
  };
  for (int wanted = 0; wanted <= 5; ++wanted) {
    for (std::size_t i = 0; i < layout.members.size(); ++i) {
      const bus::Member& member = layout.members[(salt_ + layout.handle.value + i) % layout.members.size()];
      if (rank(member) == wanted) ordered.push_back(member);
    }
  }
  return ordered;
}

void ReplicaChoice::avoid(Until& servers, ServerId server, Instant now) {
  if (servers.size() >= kAvoidedMax) std::erase_if(servers, [&](const auto& entry) { return entry.second <= now; });
  if (servers.size() < kAvoidedMax || servers.contains(server)) servers[server] = now + kAvoided;
}

void ReplicaChoice::failed(ServerId server, Instant now) { avoid(avoided_, server, now); }
void ReplicaChoice::slow(ServerId server, Instant now) { avoid(slow_, server, now); }

}  // namespace gfs::client
