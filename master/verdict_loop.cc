#include "master/verdict_loop.h"

namespace gfs::master {

namespace {

constexpr Duration kTick = 500ms;

}  // namespace

Task<> VerdictLoop::run() {
  while (true) {
    co_await executor_.sleep(kTick);
    look();
  }
}

void VerdictLoop::look() {
  using gossip::Verdict;
  servers_.note_tick(executor_.now());
  for (const auto& [id, server] : servers_.all()) {
    const std::string_view state = servers_.state(id, executor_.now());
    const bool lost = state == "lost";
    const gossip::NodeId node{id.bytes};
    const gossip::Member* member = gossip_.swim() != nullptr ? gossip_.swim()->table().find(node) : nullptr;
    if (member == nullptr) continue;  // it is told once the gossip knows of it
    // What was said last stands there, by an earlier life of this master, too.
    const bool was_lost = member->record.verdict == Verdict::lost;
    if (lost == was_lost || (!lost && state != "up")) continue;
    (void)gossip_.announce(node, lost ? Verdict::lost : Verdict::back);
  }
}

}  // namespace gfs::master
