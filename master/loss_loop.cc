#include "master/loss_loop.h"

namespace gfs::master {

namespace {

constexpr Duration kTick = 250ms;

}  // namespace

Task<> LossLoop::run() {
  while (true) {
    co_await executor_.sleep(kTick);
    look();
  }
}

void LossLoop::look() {
  const Instant now = executor_.now();
  servers_.note_tick(now);
  const LossClocks& clocks = servers_.clocks();
  for (const auto& [id, server] : servers_.all()) {
    const gossip::Swim* swim = gossip_.swim();
    const gossip::Member* member = swim != nullptr ? swim->table().find(gossip::NodeId{id.bytes}) : nullptr;
    if (member != nullptr) {
      // Who was heard here since is not dead, whatever keeps the gossip from hearing it.
      const bool dead = member->record.status == gossip::MemberStatus::dead && member->since > server.heard;
      servers_.note_gossip(id, member->fresh, dead);
    } else {
      servers_.note_gossip(id, server.told, false);
    }
    if (server.left || !is_silent(clocks, server.signs(), now)) {
      searches_.erase(id);
      continue;
    }
    Search& search = searches_[id];
    if (search.beats != server.beats) search = {server.beats, 0};
    const unsigned round = round_at(clocks, server.signs(), now);
    // In the end nothing but a heartbeat helps.
    if (round < search.next || now - server.heard > clocks.longest()) continue;
    search.next = round + 1;
    group_.spawn(probe(id));
  }
}

Task<> LossLoop::probe(ServerId server) {
  const bool answered = co_await layouts_.dial_anew(server);
  if (answered) servers_.note_answered(server, executor_.now());
}

}  // namespace gfs::master
