#include "master/loss_loop.h"

#include <string>

#include "base/log.h"

namespace gfs::master {

namespace {

constexpr Duration kTick = 250ms;
constexpr Duration kAskEvery = 1s;

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
  std::erase_if(states_, [this](const auto& one) { return servers_.find(one.first) == nullptr; });
  const gossip::Swim* swim = gossip_.swim();
  for (const auto& [id, server] : servers_.all()) {
    const gossip::Member* member = swim != nullptr ? swim->table().find(gossip::NodeId{id.bytes}) : nullptr;
    if (member != nullptr) {
      // Who was heard here since is not dead, whatever keeps the gossip from hearing it.
      const bool since = member->since > server.heard;
      const bool dead = since && member->record.status == gossip::MemberStatus::dead;
      const bool doubted = since && member->record.status == gossip::MemberStatus::suspect;
      servers_.note_gossip(id, member->lived, dead, doubted);
    } else {
      servers_.note_gossip(id, server.told, false);
    }
    look_at(id, server, now);
    tell(id, server, now);
  }
}

void LossLoop::look_at(ServerId id, const Server& server, Instant now) {
  const LossClocks& clocks = servers_.clocks();
  if (server.left || !is_silent(clocks, server.signs(), now)) {
    searches_.erase(id);
    return;
  }
  Search& search = searches_[id];
  if (search.beats != server.beats) search = {server.beats};
  // In the end nothing but a heartbeat helps.
  if (now - server.heard > clocks.longest()) return;
  if (now - search.asked >= kAskEvery) {
    search.asked = now;
    gossip_.ask_about(gossip::NodeId{id.bytes});
  }
  const unsigned round = round_at(clocks, server.signs(), now);
  if (round < search.next) return;
  search.next = round + 1;
  group_.spawn(probe(id));
}

void LossLoop::tell(ServerId id, const Server& server, Instant now) {
  const std::string_view state = servers_.state(id, now);
  const auto [at, first] = states_.try_emplace(id, state);
  if (!first && at->second == state) return;
  at->second = state;
  const auto search = searches_.find(id);
  const unsigned rounds = search == searches_.end() ? 0 : search->second.next;
  log::info("server_" + std::string(state),
            {{"server", id}, {"silent_ms", to_ms(now - server.heard)}, {"rounds", rounds}});
  if (on_state) on_state(id, state, rounds);
}

Task<> LossLoop::probe(ServerId server) {
  const bool answered = co_await layouts_.dial_anew(server);
  if (answered) servers_.note_answered(server, executor_.now());
}

}  // namespace gfs::master
