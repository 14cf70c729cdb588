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
    const gossip::NodeId node{id.bytes};
    const gossip::Member* member = gossip_.swim() != nullptr ? gossip_.swim()->table().find(node) : nullptr;
    if (member == nullptr) continue;  // it is told once the gossip knows of it
    // What was said last stands there, by an earlier life of this master, too.
    const Verdict said = member->record.verdict;
    Verdict now = said;
    if (state == "lost") {
      now = Verdict::lost;
    } else if (state == "up") {
      const std::optional<bool> drained = drained_(id);
      if (drained == true) now = Verdict::drained;
      if (drained == false && said != Verdict::none) now = Verdict::back;
      if (!drained && said == Verdict::lost) now = Verdict::back;
    }
    if (now != said) (void)gossip_.announce(node, now);
  }
}

}  // namespace gfs::master
