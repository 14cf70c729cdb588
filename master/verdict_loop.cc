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
  for (const auto& [id, server] : servers_.all()) {
    const std::string_view state = servers_.state(id, executor_.now());
    const bool lost = state == "lost";
    const auto told = told_.find(id);
    const bool was_lost = told != told_.end() && told->second == Verdict::lost;
    if (lost == was_lost || (!lost && state != "up")) continue;
    const Verdict verdict = lost ? Verdict::lost : Verdict::back;
    // Whom the gossip does not know it learns of later; then it is told again.
    if (gossip_.announce(gossip::NodeId{id.bytes}, verdict)) told_[id] = verdict;
  }
}

}  // namespace gfs::master
